// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Keys of every type that they may have online.

/// Keys that rows have.
pub(super) const KEYS: i64 = 5;

/// What the keys are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Long,
    Int,
    Text,
    Bytes,
    Time,
    Both,
    Nothing,
}

impl Kind {
    pub(super) const ALL: [Self; 7] = [
        Self::Long,
        Self::Int,
        Self::Text,
        Self::Bytes,
        Self::Time,
        Self::Both,
        Self::Nothing,
    ];

    /// The key columns and their types.
    pub(super) fn columns(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Long => &[("k", "BIGINT")],
            Self::Int => &[("k", "INT")],
            Self::Text => &[("k", "VARCHAR")],
            Self::Bytes => &[("k", "BYTEA")],
            Self::Time => &[("k", "TIMESTAMP")],
            Self::Both => &[("k", "BIGINT"), ("j", "VARCHAR")],
            Self::Nothing => &[],
        }
    }

    /// A key's values, each with a comma after it; NULL in its last column for none.
    pub(super) fn values(self, key: Option<i64>) -> String {
        let shown = |key: i64| match self {
            Self::Long => format!("CAST({key} AS BIGINT), "),
            Self::Int => format!("CAST({key} AS INT), "),
            Self::Text => format!("'key {key}', "),
            Self::Bytes => format!("CAST('key {key}' AS BYTEA), "),
            Self::Time => format!("TIMESTAMP '2025-01-0{}T00:00:00', ", key + 1),
            Self::Both => format!("CAST({} AS BIGINT), 'j{}', ", key / 2, key % 2),
            Self::Nothing => String::new(),
        };
        match (key, self) {
            (Some(key), _) => shown(key),
            (None, Self::Both) => "CAST(1 AS BIGINT), CAST(NULL AS VARCHAR), ".to_owned(),
            (None, Self::Nothing) => String::new(),
            (None, _) => format!("CAST(NULL AS {}), ", self.columns()[0].1),
        }
    }

    pub(super) fn names(self) -> String {
        self.columns()
            .iter()
            .map(|(name, _)| format!("{name}, "))
            .collect()
    }
}

/// The statement that makes the source.
pub(super) fn create(kind: Kind) -> String {
    let keys: String = kind
        .columns()
        .iter()
        .map(|(name, data_type)| format!("{name} {data_type}, "))
        .collect();
    format!("CREATE TABLE lake.shop.h ({keys}ts TIMESTAMP, created TIMESTAMP, v BIGINT)")
}

/// The statements that make source and view.
pub(super) fn definitions(kind: Kind) -> Vec<String> {
    let keys = kind.columns();
    let mut all = vec![create(kind)];
    all.extend(
        keys.iter().map(|(name, data_type)| {
            format!("CREATE ENTITY e{name} JOIN KEY ({name} {data_type})")
        }),
    );
    let entities: Vec<String> = keys.iter().map(|(name, _)| format!("e{name}")).collect();
    let entities = match keys.is_empty() {
        true => String::new(),
        false => format!("ENTITIES ({})", entities.join(", ")),
    };
    all.push(format!(
        "CREATE FEATURE VIEW h {entities} FEATURES (v BIGINT) FROM lake.shop.h TIMESTAMP ts CREATED TIMESTAMP created"
    ));
    all
}

/// A query of keys.
pub(super) fn keys(kind: Kind, keys: &[i64]) -> String {
    if kind == Kind::Nothing {
        return format!(
            "(SELECT value AS n FROM generate_series(1, {}))",
            keys.len()
        );
    }
    let numbered = keys.iter().enumerate();
    let values: Vec<String> = numbered
        .map(|(at, key)| format!("({}{at})", kind.values(Some(*key))))
        .collect();
    let names = kind.names();
    let wanted = names.trim_end_matches(", ");
    let values = values.join(", ");
    format!("(SELECT {wanted} FROM (VALUES {values}) AS t({names}n) ORDER BY n)")
}
