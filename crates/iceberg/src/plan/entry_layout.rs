// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Where a writer put what an entry of a manifest has.

use iceberg::spec::PartitionSpec;

use super::avro::damaged;
use super::avro_type::{AvroField, AvroType};
use super::decode_tuple::TupleReader;
use super::entry_columns::ColumnTypes;
use crate::error::Result;

/// What a field of an entry or of its file is, by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Status,
    SnapshotId,
    Sequence,
    FileSequence,
    File,
    Content,
    Path,
    Format,
    Partition,
    Records,
    Size,
    Map(Metric),
    SplitOffsets,
    Key,
    SortOrder,
    FirstRowId,
    EqualityIds,
    Referenced,
    ContentOffset,
    ContentSize,
    Ignored,
}

/// A map from column ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    Nulls,
    Nans,
    Lower,
    Upper,
    Sizes,
    Values,
}

pub(super) const METRICS: usize = 6;

/// How much of an entry is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// What the planning of a read asks for.
    Planning,
    /// All that is written, also the sizes and value counts of columns and the split offsets.
    All,
}

impl Part {
    fn is_detail(self) -> bool {
        matches!(
            self,
            Self::SplitOffsets | Self::Map(Metric::Sizes | Metric::Values)
        )
    }
}

/// Field ids, and the names for writers that leave the ids out.
const PARTS: [(i32, &str, Part); 25] = [
    (0, "status", Part::Status),
    (1, "snapshot_id", Part::SnapshotId),
    (3, "sequence_number", Part::Sequence),
    (4, "file_sequence_number", Part::FileSequence),
    (2, "data_file", Part::File),
    (134, "content", Part::Content),
    (100, "file_path", Part::Path),
    (101, "file_format", Part::Format),
    (102, "partition", Part::Partition),
    (103, "record_count", Part::Records),
    (104, "file_size_in_bytes", Part::Size),
    (108, "column_sizes", Part::Map(Metric::Sizes)),
    (109, "value_counts", Part::Map(Metric::Values)),
    (110, "null_value_counts", Part::Map(Metric::Nulls)),
    (137, "nan_value_counts", Part::Map(Metric::Nans)),
    (125, "lower_bounds", Part::Map(Metric::Lower)),
    (128, "upper_bounds", Part::Map(Metric::Upper)),
    (131, "key_metadata", Part::Key),
    (132, "split_offsets", Part::SplitOffsets),
    (140, "sort_order_id", Part::SortOrder),
    (142, "first_row_id", Part::FirstRowId),
    (135, "equality_ids", Part::EqualityIds),
    (143, "referenced_data_file", Part::Referenced),
    (144, "content_offset", Part::ContentOffset),
    (145, "content_size_in_bytes", Part::ContentSize),
];

fn part(field: &AvroField, detail: Detail) -> Part {
    let found = match field.id {
        Some(id) => PARTS.iter().find(|(known, ..)| *known == id),
        None => PARTS.iter().find(|(_, name, _)| *name == field.name),
    };
    let part = found.map_or(Part::Ignored, |(.., part)| *part);
    if detail == Detail::Planning && part.is_detail() {
        return Part::Ignored;
    }
    part
}

pub(super) type Parts = Vec<(Part, AvroType)>;

/// How the writer laid out an entry.
pub(super) struct Layout {
    pub(super) entry: Parts,
    pub(super) file: Parts,
    pub(super) tuple: TupleReader,
}

impl Layout {
    pub(super) fn of(
        schema: &AvroType,
        spec: &PartitionSpec,
        types: &ColumnTypes,
        detail: Detail,
    ) -> Result<Self> {
        let fields = |of: &AvroType, what: &str| -> Result<Vec<AvroField>> {
            let fields = of.fields().map(<[AvroField]>::to_vec);
            fields.ok_or_else(|| damaged(format!("the manifest's {what} is no record")))
        };
        let typed = |fields: &[AvroField]| -> Parts {
            fields
                .iter()
                .map(|f| (part(f, detail), f.avro_type.clone()))
                .collect()
        };
        let find = |parts: &Parts, wanted: Part, name: &str| -> Result<AvroType> {
            let found = parts.iter().find(|(part, _)| *part == wanted);
            let found = found.map(|(_, avro_type)| avro_type.clone());
            found.ok_or_else(|| damaged(format!("the manifest's entries have no {name}")))
        };
        let entry = typed(&fields(schema, "entry")?);
        let file = typed(&fields(
            &find(&entry, Part::File, "data_file")?,
            "data_file",
        )?);
        find(&entry, Part::Status, "status")?;
        for (part, name) in [
            (Part::Path, "file_path"),
            (Part::Format, "file_format"),
            (Part::Records, "record_count"),
            (Part::Size, "file_size_in_bytes"),
        ] {
            find(&file, part, name)?;
        }
        let partition = file.iter().find(|(part, _)| *part == Part::Partition);
        let partition = partition.and_then(|(_, avro_type)| avro_type.fields());
        let tuple = TupleReader::try_new(partition.unwrap_or_default(), spec, types)?;
        Ok(Self { entry, file, tuple })
    }
}
