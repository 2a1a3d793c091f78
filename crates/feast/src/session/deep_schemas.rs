// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `CREATE SCHEMA catalog."a.b"`: namespaces of several levels. DataFusion parts the name of the new schema at its dots, and knows
//! two parts.

use std::sync::Arc;

use datafusion::catalog::MemorySchemaProvider;
use datafusion::common::{Result, exec_err};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{CreateCatalogSchema, DdlStatement, LogicalPlan};

/// Makes the schema if its name has several levels below a catalog. False for every other plan.
pub(super) fn create_deep_schema(plan: &LogicalPlan, state: &SessionState) -> Result<bool> {
    let LogicalPlan::Ddl(DdlStatement::CreateCatalogSchema(create)) = plan else {
        return Ok(false);
    };
    let CreateCatalogSchema {
        schema_name: name,
        if_not_exists,
        ..
    } = create;
    let Some((catalog, schema)) = name.split_once('.') else {
        return Ok(false);
    };
    if !schema.contains('.') {
        return Ok(false);
    }
    let Some(found) = state.catalog_list().catalog(catalog) else {
        return exec_err!(
            "schema '{name}' cannot be made: there is no catalog '{catalog}', attach it with CREATE EXTERNAL CATALOG"
        );
    };
    match found.schema(schema) {
        Some(_) if *if_not_exists => {}
        Some(_) => return exec_err!("Schema '{schema}' already exists"),
        None => {
            found.register_schema(schema, Arc::new(MemorySchemaProvider::new()))?;
        }
    }
    Ok(true)
}
