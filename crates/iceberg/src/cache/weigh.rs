// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The memory that values hold.

use std::mem::size_of;

use iceberg::spec::{ByteBuf, FieldSummary, Literal, ManifestFile, PrimitiveLiteral, Struct};

/// The bytes that a value holds on the heap.
pub(crate) trait Weigh {
    /// The bytes.
    fn weight(&self) -> usize;
}

impl Weigh for Vec<ManifestFile> {
    fn weight(&self) -> usize {
        let held: usize = self.iter().map(manifest_file).sum();
        self.capacity() * size_of::<ManifestFile>() + held
    }
}

fn manifest_file(file: &ManifestFile) -> usize {
    let bytes = |b: &Option<ByteBuf>| b.as_ref().map_or(0, |b| b.capacity());
    let summary = |s: &FieldSummary| {
        size_of::<FieldSummary>() + bytes(&s.lower_bound) + bytes(&s.upper_bound)
    };
    let summaries = file.partitions.iter().flatten().map(summary);
    file.manifest_path.capacity()
        + file.key_metadata.as_ref().map_or(0, Vec::capacity)
        + summaries.sum::<usize>()
}

/// The bytes that a partition tuple holds.
pub(crate) fn struct_weight(tuple: &Struct) -> usize {
    let value = |v: &Option<Literal>| match v {
        Some(Literal::Primitive(value)) => primitive(value),
        _ => 0,
    };
    let fields = tuple.fields();
    size_of_val(fields) + fields.iter().map(value).sum::<usize>()
}

fn primitive(value: &PrimitiveLiteral) -> usize {
    match value {
        PrimitiveLiteral::String(text) => text.capacity(),
        PrimitiveLiteral::Binary(bytes) => bytes.capacity(),
        _ => 0,
    }
}
