// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What partition values, and a manifest's summaries of them, say about columns.

use arrow::datatypes::DataType;
use iceberg::spec::{
    Datum, FieldSummary, Literal, PartitionField, PartitionSpec, PrimitiveLiteral, PrimitiveType,
    Struct, Transform, Type,
};

use super::bounds::uuid_range;
use super::facts::{ColumnFacts, Nulls};
use super::transforms::{BucketRange, after_prefix, greatest, least};
use crate::schema::TableColumn;

/// The values of one partition field in a container.
struct PartitionValues {
    lower: Option<PrimitiveLiteral>,
    upper: Option<PrimitiveLiteral>,
    nulls: Nulls,
}

/// What a file's partition tuple says about `column`.
pub(crate) fn tuple_facts(
    spec: &PartitionSpec,
    tuple: &Struct,
    column: &TableColumn,
) -> ColumnFacts {
    if tuple.fields().len() != spec.fields().len() {
        return ColumnFacts::default();
    }
    let fields = spec.fields().iter().zip(tuple.fields());
    let of_column = fields.filter(|(field, _)| field.source_id == column.id);
    of_column.fold(ColumnFacts::default(), |facts, (field, value)| {
        let values = match value {
            None => PartitionValues {
                lower: None,
                upper: None,
                nulls: Nulls::All,
            },
            Some(Literal::Primitive(value)) => PartitionValues {
                lower: Some(value.clone()),
                upper: Some(value.clone()),
                nulls: Nulls::Count(0),
            },
            Some(_) => return facts,
        };
        facts.and(field_facts(field, &values, column))
    })
}

/// The single value that a file's identity partition gives to `column`: `Some(None)` is NULL.
pub(crate) fn identity_value<'a>(
    spec: &PartitionSpec,
    tuple: &'a Struct,
    column: &TableColumn,
) -> Option<Option<&'a PrimitiveLiteral>> {
    if tuple.fields().len() != spec.fields().len() {
        return None;
    }
    let mut fields = spec.fields().iter().zip(tuple.fields());
    let identity = |field: &PartitionField| {
        field.source_id == column.id && field.transform == Transform::Identity
    };
    match fields.find(|(field, _)| identity(field))?.1 {
        None => Some(None),
        Some(Literal::Primitive(value)) => Some(Some(value)),
        Some(_) => None,
    }
}

/// What a manifest's partition summaries say about `column`.
pub(crate) fn summary_facts(
    spec: &PartitionSpec,
    summaries: &[FieldSummary],
    column: &TableColumn,
) -> ColumnFacts {
    if summaries.len() != spec.fields().len() {
        return ColumnFacts::default();
    }
    let fields = spec.fields().iter().zip(summaries);
    let of_column = fields.filter(|(field, _)| field.source_id == column.id);
    of_column.fold(
        ColumnFacts::default(),
        |facts, (field, summary)| match summary_values(field, summary, column) {
            Some(values) => facts.and(field_facts(field, &values, column)),
            None => facts,
        },
    )
}

fn summary_values(
    field: &PartitionField,
    summary: &FieldSummary,
    column: &TableColumn,
) -> Option<PartitionValues> {
    let source = Type::Primitive(column.primitive.clone()?);
    let partition_type = field.transform.result_type(&source).ok()?;
    let primitive = partition_type.as_primitive_type()?;
    let float = matches!(primitive, PrimitiveType::Float | PrimitiveType::Double);
    let bounded = !float || summary.contains_nan == Some(false);
    let read = |bytes: Option<&Vec<u8>>| {
        let bytes = bytes.filter(|_| bounded)?;
        let datum = Datum::try_from_bytes(bytes, primitive.clone()).ok()?;
        Some(datum.literal().clone())
    };
    let lower = read(summary.lower_bound.as_deref());
    let upper = read(summary.upper_bound.as_deref());
    let (lower, upper) = match (lower, upper) {
        (lower, Some(PrimitiveLiteral::String(upper))) => {
            let after = after_prefix(&upper).map(PrimitiveLiteral::String);
            (lower, after)
        }
        (lower, upper) if *primitive == PrimitiveType::Uuid => {
            let both = lower.as_ref().zip(upper.as_ref());
            both.and_then(|(lower, upper)| uuid_range(lower, upper))
                .unzip()
        }
        bounds => bounds,
    };
    let nulls = if summary.contains_null {
        Nulls::Unknown
    } else {
        Nulls::Count(0)
    };
    Some(PartitionValues {
        lower,
        upper,
        nulls,
    })
}

fn field_facts(
    field: &PartitionField,
    values: &PartitionValues,
    column: &TableColumn,
) -> ColumnFacts {
    if matches!(field.transform, Transform::Void | Transform::Unknown) {
        return ColumnFacts::default();
    }
    let transform = field.transform;
    let data_type: &DataType = &column.data_type;
    let bucket = match (&column.primitive, &values.lower, &values.upper) {
        (Some(source), Some(first), Some(last)) => {
            BucketRange::try_new(transform, source, first, last)
        }
        _ => None,
    };
    ColumnFacts {
        min: values
            .lower
            .as_ref()
            .and_then(|v| least(transform, v, data_type)),
        max: values
            .upper
            .as_ref()
            .and_then(|v| greatest(transform, v, data_type)),
        nulls: values.nulls,
        buckets: bucket.into_iter().collect(),
    }
}
