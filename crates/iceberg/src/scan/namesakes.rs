// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Columns of bytes in files that have the name of another column of the table, one of text.
//!
//! ```text
//!   file      1: note  bytes                 table   1: raw   bytes
//!                                                    2: note  text
//! ```
//!
//! DataFusion's Parquet reader takes the file's `note` for the table's and reads its bytes as text
//! before field ids are looked at. Another name in the footer keeps it from that.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;
use parquet::basic::{ConvertedType, Type as Physical};
use parquet::errors::Result;
use parquet::file::metadata::{FileMetaData, ParquetMetaData, ParquetMetaDataBuilder};
use parquet::schema::types::{SchemaDescriptor, Type, TypePtr};

/// The columns of text of a table: their ids by their names.
#[derive(Debug, Default)]
pub(super) struct TextColumns(HashMap<String, i32>);

impl TextColumns {
    /// Those of a schema with field ids.
    pub(super) fn new(schema: &Schema) -> Self {
        let text = schema.fields().iter().filter(|field| {
            let data_type = field.data_type();
            matches!(
                data_type,
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
            )
        });
        let known = text.filter_map(|field| {
            let id = field.metadata().get(PARQUET_FIELD_ID_META_KEY)?;
            Some((field.name().clone(), id.parse().ok()?))
        });
        Self(known.collect())
    }

    /// `footer`, in which no column of bytes has the name of another column of text.
    pub(super) fn renamed(&self, footer: Arc<ParquetMetaData>) -> Result<Arc<ParquetMetaData>> {
        let file = footer.file_metadata();
        let root = file.schema();
        if !root
            .get_fields()
            .iter()
            .any(|field| self.is_namesake(field))
        {
            return Ok(footer);
        }
        let fields = root.get_fields().iter().map(|field| self.other_name(field));
        let root = Type::group_type_builder(root.name())
            .with_fields(fields.collect::<Result<_>>()?)
            .build()?;
        let file = FileMetaData::new(
            file.version(),
            file.num_rows(),
            file.created_by().map(str::to_string),
            file.key_value_metadata().cloned(),
            Arc::new(SchemaDescriptor::new(Arc::new(root))),
            file.column_orders().cloned(),
        );
        let mut parts = footer.as_ref().clone().into_builder();
        let renamed = ParquetMetaDataBuilder::new(file)
            .set_row_groups(parts.take_row_groups())
            .set_column_index(parts.take_column_index())
            .set_offset_index(parts.take_offset_index());
        Ok(Arc::new(renamed.build()))
    }

    fn is_namesake(&self, field: &TypePtr) -> bool {
        let info = field.get_basic_info();
        let bytes = field.is_primitive()
            && field.get_physical_type() == Physical::BYTE_ARRAY
            && info.converted_type() == ConvertedType::NONE
            && info.logical_type_ref().is_none();
        bytes && info.has_id() && self.0.get(field.name()).is_some_and(|id| *id != info.id())
    }

    fn other_name(&self, field: &TypePtr) -> Result<TypePtr> {
        if !self.is_namesake(field) {
            return Ok(Arc::clone(field));
        }
        let info = field.get_basic_info();
        let mut name = format!("{}#{}", field.name(), info.id());
        while self.0.contains_key(&name) {
            name.push('#');
        }
        let renamed = Type::primitive_type_builder(&name, Physical::BYTE_ARRAY)
            .with_repetition(info.repetition())
            .with_id(Some(info.id()));
        Ok(Arc::new(renamed.build()?))
    }
}
