// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Building the results of the operations, column by column.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, IntervalMonthDayNanoArray, ListBuilder, MapBuilder, MapFieldNames,
    RecordBatch, RecordBatchOptions, StringArray, StringBuilder,
};
use arrow::datatypes::{
    DataType, Field, Fields, IntervalMonthDayNano, IntervalUnit, Schema, SchemaRef,
};
use datafusion::common::Result;
use feast_registry::Ttl;

/// Column types of results.
#[derive(Debug, Clone, Copy)]
pub(super) enum ColumnType {
    /// `VARCHAR`, never NULL.
    Text,
    /// `VARCHAR`, NULL where there is none.
    OptionalText,
    /// `VARCHAR[]`
    Texts,
    /// `MAP<VARCHAR, VARCHAR>`
    Map,
    /// `BOOLEAN`
    Bool,
    /// `INTERVAL`, NULL where there is no limit.
    Interval,
}

/// The schema with columns of these names and types.
pub(super) fn schema(columns: &[(&str, ColumnType)]) -> SchemaRef {
    let fields: Fields = columns
        .iter()
        .map(|(name, column_type)| {
            let nullable = matches!(column_type, ColumnType::OptionalText | ColumnType::Interval);
            Field::new(*name, column_type.data_type(), nullable)
        })
        .collect();
    Arc::new(Schema::new(fields))
}

impl ColumnType {
    fn data_type(self) -> DataType {
        match self {
            Self::Text | Self::OptionalText => DataType::Utf8,
            Self::Texts => DataType::List(item()),
            Self::Map => {
                let entries = Fields::from(vec![
                    Field::new("key", DataType::Utf8, false),
                    Field::new("value", DataType::Utf8, false),
                ]);
                let entries = Field::new("entries", DataType::Struct(entries), false);
                DataType::Map(Arc::new(entries), false)
            }
            Self::Bool => DataType::Boolean,
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
        }
    }
}

fn item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Utf8, false))
}

/// The result without columns and rows.
pub(super) fn nothing() -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(0));
    Ok(RecordBatch::try_new_with_options(
        Arc::new(Schema::empty()),
        vec![],
        &options,
    )?)
}

/// A text column.
pub(super) fn texts(values: impl IntoIterator<Item = String>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// A text column with NULL for what is empty or not there.
pub(super) fn optional_texts(values: impl IntoIterator<Item = Option<String>>) -> ArrayRef {
    let values = values
        .into_iter()
        .map(|value| value.filter(|text| !text.is_empty()));
    Arc::new(values.collect::<StringArray>())
}

/// A column of text lists.
pub(super) fn lists(values: impl IntoIterator<Item = Vec<String>>) -> ArrayRef {
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(item());
    for list in values {
        builder.append_value(list.into_iter().map(Some));
    }
    Arc::new(builder.finish())
}

/// A column of text maps, sorted by key.
pub(super) fn maps(values: impl IntoIterator<Item = BTreeMap<String, String>>) -> Result<ArrayRef> {
    let names = MapFieldNames {
        entry: "entries".to_owned(),
        key: "key".to_owned(),
        value: "value".to_owned(),
    };
    let (keys, texts) = (StringBuilder::new(), StringBuilder::new());
    let mut builder = MapBuilder::new(Some(names), keys, texts).with_values_field(Field::new(
        "value",
        DataType::Utf8,
        false,
    ));
    for map in values {
        for (key, value) in map {
            builder.keys().append_value(key);
            builder.values().append_value(value);
        }
        builder.append(true)?;
    }
    Ok(Arc::new(builder.finish()))
}

/// A boolean column.
pub(super) fn bools(values: impl IntoIterator<Item = bool>) -> ArrayRef {
    Arc::new(BooleanArray::from(values.into_iter().collect::<Vec<_>>()))
}

/// A column of TTLs: whole days and the rest of the day; NULL is no limit.
pub(super) fn ttls(values: impl IntoIterator<Item = Option<Ttl>>) -> ArrayRef {
    const DAY: i64 = 86_400;
    let interval = |ttl: Ttl| {
        let days = i32::try_from(ttl.seconds / DAY).unwrap_or(i32::MAX);
        let nanos = ttl.seconds % DAY * 1_000_000_000 + i64::from(ttl.nanos);
        IntervalMonthDayNano::new(0, days, nanos)
    };
    let values = values
        .into_iter()
        .map(|ttl| ttl.filter(|ttl| !ttl.is_zero()).map(interval));
    Arc::new(values.collect::<IntervalMonthDayNanoArray>())
}
