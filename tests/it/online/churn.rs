// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Random sources that other engines append to, delete from, overwrite and compact: after a materialization of any kind that
//! brings the table up to its source, the answers are those of the source's rows and the pushed ones.

use std::sync::Arc;

use feast_testkit::tables::TableFile;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::changes::{Row, Source};
use super::{OnlineLake, lines, rows};
use crate::seeds::{number, runtime};

const KEYS: i64 = 5;

/// A live data file with the rows that are left of it.
struct File {
    key: String,
    rows: Vec<Option<Row>>,
    has_vector: bool,
}

struct Churn {
    version: u8,
    source: Source,
    files: Vec<File>,
    pushed: Vec<Row>,
}

fn draw(dice: &mut StdRng) -> Vec<Row> {
    let count = dice.random_range(1..5);
    let mut row = || {
        let key = dice.random_range(0..=KEYS);
        let value = dice.random_range(0..20);
        (
            (key < KEYS).then_some(key),
            dice.random_range(1..28),
            (value > 2).then_some(value),
        )
    };
    (0..count).map(|_| row()).collect()
}

impl Churn {
    fn live(&self, file: usize) -> Arc<TableFile> {
        let mut files = self.source.files().into_iter();
        files.find(|it| it.key() == self.files[file].key).unwrap()
    }

    fn enter(&mut self, rows: &[Row], file: &TableFile) {
        self.files.push(File {
            key: file.key(),
            rows: rows.iter().copied().map(Some).collect(),
            has_vector: false,
        });
    }

    /// Changes the source in one commit, and says how.
    async fn change(&mut self, dice: &mut StdRng) -> String {
        let some = !self.files.is_empty();
        match dice.random_range(0..7) {
            0 if some => {
                let at = dice.random_range(0..self.files.len());
                if self.version == 3 && self.files[at].has_vector {
                    return "nothing".to_owned();
                }
                let position = dice.random_range(0..self.files[at].rows.len());
                let file = self.live(at);
                self.source
                    .delete_positions(&file, &[position as i64])
                    .await;
                self.files[at].rows[position] = None;
                self.files[at].has_vector = true;
                format!("deleted row {position} of file {at}")
            }
            1 if some => {
                let key = dice.random_range(0..KEYS);
                self.source.delete_key(key).await;
                for row in self.files.iter_mut().flat_map(|file| &mut file.rows) {
                    *row = row.filter(|row| row.0 != Some(key));
                }
                format!("deleted key {key}")
            }
            2 if some => {
                let at = dice.random_range(0..self.files.len());
                let removed = self.files.remove(at);
                let rows = draw(dice);
                let file = self.source.file(&rows);
                self.enter(&rows, &file);
                let removed = vec![removed.key];
                self.source.commit("overwrite", vec![file], removed).await;
                format!("file {at} became {rows:?}")
            }
            3 if self.files.len() > 1 => {
                let merged: Vec<File> = self.files.drain(..2).collect();
                let rows: Vec<Row> = merged
                    .iter()
                    .flat_map(|it| it.rows.iter().flatten())
                    .copied()
                    .collect();
                let removed = merged.into_iter().map(|file| file.key).collect();
                let mut added = Vec::new();
                if !rows.is_empty() {
                    let file = self.source.file(&rows);
                    self.enter(&rows, &file);
                    added.push(file);
                }
                self.source.commit("replace", added, removed).await;
                "two files became one".to_owned()
            }
            _ => {
                let rows = draw(dice);
                let file = self.source.file(&rows);
                self.enter(&rows, &file);
                self.source.commit("append", vec![file], vec![]).await;
                format!("appended {rows:?}")
            }
        }
    }

    fn expected(&self) -> Vec<String> {
        let of_source = self
            .files
            .iter()
            .flat_map(|file| file.rows.iter().flatten());
        let all: Vec<&Row> = of_source.chain(&self.pushed).collect();
        let winner = |key: i64| {
            let rows = all.iter().filter(|row| row.0 == Some(key));
            rows.map(|row| (row.1, row.2))
                .max()
                .and_then(|(_, value)| value)
        };
        (0..KEYS)
            .map(|key| winner(key).map_or_else(String::new, |value| value.to_string()))
            .collect()
    }
}

async fn scenario(seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed);
    let lake = OnlineLake::new().await;
    let version = 2 + (seed % 2) as u8;
    let mut churn = Churn {
        version,
        source: Source::new(&lake, version).await,
        files: Vec::new(),
        pushed: Vec::new(),
    };
    let feast = lake.session().await;
    let mut told = format!("seed {seed}");
    for _ in 0..14 {
        let mut current = false;
        let done = match dice.random_range(0..10) {
            0..=4 => Box::pin(churn.change(&mut dice)).await,
            5..=6 => {
                rows(&feast, "MATERIALIZE FEATURE VIEW h").await;
                current = true;
                "incremental".to_owned()
            }
            7 => {
                rows(&feast, "MATERIALIZE FEATURE VIEW h FULL").await;
                current = true;
                "full".to_owned()
            }
            8 => {
                let window = "MATERIALIZE FEATURE VIEW h FROM '2025-01-05T00:00:00Z' TO '2025-01-15T00:00:00Z'";
                rows(&feast, window).await;
                "window".to_owned()
            }
            _ => {
                let (key, day, value) = (
                    dice.random_range(0..KEYS),
                    dice.random_range(1..28),
                    dice.random_range(0..20),
                );
                let push = format!(
                    "SELECT * FROM feast_write_online('h', (SELECT CAST({key} AS BIGINT) AS k, TIMESTAMP '2025-01-{day:02}T00:00:00' AS ts,
                        CAST({value} AS BIGINT) AS v))"
                );
                rows(&feast, &push).await;
                churn.pushed.push((Some(key), day, Some(value)));
                format!("pushed {key} {day} {value}")
            }
        };
        told = format!("{told}\n{done}");
        if current {
            let lookup =
                "SELECT v FROM feast_online_lookup(['h:v'], [0, 1, 2, 3, 4], source => 'online')";
            assert_eq!(lines(&feast, lookup).await, churn.expected(), "{told}");
        }
    }
}

/// `FEAST_ONLINE_SCENARIOS` says how many, `FEAST_ONLINE_SEED` which is the first.
#[test]
fn tables_follow_sources_that_other_engines_change() {
    let first = number("FEAST_ONLINE_SEED", 0);
    let count = number("FEAST_ONLINE_SCENARIOS", 10);
    let runtime = runtime();
    for seed in first..first + count {
        println!("seed {seed}");
        runtime.block_on(Box::pin(scenario(seed)));
    }
    println!("{count} scenarios");
}
