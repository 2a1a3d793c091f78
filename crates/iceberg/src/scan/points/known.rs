// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Columns whose values the statistics of a row group tell, so that their pages need not be read: the hash in a file of
//! one part, flags that no row has, times that were never given.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// The values of one file's columns, by row group and column.
pub(super) struct KnownValues(Vec<Vec<Option<ScalarValue>>>);

impl KnownValues {
    /// What the statistics of a file tell.
    pub(super) fn of(file: &ArrowReaderMetadata) -> Self {
        let groups = file.metadata().row_groups().iter();
        Self(groups.map(|group| of_group(file, group)).collect())
    }

    /// The value that a column has in all rows of a row group, if it is known.
    pub(super) fn get(&self, group: usize, column: usize) -> Option<&ScalarValue> {
        self.0.get(group)?.get(column)?.as_ref()
    }
}

fn of_group(file: &ArrowReaderMetadata, group: &RowGroupMetaData) -> Vec<Option<ScalarValue>> {
    let columns = file.metadata().file_metadata().schema_descr();
    let roots = columns.root_schema().get_fields();
    let mut known = vec![None; file.schema().fields().len()];
    for leaf in 0..columns.num_columns() {
        let (root, column) = (columns.get_column_root_idx(leaf), columns.column(leaf));
        let field = file.schema().fields().get(root);
        let Some(field) = field.filter(|field| field.name() == roots[root].name()) else {
            continue;
        };
        if roots[root].is_primitive() && column.max_rep_level() == 0 {
            known[root] = value(group, leaf, field.data_type());
        }
    }
    known
}

/// The value of all rows of a leaf column.
fn value(group: &RowGroupMetaData, leaf: usize, data_type: &DataType) -> Option<ScalarValue> {
    let rows = u64::try_from(group.num_rows()).ok().filter(|it| *it > 0)?;
    let statistics = group.column(leaf).statistics()?;
    match statistics.null_count_opt()? {
        0 => {}
        nulls if nulls == rows => return ScalarValue::try_new_null(data_type).ok(),
        _ => return None,
    }
    // Only of types whose bounds are never cut off, and whose equal values are the same.
    match (statistics, data_type) {
        (Statistics::Boolean(of), DataType::Boolean) => only(of).map(ScalarValue::from),
        (Statistics::Int32(of), DataType::Int32) => only(of).map(ScalarValue::from),
        (Statistics::Int64(of), DataType::Int64) => only(of).map(ScalarValue::from),
        _ => None,
    }
}

fn only<T: Copy + PartialEq>(of: &ValueStatistics<T>) -> Option<T> {
    let (least, greatest) = (of.min_opt()?, of.max_opt()?);
    (least == greatest).then_some(*least)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, StringArray};
    use arrow::record_batch::RecordBatch;
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ArrowReaderOptions;
    use parquet::file::properties::WriterProperties;

    use super::*;

    #[test]
    fn what_every_row_has_is_known_and_nothing_else() {
        let columns: [(&str, ArrayRef); 8] = [
            ("same", Arc::new(Int32Array::from(vec![7, 7, 7, 7]))),
            ("by_group", Arc::new(Int64Array::from(vec![1, 1, 2, 2]))),
            ("differs", Arc::new(Int32Array::from(vec![1, 2, 1, 2]))),
            ("flag", Arc::new(BooleanArray::from(vec![false; 4]))),
            (
                "flags",
                Arc::new(BooleanArray::from(vec![true, false, true, false])),
            ),
            (
                "some",
                Arc::new(Int64Array::from(vec![Some(5), None, None, None])),
            ),
            ("text", Arc::new(StringArray::from(vec!["a"; 4]))),
            (
                "number",
                Arc::new(Float64Array::from(vec![0.0, -0.0, 0.0, 0.0])),
            ),
        ];
        let rows =
            RecordBatch::try_from_iter_with_nullable(columns.map(|(n, c)| (n, c, true))).unwrap();
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(2))
            .build();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), Some(properties)).unwrap();
        writer.write(&rows).unwrap();
        writer.close().unwrap();
        let bytes = bytes::Bytes::from(bytes);
        let file = ArrowReaderMetadata::load(&bytes, ArrowReaderOptions::new()).unwrap();
        let known = KnownValues::of(&file);
        let of = |group: usize| -> Vec<String> {
            let columns = (0..rows.num_columns()).map(|column| known.get(group, column));
            columns
                .map(|it| it.map_or("-".to_owned(), ToString::to_string))
                .collect()
        };
        assert_eq!(of(0), ["7", "1", "-", "false", "-", "-", "-", "-"]);
        assert_eq!(of(1), ["7", "2", "-", "false", "-", "NULL", "-", "-"]);
        assert!(known.get(2, 0).is_none() && known.get(0, 8).is_none());
    }
}
