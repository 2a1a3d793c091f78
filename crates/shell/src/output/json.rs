// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Rows as JSON objects with nothing lost: every column in every row, integers exact, decimals as
//! strings, NaN and the infinities as strings.

use std::io;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::error::Result;

use super::json_value::encoder;

/// How the objects of one result are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// One array on one line.
    Array,
    /// One object a line.
    Lines,
}

/// Writes the batches of one result into a text buffer.
#[derive(Debug)]
pub(super) struct JsonWriter {
    layout: Layout,
    /// `"name":` of every column, escaped once.
    keys: Vec<Vec<u8>>,
    rows: usize,
}

impl JsonWriter {
    pub(super) fn new(schema: &SchemaRef, layout: Layout) -> Result<Self> {
        let mut keys = Vec::with_capacity(schema.fields().len());
        for name in unique_names(schema) {
            let mut key = Vec::with_capacity(name.len() + 3);
            write_string(&mut key, &name)?;
            key.push(b':');
            keys.push(key);
        }
        Ok(Self {
            layout,
            keys,
            rows: 0,
        })
    }

    /// Appends a batch's rows.
    pub(super) fn write(&mut self, out: &mut Vec<u8>, batch: &RecordBatch) -> Result<()> {
        let columns = batch
            .columns()
            .iter()
            .map(|array| encoder(array))
            .collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            if self.layout == Layout::Array {
                out.push(if self.rows == 0 { b'[' } else { b',' });
            }
            self.rows += 1;
            out.push(b'{');
            for (index, (key, column)) in self.keys.iter().zip(&columns).enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                out.extend_from_slice(key);
                column(row, out)?;
            }
            out.push(b'}');
            if self.layout == Layout::Lines {
                out.push(b'\n');
            }
        }
        Ok(())
    }

    /// Ends the result. An empty result is an empty array, or no line at all.
    pub(super) fn finish(&self, out: &mut Vec<u8>) {
        if self.layout == Layout::Array {
            out.extend_from_slice(if self.rows == 0 { b"[]\n" } else { b"]\n" });
        }
    }
}

/// Column names made distinct, as a JSON object keeps only one value of a name: the second `id`
/// becomes `id:1`.
fn unique_names(schema: &SchemaRef) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let mut name = field.name().clone();
        let mut suffix = 0;
        while names.contains(&name) {
            suffix += 1;
            name = format!("{}:{suffix}", field.name());
        }
        names.push(name);
    }
    names
}

/// Appends a JSON string.
pub(super) fn write_string(out: &mut Vec<u8>, text: &str) -> Result<()> {
    serde_json::to_writer(out, text).map_err(io::Error::from)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn written(layout: Layout, batches: &[RecordBatch], schema: &SchemaRef) -> String {
        let mut writer = JsonWriter::new(schema, layout).unwrap();
        let mut out = Vec::new();
        for batch in batches {
            writer.write(&mut out, batch).unwrap();
        }
        writer.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn two_rows() -> RecordBatch {
        let schema = Schema::new(vec![
            Field::new("id", DataType::Int64, true),
            Field::new("say \"hi\"", DataType::Utf8, true),
        ]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![Some(1), None])),
            Arc::new(StringArray::from(vec![None, Some("a\nb")])),
        ];
        RecordBatch::try_new(Arc::new(schema), columns).unwrap()
    }

    #[test]
    fn one_array_on_one_line_over_all_batches() {
        let batch = two_rows();
        assert_eq!(
            written(
                Layout::Array,
                &[batch.clone(), batch.slice(0, 1)],
                &batch.schema()
            ),
            "[{\"id\":1,\"say \\\"hi\\\"\":null},{\"id\":null,\"say \\\"hi\\\"\":\"a\\nb\"},\
             {\"id\":1,\"say \\\"hi\\\"\":null}]\n"
        );
    }

    #[test]
    fn one_object_a_line() {
        let batch = two_rows();
        assert_eq!(
            written(Layout::Lines, std::slice::from_ref(&batch), &batch.schema()),
            "{\"id\":1,\"say \\\"hi\\\"\":null}\n{\"id\":null,\"say \\\"hi\\\"\":\"a\\nb\"}\n"
        );
    }

    #[test]
    fn an_empty_result_is_an_empty_array() {
        let batch = two_rows();
        assert_eq!(written(Layout::Array, &[], &batch.schema()), "[]\n");
        assert_eq!(
            written(Layout::Array, &[batch.slice(0, 0)], &batch.schema()),
            "[]\n"
        );
        assert_eq!(written(Layout::Lines, &[], &batch.schema()), "");
    }

    #[test]
    fn equal_names_stay_apart() {
        let schema = Arc::new(Schema::new(vec![
            Field::new("id", DataType::Int64, true),
            Field::new("id", DataType::Int64, true),
            Field::new("id:1", DataType::Int64, true),
        ]));
        assert_eq!(unique_names(&schema), ["id", "id:1", "id:1:1"]);
    }
}
