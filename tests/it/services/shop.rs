// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Feature views over a table of a lake, whose online tables are in the same lake.

use super::lake::{Lake, Options};
use super::peers::make;
use super::rows::Rows;
use super::session::Session;

/// The views, and the keys of their entities.
pub(super) const VIEWS: [(&str, &[&str]); 3] = [
    ("by_number", &["driver_id"]),
    ("by_text", &["city"]),
    ("by_both", &["driver_id", "city"]),
];

pub(super) struct Shop {
    pub(super) lake: Lake,
    source: String,
    /// The namespace of the online tables.
    pub(super) online: String,
}

impl Shop {
    /// For one test; nothing is made yet.
    pub(super) fn new(lake: &Lake, test: &str) -> Self {
        Self {
            lake: lake.clone(),
            source: lake.namespace(&format!("{test}_source")),
            online: lake.namespace(&format!("{test}_online")),
        }
    }

    /// The source of the views.
    pub(super) fn source(&self) -> String {
        format!("lake.\"{}\".rides", self.source)
    }

    /// The namespaces of its tables.
    pub(super) fn namespaces(&self) -> [&str; 2] {
        [&self.source, &self.online]
    }

    /// Makes the source: drivers 1 to 20, driver n at hour n of 2025.
    pub(super) async fn fill(&self) {
        // With a table comes its namespace, of several levels in Lakana.
        make(&self.lake, "one", &self.source, &["first"]);
        let session = Session::of(&self.lake).await;
        let statement = format!("CREATE TABLE {} AS {}", self.source(), rides(1, 20, 0));
        session.read(&statement).await;
    }

    /// A session with the definitions, attached by `options`.
    pub(super) async fn session(&self, options: &Options) -> Session {
        let session = Session::attach(options).await.unwrap();
        for statement in [
            "SET feast.online.catalog = 'lake'".to_owned(),
            format!("SET feast.online.namespace = '{}'", self.online),
            "SET feast.online.partition_count = 3".to_owned(),
            "SET feast.online.read_timeout_ms = 60000".to_owned(),
            "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)".to_owned(),
            "CREATE ENTITY city JOIN KEY (city VARCHAR)".to_owned(),
        ] {
            session.read(&statement).await;
        }
        for (view, keys) in VIEWS {
            let entities: Vec<&str> = keys.iter().map(|key| key.trim_end_matches("_id")).collect();
            let statement = format!(
                "CREATE FEATURE VIEW {view} ENTITIES ({})
                 FEATURES (trips BIGINT, rate DOUBLE, note VARCHAR) FROM {} TIMESTAMP ts",
                entities.join(", "),
                self.source()
            );
            session.read(&statement).await;
        }
        session
    }

    /// The online table of a view.
    pub(super) fn table(&self, view: &str) -> String {
        format!("lake.\"{}\".default__{view}", self.online)
    }

    /// How many snapshots the online table of a view has.
    pub(super) async fn snapshots(&self, session: &Session, view: &str) -> usize {
        let table = format!("lake.\"{}\".\"default__{view}$snapshots\"", self.online);
        let count = session.read(&format!("SELECT count(*) FROM {table}")).await;
        count.value().parse().unwrap()
    }
}

/// Rides of drivers `from` to `to`, at hour `driver + later` of 2025: with `later` more trips.
pub(super) fn rides(from: i64, to: i64, later: i64) -> String {
    format!(
        "SELECT value AS driver_id, concat('city ', value % 4, ' ü') AS city,
                arrow_cast(to_timestamp_micros((1735689600 + (value + {later}) * 3600) * 1000000),
                           'Timestamp(Microsecond, Some(\"UTC\"))') AS ts,
                value * 10 + {later} AS trips, arrow_cast(value, 'Float64') / 4 AS rate,
                CASE WHEN value % 5 = 0 THEN NULL ELSE concat('note ', value) END AS note
         FROM generate_series({from}, {to})"
    )
}

/// Writes rides to a view without its source.
pub(super) fn push(view: &str, from: i64, to: i64, later: i64) -> String {
    format!(
        "SELECT rows FROM feast_write_online('{view}', ({}))",
        rides(from, to, later)
    )
}

/// Deletes drivers.
pub(super) fn delete(drivers: &str) -> String {
    format!(
        "SELECT rows FROM feast_delete_online('by_number',
            (SELECT arrow_cast(column1, 'Int64') AS driver_id FROM (VALUES {drivers})))"
    )
}

/// The trips of drivers.
pub(super) async fn trips(session: &Session, drivers: &str, more: &str) -> Vec<String> {
    let query = format!(
        "SELECT driver_id, trips, trips__status
         FROM feast_online_lookup(['by_number:trips'], [{drivers}], status => true{more})"
    );
    told(&session.read(&query).await)
}

/// Rows as lines, sorted.
pub(super) fn told(rows: &Rows) -> Vec<String> {
    rows.rows.iter().map(|row| row.join(" ")).collect()
}
