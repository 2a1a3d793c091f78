// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A host that has nothing of ours but the table functions: no rules, no planner, no statements.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_feast::{FeastOptions, SessionStateBuilderExt};

/// A plain session with our table functions registered, which see its tables.
pub(crate) fn bare_session(config: SessionConfig) -> Result<SessionContext> {
    let session = SessionContext::new_with_config(config);
    let donor = SessionStateBuilder::new()
        .with_config(session.copied_config())
        .with_runtime_env(session.runtime_env())
        .with_default_features()
        .with_catalog_list(Arc::clone(session.state().catalog_list()))
        .with_feast(FeastOptions::default())?
        .build();
    for (name, function) in donor.table_functions() {
        if name.starts_with("feast_") {
            session.register_udtf(name, Arc::clone(function.function()));
        }
    }
    Ok(session)
}
