// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Random histories of an online table against a model that keeps every row.

use std::collections::BTreeSet;

use datafusion_feast::FeastContext;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::kinds::{KEYS, Kind, create, definitions, keys};
use super::{OnlineLake, lines, rows};
use crate::seeds::{number, runtime};

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
    /// The rows of the source that the last materialization could see; None if they are gone.
    base: Option<usize>,
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

fn draw(dice: &mut StdRng, key: bool, kind: Kind) -> Row {
    let some = |dice: &mut StdRng| dice.random_range(0..10) > 2;
    Row {
        day: dice.random_range(0..DAYS.len()),
        created: some(dice).then(|| dice.random_range(0..3)),
        value: some(dice).then(|| dice.random_range(0..100)),
        key: match kind {
            Kind::Nothing => Some(0),
            _ => (key || some(dice)).then(|| dice.random_range(0..KEYS)),
        },
    }
}

fn sql(row: &Row, kind: Kind) -> String {
    let day = |day: Option<usize>| match day {
        Some(day) => format!("TIMESTAMP '{}T00:00:00'", DAYS[day]),
        None => "CAST(NULL AS TIMESTAMP)".to_owned(),
    };
    let number = |number: Option<i64>| match number {
        Some(number) => format!("CAST({number} AS BIGINT)"),
        None => "CAST(NULL AS BIGINT)".to_owned(),
    };
    format!(
        "({}{}, {}, {})",
        kind.values(row.key),
        day(Some(row.day)),
        day(row.created),
        number(row.value)
    )
}

fn values(rows: &[Row], kind: Kind) -> String {
    let rows: Vec<String> = rows.iter().map(|row| sql(row, kind)).collect();
    rows.join(", ")
}

async fn step(feast: &FeastContext, dice: &mut StdRng, model: &mut Model, kind: Kind) -> String {
    match dice.random_range(0..9) {
        0..=2 => {
            let count = dice.random_range(1..4);
            let new: Vec<Row> = (0..count).map(|_| draw(dice, false, kind)).collect();
            let statement = format!("INSERT INTO lake.shop.h VALUES {}", values(&new, kind));
            rows(feast, &statement).await;
            model.source.extend(new);
            statement
        }
        3 => {
            rows(feast, "MATERIALIZE FEATURE VIEW h FULL").await;
            let all = model.source.clone();
            model.materialize(all, true);
            model.seen = model.source.len();
            model.base = Some(model.seen).filter(|rows| *rows > 0);
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
            model.base = Some(model.seen).filter(|rows| *rows > 0);
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
            model.base = Some(model.source.len()).filter(|rows| *rows > 0);
            statement
        }
        7 => {
            let new: Vec<Row> = (0..2).map(|_| draw(dice, true, kind)).collect();
            let statement = format!(
                "SELECT * FROM feast_write_online('h', (SELECT * FROM (VALUES {}) AS t({}ts, created, v)))",
                values(&new, kind),
                kind.names()
            );
            rows(feast, &statement).await;
            model.commits.push(Commit {
                rows: new,
                pushed: true,
                ..Commit::default()
            });
            statement
        }
        _ if model.commits.is_empty() || kind == Kind::Nothing => "nothing".to_owned(),
        _ => {
            let key = dice.random_range(0..KEYS);
            let statement = format!(
                "SELECT * FROM feast_delete_online('h', {})",
                keys(kind, &[key])
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

fn shown(row: Option<Row>) -> String {
    let (value, status) = match row {
        None => (String::new(), "NOT_FOUND"),
        Some(Row { value: None, .. }) => (String::new(), "NULL_VALUE"),
        Some(Row {
            value: Some(value), ..
        }) => (value.to_string(), "PRESENT"),
    };
    format!("{value} {status}")
}

async fn check(feast: &FeastContext, model: &Model, kind: Kind, told: &str) {
    let asked: Vec<i64> = match kind {
        Kind::Nothing => vec![0, 0],
        _ => (0..=KEYS).rev().chain([0, 0]).collect(),
    };
    let query = keys(kind, &asked);
    for (as_of, day) in [
        ("", PAST - 1),
        (", as_of => '2200-01-01T00:00:00Z'", PAST),
        (", as_of => '2201-01-01T00:00:00Z'", PAST + 1),
    ] {
        let lookup = |source: &str| {
            format!(
                "SELECT v, v__status FROM feast_online_lookup(['h:v'], {query}, status => true, source => '{source}'{as_of})"
            )
        };
        if !model.commits.is_empty() {
            let expected: Vec<String> = asked
                .iter()
                .map(|key| shown(model.online(*key, day)))
                .collect();
            assert_eq!(
                lines(feast, &lookup("online")).await,
                expected,
                "online{as_of}\n{told}\n{model:#?}"
            );
        }
        let source = |key: i64| Model::winner(model.source.iter().cloned(), key, day);
        let expected: Vec<String> = asked.iter().map(|key| shown(source(*key))).collect();
        assert_eq!(
            lines(feast, &lookup("offline")).await,
            expected,
            "offline{as_of}\n{told}"
        );
        let joined = format!(
            "SELECT v FROM feast_pit_join((SELECT *, TIMESTAMP '{}T00:00:00' AS ts FROM {query}), ['h:v'], event_timestamp => 'ts')",
            DAYS[day]
        );
        let values: Vec<String> = asked
            .iter()
            .map(|key| source(*key).and_then(|row| row.value))
            .map(|value| value.map_or_else(String::new, |value| value.to_string()))
            .collect();
        assert_eq!(lines(feast, &joined).await, values, "join\n{told}");
    }
}

/// The keys that the parity check names are those whose winners differ from the source's as it was
/// materialized last.
async fn check_parity(feast: &FeastContext, model: &Model, kind: Kind, told: &str) {
    let Some(base) = model.base else {
        return;
    };
    let keys = if kind == Kind::Nothing { 1 } else { KEYS };
    let told_of = |row: Option<Row>| row.map(|row| (row.day, row.value));
    let differing = (0..keys).filter(|key| {
        let source = Model::winner(model.source[..base].iter().cloned(), *key, PAST - 1);
        told_of(model.online(*key, PAST - 1)) != told_of(source)
    });
    let found = lines(feast, "SELECT v__online FROM feast_verify_parity('h')").await;
    assert_eq!(found.len(), differing.count(), "parity\n{told}\n{model:#?}");
}

async fn scenario(seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed);
    let kind = Kind::ALL[(seed % 7) as usize];
    let strategy = ["entity_hash", "timestamp", "hybrid"][(seed % 3) as usize];
    let lake = OnlineLake::new().await;
    let session = async || {
        let feast = lake.session().await;
        let set = format!("SET feast.online.partition_strategy = '{strategy}'");
        rows(&feast, &set).await;
        feast
    };
    let mut feast = session().await;
    for statement in definitions(kind) {
        rows(&feast, &statement).await;
    }
    let mut model = Model::default();
    let mut told = format!("seed {seed}, {kind:?}, {strategy}");
    for _ in 0..12 {
        let done = Box::pin(step(&feast, &mut dice, &mut model, kind)).await;
        told = format!("{told}\n{done}");
        if dice.random_range(0..4) == 0 {
            feast = session().await;
            told.push_str("\nrestarted");
        }
        if dice.random_range(0..12) == 0 {
            rows(&feast, "DROP TABLE lake.shop.h").await;
            rows(&feast, &create(kind)).await;
            model.source.clear();
            model.base = None;
            model.renewed |= model.commits.iter().any(|commit| !commit.pushed);
            model.materialized &= !model.renewed;
            told.push_str("\nanother source");
        }
        if dice.random_range(0..3) == 0 {
            Box::pin(check(&feast, &model, kind, &told)).await;
            Box::pin(check_parity(&feast, &model, kind, &told)).await;
        }
    }
    Box::pin(check(&feast, &model, kind, &told)).await;
    Box::pin(check_parity(&feast, &model, kind, &told)).await;
}

/// `FEAST_ONLINE_SCENARIOS` says how many, `FEAST_ONLINE_SEED` which is the first.
#[test]
fn lookups_are_those_of_a_model_that_keeps_all_rows() {
    let first = number("FEAST_ONLINE_SEED", 0);
    let count = number("FEAST_ONLINE_SCENARIOS", 9);
    let runtime = runtime();
    for seed in first..first + count {
        println!("seed {seed}");
        runtime.block_on(Box::pin(scenario(seed)));
    }
    println!("{count} scenarios");
}
