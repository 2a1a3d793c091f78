use datafusion::error::Result;
use datafusion::prelude::*;
use std::sync::Arc;
#[derive(Debug, Clone)]
pub struct CatalogOptions {
    pub name: String,
    pub kind: String,
    pub uri: String,
    pub warehouse: Option<String>,
    pub properties: std::collections::BTreeMap<String, String>,
}
pub struct FeastContext {
    s: SessionContext,
}
impl std::fmt::Debug for FeastContext {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}
#[derive(Default)]
pub struct B {
    c: SessionConfig,
    r: Option<Arc<datafusion::execution::runtime_env::RuntimeEnv>>,
}
impl B {
    pub fn with_session_config(mut self, c: SessionConfig) -> Self {
        self.c = c;
        self
    }
    pub fn with_runtime_env(
        mut self,
        r: Arc<datafusion::execution::runtime_env::RuntimeEnv>,
    ) -> Self {
        self.r = Some(r);
        self
    }
    pub fn with_registry_path(self, _: impl Into<std::path::PathBuf>) -> Self {
        self
    }
    pub fn with_project(self, _: impl Into<String>) -> Self {
        self
    }
    pub fn with_catalog(self, _: CatalogOptions) -> Self {
        self
    }
    pub async fn build(self) -> Result<FeastContext> {
        Ok(FeastContext {
            s: SessionContext::new_with_config_rt(self.c, self.r.unwrap_or_default())
                .enable_url_table(),
        })
    }
}
impl FeastContext {
    pub fn builder() -> B {
        B::default()
    }
    pub async fn sql(&self, t: &str) -> Result<DataFrame> {
        self.s.sql(t).await
    }
    pub fn session(&self) -> &SessionContext {
        &self.s
    }
}
pub struct StatementText {
    pub text: String,
    pub line: usize,
}
pub fn split_statements(t: &str) -> Result<Vec<StatementText>> {
    let mut l = 1;
    let mut v = vec![];
    for p in t.split(';') {
        let lead = p.len() - p.trim_start().len();
        let start = l + p[..lead].matches('\n').count();
        if !p.trim().is_empty() {
            v.push(StatementText {
                text: p.trim().into(),
                line: start,
            });
        }
        l += p.matches('\n').count();
    }
    Ok(v)
}
