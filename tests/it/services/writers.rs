// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Several processes that write one table at once: no row is lost, none is there twice.

use super::child;
use super::lake::{Lake, are_up};
use super::peers::{make, see};

const WRITERS: usize = 2;
const INSERTS: usize = 6;

#[test]
fn seaweedfs() {
    if are_up() {
        write_at_once(&Lake::SeaweedfsVended);
    }
}

#[test]
fn ministack() {
    if are_up() {
        write_at_once(&Lake::Ministack);
    }
}

#[test]
fn lakana() {
    if are_up() {
        write_at_once(&Lake::Lakana);
    }
}

#[test]
fn sqlite() {
    if are_up() {
        let folder = tempfile::tempdir().unwrap();
        write_at_once(&Lake::sqlite(folder.path()));
    }
}

fn write_at_once(lake: &Lake) {
    let namespace = lake.namespace("writers");
    make(lake, "one", &namespace, &["t"]);
    let children: Vec<_> = (1..=WRITERS)
        .map(|writer| {
            let mut statements = vec![lake.options().statement()];
            statements.extend((0..INSERTS).map(|insert| {
                let id = writer * 100 + insert;
                format!("INSERT INTO lake.\"{namespace}\".t VALUES ({id}, 'by {writer}')")
            }));
            child::start(&statements, &[])
        })
        .collect();
    for child in children {
        if let Err(error) = child::answer_of(child) {
            panic!("{lake:?}: {error}");
        }
    }
    let seen = see(lake, &namespace, "t");
    let mut ids: Vec<usize> = seen
        .rows()
        .column("id")
        .iter()
        .map(|id| id.parse().unwrap())
        .collect();
    ids.sort_unstable();
    let written = (1..=WRITERS).flat_map(|writer| (0..INSERTS).map(move |n| writer * 100 + n));
    assert_eq!(ids, (0..3).chain(written).collect::<Vec<_>>(), "{lake:?}");
    assert_eq!(
        seen.texts("snapshots").len(),
        1 + WRITERS * INSERTS,
        "{lake:?}"
    );
    seen.has(&seen.rows());
}
