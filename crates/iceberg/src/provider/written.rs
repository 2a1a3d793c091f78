// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A table's metadata in its written form.

use std::panic::{AssertUnwindSafe, catch_unwind};

use iceberg::spec::TableMetadata;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};

/// The metadata as its file has it. The core crate gives up on some defaults of columns, as instants with a fraction of
/// a second before 1970.
pub(crate) fn written(metadata: &TableMetadata) -> Result<Value> {
    let value = catch_unwind(AssertUnwindSafe(|| serde_json::to_value(metadata)));
    let refused = |text: &str| Error::new(ErrorKind::Unsupported, text.to_owned());
    match value {
        Ok(value) => {
            value.map_err(|cause| refused("its metadata cannot be written").with_source(cause))
        }
        Err(_) => Err(refused(
            "its metadata cannot be written: expected default values of columns that have a text, found one that \
             has none, such as a timestamp with a fraction of a second before 1970; use another default",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use iceberg::spec::{
        FormatVersion, Literal, NestedField, PrimitiveType, Schema, SortOrder,
        TableMetadataBuilder, Type, UnboundPartitionSpec,
    };

    use super::*;

    fn with_default(default: i64) -> TableMetadata {
        let field_type = Type::Primitive(PrimitiveType::Timestamptz);
        let field = NestedField::optional(1, "at", field_type);
        let field = field.with_initial_default(Literal::long(default));
        let schema = Schema::builder().with_fields([Arc::new(field)]).build();
        let builder = TableMetadataBuilder::new(
            schema.unwrap(),
            UnboundPartitionSpec::builder().build(),
            SortOrder::unsorted_order(),
            "memory://t".to_owned(),
            FormatVersion::V3,
            HashMap::new(),
        );
        builder.unwrap().build().unwrap().metadata
    }

    #[test]
    fn a_default_without_a_text_is_an_error() {
        let whole = written(&with_default(-82_800_000_000)).unwrap();
        assert!(whole["schemas"][0]["fields"][0]["initial-default"].is_string());
        let error = written(&with_default(-82_800_000_001)).unwrap_err();
        assert!(error.to_string().contains("before 1970"), "{error}");
    }

    /// Defaults of doubles are numbers in the file, and have to come out as they went in.
    #[test]
    fn doubles_keep_every_bit() {
        for value in [
            f64::from(f32::MAX),
            f64::MIN_POSITIVE,
            5e-324,
            f64::MAX,
            0.1 + 0.2,
        ] {
            let text = serde_json::to_string(&value).unwrap();
            let read: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                read.as_f64().map(f64::to_bits),
                Some(value.to_bits()),
                "{text}"
            );
        }
    }
}
