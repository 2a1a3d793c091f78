// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Random queries of a table: filters made of its own values, projections, limits, aggregates.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};

/// A query, and what of its answer is determined.
#[derive(Debug, Clone)]
pub(super) struct Query {
    /// The query, with `$t` for the table.
    pub(super) sql: String,
    /// A limit put on it, which leaves free which of its rows are the answer.
    pub(super) limit: Option<usize>,
}

impl Query {
    fn exact(sql: String) -> Self {
        Self { sql, limit: None }
    }

    /// The query of a table, without its limit.
    pub(super) fn unlimited(&self, table: &str) -> String {
        self.sql.replace("$t", table)
    }

    /// The query of a table.
    pub(super) fn of(&self, table: &str) -> String {
        match self.limit {
            Some(limit) => format!("{} LIMIT {limit}", self.unlimited(table)),
            None => self.unlimited(table),
        }
    }
}

/// Draws queries of a table whose rows are known.
pub(super) struct Draw<'a> {
    dice: StdRng,
    rows: &'a RecordBatch,
}

impl<'a> Draw<'a> {
    pub(super) fn new(seed: u64, rows: &'a RecordBatch) -> Self {
        Self {
            dice: StdRng::seed_from_u64(seed),
            rows,
        }
    }

    fn percent(&mut self, percent: u32) -> bool {
        self.dice.random_range(0..100) < percent
    }

    /// The next query.
    pub(super) fn query(&mut self) -> Query {
        let filter = match self.percent(75) {
            true => format!(" WHERE {}", self.filter(1)),
            false => String::new(),
        };
        let columns = self.columns();
        match self.dice.random_range(0..10) {
            0..=2 => Query::exact(format!("SELECT {columns} FROM $t{filter}")),
            3 | 4 => Query::exact(format!("SELECT count(*) FROM $t{filter}")),
            5 => self.aggregate(&filter),
            6 | 7 => Query {
                limit: Some(self.dice.random_range(0..8)),
                ..Query::exact(format!("SELECT {columns} FROM $t{filter}"))
            },
            8 => self.ordered(&filter),
            _ => self.joined(&filter),
        }
    }

    /// Some columns, each named once.
    fn columns(&mut self) -> String {
        if self.percent(30) {
            return "*".to_owned();
        }
        let schema = self.rows.schema();
        let mut names: Vec<String> = schema.fields().iter().map(|f| quoted(f.name())).collect();
        names.shuffle(&mut self.dice);
        names.truncate(self.dice.random_range(1..=names.len()));
        names.join(", ")
    }

    fn aggregate(&mut self, filter: &str) -> Query {
        let columns: Vec<String> = self.ordered_columns().map(quoted).collect();
        let shown = columns.iter().map(|c| match self.dice.random_range(0..3) {
            0 => format!("min({c})"),
            1 => format!("max({c})"),
            _ => format!("count({c})"),
        });
        let shown: Vec<String> = shown.collect();
        Query::exact(format!(
            "SELECT count(*), {} FROM $t{filter}",
            shown.join(", ")
        ))
    }

    /// A top of the rows; only the column that decides is shown, since rows may tie.
    fn ordered(&mut self, filter: &str) -> Query {
        let columns: Vec<String> = self.ordered_columns().map(quoted).collect();
        let column = columns.choose(&mut self.dice).cloned().unwrap_or_default();
        let limit = self.dice.random_range(1..6);
        let direction = ["ASC", "DESC", "ASC NULLS FIRST", "DESC NULLS LAST"];
        let direction = direction
            .choose(&mut self.dice)
            .copied()
            .unwrap_or_default();
        Query::exact(format!(
            "SELECT {column} FROM $t{filter} ORDER BY {column} {direction} LIMIT {limit}"
        ))
    }

    /// A join with a few values, whose keys come to the scan as a dynamic filter.
    fn joined(&mut self, filter: &str) -> Query {
        let keys = "(SELECT id AS k FROM $t ORDER BY id LIMIT 3)";
        let schema = self.rows.schema();
        let joins = |field: &Arc<Field>| field.name() == "id" && has_order(field);
        match schema.fields().iter().any(joins) {
            true => Query::exact(format!(
                "SELECT t.* FROM (SELECT * FROM $t{filter}) t JOIN {keys} k ON t.id = k.k"
            )),
            false => Query::exact(format!("SELECT * FROM $t{filter}")),
        }
    }

    /// Names of columns whose values have an order.
    fn ordered_columns(&self) -> impl Iterator<Item = &'a str> {
        let rows = self.rows;
        let fields = rows.schema_ref().fields().iter();
        fields
            .filter(|field| has_order(field))
            .map(|field| field.name().as_str())
    }

    fn filter(&mut self, depth: usize) -> String {
        if depth > 0 {
            match self.dice.random_range(0..8) {
                0 => {
                    return format!(
                        "({}) AND ({})",
                        self.filter(depth - 1),
                        self.filter(depth - 1)
                    );
                }
                1 => {
                    return format!(
                        "({}) OR ({})",
                        self.filter(depth - 1),
                        self.filter(depth - 1)
                    );
                }
                2 => return format!("NOT ({})", self.filter(depth - 1)),
                _ => {}
            }
        }
        let at = self.dice.random_range(0..self.rows.num_columns());
        let schema = self.rows.schema();
        let field = schema.field(at);
        let column = quoted(field.name());
        let null = ["IS NULL", "IS NOT NULL"]
            .choose(&mut self.dice)
            .copied()
            .unwrap_or_default();
        if !has_order(field) || self.percent(15) {
            return format!("{column} {null}");
        }
        let Some(value) = self.value(at) else {
            return format!("{column} {null}");
        };
        if *field.data_type() == DataType::Utf8 && self.percent(15) {
            let start: String = value.trim_matches('\'').chars().take(2).collect();
            if !start.contains(['%', '_', '\'']) {
                return format!("{column} LIKE '{start}%'");
            }
        }
        if self.percent(20) {
            let other = self.value(at).unwrap_or_else(|| value.clone());
            let not = if self.percent(30) { "NOT " } else { "" };
            return format!("{column} {not}IN ({value}, {other})");
        }
        let comparison = ["=", "<>", "<", "<=", ">", ">="];
        let comparison = comparison
            .choose(&mut self.dice)
            .copied()
            .unwrap_or_default();
        format!("{column} {comparison} {value}")
    }

    /// A value of a column, as SQL writes it.
    fn value(&mut self, at: usize) -> Option<String> {
        let column = self.rows.column(at);
        if column.is_empty() {
            return None;
        }
        let row = self.dice.random_range(0..column.len());
        let value = ScalarValue::try_from_array(column, row).ok()?;
        (!value.is_null())
            .then(|| literal(&value, column.data_type()))
            .flatten()
    }
}

/// Whether values can be compared in SQL by their literals.
fn has_order(field: &Field) -> bool {
    let data_type = field.data_type();
    !data_type.is_nested() && !matches!(data_type, DataType::FixedSizeBinary(_))
}

/// A value as SQL writes it, None where SQL cannot.
pub(super) fn literal_of(value: &ScalarValue) -> Option<String> {
    let data_type = value.data_type();
    (!value.is_null())
        .then(|| literal(value, &data_type))
        .flatten()
}

fn literal(value: &ScalarValue, data_type: &DataType) -> Option<String> {
    let shown = value.to_string();
    Some(match value {
        ScalarValue::Utf8(Some(text)) => format!("'{}'", text.replace('\'', "''")),
        ScalarValue::LargeBinary(Some(bytes)) | ScalarValue::Binary(Some(bytes)) => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("arrow_cast(X'{hex}', '{data_type}')")
        }
        ScalarValue::Boolean(_) => shown,
        ScalarValue::Int32(Some(number)) => format!("arrow_cast({number}, 'Int32')"),
        ScalarValue::Int64(Some(i64::MIN)) => return None,
        ScalarValue::Int64(Some(number)) => number.to_string(),
        ScalarValue::Float32(_) | ScalarValue::Float64(_) => {
            format!("arrow_cast('{shown}', '{data_type}')")
        }
        ScalarValue::Decimal128(Some(unscaled), _, scale) => {
            let digits = format!("{:0>1$}", unscaled.unsigned_abs(), *scale as usize + 1);
            let (whole, part) = digits.split_at(digits.len() - *scale as usize);
            let sign = if *unscaled < 0 { "-" } else { "" };
            format!("arrow_cast('{sign}{whole}.{part}', '{data_type}')")
        }
        ScalarValue::Date32(Some(days)) => format!("arrow_cast({days}, 'Date32')"),
        ScalarValue::Time64Microsecond(Some(micros)) => {
            format!("arrow_cast({micros}, 'Time64(Microsecond)')")
        }
        ScalarValue::TimestampMicrosecond(Some(count), zone)
        | ScalarValue::TimestampNanosecond(Some(count), zone) => {
            let unit = match value {
                ScalarValue::TimestampNanosecond(..) => "Nanosecond",
                _ => "Microsecond",
            };
            let zone = match zone {
                Some(zone) => format!("Some(\"{zone}\")"),
                None => "None".to_owned(),
            };
            format!("arrow_cast({count}, 'Timestamp({unit}, {zone})')")
        }
        _ => return None,
    })
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
