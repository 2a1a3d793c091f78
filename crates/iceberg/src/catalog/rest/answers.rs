// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What a REST catalog answers, in JSON.

use iceberg::spec::TableMetadata;
use iceberg::{Namespace, NamespaceIdent, TableIdent};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::connection::{Paged, properties};

/// A page of namespaces.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct NamespacePage {
    pub(super) namespaces: Vec<NamespaceIdent>,
    next_page_token: Option<String>,
}

impl Paged for NamespacePage {
    fn next(&mut self) -> Option<String> {
        self.next_page_token.take()
    }
}

/// A page of a namespace's tables.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct TablePage {
    pub(super) identifiers: Vec<TableIdent>,
    next_page_token: Option<String>,
}

impl Paged for TablePage {
    fn next(&mut self) -> Option<String> {
        self.next_page_token.take()
    }
}

/// A namespace; a server without properties has null for them.
#[derive(Deserialize)]
pub(super) struct NamespaceAnswer {
    namespace: NamespaceIdent,
    properties: Option<Map<String, Value>>,
}

impl From<NamespaceAnswer> for Namespace {
    fn from(answer: NamespaceAnswer) -> Self {
        let given = properties(answer.properties);
        let given = given.iter().map(|(k, v)| (k.clone(), v.clone()));
        Self::with_properties(answer.namespace, given.collect())
    }
}

/// What a commit made.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct CommitAnswer {
    pub(super) metadata_location: String,
    pub(super) metadata: TableMetadata,
}
