// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Another type for the same buffers: a map is stored as a list of its entries is.

use std::sync::Arc;

use arrow::array::ArrayData;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, internal_err};

/// The same values as `to`, which differs from their type only in that lists of entries are maps or the other way round.
pub(crate) fn retype(data: &ArrayData, to: &DataType) -> Result<ArrayData> {
    if data.data_type() == to {
        return Ok(data.clone());
    }
    let fields: Vec<&FieldRef> = match to {
        DataType::List(f)
        | DataType::LargeList(f)
        | DataType::FixedSizeList(f, _)
        | DataType::Map(f, _) => vec![f],
        DataType::Struct(fields) => fields.iter().collect(),
        _ => vec![],
    };
    if fields.len() != data.child_data().len() {
        return internal_err!("values of type {} cannot be read as {to}", data.data_type());
    }
    let children = data
        .child_data()
        .iter()
        .zip(fields)
        .map(|(child, field)| retype(child, field.data_type()))
        .collect::<Result<Vec<_>>>()?;
    let builder = data.clone().into_builder().data_type(to.clone());
    Ok(builder.child_data(children).build()?)
}

/// The type that row encoding knows for values of this one: maps are lists of entries.
pub(crate) fn row_type(data_type: &DataType) -> DataType {
    let field = |f: &FieldRef| {
        let inner = row_type(f.data_type());
        Arc::new(f.as_ref().clone().with_data_type(inner))
    };
    match data_type {
        DataType::Map(entries, _) => DataType::List(field(entries)),
        DataType::List(f) => DataType::List(field(f)),
        DataType::LargeList(f) => DataType::LargeList(field(f)),
        DataType::FixedSizeList(f, n) => DataType::FixedSizeList(field(f), *n),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, ArrayRef, Int32Builder, MapBuilder, StringBuilder, make_array};

    use super::*;

    #[test]
    fn a_map_is_a_list_of_its_entries_and_back() {
        let mut builder = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        builder.keys().append_value("a");
        builder.values().append_value(1);
        builder.append(true).unwrap();
        builder.append(false).unwrap();
        let map = Arc::new(builder.finish()) as ArrayRef;
        let list = row_type(map.data_type());
        assert!(matches!(list, DataType::List(_)));
        let there = retype(&map.to_data(), &list).unwrap();
        let back = make_array(retype(&there, map.data_type()).unwrap());
        assert_eq!(&back, &map);
        assert!(retype(&map.to_data(), &DataType::Int32).is_err());
    }
}
