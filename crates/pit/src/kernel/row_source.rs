// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Columns of a batch, ready to be copied into rows.

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{ArrowNativeType, DataType};
use arrow::row::Rows;
use datafusion::common::{Result, internal_err};

use super::arena::Arena;
use super::keys::KeyBytes;
use super::row_format::{Cell, FILLED, Kind, RowFormat};

/// The payload columns of one batch.
#[derive(Debug)]
pub(crate) struct RowSource {
    columns: Vec<Source>,
}

#[derive(Debug)]
struct Source {
    values: Values,
    nulls: Option<NullBuffer>,
}

#[derive(Debug)]
enum Values {
    I8(ScalarBuffer<i8>),
    I16(ScalarBuffer<i16>),
    I32(ScalarBuffer<i32>),
    I64(ScalarBuffer<i64>),
    U8(ScalarBuffer<u8>),
    U16(ScalarBuffer<u16>),
    U32(ScalarBuffer<u32>),
    U64(ScalarBuffer<u64>),
    I128(ScalarBuffer<i128>),
    Boolean(BooleanBuffer),
    Bytes(KeyBytes),
    Fixed(FixedSizeBinaryArray),
    Encoded(Rows),
}

impl RowFormat {
    /// The payload columns of a batch, in the order of the format's cells.
    pub(crate) fn source(&self, columns: &[ArrayRef]) -> Result<RowSource> {
        let columns = self.cells.iter().zip(columns).map(|(cell, array)| {
            let unpacked = match array.data_type() {
                DataType::Dictionary(_, _) => &cast(array, &cell.data_type)?,
                _ => array,
            };
            let nulls = unpacked.logical_nulls().filter(|n| n.null_count() > 0);
            Ok(Source {
                values: Values::of(cell, unpacked)?,
                nulls,
            })
        });
        Ok(RowSource {
            columns: columns.collect::<Result<_>>()?,
        })
    }

    /// Copies rows of a batch into rows of a stripe, each at a row number of its own.
    pub(crate) fn write(
        &self,
        rows: &mut [u64],
        arena: &mut Arena,
        source: &RowSource,
        writes: &[(u32, u32)],
    ) {
        let stride = self.stride;
        let has_arena = self.has_arena();
        for &(at, _) in writes {
            let row = &mut rows[at as usize * stride..][..stride];
            if has_arena && row[0] & FILLED != 0 {
                let held = self
                    .cells
                    .iter()
                    .filter(|c| c.in_arena() && !c.is_null(row));
                held.for_each(|cell| arena.release(row[cell.at]));
            }
            row[..self.header].fill(0);
            row[0] = FILLED;
        }
        for (cell, column) in self.cells.iter().zip(&source.columns) {
            column.write(cell, rows, stride, arena, writes);
        }
    }
}

impl Values {
    fn of(cell: &Cell, array: &ArrayRef) -> Result<Self> {
        use DataType::{
            Boolean, Date32, Decimal32, Decimal128, FixedSizeBinary, Float32, Float64, Int8, Int16,
            Int32, Interval, Time32, UInt8, UInt16, UInt32, UInt64,
        };
        Ok(match (&cell.kind, array.data_type()) {
            (Kind::Encoded(encoding), _) => Self::Encoded(
                encoding
                    .converter
                    .convert_columns(&[encoding.plain(array)?])?,
            ),
            (Kind::Bytes, FixedSizeBinary(_)) => Self::Fixed(array.as_fixed_size_binary().clone()),
            (Kind::Bytes, _) => Self::Bytes(KeyBytes::of_text(array)),
            (_, Boolean) => Self::Boolean(array.as_boolean().values().clone()),
            (_, Int8) => Self::I8(values(array)?),
            (_, Int16) => Self::I16(values(array)?),
            (_, Int32 | Date32 | Time32(_) | Interval(_) | Decimal32(_, _)) => {
                Self::I32(values(array)?)
            }
            (_, UInt8) => Self::U8(values(array)?),
            (_, UInt16) => Self::U16(values(array)?),
            (_, UInt32 | Float32) => Self::U32(values(array)?),
            (_, UInt64 | Float64) => Self::U64(values(array)?),
            (_, Decimal128(_, _)) => Self::I128(values(array)?),
            _ => Self::I64(values(array)?),
        })
    }
}

fn values<T: ArrowNativeType>(array: &ArrayRef) -> Result<ScalarBuffer<T>> {
    let data = array.to_data();
    match data.buffers() {
        [buffer] if array.data_type().primitive_width() == Some(size_of::<T>()) => {
            Ok(ScalarBuffer::new(buffer.clone(), data.offset(), data.len()))
        }
        _ => internal_err!(
            "payload of type {} is not of {} bytes",
            array.data_type(),
            size_of::<T>()
        ),
    }
}

impl Source {
    fn write(
        &self,
        cell: &Cell,
        rows: &mut [u64],
        stride: usize,
        arena: &mut Arena,
        writes: &[(u32, u32)],
    ) {
        if let Some(nulls) = &self.nulls {
            let null = |(_, row): &&(u32, u32)| nulls.is_null(*row as usize);
            for &(at, _) in writes.iter().filter(null) {
                cell.set_null(&mut rows[at as usize * stride..][..stride]);
            }
        }
        match &self.values {
            Values::U64(v) => copy(rows, stride, cell.at, writes, |row| v[row]),
            Values::I64(v) => copy(rows, stride, cell.at, writes, |row| v[row].cast_unsigned()),
            Values::U32(v) => copy(rows, stride, cell.at, writes, |row| u64::from(v[row])),
            Values::I32(v) => copy(rows, stride, cell.at, writes, |row| {
                i64::from(v[row]).cast_unsigned()
            }),
            Values::I8(v) => copy(rows, stride, cell.at, writes, |row| {
                i64::from(v[row]).cast_unsigned()
            }),
            Values::I16(v) => copy(rows, stride, cell.at, writes, |row| {
                i64::from(v[row]).cast_unsigned()
            }),
            Values::U8(v) => copy(rows, stride, cell.at, writes, |row| u64::from(v[row])),
            Values::U16(v) => copy(rows, stride, cell.at, writes, |row| u64::from(v[row])),
            Values::Boolean(v) => {
                copy(rows, stride, cell.at, writes, |row| u64::from(v.value(row)))
            }
            Values::I128(v) => {
                for &(at, row) in writes {
                    let value = v[row as usize].cast_unsigned();
                    let words = &mut rows[at as usize * stride + cell.at..][..2];
                    words.copy_from_slice(&[value as u64, (value >> 64) as u64]);
                }
            }
            Values::Bytes(v) => self.keep(rows, stride, cell, arena, writes, |row| v.get(row)),
            Values::Fixed(v) => self.keep(rows, stride, cell, arena, writes, |row| v.value(row)),
            Values::Encoded(v) => {
                self.keep(rows, stride, cell, arena, writes, |row| v.row(row).data());
            }
        }
    }

    fn keep<'a>(
        &self,
        rows: &mut [u64],
        stride: usize,
        cell: &Cell,
        arena: &mut Arena,
        writes: &[(u32, u32)],
        bytes: impl Fn(usize) -> &'a [u8],
    ) {
        for &(at, row) in writes {
            let valid = self.nulls.as_ref().is_none_or(|n| n.is_valid(row as usize));
            if valid {
                rows[at as usize * stride + cell.at] = arena.push(bytes(row as usize));
            }
        }
    }
}

#[inline(always)]
fn copy(
    rows: &mut [u64],
    stride: usize,
    cell: usize,
    writes: &[(u32, u32)],
    word: impl Fn(usize) -> u64,
) {
    for &(at, row) in writes {
        rows[at as usize * stride + cell] = word(row as usize);
    }
}
