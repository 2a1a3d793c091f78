// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! How an array read from a file becomes an array of the table's type: children of structs, lists
//! and maps are matched by field id, at every depth.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, MapArray, StructArray};
use arrow::compute::{CastOptions, cast_with_options, is_null, nullif};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use arrow::util::display::FormatOptions;
use datafusion::common::{ScalarValue, internal_err, plan_datafusion_err, plan_err};
use datafusion::error::Result;

use super::columns::field_id;

/// The steps from the type in the file to the type of the column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    /// The types are the same.
    Keep,
    /// A promoted or differently stored scalar.
    Cast(DataType),
    /// A struct, child by child.
    Struct {
        fields: Fields,
        children: Vec<Child>,
    },
    /// A list, by its elements.
    List {
        element: FieldRef,
        shape: Box<Shape>,
    },
    /// A map, by its keys and values.
    Map {
        entries: FieldRef,
        key: Box<Shape>,
        value: Box<Shape>,
    },
    /// The innermost of structs that have one child each.
    Inside(Box<Shape>),
}

/// Where a child of a struct comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Child {
    /// The file's child at this position.
    Read(usize, Shape),
    /// Not in the file: the initial default or NULL.
    Constant(ScalarValue),
}

impl Shape {
    /// From `file` (with its field ids resolved; `stored` is its type as the reader gives it) to
    /// `column`.
    pub(crate) fn plan(
        column: &Field,
        file: &Field,
        stored: &DataType,
        defaults: &HashMap<i32, ScalarValue>,
    ) -> Result<Self> {
        if column.data_type() == stored {
            return Ok(Self::Keep);
        }
        match (column.data_type(), file.data_type(), stored) {
            (DataType::Struct(columns), DataType::Struct(files), DataType::Struct(stored)) => {
                let child = |c: &FieldRef| plan_child(c, files, stored, defaults);
                let children = columns.iter().map(child).collect::<Result<_>>()?;
                Ok(Self::Struct {
                    fields: columns.clone(),
                    children,
                })
            }
            (DataType::List(column), DataType::List(file), DataType::List(stored)) => {
                let shape = Self::plan(column, file, stored.data_type(), defaults)?;
                Ok(Self::List {
                    element: Arc::clone(column),
                    shape: Box::new(shape),
                })
            }
            (DataType::Map(column, _), DataType::Map(file, _), DataType::Map(stored, _)) => {
                plan_map(column, file, stored, defaults)
            }
            (to, from, _) if reads_as(from, to) => Ok(Self::Cast(to.clone())),
            (to, from, _) => plan_err!(
                "column {} is {to} in the table and {from} in the data file; \
                 that is no change of type which Iceberg allows",
                column.name()
            ),
        }
    }

    /// The array in the column's type.
    pub(crate) fn apply(&self, array: &ArrayRef) -> Result<ArrayRef> {
        Ok(match self {
            Self::Keep => Arc::clone(array),
            Self::Cast(to) => cast_with_options(array, to, &STRICT)?,
            Self::Struct { fields, children } => {
                let Some(source) = array.as_struct_opt() else {
                    return internal_err!("expected a struct, read {}", array.data_type());
                };
                let read = |child: &Child| match child {
                    Child::Read(index, shape) => shape.apply(source.column(*index)),
                    Child::Constant(value) => value.to_array_of_size(source.len()),
                };
                let columns = children.iter().map(read).collect::<Result<Vec<_>>>()?;
                let nulls = source.nulls().cloned();
                let fields = fields.clone();
                Arc::new(StructArray::try_new_with_length(
                    fields,
                    columns,
                    nulls,
                    source.len(),
                )?)
            }
            Self::List { element, shape } => {
                let Some(source) = array.as_list_opt::<i32>() else {
                    return internal_err!("expected a list, read {}", array.data_type());
                };
                let values = shape.apply(source.values())?;
                let offsets = source.offsets().clone();
                let nulls = source.nulls().cloned();
                Arc::new(ListArray::try_new(
                    Arc::clone(element),
                    offsets,
                    values,
                    nulls,
                )?)
            }
            Self::Map {
                entries,
                key,
                value,
            } => {
                let Some(source) = array.as_map_opt() else {
                    return internal_err!("expected a map, read {}", array.data_type());
                };
                let DataType::Struct(fields) = entries.data_type() else {
                    return internal_err!("a map's entries are no struct: {entries}");
                };
                let columns = vec![key.apply(source.keys())?, value.apply(source.values())?];
                let pairs = StructArray::try_new(fields.clone(), columns, None)?;
                let offsets = source.offsets().clone();
                let nulls = source.nulls().cloned();
                Arc::new(MapArray::try_new(
                    Arc::clone(entries),
                    offsets,
                    pairs,
                    nulls,
                    false,
                )?)
            }
            Self::Inside(structs) => {
                let mut array = structs.apply(array)?;
                while array.as_struct_opt().is_some() {
                    array = child_of(&array, 0)?;
                }
                array
            }
        })
    }
}

/// A child of a struct as a column of its own: NULL where the struct is.
pub(crate) fn child_of(array: &ArrayRef, child: usize) -> Result<ArrayRef> {
    let children = array.as_struct_opt().map(StructArray::columns);
    let Some(inner) = children.and_then(|children| children.get(child)) else {
        return internal_err!(
            "expected a struct with child {child}, read {}",
            array.data_type()
        );
    };
    match array.null_count() {
        0 => Ok(Arc::clone(inner)),
        _ => Ok(nullif(inner, &is_null(array)?)?),
    }
}

/// Fails on a value that does not fit instead of making it NULL.
const STRICT: CastOptions<'static> = CastOptions {
    safe: false,
    format_options: FormatOptions::new(),
};

/// A scalar of a file as the type of `column`.
pub(crate) fn read_scalar(array: &ArrayRef, column: &Field) -> Result<ArrayRef> {
    let stored = array.data_type();
    let file = Field::new(column.name(), stored.clone(), true);
    Shape::plan(column, &file, stored, &HashMap::new())?.apply(array)
}

fn plan_child(
    column: &FieldRef,
    files: &Fields,
    stored: &Fields,
    defaults: &HashMap<i32, ScalarValue>,
) -> Result<Child> {
    let id = field_id(column);
    match files.iter().position(|f| id.is_some() && field_id(f) == id) {
        Some(index) => {
            let stored = stored[index].data_type();
            Ok(Child::Read(
                index,
                Shape::plan(column, &files[index], stored, defaults)?,
            ))
        }
        None => Ok(Child::Constant(absent(column, defaults)?)),
    }
}

fn plan_map(
    column: &FieldRef,
    file: &FieldRef,
    stored: &FieldRef,
    defaults: &HashMap<i32, ScalarValue>,
) -> Result<Shape> {
    let (DataType::Struct(columns), DataType::Struct(files), DataType::Struct(stored)) =
        (column.data_type(), file.data_type(), stored.data_type())
    else {
        return internal_err!("a map's entries are no struct: {column}");
    };
    let child = |i: usize| match (columns.get(i), files.get(i), stored.get(i)) {
        (Some(column), Some(file), Some(stored)) => {
            Shape::plan(column, file, stored.data_type(), defaults)
        }
        _ => plan_err!(
            "a map has a key and a value; the data file has {}",
            files.len()
        ),
    };
    let (key, value) = (Box::new(child(0)?), Box::new(child(1)?));
    Ok(Shape::Map {
        entries: Arc::clone(column),
        key,
        value,
    })
}

/// The value of a column that the file does not have.
pub(crate) fn absent(column: &Field, defaults: &HashMap<i32, ScalarValue>) -> Result<ScalarValue> {
    if let Some(value) = field_id(column).and_then(|id| defaults.get(&id)) {
        return Ok(value.clone());
    }
    if !column.is_nullable() {
        return Err(plan_datafusion_err!(
            "column {} is required and has no initial default, but the data file lacks it",
            column.name()
        ));
    }
    ScalarValue::try_new_null(column.data_type())
}

/// Whether a stored type holds values of the column's type: Iceberg's promotions, and other
/// writings of the same value (unannotated strings, bytes that are marked as text, other units of
/// time, narrow integers).
pub(crate) fn reads_as(from: &DataType, to: &DataType) -> bool {
    use DataType::*;
    match (from, to) {
        (from, to) if from == to => true,
        (from, Int32 | Int64) => from.is_integer(),
        (Float16 | Float32, Float32 | Float64) => true,
        (Decimal32(_, a) | Decimal64(_, a) | Decimal128(_, a), Decimal128(_, b)) => a == b,
        (Binary | LargeBinary | BinaryView | LargeUtf8 | Utf8View, Utf8) => true,
        (Binary | BinaryView | FixedSizeBinary(_), LargeBinary) => true,
        (Utf8 | LargeUtf8 | Utf8View, LargeBinary) => true,
        (Binary | LargeBinary, FixedSizeBinary(_)) => true,
        (Timestamp(_, _) | Date32, Timestamp(_, _)) => true,
        (Time32(_) | Time64(_), Time64(_)) => true,
        _ => false,
    }
}
