// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Types as values of a statement have them: without what a table notes beside its nested fields.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};

/// The type without the metadata of the fields in it, such as Iceberg's field ids.
///
/// A cast to a list of a table's type has the field id of the list's element in its type; the value that DataFusion makes
/// of it, where it is a constant, has not, and then fits nowhere.
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Arc;
/// use arrow::datatypes::{DataType, Field};
///
/// let element = Field::new("element", DataType::Int64, true);
/// let id = HashMap::from([("PARQUET:field_id".to_owned(), "3".to_owned())]);
/// let kept = DataType::List(Arc::new(element.clone().with_metadata(id)));
/// assert_eq!(feast_iceberg::without_field_ids(&kept), DataType::List(Arc::new(element)));
/// ```
pub fn without_field_ids(data_type: &DataType) -> DataType {
    match data_type {
        DataType::List(item) => DataType::List(plain(item)),
        DataType::LargeList(item) => DataType::LargeList(plain(item)),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(plain(item), *length),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain).collect()),
        DataType::Map(entries, sorted) => DataType::Map(plain(entries), *sorted),
        other => other.clone(),
    }
}

fn plain(field: &FieldRef) -> FieldRef {
    let data_type = without_field_ids(field.data_type());
    let field = Field::clone(field).with_metadata(HashMap::new());
    Arc::new(field.with_data_type(data_type))
}
