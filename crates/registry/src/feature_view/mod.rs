// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Feature views: named features of entities, and where their history is.

mod check;
mod decode;
mod encode;

use std::collections::BTreeMap;

use crate::field::Field;
use crate::source::DataSource;
use crate::time::{Timestamp, Ttl};

pub(crate) use decode::{BEHIND_STREAM, names_and_project};
pub(crate) use encode::{begin_version, encode};

/// The kinds of feature view. All but the first are kept and listed, not written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ViewKind {
    /// Over a table or files.
    #[default]
    Batch,
    /// Over a stream.
    Stream,
    /// Computed by Python code at request time.
    OnDemand,
    /// Labels, with who gave them.
    Label,
}

impl ViewKind {
    /// All kinds, in the order in which Feast looks a name up.
    pub const ALL: [ViewKind; 4] = [Self::Batch, Self::Stream, Self::OnDemand, Self::Label];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Batch => "feature view",
            Self::Stream => "stream feature view",
            Self::OnDemand => "on-demand feature view",
            Self::Label => "label view",
        }
    }
}

/// Named features of entities, and where their history is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureView {
    /// The name.
    pub name: String,
    /// The names of the entities; none for features of no entity.
    pub entities: Vec<String>,
    /// The join keys by their names in the view, with their types.
    pub entity_columns: Vec<Field>,
    /// The features.
    pub features: Vec<Field>,
    /// Where the rows are.
    pub source: DataSource,
    /// How long a value counts; none means without limit.
    pub ttl: Option<Ttl>,
    /// Whether it is served online.
    pub online: bool,
    /// A text for people.
    pub description: String,
    /// Who answers for it.
    pub owner: String,
    /// Free key-value pairs.
    pub tags: BTreeMap<String, String>,
    /// The columns that decide between rows of the same event and created time.
    pub tie_break: Vec<String>,
    /// The kind of view.
    pub kind: ViewKind,
    /// The windows that were materialized.
    pub materialization_intervals: Vec<(Timestamp, Timestamp)>,
    /// Whether Python code or other views make the features from the source's rows.
    pub transformed: bool,
}

impl FeatureView {
    /// A view over a source, online as in Feast, without entities, limit and texts.
    pub fn new(name: impl Into<String>, source: DataSource) -> Self {
        Self {
            name: name.into(),
            entities: Vec::new(),
            entity_columns: Vec::new(),
            features: Vec::new(),
            source,
            ttl: None,
            online: true,
            description: String::new(),
            owner: String::new(),
            tags: BTreeMap::new(),
            tie_break: Vec::new(),
            kind: ViewKind::Batch,
            materialization_intervals: Vec::new(),
            transformed: false,
        }
    }

    /// The feature of that name.
    pub fn feature(&self, name: &str) -> Option<&Field> {
        self.features.iter().find(|feature| feature.name == name)
    }

    /// Whether another definition has the same columns, so that no new version begins.
    pub(crate) fn same_columns(&self, other: &Self) -> bool {
        fn sorted(fields: &[Field]) -> Vec<&Field> {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by(|a, b| a.name.cmp(&b.name));
            fields
        }
        let names = |view: &Self| {
            let mut names = view.entities.clone();
            names.sort();
            names
        };
        names(self) == names(other)
            && sorted(&self.features) == sorted(&other.features)
            && sorted(&self.entity_columns) == sorted(&other.entity_columns)
    }
}

/// Where a kind of view keeps what, by field number of its spec; 0 where it does not.
#[derive(Debug)]
struct Layout {
    entities: u32,
    features: u32,
    tags: u32,
    ttl: u32,
    source: u32,
    online: u32,
    description: u32,
    owner: u32,
    entity_columns: u32,
    /// In the meta message.
    intervals: u32,
    /// What makes features from the source's rows. For a stream that is the stream's part: the
    /// batch source behind it holds features.
    transformations: &'static [u32],
}

/// Where a kind of view keeps its features, in its spec.
pub(crate) fn feature_number(kind: ViewKind) -> u32 {
    kind.layout().features
}

/// Where a kind of view keeps its batch source, in its spec.
pub(crate) fn source_number(kind: ViewKind) -> u32 {
    kind.layout().source
}

impl ViewKind {
    fn layout(self) -> &'static Layout {
        match self {
            Self::Batch => &Layout {
                entities: 3,
                features: 4,
                tags: 5,
                ttl: 6,
                source: 7,
                online: 8,
                description: 10,
                owner: 11,
                entity_columns: 12,
                intervals: 3,
                transformations: &[14, 15],
            },
            Self::Stream => &Layout {
                entities: 3,
                features: 4,
                entity_columns: 5,
                description: 6,
                tags: 7,
                owner: 8,
                ttl: 9,
                source: 10,
                online: 12,
                intervals: 3,
                transformations: &[],
            },
            Self::OnDemand => &Layout {
                features: 3,
                description: 6,
                tags: 7,
                owner: 8,
                online: 12,
                entities: 13,
                entity_columns: 14,
                ttl: 0,
                source: 0,
                intervals: 0,
                transformations: &[],
            },
            Self::Label => &Layout {
                entities: 3,
                features: 4,
                tags: 5,
                ttl: 6,
                source: 7,
                online: 8,
                description: 9,
                owner: 10,
                entity_columns: 11,
                intervals: 0,
                transformations: &[],
            },
        }
    }
}
