// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The rows of the demo: two weeks of a ride service, the same every time.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::random::Sequence;

/// 2026-03-01T00:00:00Z, in minutes of the epoch.
const FIRST_DAY: i64 = 1_772_323_200 / 60;
const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

const DRIVERS: i64 = 20;
const CUSTOMERS: u32 = 60;
const PAIRS: u32 = 120;
const TRIPS: i64 = 500;
const DAYS: i64 = 14;

/// The trip on which the tour shows that the future did not leak: driver 1001, the tenth day,
/// half past twelve.
const SHOWN_DRIVER: i64 = 1001;
const SHOWN_HOUR: i64 = FIRST_DAY + 9 * DAY + 12 * HOUR;

/// Days of the first and second commit to `driver_stats`.
const FIRST_COMMIT: i64 = 5;
const SECOND_COMMIT: i64 = 10;

/// Rows of these drivers on the third day reach the table a week late.
const LATE_DRIVERS: [i64; 2] = [1003, 1007];

/// An hour's figures of a driver; times in minutes of the epoch.
#[derive(Clone, Debug)]
struct DriverRow {
    driver: i64,
    event: i64,
    created: i64,
    conv_rate: f64,
    acc_rate: f64,
    trips: i32,
    rating: Option<f64>,
}

/// What goes into `driver_stats`, a batch a commit. The third has the column `rating`.
pub(super) fn driver_commits() -> Result<[RecordBatch; 3], ArrowError> {
    let mut sequence = Sequence::new(1);
    let mut rows = Vec::new();
    for hour in 0..DAYS * 24 {
        for driver in 1001..=1000 + DRIVERS {
            let event = FIRST_DAY + hour * HOUR;
            rows.push(DriverRow {
                driver,
                event,
                created: event + 5 + i64::from(sequence.below(10)),
                conv_rate: sequence.rate(0.2, 0.9),
                acc_rate: sequence.rate(0.5, 1.0),
                trips: 10 + i32::try_from(sequence.below(30)).unwrap_or(0),
                rating: (hour >= SECOND_COMMIT * 24).then(|| sequence.rate(3.5, 5.0)),
            });
        }
    }
    let corrections = corrections(&rows, &mut sequence);
    let day = |row: &DriverRow| (row.event - FIRST_DAY) / DAY;
    let late = |row: &DriverRow| day(row) == 2 && LATE_DRIVERS.contains(&row.driver);
    let (mut first, mut second, mut third) = (Vec::new(), Vec::new(), corrections);
    for mut row in rows {
        if late(&row) {
            row.created += 7 * DAY;
            second.push(row);
        } else if day(&row) < FIRST_COMMIT {
            first.push(row);
        } else if day(&row) < SECOND_COMMIT {
            second.push(row);
        } else {
            third.push(row);
        }
    }
    Ok([
        driver_batch(&first, false)?,
        driver_batch(&second, false)?,
        driver_batch(&third, true)?,
    ])
}

/// Rows written again two days later with other figures: same key, same event time, newer created
/// time.
fn corrections(rows: &[DriverRow], sequence: &mut Sequence) -> Vec<DriverRow> {
    let mut corrections = Vec::new();
    for row in rows
        .iter()
        .filter(|row| row.event < FIRST_DAY + SECOND_COMMIT * DAY)
    {
        let shown = row.driver == SHOWN_DRIVER && row.event == SHOWN_HOUR;
        if sequence.below(100) == 0 || shown {
            corrections.push(DriverRow {
                created: row.created + 2 * DAY,
                // Below every rate that was ever written first, so that it stands out.
                conv_rate: sequence.rate(0.05, 0.2),
                ..row.clone()
            });
        }
    }
    corrections
}

fn driver_batch(rows: &[DriverRow], rated: bool) -> Result<RecordBatch, ArrowError> {
    let column = |value: fn(&DriverRow) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(rows.iter().map(value)))
    };
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(
            rows.iter().map(|row| row.driver),
        )),
        instants(rows.iter().map(|row| row.event)),
        instants(rows.iter().map(|row| row.created)),
        column(|row| row.conv_rate),
        column(|row| row.acc_rate),
        Arc::new(Int32Array::from_iter_values(
            rows.iter().map(|row| row.trips),
        )),
    ];
    let mut schema = driver_schema();
    if rated {
        columns.push(Arc::new(
            rows.iter().map(|row| row.rating).collect::<Float64Array>(),
        ));
        let mut fields = schema.fields().to_vec();
        fields.push(Arc::new(rating_field()));
        schema = Arc::new(Schema::new(fields));
    }
    RecordBatch::try_new(schema, columns)
}

/// `driver_stats` as created.
pub(super) fn driver_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("driver_id", DataType::Int64, true),
        instant("event_timestamp"),
        instant("created"),
        Field::new("conv_rate", DataType::Float64, true),
        Field::new("acc_rate", DataType::Float64, true),
        Field::new("avg_daily_trips", DataType::Int32, true),
    ]))
}

/// The column added to `driver_stats` later.
pub(super) fn rating_field() -> Field {
    Field::new("rating", DataType::Float64, true)
}

/// What goes into `customer_spend`: a week a commit, a row a day and customer.
pub(super) fn customer_commits() -> Result<[RecordBatch; 2], ArrowError> {
    let mut sequence = Sequence::new(2);
    let mut commit = |days: std::ops::Range<i64>| {
        let keys: Vec<(i64, u32)> = days
            .flat_map(|day| (1..=CUSTOMERS).map(move |customer| (day, customer)))
            .collect();
        let events = || keys.iter().map(|(day, _)| FIRST_DAY + day * DAY);
        let orders: Int32Array = keys
            .iter()
            .map(|_| i32::try_from(sequence.below(9)).ok())
            .collect();
        let spend: Float64Array = orders
            .iter()
            .map(|orders| orders.map(|count| cents(f64::from(count) * sequence.rate(8.0, 30.0))))
            .collect();
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(
                keys.iter().map(|(_, customer)| customer_name(*customer)),
            )),
            instants(events()),
            instants(events().map(|event| event + 90)),
            Arc::new(orders),
            Arc::new(spend),
        ];
        RecordBatch::try_new(customer_schema(), columns)
    };
    Ok([commit(0..7)?, commit(7..DAYS)?])
}

/// `customer_spend`.
pub(super) fn customer_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("customer_id", DataType::Utf8, true),
        instant("event_timestamp"),
        instant("created"),
        Field::new("orders_7d", DataType::Int32, true),
        Field::new("spend_7d", DataType::Float64, true),
    ]))
}

/// What goes into `pair_history`: rows of drivers who met a customer again.
pub(super) fn pair_rows() -> Result<RecordBatch, ArrowError> {
    let mut sequence = Sequence::new(3);
    let mut pairs: BTreeSet<(i64, u32)> = BTreeSet::from([(SHOWN_DRIVER, 5)]);
    while pairs.len() < PAIRS as usize {
        pairs.insert((some_driver(&mut sequence), 1 + sequence.below(CUSTOMERS)));
    }
    let mut rows = Vec::new();
    for (driver, customer) in pairs {
        let mut event = FIRST_DAY + i64::from(sequence.below(4_000));
        let mut trips = 0;
        while event < FIRST_DAY + DAYS * DAY {
            trips += 1;
            let stars = i32::try_from(1 + sequence.below(5)).ok();
            rows.push((driver, customer, event, trips, stars));
            event += DAY + i64::from(sequence.below(5_000));
        }
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0))),
        Arc::new(StringArray::from_iter_values(
            rows.iter().map(|row| customer_name(row.1)),
        )),
        instants(rows.iter().map(|row| row.2)),
        Arc::new(Int32Array::from_iter_values(rows.iter().map(|row| row.3))),
        Arc::new(rows.iter().map(|row| row.4).collect::<Int32Array>()),
    ];
    RecordBatch::try_new(pair_schema(), columns)
}

/// `pair_history`.
pub(super) fn pair_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("driver_id", DataType::Int64, true),
        Field::new("customer_id", DataType::Utf8, true),
        instant("event_timestamp"),
        Field::new("trips_together", DataType::Int32, true),
        Field::new("last_stars", DataType::Int32, true),
    ]))
}

/// The trips to learn from: their keys, their times, and whether the customer tipped.
pub(super) fn trips() -> Result<RecordBatch, ArrowError> {
    let mut sequence = Sequence::new(4);
    let mut rows = vec![(SHOWN_DRIVER, 5, SHOWN_HOUR + 30)];
    for trip in 2..=TRIPS {
        // Now and then a driver who has no figures yet.
        let driver = if trip % 97 == 0 {
            1099
        } else {
            some_driver(&mut sequence)
        };
        let customer = 1 + sequence.below(CUSTOMERS);
        let minutes = sequence.below(u32::try_from(DAYS * DAY).unwrap_or(1));
        rows.push((driver, customer, FIRST_DAY + i64::from(minutes)));
    }
    let schema = Schema::new(vec![
        Field::new("trip_id", DataType::Int64, false),
        Field::new("driver_id", DataType::Int64, true),
        Field::new("customer_id", DataType::Utf8, true),
        instant("event_timestamp"),
        Field::new("tipped", DataType::Boolean, true),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(1..=TRIPS)),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0))),
        Arc::new(StringArray::from_iter_values(
            rows.iter().map(|row| customer_name(row.1)),
        )),
        instants(rows.iter().map(|row| row.2)),
        Arc::new(
            rows.iter()
                .map(|_| Some(sequence.below(3) == 0))
                .collect::<BooleanArray>(),
        ),
    ];
    RecordBatch::try_new(Arc::new(schema), columns)
}

fn some_driver(sequence: &mut Sequence) -> i64 {
    1001 + i64::from(sequence.below(20))
}

fn customer_name(number: u32) -> String {
    format!("C{number:03}")
}

fn cents(amount: f64) -> f64 {
    (amount * 100.0).round() / 100.0
}

fn instant(name: &str) -> Field {
    Field::new(
        name,
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        true,
    )
}

fn instants(minutes: impl Iterator<Item = i64>) -> ArrayRef {
    let micros = minutes.map(|minute| minute * 60_000_000);
    Arc::new(TimestampMicrosecondArray::from_iter_values(micros).with_timezone("UTC"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_have_their_rows_and_columns() {
        let [first, second, third] = driver_commits().unwrap();
        assert_eq!(first.num_rows(), 5 * 24 * 20 - 48);
        assert_eq!(second.num_rows(), 5 * 24 * 20 + 48);
        assert!(third.num_rows() > 4 * 24 * 20 + 10, "{}", third.num_rows());
        assert_eq!((second.num_columns(), third.num_columns()), (6, 7));
        let [week, next] = customer_commits().unwrap();
        assert_eq!((week.num_rows(), next.num_rows()), (420, 420));
        assert!(pair_rows().unwrap().num_rows() > 300);
        assert_eq!(trips().unwrap().num_rows(), 500);
    }

    #[test]
    fn every_build_gives_the_same_rows() {
        assert_eq!(driver_commits().unwrap(), driver_commits().unwrap());
        assert_eq!(customer_commits().unwrap(), customer_commits().unwrap());
        assert_eq!(pair_rows().unwrap(), pair_rows().unwrap());
        assert_eq!(trips().unwrap(), trips().unwrap());
    }
}
