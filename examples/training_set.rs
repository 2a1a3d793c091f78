// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The shortest way to a training set in Rust: tables in memory, definitions, one join.
//!
//! ```text
//!   orders (who, when, label) ──┐
//!   driver_figures (history) ───┴──► feast_pit_join ──► every order once, with the figures of its time
//! ```
//!
//! Run it with `cargo run --example training_set`.

use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::assert_batches_eq;
use datafusion::common::Result;
use datafusion_feast::FeastContext;

/// What the application has already: a history of features and the orders to learn from.
const TABLES: [&str; 2] = [
    "CREATE TABLE driver_figures (driver_id BIGINT, at TIMESTAMP, written TIMESTAMP, conv_rate DOUBLE)
     AS VALUES
       (1001, '2026-03-01T08:00:00', '2026-03-01T08:05:00', 0.50),
       (1001, '2026-03-01T12:00:00', '2026-03-01T12:05:00', 0.60),
       (1001, '2026-03-01T12:00:00', '2026-03-02T09:00:00', 0.65), -- the same hour, corrected
       (1001, '2026-03-01T13:00:00', '2026-03-01T13:05:00', 0.90),
       (1002, '2026-02-20T12:00:00', '2026-02-20T12:05:00', 0.30)",
    "CREATE TABLE orders (order_id BIGINT, driver_id BIGINT, event_timestamp TIMESTAMP, tipped BOOLEAN)
     AS VALUES
       (1, 1001, '2026-03-01T12:30:00', true),
       (2, 1001, '2026-03-01T07:59:59', false), -- before the first row of the driver
       (3, 1002, '2026-03-01T12:30:00', false), -- the driver's row is nine days old
       (4, 1003, '2026-03-01T12:30:00', true)   -- nobody has figures of this driver",
];

/// What the figures mean.
const DEFINITIONS: [&str; 2] = [
    "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)",
    "CREATE FEATURE VIEW driver_stats ENTITIES (driver) FEATURES (conv_rate DOUBLE)
     FROM driver_figures TIMESTAMP at CREATED TIMESTAMP written TTL INTERVAL '1 day'",
];

#[tokio::main]
async fn main() -> Result<()> {
    let feast = FeastContext::builder().build().await?;
    for statement in TABLES.into_iter().chain(DEFINITIONS) {
        feast.sql(statement).await?.collect().await?;
    }

    let training_set = feast
        .sql("SELECT * FROM feast_pit_join(orders, ['driver_stats:conv_rate']) ORDER BY order_id")
        .await?
        .collect()
        .await?;
    println!("{}", pretty_format_batches(&training_set)?);

    // Order 1 has the corrected row of noon, not the one of one o'clock. The others have no row that
    // was true at their time and is still within its time to live.
    assert_batches_eq!(
        [
            "+----------+-----------+---------------------+--------+-----------+",
            "| order_id | driver_id | event_timestamp     | tipped | conv_rate |",
            "+----------+-----------+---------------------+--------+-----------+",
            "| 1        | 1001      | 2026-03-01T12:30:00 | true   | 0.65      |",
            "| 2        | 1001      | 2026-03-01T07:59:59 | false  |           |",
            "| 3        | 1002      | 2026-03-01T12:30:00 | false  |           |",
            "| 4        | 1003      | 2026-03-01T12:30:00 | true   |           |",
            "+----------+-----------+---------------------+--------+-----------+",
        ],
        &training_set
    );

    // The correction was written the day after the order. Asked for what was known at the order's
    // time, the join takes the row as it was first written.
    let known_then = feast
        .sql(
            "SELECT order_id, conv_rate FROM feast_pit_join(
               entities => (SELECT * FROM orders WHERE order_id = 1),
               features => ['driver_stats:conv_rate'],
               filter_by_created_timestamp => true)",
        )
        .await?
        .collect()
        .await?;
    println!("{}", pretty_format_batches(&known_then)?);
    assert_batches_eq!(
        [
            "+----------+-----------+",
            "| order_id | conv_rate |",
            "+----------+-----------+",
            "| 1        | 0.6       |",
            "+----------+-----------+",
        ],
        &known_then
    );
    Ok(())
}
