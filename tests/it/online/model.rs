// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Random histories of an online table against a model that keeps every row.

use std::collections::BTreeSet;

use datafusion_feast::FeastContext;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::{OnlineLake, lines, rows};

/// Days, the last two long after now.
const DAYS: [&str; 6] = [
    "2024-01-01",
    "2024-01-02",
    "2024-01-03",
    "2024-01-04",
    "2200-01-01",
    "2200-01-02",
];
const PAST: usize = 4;
const KEYS: i64 = 5;

/// A row: key, day, created day, value; ordered as the winner is found, by all but the key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    day: usize,
    created: Option<usize>,
    value: Option<i64>,
    key: Option<i64>,
}

/// One commit of the online table.
#[derive(Debug, Clone, Default)]
struct Commit {
    rows: Vec<Row>,
    pushed: bool,
    hides: BTreeSet<i64>,
    /// What was materialized before is hidden.
    replaces: bool,
}

#[derive(Debug, Default)]
struct Model {
    source: Vec<Row>,
    /// The rows of the source that were there when it was materialized last.
    seen: usize,
    materialized: bool,
    /// The source is another table than the one that was materialized.
    renewed: bool,
    commits: Vec<Commit>,
}

impl Model {
    fn winner(rows: impl Iterator<Item = Row>, key: i64, day: usize) -> Option<Row> {
        rows.filter(|row| row.key == Some(key) && row.day <= day)
            .max()
    }

    /// The newest row of a key that nothing hides.
    fn online(&self, key: i64, day: usize) -> Option<Row> {
        let shown = self.commits.iter().enumerate().flat_map(|(at, commit)| {
            let later = &self.commits[at + 1..];
            let hidden = later.iter().any(|it| it.hides.contains(&key))
                || (!commit.pushed && later.iter().any(|it| it.replaces));
            commit.rows.iter().filter(move |_| !hidden).cloned()
        });
        Self::winner(shown, key, day)
    }

    fn materialize(&mut self, rows: Vec<Row>, full: bool) {
        let replaces = full && self.renewed;
        self.commits.push(Commit {
            rows,
            replaces,
            ..Commit::default()
        });
        if replaces {
            self.renewed = false;
        }
    }
}

fn draw(dice: &mut StdRng, key: bool) -> Row {
    let some = |dice: &mut StdRng| dice.random_range(0..10) > 2;
    Row {
        day: dice.random_range(0..DAYS.len()),
        created: some(dice).then(|| dice.random_range(0..3)),
        value: some(dice).then(|| dice.random_range(0..100)),
        key: (key || some(dice)).then(|| dice.random_range(0..KEYS)),
    }
}

fn sql(row: &Row) -> String {
    let day = |day: Option<usize>| match day {
        Some(day) => format!("TIMESTAMP '{}T00:00:00'", DAYS[day]),
        None => "CAST(NULL AS TIMESTAMP)".to_owned(),
    };
    let number = |number: Option<i64>| match number {
        Some(number) => format!("CAST({number} AS BIGINT)"),
        None => "CAST(NULL AS BIGINT)".to_owned(),
    };
    format!(
        "({}, {}, {}, {})",
        number(row.key),
        day(Some(row.day)),
        day(row.created),
        number(row.value)
    )
}

fn values(rows: &[Row]) -> String {
    let rows: Vec<String> = rows.iter().map(sql).collect();
    rows.join(", ")
}

const CREATE: &str =
    "CREATE TABLE lake.shop.h (k BIGINT, ts TIMESTAMP, created TIMESTAMP, v BIGINT)";

async fn step(feast: &FeastContext, dice: &mut StdRng, model: &mut Model) -> String {
    match dice.random_range(0..9) {
        0..=2 => {
            let count = dice.random_range(1..4);
            let new: Vec<Row> = (0..count).map(|_| draw(dice, false)).collect();
            let statement = format!("INSERT INTO lake.shop.h VALUES {}", values(&new));
            rows(feast, &statement).await;
            model.source.extend(new);
            statement
        }
        3 => {
            rows(feast, "MATERIALIZE FEATURE VIEW h FULL").await;
            let all = model.source.clone();
            // The very same write again writes nothing.
            let again =
                model.commits.last().is_some_and(|last| last.full_of(&all)) && !model.renewed;
            if !again {
                model.materialize(all, true);
            }
            model.seen = model.source.len();
            model.materialized = true;
            "full".to_owned()
        }
        4 | 5 => {
            rows(feast, "MATERIALIZE FEATURE VIEW h").await;
            if model.materialized && !model.renewed {
                let new = model.source[model.seen..].to_vec();
                model.materialize(new, false);
            } else {
                let all = model.source.clone();
                model.materialize(all, true);
            }
            model.seen = model.source.len();
            model.materialized = true;
            "incremental".to_owned()
        }
        6 => {
            let (a, b) = (
                dice.random_range(0..DAYS.len()),
                dice.random_range(0..DAYS.len()),
            );
            let (start, end) = (a.min(b), a.max(b));
            let statement = format!(
                "MATERIALIZE FEATURE VIEW h FROM '{}T00:00:00Z' TO '{}T00:00:00Z'",
                DAYS[start], DAYS[end]
            );
            rows(feast, &statement).await;
            let inside = model
                .source
                .iter()
                .filter(|row| (start..=end).contains(&row.day));
            let inside = inside.cloned().collect();
            model.materialize(inside, false);
            statement
        }
        7 => {
            let new: Vec<Row> = (0..2).map(|_| draw(dice, true)).collect();
            let statement = format!(
                "SELECT * FROM feast_write_online('h', (SELECT * FROM (VALUES {}) AS t(k, ts, created, v)))",
                values(&new)
            );
            rows(feast, &statement).await;
            model.commits.push(Commit {
                rows: new,
                pushed: true,
                ..Commit::default()
            });
            statement
        }
        _ if model.commits.is_empty() => "nothing".to_owned(),
        _ => {
            let key = dice.random_range(0..KEYS);
            let statement = format!(
                "SELECT * FROM feast_delete_online('h', (SELECT CAST({key} AS BIGINT) AS k))"
            );
            rows(feast, &statement).await;
            model.commits.push(Commit {
                hides: BTreeSet::from([key]),
                pushed: true,
                ..Commit::default()
            });
            statement
        }
    }
}

impl Commit {
    fn full_of(&self, all: &[Row]) -> bool {
        !self.pushed && self.rows == all
    }
}

fn shown(key: i64, row: Option<Row>) -> String {
    let (value, status) = match row {
        None => (String::new(), "NOT_FOUND"),
        Some(Row { value: None, .. }) => (String::new(), "NULL_VALUE"),
        Some(Row {
            value: Some(value), ..
        }) => (value.to_string(), "PRESENT"),
    };
    format!("{key} {value} {status}")
}

async fn check(feast: &FeastContext, model: &Model, told: &str) {
    let keys: Vec<i64> = (0..=KEYS).rev().chain([0, 0]).collect();
    let list: Vec<String> = keys.iter().map(i64::to_string).collect();
    for (as_of, day) in [
        ("", PAST - 1),
        (", as_of => '2200-01-01T00:00:00Z'", PAST),
        (", as_of => '2201-01-01T00:00:00Z'", PAST + 1),
    ] {
        let lookup = |source: &str| {
            format!(
                "SELECT * FROM feast_online_lookup(['h:v'], [{}], status => true, source => '{source}'{as_of})",
                list.join(", ")
            )
        };
        if !model.commits.is_empty() {
            let expected: Vec<String> = keys
                .iter()
                .map(|key| shown(*key, model.online(*key, day)))
                .collect();
            assert_eq!(
                lines(feast, &lookup("online")).await,
                expected,
                "online{as_of}\n{told}\n{model:#?}"
            );
        }
        let source = |key: i64| Model::winner(model.source.iter().cloned(), key, day);
        let expected: Vec<String> = keys.iter().map(|key| shown(*key, source(*key))).collect();
        assert_eq!(
            lines(feast, &lookup("offline")).await,
            expected,
            "offline{as_of}\n{told}"
        );
    }
}

#[tokio::test]
async fn lookups_are_those_of_a_model_that_keeps_all_rows() {
    for seed in 0..6 {
        println!("seed {seed}");
        let mut dice = StdRng::seed_from_u64(seed);
        let lake = OnlineLake::new().await;
        let mut feast = lake.session().await;
        for statement in [
            CREATE,
            "CREATE ENTITY k JOIN KEY (k BIGINT)",
            "CREATE FEATURE VIEW h ENTITIES (k) FEATURES (v BIGINT) FROM lake.shop.h TIMESTAMP ts CREATED TIMESTAMP created",
        ] {
            rows(&feast, statement).await;
        }
        let mut model = Model::default();
        let mut told = format!("seed {seed}");
        for _ in 0..14 {
            let done = step(&feast, &mut dice, &mut model).await;
            told = format!("{told}\n{done}");
            if dice.random_range(0..4) == 0 {
                feast = lake.session().await;
                told.push_str("\nrestarted");
            }
            if dice.random_range(0..12) == 0 {
                rows(&feast, "DROP TABLE lake.shop.h").await;
                rows(&feast, CREATE).await;
                model.source.clear();
                model.renewed |= model.commits.iter().any(|commit| !commit.pushed);
                model.materialized &= !model.renewed;
                told.push_str("\nanother source");
            }
            check(&feast, &model, &told).await;
        }
    }
}
