// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A row of payload as 64-bit words, so that a slot's winner is replaced in place.
//!
//! ```text
//!   word 0                                words 1 …
//!   filled │ tied │ pending │ NULL bits   one a column, two for a decimal of 128 bits
//!
//!   number, time, boolean     the value, sign-extended
//!   string, binary            where in the stripe's arena its bytes begin; the length comes first there
//!   anything else             the same, of row-encoded bytes
//! ```
//!
//! A dictionary's values are kept and the dictionary is left behind; maps are kept as lists of entries.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, make_array, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, IntervalUnit};
use arrow::row::{RowConverter, SortField};
use datafusion::common::Result;

use super::arena;
use super::order::TieEncoder;
use super::retype::{retype, row_type};

/// The slot has a row.
pub(crate) const FILLED: u64 = 1;
/// Another row is equal to the slot's by all that is known, and differs in what is asked.
pub(crate) const TIED: u64 = 2;
/// The slot's row is decided on but not written yet.
pub(crate) const PENDING: u64 = 4;
const FLAGS: usize = 3;

/// How a column's values are kept and compared.
#[derive(Debug)]
pub(crate) enum Kind {
    Signed,
    Unsigned,
    Float32,
    Float64,
    Wide,
    Bytes,
    Encoded(Box<Encoding>),
}

/// A column that is kept row-encoded.
#[derive(Debug)]
pub(crate) struct Encoding {
    pub(crate) converter: RowConverter,
    pub(crate) ties: TieEncoder,
    /// The encoded NULL.
    pub(crate) null: Vec<u8>,
    pub(crate) row_type: DataType,
}

/// One column of a row.
#[derive(Debug)]
pub(crate) struct Cell {
    /// The type that is kept: a dictionary's values.
    pub(crate) data_type: DataType,
    pub(crate) kind: Kind,
    /// Its first word.
    pub(crate) at: usize,
    null_word: usize,
    null_bit: u64,
}

/// The words of one row and the arena that they point into.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowView<'a> {
    pub(crate) words: &'a [u64],
    pub(crate) arena: &'a [u8],
}

/// How the rows of a view's payload are kept.
#[derive(Debug)]
pub(crate) struct RowFormat {
    pub(crate) cells: Vec<Cell>,
    /// Words of flags and NULL bits.
    pub(crate) header: usize,
    /// Words of a row.
    pub(crate) stride: usize,
}

impl RowFormat {
    pub(crate) fn try_new(types: &[DataType]) -> Result<Self> {
        let header = (FLAGS + types.len()).div_ceil(64);
        let mut stride = header;
        let mut cells = Vec::with_capacity(types.len());
        for (number, data_type) in types.iter().enumerate() {
            let data_type = match data_type {
                DataType::Dictionary(_, values) => values.as_ref().clone(),
                other => other.clone(),
            };
            let kind = Kind::of(&data_type)?;
            let bit = FLAGS + number;
            let at = stride;
            stride += if matches!(kind, Kind::Wide) { 2 } else { 1 };
            cells.push(Cell {
                data_type,
                kind,
                at,
                null_word: bit / 64,
                null_bit: 1 << (bit % 64),
            });
        }
        Ok(Self {
            cells,
            header,
            stride,
        })
    }

    /// Whether any column is kept in an arena.
    pub(crate) fn has_arena(&self) -> bool {
        self.cells.iter().any(Cell::in_arena)
    }

    /// Compares two rows by these columns, the first the most significant. NULL is lowest.
    pub(crate) fn compare(
        &self,
        columns: &[usize],
        a: RowView<'_>,
        b: RowView<'_>,
    ) -> Result<Ordering> {
        for &column in columns {
            let order = self.cells[column].compare(a, b)?;
            if order != Ordering::Equal {
                return Ok(order);
            }
        }
        Ok(Ordering::Equal)
    }
}

impl Kind {
    fn of(data_type: &DataType) -> Result<Self> {
        use DataType::{
            Binary, BinaryView, Boolean, Date32, Date64, Decimal32, Decimal64, Decimal128,
            Duration, FixedSizeBinary, Float32, Float64, Int8, Int16, Int32, Int64, Interval,
            LargeBinary, LargeUtf8, Time32, Time64, Timestamp, UInt8, UInt16, UInt32, UInt64, Utf8,
            Utf8View,
        };
        Ok(match data_type {
            Int8
            | Int16
            | Int32
            | Int64
            | Date32
            | Date64
            | Time32(_)
            | Time64(_)
            | Timestamp(_, _)
            | Duration(_)
            | Interval(IntervalUnit::YearMonth)
            | Decimal32(_, _)
            | Decimal64(_, _) => Self::Signed,
            Boolean | UInt8 | UInt16 | UInt32 | UInt64 => Self::Unsigned,
            Float32 => Self::Float32,
            Float64 => Self::Float64,
            Decimal128(_, _) => Self::Wide,
            Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView
            | FixedSizeBinary(_) => Self::Bytes,
            other => {
                let row_type = row_type(other);
                let converter = RowConverter::new(vec![SortField::new(row_type.clone())])?;
                let null = converter.convert_columns(&[new_null_array(&row_type, 1)])?;
                Self::Encoded(Box::new(Encoding {
                    null: null.row(0).data().to_vec(),
                    converter,
                    ties: TieEncoder::try_new(std::slice::from_ref(other))?,
                    row_type,
                }))
            }
        })
    }
}

impl Encoding {
    /// The arrays' values in the form that is encoded.
    pub(crate) fn plain(&self, array: &ArrayRef) -> Result<ArrayRef> {
        if array.data_type() == &self.row_type {
            return Ok(Arc::clone(array));
        }
        Ok(make_array(retype(&array.to_data(), &self.row_type)?))
    }

    /// Values from their encoded bytes, as `data_type`.
    pub(crate) fn decode<'a>(
        &self,
        rows: impl Iterator<Item = &'a [u8]>,
        data_type: &DataType,
    ) -> Result<ArrayRef> {
        let parser = self.converter.parser();
        let rows = rows.map(|bytes| parser.parse(bytes));
        let mut columns = self.converter.convert_rows(rows)?;
        let array = columns.remove(0);
        if array.data_type() == data_type {
            return Ok(array);
        }
        if array.data_type() == &self.row_type {
            return Ok(make_array(retype(&array.to_data(), data_type)?));
        }
        // The encoding leaves dictionaries inside of nested values behind.
        Ok(cast(&array, data_type)?)
    }
}

impl Cell {
    #[inline(always)]
    pub(crate) fn is_null(&self, words: &[u64]) -> bool {
        words[self.null_word] & self.null_bit != 0
    }

    #[inline(always)]
    pub(crate) fn set_null(&self, words: &mut [u64]) {
        words[self.null_word] |= self.null_bit;
    }

    pub(crate) fn in_arena(&self) -> bool {
        matches!(self.kind, Kind::Bytes | Kind::Encoded(_))
    }

    /// The cell's bytes in the arena.
    #[inline(always)]
    pub(crate) fn bytes<'a>(&self, row: RowView<'a>) -> &'a [u8] {
        arena::record(row.arena, row.words[self.at])
    }

    #[inline(always)]
    pub(crate) fn wide(&self, words: &[u64]) -> i128 {
        (u128::from(words[self.at + 1]) << 64 | u128::from(words[self.at])).cast_signed()
    }

    fn compare(&self, a: RowView<'_>, b: RowView<'_>) -> Result<Ordering> {
        match (self.is_null(a.words), self.is_null(b.words)) {
            (true, true) => return Ok(Ordering::Equal),
            (true, false) => return Ok(Ordering::Less),
            (false, true) => return Ok(Ordering::Greater),
            (false, false) => {}
        }
        let (x, y) = (a.words[self.at], b.words[self.at]);
        Ok(match &self.kind {
            Kind::Signed => x.cast_signed().cmp(&y.cast_signed()),
            Kind::Unsigned => x.cmp(&y),
            Kind::Float32 => {
                let value = |word: u64| f64::from(f32::from_bits(word as u32));
                total_order(value(x), value(y))
            }
            Kind::Float64 => total_order(f64::from_bits(x), f64::from_bits(y)),
            Kind::Wide => self.wide(a.words).cmp(&self.wide(b.words)),
            Kind::Bytes => self.bytes(a).cmp(self.bytes(b)),
            Kind::Encoded(encoding) => {
                let (x, y) = (self.bytes(a), self.bytes(b));
                if x == y {
                    return Ok(Ordering::Equal);
                }
                let values = encoding.decode([x, y].into_iter(), &self.data_type)?;
                let rows = encoding.ties.encode(&[values])?;
                rows.row(0).cmp(&rows.row(1))
            }
        })
    }
}

/// NaN is greatest, whatever its bits; zeros differ by sign.
fn total_order(a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => a.total_cmp(&b),
        (a, b) => a.cmp(&b),
    }
}
