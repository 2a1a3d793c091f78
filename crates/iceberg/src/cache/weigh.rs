// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The memory that values hold.

use std::collections::HashMap;
use std::mem::size_of;

use iceberg::spec::{
    ByteBuf, DataFile, Datum, FieldSummary, Literal, Manifest, ManifestEntry, ManifestFile,
    ManifestMetadata, PrimitiveLiteral, Struct,
};

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

impl Weigh for Manifest {
    fn weight(&self) -> usize {
        // An entry lies in an allocation with two counters.
        let entry = size_of::<ManifestEntry>() + 3 * size_of::<usize>();
        let held = |e: &ManifestEntry| entry + data_file(e.data_file());
        let entries = self.entries().iter().map(|e| held(e));
        metadata(self.metadata()) + entries.sum::<usize>()
    }
}

/// A schema keeps its fields in several maps by id and by name.
fn metadata(metadata: &ManifestMetadata) -> usize {
    const FIELD: usize = 1024;
    metadata.schema().field_id_to_fields().len() * FIELD
        + metadata.partition_spec().fields().len() * 128
}

fn data_file(file: &DataFile) -> usize {
    let counts = [
        file.column_sizes(),
        file.value_counts(),
        file.null_value_counts(),
        file.nan_value_counts(),
    ];
    let bounds = [file.lower_bounds(), file.upper_bounds()];
    let datums = bounds.iter().flat_map(|bounds| bounds.values());
    file.file_path().len()
        + struct_weight(file.partition())
        + counts.iter().map(|map| table(map)).sum::<usize>()
        + bounds.iter().map(|map| table(map)).sum::<usize>()
        + datums.map(datum).sum::<usize>()
        + file.key_metadata().map_or(0, <[u8]>::len)
        + file.split_offsets().map_or(0, size_of_val)
        + file
            .equality_ids()
            .map_or(0, |ids| size_of_val(ids.as_slice()))
        + file.referenced_data_file().map_or(0, |path| path.len())
}

/// The table of a hash map: a power of two of places, an eighth of them free, each with a byte of
/// its hash.
fn table<K, V>(map: &HashMap<K, V>) -> usize {
    if map.capacity() == 0 {
        return 0;
    }
    let places = (map.capacity() * 8).div_ceil(7).next_power_of_two();
    places * (size_of::<(K, V)>() + 1) + 16
}

fn datum(datum: &Datum) -> usize {
    primitive(datum.literal())
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
