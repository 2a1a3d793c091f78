// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The order that decides exact ties: tie-break columns, then the features in their declared order, by value.
//!
//! NULL is lowest and NaN greatest; nested values compare element by element, maps by their sorted entries. Arrow's row
//! format orders everything but NaN and maps that way, so those two are brought into a form it does.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListArray, GenericListArray, ListArray, MapArray,
    OffsetSizeTrait, StructArray, UInt32Array,
};
use arrow::compute::{SortColumn, SortOptions, cast, lexsort_to_indices, take};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type};
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::Result;

/// Encodes the tie-break columns of rows so that comparing the bytes compares the rows: NULL lowest, NaN greatest, nested
/// values element by element, maps by their sorted entries.
#[derive(Debug)]
pub struct TieEncoder {
    converter: RowConverter,
}

impl TieEncoder {
    /// For columns of these types; an error for a type that has no order.
    pub fn try_new(types: &[DataType]) -> Result<Self> {
        let options = SortOptions {
            descending: false,
            nulls_first: true,
        };
        let fields = types
            .iter()
            .map(|t| SortField::new_with_options(normal_type(t), options))
            .collect();
        Ok(Self {
            converter: RowConverter::new(fields)?,
        })
    }

    /// Columns of the encoder's types as rows. The rows of two calls can be compared.
    pub fn encode(&self, columns: &[ArrayRef]) -> Result<Rows> {
        let columns = columns.iter().map(normalize).collect::<Result<Vec<_>>>()?;
        Ok(self.converter.convert_columns(&columns)?)
    }
}

/// The type `normalize` gives: maps become lists of entries.
fn normal_type(data_type: &DataType) -> DataType {
    let field = |f: &Arc<Field>| {
        Arc::new(
            f.as_ref()
                .clone()
                .with_data_type(normal_type(f.data_type())),
        )
    };
    match data_type {
        DataType::Map(entries, _) => DataType::List(field(entries)),
        DataType::List(f) => DataType::List(field(f)),
        DataType::LargeList(f) => DataType::LargeList(field(f)),
        DataType::FixedSizeList(f, n) => DataType::FixedSizeList(field(f), *n),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
        DataType::Float16 => DataType::Float32,
        other => other.clone(),
    }
}

/// One NaN for all NaNs, entries of a map sorted by key; anything else as it is.
fn normalize(array: &ArrayRef) -> Result<ArrayRef> {
    Ok(match array.data_type() {
        DataType::Float16 => normalize(&cast(array, &DataType::Float32)?)?,
        DataType::Float32 => {
            let array = array.as_primitive::<Float32Type>();
            let canonical = |v: f32| {
                if v.is_nan() {
                    f32::NAN.copysign(1.0)
                } else {
                    v
                }
            };
            Arc::new(array.unary::<_, Float32Type>(canonical)) as ArrayRef
        }
        DataType::Float64 => {
            let array = array.as_primitive::<Float64Type>();
            let canonical = |v: f64| {
                if v.is_nan() {
                    f64::NAN.copysign(1.0)
                } else {
                    v
                }
            };
            Arc::new(array.unary::<_, Float64Type>(canonical)) as ArrayRef
        }
        DataType::Struct(_) => normalize_struct(array.as_struct())?,
        DataType::List(_) => normalize_list(array.as_list::<i32>())?,
        DataType::LargeList(_) => normalize_list(array.as_list::<i64>())?,
        DataType::FixedSizeList(field, size) => {
            let list = array.as_fixed_size_list();
            let values = normalize(list.values())?;
            let field = Arc::new(
                field
                    .as_ref()
                    .clone()
                    .with_data_type(values.data_type().clone()),
            );
            Arc::new(FixedSizeListArray::try_new(
                field,
                *size,
                values,
                list.nulls().cloned(),
            )?)
        }
        DataType::Map(_, _) => normalize_map(array.as_map())?,
        _ => Arc::clone(array),
    })
}

fn normalize_struct(array: &StructArray) -> Result<ArrayRef> {
    let columns = array
        .columns()
        .iter()
        .map(normalize)
        .collect::<Result<Vec<_>>>()?;
    let fields = array
        .fields()
        .iter()
        .zip(&columns)
        .map(|(f, c)| Arc::new(f.as_ref().clone().with_data_type(c.data_type().clone())))
        .collect();
    Ok(Arc::new(StructArray::try_new_with_length(
        fields,
        columns,
        array.nulls().cloned(),
        array.len(),
    )?))
}

fn normalize_list<O: OffsetSizeTrait>(list: &GenericListArray<O>) -> Result<ArrayRef> {
    let values = normalize(list.values())?;
    let (DataType::List(field) | DataType::LargeList(field)) = list.data_type() else {
        return Ok(Arc::new(list.clone()));
    };
    let field = Arc::new(
        field
            .as_ref()
            .clone()
            .with_data_type(values.data_type().clone()),
    );
    let list = GenericListArray::<O>::try_new(
        field,
        list.offsets().clone(),
        values,
        list.nulls().cloned(),
    )?;
    Ok(Arc::new(list))
}

/// A map as a list of its entries, each map's entries sorted by key.
fn normalize_map(map: &MapArray) -> Result<ArrayRef> {
    let entries = normalize(&(Arc::new(map.entries().clone()) as ArrayRef))?;
    let owners = map
        .offsets()
        .windows(2)
        .zip(0_u32..)
        .flat_map(|(w, owner)| (w[0]..w[1]).map(move |_| owner))
        .collect::<UInt32Array>();
    let first = map.offsets().first().copied().unwrap_or(0) as usize;
    let entries = entries.slice(first, owners.len());
    let keys = Arc::clone(entries.as_struct().column(0));
    let sort = |values: ArrayRef| SortColumn {
        values,
        options: None,
    };
    let order = if matches!(
        keys.data_type(),
        DataType::Struct(_) | DataType::List(_) | DataType::LargeList(_)
    ) {
        UInt32Array::from_iter_values(0..owners.len() as u32)
    } else {
        lexsort_to_indices(&[sort(Arc::new(owners)), sort(keys)], None)?
    };
    let entries = take(&entries, &order, None)?;
    let DataType::Map(field, _) = map.data_type() else {
        return Ok(Arc::new(map.clone()));
    };
    let field = Arc::new(
        field
            .as_ref()
            .clone()
            .with_data_type(entries.data_type().clone()),
    );
    let lengths = map.offsets().windows(2).map(|w| (w[1] - w[0]) as usize);
    let offsets = arrow::buffer::OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(
        field,
        offsets,
        entries,
        map.nulls().cloned(),
    )?))
}
