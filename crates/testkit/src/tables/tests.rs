// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

use std::collections::BTreeSet;

use iceberg::TableIdent;
use iceberg::spec::ManifestStatus;
use iceberg::table::StaticTable;

use super::*;
use crate::faults;

/// The Iceberg crate finds in a table's metadata the files that the model knows.
#[tokio::test]
async fn metadata_is_what_the_iceberg_crate_reads() {
    let mut kinds = BTreeSet::new();
    for seed in 0..120 {
        let random = RandomTable::draw(seed, "s3://bucket/t").unwrap();
        let made = &random.made;
        let io = faults::file_io(faults::memory(&made.files).await.unwrap());
        let ident = TableIdent::from_strs(["ns", "t"]).unwrap();
        let table = StaticTable::from_metadata_file(&made.metadata, ident, io.clone()).await;
        let table = table
            .unwrap_or_else(|error| panic!("{random}\n{error:?}"))
            .into_table();
        for known in made.table.snapshots() {
            let snapshot = table.metadata().snapshot_by_id(known.id).unwrap();
            let list = table.manifest_list_reader(snapshot).load().await;
            let list = list.unwrap_or_else(|error| panic!("{random}\n{error:?}"));
            let mut found: Vec<(String, i64)> = Vec::new();
            if made.table.manifests.no_header {
                continue;
            }
            let mut readable = true;
            for manifest in list.entries() {
                // A spec whose column is gone is more than this crate reads.
                let Ok(manifest) = manifest.load_manifest(&io).await else {
                    readable = false;
                    continue;
                };
                for entry in manifest.entries() {
                    if entry.status() != ManifestStatus::Deleted {
                        let sequence = entry.sequence_number().unwrap();
                        found.push((entry.file_path().to_owned(), sequence));
                    }
                }
            }
            let live = known.data.iter().chain(&known.deletes);
            let mut wanted: Vec<_> = live.map(|f| (f.path.clone(), f.sequence)).collect();
            found.sort();
            wanted.sort();
            assert!(!readable || found == wanted, "{random}\n{found:#?}");
            for file in known.deletes.iter() {
                kinds.insert(match &file.deletes {
                    Some(DeleteKind::Positions { .. }) => "positions",
                    Some(DeleteKind::Vector { .. }) => "vectors",
                    _ => "equality",
                });
            }
        }
    }
    assert!(
        ["positions", "vectors", "equality"]
            .iter()
            .all(|kind| kinds.contains(kind))
    );
}

#[test]
fn a_seed_gives_one_table() {
    let draw = || RandomTable::draw(7, "s3://bucket/t").unwrap();
    assert_eq!(draw().made.files, draw().made.files);
}

/// What a row-by-row reader finds in a table that was put together by hand.
#[test]
fn the_model_follows_the_specification() {
    let schema = Schema {
        id: 0,
        fields: vec![
            Field::required(1, "id", Type::Int),
            Field::optional(2, "name", Type::Text),
        ],
    };
    let mut table = TableMaker::new("s3://bucket/t", 2, schema, unpartitioned());
    let row = |id: i64, name: &str| vec![Datum::Int(id), Datum::Text(name.to_owned())];
    let data = |table: &mut TableMaker, rows: Vec<Vec<Datum>>| {
        let columns = table.current_schema().fields.clone();
        table
            .data_file(&NewData {
                columns,
                rows,
                spec_id: 0,
                partition: Vec::new(),
                layout: Layout::default(),
                metrics: MetricsMode::Full,
                oversized: 0,
            })
            .unwrap()
    };
    let change = |file: TableFile| Change {
        operation: "append",
        added: vec![file],
        ..Change::default()
    };
    let first = data(&mut table, vec![row(1, "a"), row(2, "b"), row(3, "c")]);
    let path = first.path.replacen("s3:", "s3a:", 1);
    table.commit(MAIN, change(first)).unwrap();
    let deletes = table
        .position_deletes(&NewPositions {
            rows: vec![(path.clone(), 0), (path, 0)],
            spec_id: 0,
            partition: Vec::new(),
            referenced: None,
            bounds: true,
            kept: None,
            names: ["file_path", "pos"],
            layout: Layout::default(),
        })
        .unwrap();
    table.commit(MAIN, change(deletes)).unwrap();
    let deletes = table
        .equality_deletes(&NewEquality {
            ids: vec![1],
            keys: vec![vec![Datum::Int(2)]],
            spec_id: 0,
            partition: Vec::new(),
            layout: Layout::default(),
            metrics: MetricsMode::Full,
        })
        .unwrap();
    table.commit(MAIN, change(deletes)).unwrap();
    let again = data(&mut table, vec![row(2, "again")]);
    table.commit(MAIN, change(again)).unwrap();
    let counts = table
        .snapshots()
        .iter()
        .map(|s| table.rows(s, table.current_schema()).len());
    assert_eq!(counts.collect::<Vec<_>>(), [3, 2, 1, 2]);
}

/// Writes `FEAST_ICEBERG_TABLES` tables (100) from seed `FEAST_ICEBERG_SEED` (0) to the folder
/// `FEAST_ICEBERG_WRITE`, if that is set, for other engines to read: each with an `expected.json` as
/// those in `tests/data/tables`.
#[test]
fn tables_for_other_engines() {
    let Ok(folder) = std::env::var("FEAST_ICEBERG_WRITE") else {
        return;
    };
    let number = |name: &str, otherwise: u64| {
        let set = std::env::var(name).ok();
        set.map_or(otherwise, |text| text.parse().unwrap())
    };
    let first = number("FEAST_ICEBERG_SEED", 0);
    for seed in first..first + number("FEAST_ICEBERG_TABLES", 100) {
        let root = format!("{folder}/random_{seed}");
        let random = RandomTable::draw(seed, &format!("file://{root}/table")).unwrap();
        random.made.write().unwrap();
        let expected = random.expected().unwrap();
        std::fs::write(format!("{root}/expected.json"), expected.to_string()).unwrap();
        std::fs::write(format!("{root}/story.txt"), random.to_string()).unwrap();
    }
}
