// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What Feast knows and SQL cannot run, with the reason.

use crate::error::Result;
use crate::feature_view::{FeatureView, ViewKind};
use crate::registry::Registry;
use crate::source::{DataSource, Source};

/// An object that cannot be queried, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What it is, such as `on-demand feature view`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Why it cannot be queried, and what to do instead.
    pub reason: String,
}

impl DataSource {
    /// Why the rows of this source cannot be read; nothing if they can.
    pub fn refusal(&self) -> Option<String> {
        let Source::Other { kind, .. } = &self.source else {
            return None;
        };
        let why = match kind.split(' ').next().unwrap_or_default() {
            "PUSH_SOURCE" | "STREAM_KAFKA" | "STREAM_KINESIS" => {
                "it has no batch source, which would hold the rows; give it one in Feast"
            }
            "REQUEST_SOURCE" => "its values come with each request, there are no rows",
            "BATCH_SPARK" if kind.ends_with("query") => {
                "the query is in Spark's dialect; name a table instead (table=), or define the \
                 view here over a query"
            }
            "BATCH_SPARK" => {
                "what stands at the path is known to Spark only; name an Iceberg table instead \
                 (table=), or use a FileSource for Parquet files"
            }
            "a" if kind.ends_with("of its own") => {
                "a session has one endpoint; set AWS_ENDPOINT_URL to it and leave \
                 s3_endpoint_override out"
            }
            "a" => "only Parquet files are read; write the table as Iceberg or Parquet",
            "CUSTOM_SOURCE" => "how its rows are found is Python code of its class",
            "BATCH_ICEBERG" => "expected JSON with catalog_name, namespace and table",
            "source" | "INVALID" => "this version does not know it",
            _ => "its rows are in another system; keep them in an Iceberg table or Parquet files",
        };
        Some(format!(
            "data source '{}' is of kind {kind}: {why}",
            self.name
        ))
    }
}

impl FeatureView {
    /// Why this view cannot be queried; nothing if it can, as far as its definition shows.
    pub fn refusal(&self) -> Option<String> {
        match self.kind {
            ViewKind::OnDemand => Some(
                "its features are computed by Python code at request time; ask for the views it \
                 is made of"
                    .to_owned(),
            ),
            ViewKind::Label => Some(
                "labels of several labelers are resolved by Feast; query its source".to_owned(),
            ),
            ViewKind::Batch if self.transformed => Some(
                "its features are computed by Feast's compute engine from its source; define a \
                 view over a table of the computed features"
                    .to_owned(),
            ),
            ViewKind::Batch | ViewKind::Stream => self.source.refusal(),
        }
    }
}

impl Registry {
    /// Everything in a project that cannot be queried, with the reasons.
    pub fn refusals(&self, project: &str) -> Result<Vec<Refusal>> {
        let mut refusals = Vec::new();
        let mut refuse = |kind: &str, name: &str, reason: String| {
            refusals.push(Refusal {
                kind: kind.to_owned(),
                name: name.to_owned(),
                reason,
            });
        };
        for source in self.data_sources(project)? {
            if let Some(reason) = source.refusal()
                && !self.has_batch_source(project, &source.name)?
            {
                refuse("data source", &source.name, reason);
            }
        }
        let views = self.feature_views(project)?;
        for view in &views {
            if let Some(reason) = view.refusal() {
                refuse(view.kind.name(), &view.name, reason);
            }
        }
        for service in self.feature_services(project)? {
            let refused = service.projections.iter().find(|taken| {
                let mut named = views.iter().filter(|view| view.name == taken.view);
                named.next().is_none_or(|view| view.refusal().is_some())
            });
            if let Some(taken) = refused {
                let reason = format!(
                    "it takes features from '{}', which cannot be queried",
                    taken.view
                );
                refuse("feature service", &service.name, reason);
            }
        }
        Ok(refusals)
    }
}
