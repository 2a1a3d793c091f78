// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Delete files that apply to every data file of a partition, or of the table, which is old enough.

use std::sync::Arc;

use iceberg::spec::{DataFile, Literal, PrimitiveLiteral, Struct};

use super::delete_file::DeleteFile;
use super::reach::Reach;

/// A partition of one spec. Manifests type its values by the schema of their time, so one may have
/// an int where another, written after the column was promoted, has a long: both are one key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct PartitionKey {
    spec_id: i32,
    values: Vec<Option<Literal>>,
}

impl PartitionKey {
    pub(super) fn new(spec_id: i32, file: &DataFile) -> Self {
        let tuple: &Struct = file.partition();
        let mut values: Vec<_> = tuple
            .fields()
            .iter()
            .map(|v| v.as_ref().map(wide))
            .collect();
        // A field that one writer leaves out and another writes as NULL.
        while values.last().is_some_and(Option::is_none) {
            values.pop();
        }
        Self { spec_id, values }
    }
}

/// The value in the widest type that its type is promoted to. Floats become their bits: `-0.0` and
/// `0.0` are two partitions, all NaN are one.
fn wide(value: &Literal) -> Literal {
    let bits = |v: f64| {
        let one = if v.is_nan() { f64::NAN } else { v };
        Literal::long(one.to_bits().cast_signed())
    };
    match value {
        Literal::Primitive(PrimitiveLiteral::Int(v)) => Literal::long(i64::from(*v)),
        Literal::Primitive(PrimitiveLiteral::Float(v)) => bits(f64::from(v.0)),
        Literal::Primitive(PrimitiveLiteral::Double(v)) => bits(v.0),
        other => other.clone(),
    }
}

/// The delete files of one scope, oldest first.
#[derive(Debug, Default)]
pub(super) struct Scope {
    deletes: Vec<ScopedDelete>,
}

/// A delete file and which data files of its scope it can reach.
#[derive(Debug)]
pub(super) struct ScopedDelete {
    pub(super) file: Arc<DeleteFile>,
    pub(super) reach: Reach,
}

impl Scope {
    pub(super) fn push(&mut self, file: Arc<DeleteFile>, reach: Reach) {
        self.deletes.push(ScopedDelete { file, reach });
    }

    pub(super) fn sort(&mut self) {
        self.deletes.sort_by_key(|d| d.file.sequence);
    }

    /// Those that are not older than `sequence`.
    pub(super) fn since(&self, sequence: i64) -> &[ScopedDelete] {
        let first = self.deletes.partition_point(|d| d.file.sequence < sequence);
        &self.deletes[first..]
    }

    /// Those that are newer than `sequence`.
    pub(super) fn after(&self, sequence: i64) -> &[ScopedDelete] {
        let first = self
            .deletes
            .partition_point(|d| d.file.sequence <= sequence);
        &self.deletes[first..]
    }
}
