// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What has changed in a view's source since the view was defined, so that it no longer fits.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, Schema};
use feast_registry::{FeatureView, Source, ValueType};
use iceberg::spec::TableMetadata;

use super::objects::place;
use super::source_columns::described;
use super::value_types::{accepts, feast_type, key_accepts};
use crate::ddl::{nearest, quoted_name, sql_type_name};

/// Something that keeps a view, or one feature of it, from working.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// The feature; `None` where the whole view is affected.
    pub(super) feature: Option<String>,
    /// The column of the view that is affected; `None` where it is the source itself.
    pub(super) column: Option<String>,
    /// What is wrong.
    pub(super) problem: String,
    /// What to do about it.
    pub(super) fix: String,
}

/// A view beside the columns that its source has now.
#[derive(Debug)]
pub(super) struct Beside<'a> {
    view: &'a FeatureView,
    schema: &'a Schema,
    /// The metadata of the source, where it is an Iceberg table: it remembers renames.
    metadata: Option<&'a TableMetadata>,
}

impl<'a> Beside<'a> {
    pub(super) fn new(
        view: &'a FeatureView,
        schema: &'a Schema,
        metadata: Option<&'a TableMetadata>,
    ) -> Self {
        Self {
            view,
            schema,
            metadata,
        }
    }

    /// The source's column that has this name in the view.
    pub(super) fn column(&self, name: &str) -> Option<(&'a str, &'a DataType)> {
        let found = |column: &str| {
            let field = self.schema.column_with_name(column)?.1;
            Some((field.name().as_str(), field.data_type()))
        };
        let mapping: &BTreeMap<String, String> = &self.view.source.field_mapping;
        let mapped = mapping.iter().filter(|(_, to)| *to == name);
        mapped
            .filter_map(|(column, _)| found(column))
            .next()
            .or_else(|| found(name))
    }

    /// What the view's column is called in the source, whether it is there or not.
    fn source_name(&self, name: &str) -> String {
        let mapping = &self.view.source.field_mapping;
        let mapped = mapping.iter().find(|(_, to)| *to == name);
        mapped.map_or_else(|| name.to_owned(), |(column, _)| column.clone())
    }

    /// Everything that is wrong.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let (view, mut problems) = (self.view, Vec::new());
        for key in &view.entity_columns {
            let wrong = self.key(&key.name, key.value_type);
            problems.extend(wrong.map(|it| self.of_view("join key", &key.name, it)));
        }
        let event = &view.source.timestamp_field;
        problems.extend(
            self.time(event)
                .map(|it| self.of_view("event time", event, it)),
        );
        if let Some(created) = &view.source.created_timestamp_column {
            let wrong = self.time(created);
            problems.extend(wrong.map(|it| self.of_view("created time", created, it)));
        }
        for column in &view.tie_break {
            if self.column(column).is_none() {
                let wrong = self.missing(column);
                problems.push(self.of_view("tie-break", column, wrong));
            }
        }
        for feature in &view.features {
            if let Some((problem, fix)) = self.feature(&feature.name, feature.value_type) {
                problems.push(Problem {
                    feature: Some(feature.name.clone()),
                    column: Some(feature.name.clone()),
                    problem,
                    fix,
                });
            }
        }
        problems
    }

    fn of_view(&self, role: &str, name: &str, (problem, fix): (String, String)) -> Problem {
        Problem {
            feature: None,
            column: Some(name.to_owned()),
            problem: format!("{role}: {problem}"),
            fix,
        }
    }

    fn key(&self, name: &str, declared: ValueType) -> Option<(String, String)> {
        let Some((column, data_type)) = self.column(name) else {
            return Some(self.missing(name));
        };
        (!key_accepts(declared, data_type)).then(|| self.retyped(column, declared, data_type))
    }

    fn time(&self, name: &str) -> Option<(String, String)> {
        let Some((column, data_type)) = self.column(name) else {
            return Some(self.missing(name));
        };
        let fits = matches!(
            data_type,
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64
        );
        (!fits).then(|| {
            let problem = format!(
                "column {} of {} is {}, no timestamp or date",
                quoted_name(column),
                place(&self.view.source.source),
                described(data_type)
            );
            (problem, self.redefine())
        })
    }

    fn feature(&self, name: &str, declared: ValueType) -> Option<(String, String)> {
        let Some((column, data_type)) = self.column(name) else {
            let (problem, fix) = self.missing(name);
            let drop = format!(
                "ALTER FEATURE VIEW {} DROP FEATURES ({})",
                quoted_name(&self.view.name),
                quoted_name(name)
            );
            return Some((problem, format!("{fix}, or {drop}")));
        };
        if accepts(declared, data_type) || self.as_feast_infers(declared, data_type) {
            return None;
        }
        let (problem, mut fix) = self.retyped(column, declared, data_type);
        if let Some(now) = feast_type(data_type) {
            fix = format!(
                "ALTER FEATURE VIEW {} ALTER FEATURE {} TYPE {}",
                quoted_name(&self.view.name),
                quoted_name(name),
                sql_type_name(now)
            );
        }
        Some((problem, fix))
    }

    /// Feast's own inference gives the times of Iceberg tables integer types.
    fn as_feast_infers(&self, declared: ValueType, found: &DataType) -> bool {
        let iceberg = matches!(self.view.source.source, Source::Iceberg(_));
        let time = matches!(found, DataType::Timestamp(..) | DataType::Date32);
        iceberg && time && matches!(declared, ValueType::Int32 | ValueType::Int64)
    }

    fn retyped(&self, column: &str, declared: ValueType, now: &DataType) -> (String, String) {
        let change = match feast_type(now) {
            Some(inferred) if widens(declared, inferred) => "was widened to",
            _ => "is now",
        };
        let problem = format!(
            "column {} of {} {change} {}, the view declares {}",
            quoted_name(column),
            place(&self.view.source.source),
            described(now),
            sql_type_name(declared)
        );
        (problem, self.redefine())
    }

    /// A column that is gone: renamed as far as the table's history or a near name tells.
    fn missing(&self, name: &str) -> (String, String) {
        let (column, place) = (self.source_name(name), place(&self.view.source.source));
        let shown = quoted_name(&column);
        let mapping = |to: &str| {
            format!(
                "define the view anew with FIELD MAPPING ({} AS {})",
                quoted_name(to),
                quoted_name(name)
            )
        };
        if let Some(renamed) = self.renamed(&column) {
            let problem = format!(
                "column {shown} of {place} was renamed to {}",
                quoted_name(&renamed)
            );
            return (problem, mapping(&renamed));
        }
        let problem = format!("column {shown} is not in {place}");
        let names = self
            .schema
            .fields()
            .iter()
            .map(|field| field.name().as_str());
        let free = names.filter(|other| !self.uses(other));
        match nearest(&column, free) {
            Some(near) => (
                problem,
                format!("if {} is it, {}", quoted_name(near), mapping(near)),
            ),
            None => (problem, self.redefine()),
        }
    }

    /// Whether the view takes something from this column of the source.
    fn uses(&self, column: &str) -> bool {
        let view = self.view;
        let columns = view.features.iter().chain(&view.entity_columns);
        columns
            .map(|field| &field.name)
            .any(|name| self.source_name(name) == column)
    }

    /// The name that a column of that name has now, by the table's field ids.
    fn renamed(&self, column: &str) -> Option<String> {
        let metadata = self.metadata?;
        let current = metadata.current_schema();
        let mut schemas: Vec<_> = metadata.schemas_iter().collect();
        schemas.sort_by_key(|schema| std::cmp::Reverse(schema.schema_id()));
        schemas
            .into_iter()
            .filter_map(|schema| schema.field_by_name(column))
            .find_map(|field| current.field_by_id(field.id))
            .map(|field| field.name.clone())
            .filter(|name| name != column)
    }

    fn redefine(&self) -> String {
        format!(
            "define the view anew with CREATE OR REPLACE FEATURE VIEW {}",
            quoted_name(&self.view.name)
        )
    }
}

/// Whether the second type holds more of the same.
fn widens(from: ValueType, to: ValueType) -> bool {
    matches!(
        (from, to),
        (ValueType::Int32, ValueType::Int64)
            | (ValueType::Float, ValueType::Double)
            | (ValueType::Int32List, ValueType::Int64List)
            | (ValueType::FloatList, ValueType::DoubleList)
    )
}

/// A source that cannot be read at all.
pub(super) fn unreadable(source: &Source, reason: &str) -> Problem {
    let fix = match source {
        Source::Other { .. } => "query it with Feast, or define the view anew over a table",
        Source::Iceberg(_) => "attach its catalog, or define the view anew",
        _ => "make the source readable, or define the view anew",
    };
    Problem {
        feature: None,
        column: None,
        problem: format!("its source cannot be read: {reason}"),
        fix: fix.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow::datatypes::{Field, TimeUnit};
    use feast_registry::{DataSource, Field as Feature, IcebergSource};
    use iceberg::spec::{
        FormatVersion, NestedField, PrimitiveType, Schema as IcebergSchema, SortOrder,
        TableMetadataBuilder, Type, UnboundPartitionSpec,
    };

    use super::*;

    /// A table of two columns, of which the second was called so first and so later.
    fn renamed_table(first: &str, later: &[&str]) -> TableMetadata {
        let schema = |name: &str| {
            let field = |id, name, kind| NestedField::optional(id, name, Type::Primitive(kind));
            let fields = vec![
                field(1, "ts", PrimitiveType::Timestamptz).into(),
                field(2, name, PrimitiveType::Double).into(),
            ];
            IcebergSchema::builder()
                .with_fields(fields)
                .build()
                .unwrap()
        };
        let builder = TableMetadataBuilder::new(
            schema(first),
            UnboundPartitionSpec::default(),
            SortOrder::unsorted_order(),
            "memory://table".to_owned(),
            FormatVersion::V2,
            HashMap::new(),
        );
        let mut made = builder.unwrap().build().unwrap().metadata;
        for name in later {
            let builder = made.into_builder(None).add_current_schema(schema(name));
            made = builder.unwrap().build().unwrap().metadata;
        }
        made
    }

    fn problems(metadata: &TableMetadata, column: &str, mapping: &[(&str, &str)]) -> Vec<Problem> {
        let current = metadata.current_schema().as_struct().fields()[1]
            .name
            .clone();
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let schema = Schema::new(vec![
            Field::new("ts", utc, true),
            Field::new(current, DataType::Float64, true),
        ]);
        let iceberg = Source::Iceberg(IcebergSource {
            catalog_name: "lake".into(),
            namespace: "rides".into(),
            table: "stats".into(),
            ..IcebergSource::default()
        });
        let mut view = FeatureView::new("v", DataSource::new("s", iceberg, "ts"));
        view.features = vec![Feature::new(column, ValueType::Double)];
        let pair = |(from, to): &(&str, &str)| ((*from).to_owned(), (*to).to_owned());
        view.source.field_mapping = mapping.iter().map(pair).collect();
        Beside::new(&view, &schema, Some(metadata)).problems()
    }

    #[test]
    fn a_rename_is_known_by_the_field_id() {
        let table = renamed_table("rate", &["accepted", "share"]);
        let found = problems(&table, "rate", &[]);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].problem.as_str(), found[0].fix.as_str()),
            (
                "column rate of lake.rides.stats was renamed to share",
                "define the view anew with FIELD MAPPING (share AS rate), or ALTER FEATURE VIEW v \
                 DROP FEATURES (rate)"
            )
        );
        // The name between, under another name in the view.
        let found = problems(&table, "x", &[("accepted", "x")]);
        assert_eq!(
            found[0].problem,
            "column accepted of lake.rides.stats was renamed to share"
        );
        assert!(problems(&table, "share", &[]).is_empty());
        assert!(problems(&table, "x", &[("share", "x")]).is_empty());
        let found = problems(&table, "never", &[]);
        assert_eq!(found[0].problem, "column never is not in lake.rides.stats");
    }

    #[test]
    fn times_as_feast_infers_them_are_no_problem() {
        let table = renamed_table("rate", &[]);
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let schema = Schema::new(vec![
            Field::new("ts", utc.clone(), true),
            Field::new("seen", utc, true),
        ]);
        let mut view = FeatureView::new(
            "v",
            DataSource::new("s", Source::Iceberg(IcebergSource::default()), "ts"),
        );
        view.features = vec![Feature::new("seen", ValueType::Int64)];
        assert!(
            Beside::new(&view, &schema, Some(&table))
                .problems()
                .is_empty()
        );
    }
}
