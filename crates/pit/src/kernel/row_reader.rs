// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! From rows back to a column.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayData, ArrayRef, BinaryArray, BinaryViewBuilder, BooleanArray, FixedSizeBinaryArray,
    LargeBinaryArray, LargeStringArray, StringArray, make_array,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{ArrowNativeType, DataType};
use datafusion::common::{DataFusionError, Result, exec_err};

use super::row_format::{Cell, Encoding, Kind, RowView};

/// A column of these rows; no row is NULL.
pub(crate) fn read(cell: &Cell, rows: &[Option<RowView<'_>>]) -> Result<ArrayRef> {
    let nulls = nulls(cell, rows);
    match &cell.kind {
        Kind::Bytes => bytes(cell, rows, nulls),
        Kind::Encoded(encoding) => encoded(cell, encoding, rows),
        Kind::Wide => {
            let values = rows
                .iter()
                .map(|row| row.map_or(0, |row| cell.wide(row.words)));
            native(cell, Buffer::from_vec(values.collect::<Vec<i128>>()), nulls)
        }
        Kind::Signed | Kind::Unsigned | Kind::Float32 | Kind::Float64 => {
            let word = |row: &Option<RowView<'_>>| row.map_or(0, |row| row.words[cell.at]);
            let words = rows.iter().map(word);
            match cell.data_type.primitive_width() {
                Some(8) => native(cell, Buffer::from_vec(words.collect::<Vec<u64>>()), nulls),
                Some(4) => {
                    let words = words.map(|w| w as u32).collect::<Vec<_>>();
                    native(cell, Buffer::from_vec(words), nulls)
                }
                Some(2) => {
                    let words = words.map(|w| w as u16).collect::<Vec<_>>();
                    native(cell, Buffer::from_vec(words), nulls)
                }
                Some(_) => {
                    let words = words.map(|w| w as u8).collect::<Vec<_>>();
                    native(cell, Buffer::from_vec(words), nulls)
                }
                None => {
                    let values = words.map(|w| w != 0).collect::<BooleanBuffer>();
                    Ok(Arc::new(BooleanArray::new(values, nulls)))
                }
            }
        }
    }
}

fn nulls(cell: &Cell, rows: &[Option<RowView<'_>>]) -> Option<NullBuffer> {
    let valid = |row: &Option<RowView<'_>>| row.is_some_and(|row| !cell.is_null(row.words));
    let valid = BooleanBuffer::collect_bool(rows.len(), |at| valid(&rows[at]));
    Some(NullBuffer::new(valid)).filter(|n| n.null_count() > 0)
}

fn native(cell: &Cell, values: Buffer, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    let width = cell.data_type.primitive_width().unwrap_or(1);
    let data = ArrayData::builder(cell.data_type.clone())
        .len(values.len() / width)
        .add_buffer(values)
        .nulls(nulls)
        .build()?;
    Ok(make_array(data))
}

fn bytes<'a>(
    cell: &Cell,
    rows: &[Option<RowView<'a>>],
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let value = |row: &Option<RowView<'a>>| -> &'a [u8] {
        match row {
            Some(row) if !cell.is_null(row.words) => cell.bytes(*row),
            _ => &[],
        }
    };
    let values = rows.iter().map(value);
    Ok(match &cell.data_type {
        DataType::Utf8 => {
            let (offsets, values) = concatenated::<i32>(cell, values)?;
            Arc::new(StringArray::try_new(offsets, values, nulls)?)
        }
        DataType::LargeUtf8 => {
            let (offsets, values) = concatenated::<i64>(cell, values)?;
            Arc::new(LargeStringArray::try_new(offsets, values, nulls)?)
        }
        DataType::Binary => {
            let (offsets, values) = concatenated::<i32>(cell, values)?;
            Arc::new(BinaryArray::try_new(offsets, values, nulls)?)
        }
        DataType::LargeBinary => {
            let (offsets, values) = concatenated::<i64>(cell, values)?;
            Arc::new(LargeBinaryArray::try_new(offsets, values, nulls)?)
        }
        DataType::FixedSizeBinary(width) => {
            let mut all = Vec::new();
            for (at, value) in values.enumerate() {
                all.extend_from_slice(value);
                all.resize((at + 1) * *width as usize, 0);
            }
            Arc::new(FixedSizeBinaryArray::try_new(*width, all.into(), nulls)?)
        }
        view => {
            let mut builder = BinaryViewBuilder::with_capacity(rows.len());
            for (at, value) in values.enumerate() {
                match &nulls {
                    Some(nulls) if nulls.is_null(at) => builder.append_null(),
                    _ => builder.try_append_value(value)?,
                }
            }
            let array = builder.finish();
            match view {
                DataType::Utf8View => Arc::new(array.to_string_view()?),
                _ => Arc::new(array),
            }
        }
    })
}

/// Values one after another, and where each ends.
fn concatenated<'a, O: ArrowNativeType + arrow::array::OffsetSizeTrait>(
    cell: &Cell,
    values: impl Iterator<Item = &'a [u8]>,
) -> Result<(OffsetBuffer<O>, Buffer)> {
    let mut all = Vec::new();
    let mut offsets = vec![O::zero()];
    for value in values {
        all.extend_from_slice(value);
        let Some(end) = O::from_usize(all.len()) else {
            return exec_err!(
                "feast_pit_join: one batch of the answer has {} bytes in a column of type {}, more than that type can hold; \
                 lower datafusion.execution.batch_size",
                all.len(),
                cell.data_type
            );
        };
        offsets.push(end);
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok((offsets, Buffer::from_vec(all)))
}

fn encoded(cell: &Cell, encoding: &Encoding, rows: &[Option<RowView<'_>>]) -> Result<ArrayRef> {
    if rows.is_empty() {
        return Ok(arrow::array::new_empty_array(&cell.data_type));
    }
    let values = rows.iter().map(|row| match row {
        Some(row) if !cell.is_null(row.words) => cell.bytes(*row),
        _ => encoding.null.as_slice(),
    });
    let array = encoding.decode(values, &cell.data_type)?;
    if array.len() == rows.len() {
        return Ok(array);
    }
    Err(DataFusionError::Internal(format!(
        "{} rows of type {} were read back as {}",
        rows.len(),
        cell.data_type,
        array.len()
    )))
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use arrow::array::{
        Decimal128Array, Decimal256Array, DictionaryArray, Float32Array, Float64Array, Int8Array,
        Int32Builder, Int64Array, IntervalMonthDayNanoArray, ListBuilder, MapBuilder, NullArray,
        StringBuilder, StringViewArray, StructArray, TimestampNanosecondArray, UInt16Array,
    };
    use arrow::compute::{cast, take};
    use arrow::datatypes::{Field, Fields, Int32Type, IntervalMonthDayNano, i256};

    use super::super::arena::Arena;
    use super::super::order::TieEncoder;
    use super::super::row_format::RowFormat;
    use super::*;

    /// A column of every kind, each with a NULL.
    fn columns() -> Vec<ArrayRef> {
        let mut lists = ListBuilder::new(Int32Builder::new());
        lists.append_value([Some(1), None]);
        lists.append_null();
        lists.append_value([Some(1)]);
        lists.append_value([]);
        let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        for entries in [&["b", "a"][..], &["a", "b"], &[]] {
            for key in entries {
                maps.keys().append_value(key);
                maps.values().append_value(key.len() as i32);
            }
            maps.append(true).unwrap();
        }
        maps.append(false).unwrap();
        let maps = Arc::new(maps.finish()) as ArrayRef;
        let inside = Fields::from(vec![Field::new("m", maps.data_type().clone(), true)]);
        let valid = NullBuffer::from(vec![true, true, false, true]);
        let structs = StructArray::new(inside, vec![Arc::clone(&maps)], Some(valid));
        let words = vec![
            Some("b"),
            None,
            Some("a long one of many letters"),
            Some(""),
        ];
        let text = Arc::new(StringViewArray::from(words.clone())) as ArrayRef;
        let dictionary: DictionaryArray<Int32Type> = words.iter().copied().collect();
        let months = |m| Some(IntervalMonthDayNano::new(m, 0, 0));
        let mut columns = numbers();
        columns.extend([
            Arc::new(TimestampNanosecondArray::from(vec![
                Some(-5),
                Some(5),
                None,
                Some(0),
            ])) as ArrayRef,
            Arc::new(Decimal128Array::from(vec![
                Some(-1),
                Some(i128::MAX / 100_000),
                None,
                Some(1),
            ])),
            Arc::new(Decimal256Array::from(vec![
                Some(i256::from(-1)),
                Some(i256::from(7)),
                None,
                Some(i256::ZERO),
            ])),
            Arc::new(IntervalMonthDayNanoArray::from(vec![
                months(1),
                None,
                months(-1),
                months(0),
            ])),
            cast(&text, &DataType::Utf8).unwrap(),
            cast(&text, &DataType::LargeUtf8).unwrap(),
            cast(&text, &DataType::Binary).unwrap(),
            text,
            cast(&dictionary, &DataType::Utf8).unwrap(),
            Arc::new(
                FixedSizeBinaryArray::try_from_sparse_iter_with_size(
                    [Some([1_u8, 2]), None, Some([0, 0]), Some([255, 0])].into_iter(),
                    2,
                )
                .unwrap(),
            ),
            Arc::new(lists.finish()),
            maps,
            Arc::new(structs),
            Arc::new(NullArray::new(4)),
        ]);
        columns
    }

    fn numbers() -> Vec<ArrayRef> {
        vec![
            Arc::new(Int8Array::from(vec![
                Some(-1),
                Some(1),
                None,
                Some(i8::MIN),
            ])),
            Arc::new(Int64Array::from(vec![
                Some(i64::MIN),
                None,
                Some(0),
                Some(i64::MAX),
            ])),
            Arc::new(UInt16Array::from(vec![
                Some(65_535),
                None,
                Some(0),
                Some(1),
            ])),
            Arc::new(BooleanArray::from(vec![
                Some(true),
                Some(false),
                None,
                Some(true),
            ])),
            Arc::new(Float64Array::from(vec![
                Some(f64::NAN),
                Some(-0.0),
                None,
                Some(0.0),
            ])),
            Arc::new(Float32Array::from(vec![
                Some(-f32::NAN),
                Some(-1.5),
                None,
                Some(1e9),
            ])),
        ]
    }

    #[test]
    fn rows_are_read_back_as_they_were_written() {
        let columns = columns();
        let types = columns.iter().map(|c| c.data_type().clone());
        let format = RowFormat::try_new(&types.collect::<Vec<_>>()).unwrap();
        let source = format.source(&columns).unwrap();
        let (mut rows, mut arena) = (vec![0; 4 * format.stride], Arena::default());
        // Twice, each time to other places: what was there is left behind.
        format.write(
            &mut rows,
            &mut arena,
            &source,
            &[(0, 0), (1, 1), (2, 2), (3, 3)],
        );
        format.write(
            &mut rows,
            &mut arena,
            &source,
            &[(3, 0), (0, 1), (1, 2), (2, 3)],
        );
        let view = |row: usize| RowView {
            words: &rows[row * format.stride..][..format.stride],
            arena: &arena.bytes,
        };
        let views = [
            Some(view(3)),
            Some(view(0)),
            None,
            Some(view(1)),
            Some(view(2)),
        ];
        let order = arrow::array::UInt32Array::from(vec![Some(0), Some(1), None, Some(2), Some(3)]);
        for (cell, column) in format.cells.iter().zip(&columns) {
            let expected = take(column, &order, None).unwrap();
            let found = read(cell, &views).unwrap();
            assert_eq!(found.data_type(), column.data_type());
            assert_eq!(&found, &expected, "{}", column.data_type());
        }
    }

    #[test]
    fn rows_are_ordered_as_the_encoder_of_ties_orders_them() {
        for column in columns() {
            let format = RowFormat::try_new(&[column.data_type().clone()]).unwrap();
            let source = format.source(std::slice::from_ref(&column)).unwrap();
            let (mut rows, mut arena) = (vec![0; 4 * format.stride], Arena::default());
            format.write(
                &mut rows,
                &mut arena,
                &source,
                &[(0, 0), (1, 1), (2, 2), (3, 3)],
            );
            let view = |row: usize| RowView {
                words: &rows[row * format.stride..][..format.stride],
                arena: &arena.bytes,
            };
            let encoder = TieEncoder::try_new(&[column.data_type().clone()]).unwrap();
            let encoded = encoder.encode(&[Arc::clone(&column)]).unwrap();
            for (a, b) in (0..4).flat_map(|a| (0..4).map(move |b| (a, b))) {
                let expected = match column.data_type() {
                    DataType::Null => Ordering::Equal,
                    _ => encoded.row(a).cmp(&encoded.row(b)),
                };
                let found = format.compare(&[0], view(a), view(b)).unwrap();
                assert_eq!(found, expected, "{} {a} {b}", column.data_type());
            }
        }
    }
}
