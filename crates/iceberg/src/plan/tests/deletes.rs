// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Which delete files apply to which data files.

use std::collections::HashMap;
use std::sync::Arc;

use iceberg::spec::{
    DataContentType, DataFileBuilder, DataFileFormat, Datum, Literal, ManifestEntry,
    ManifestStatus, PartitionSpec, Struct, Transform,
};

use super::{columns, spec};
use crate::error::Result;
use crate::plan::delete_file::DeleteFile;
use crate::plan::delete_index::DeleteIndex;
use crate::plan::files::PlannedFile;

/// The id of the path column of position delete files.
const PATH: i32 = 2_147_483_546;

/// A file to be, of a table partitioned by `id`.
#[derive(Clone)]
struct File {
    builder: DataFileBuilder,
    sequence: Option<i64>,
    partition: Vec<Option<Literal>>,
    spec_id: i32,
}

fn file(content: DataContentType, path: &str, sequence: i64) -> File {
    let mut builder = DataFileBuilder::default();
    builder
        .content(content)
        .file_path(path.to_string())
        .file_format(DataFileFormat::Parquet)
        .record_count(10)
        .file_size_in_bytes(1)
        .partition_spec_id(0);
    File {
        builder,
        sequence: Some(sequence),
        partition: vec![Some(Literal::long(5))],
        spec_id: 0,
    }
}

fn data(path: &str, sequence: i64) -> File {
    file(DataContentType::Data, path, sequence)
}

fn positions(path: &str, sequence: i64) -> File {
    file(DataContentType::PositionDeletes, path, sequence)
}

fn equality(path: &str, sequence: i64) -> File {
    let mut file = file(DataContentType::EqualityDeletes, path, sequence);
    file.builder.equality_ids(Some(vec![1]));
    file
}

impl File {
    fn with(mut self, change: impl FnOnce(&mut DataFileBuilder)) -> Self {
        change(&mut self.builder);
        self
    }

    fn of(self, target: &str) -> Self {
        self.with(|b| {
            b.referenced_data_file(Some(target.to_string()));
        })
    }

    fn vector(self) -> Self {
        self.with(|b| {
            b.file_format(DataFileFormat::Puffin);
            b.content_offset(Some(4));
        })
    }

    fn bounds(self, id: i32, lower: Datum, upper: Datum) -> Self {
        self.with(|b| {
            b.lower_bounds(HashMap::from([(id, lower)]));
            b.upper_bounds(HashMap::from([(id, upper)]));
            b.null_value_counts(HashMap::from([(id, 0)]));
        })
    }

    fn paths(self, lower: &str, upper: &str) -> Self {
        self.bounds(PATH, Datum::string(lower), Datum::string(upper))
    }

    fn ids(self, lower: i64, upper: i64) -> Self {
        self.bounds(1, Datum::long(lower), Datum::long(upper))
    }

    fn partition(mut self, partition: Vec<Option<Literal>>) -> Self {
        self.partition = partition;
        self
    }

    fn unpartitioned(mut self) -> Self {
        self.spec_id = 1;
        self.partition(Vec::new())
    }

    fn spec(&self) -> Arc<PartitionSpec> {
        Arc::new(match self.spec_id {
            0 => spec(&[(1, "id", Transform::Identity)]),
            _ => spec(&[]),
        })
    }

    fn entry(mut self) -> Arc<ManifestEntry> {
        self.builder.partition(Struct::from_iter(self.partition));
        let entry = ManifestEntry::builder()
            .status(ManifestStatus::Existing)
            .sequence_number_opt(self.sequence)
            .data_file(self.builder.build().unwrap());
        Arc::new(entry.build())
    }

    fn delete(self) -> DeleteFile {
        DeleteFile {
            spec: self.spec(),
            spec_id: self.spec_id,
            sequence: self.sequence.unwrap_or(i64::MAX),
            entry: self.entry(),
        }
    }

    fn planned(self) -> PlannedFile {
        PlannedFile {
            spec: self.spec(),
            spec_id: self.spec_id,
            sequence: self.sequence.unwrap_or(0),
            entry: self.entry(),
            deletes: Arc::default(),
        }
    }
}

fn applied(
    deletes: impl IntoIterator<Item = File>,
    mut files: Vec<PlannedFile>,
) -> Result<Vec<PlannedFile>> {
    let columns = columns();
    let mut index = DeleteIndex::new("table ns.t (snapshot 7)".to_string(), &columns);
    for delete in deletes {
        index.insert(delete.delete())?;
    }
    index.sort();
    index.apply(&mut files)?;
    Ok(files)
}

/// The delete files of one data file: its vector, then the others by kind.
fn deletes_of(deletes: impl IntoIterator<Item = File>, data: File) -> Result<Vec<String>> {
    let files = applied(deletes, vec![data.planned()])?;
    let deletes = files[0].deletes.files();
    Ok(deletes.map(|d| d.entry.file_path().to_string()).collect())
}

fn found(deletes: impl IntoIterator<Item = File>, data: File) -> Vec<String> {
    deletes_of(deletes, data).unwrap()
}

const DATA: &str = "s3://b/t/id=5/f.parquet";

#[test]
fn a_deletion_vector_stands_for_all_position_deletes() {
    let deletes = || {
        [
            positions("p1", 4),
            positions("p2", 4).of(DATA),
            positions("v", 4).vector().of("s3a://b/t/id=5/f.parquet"),
            equality("e", 4),
        ]
    };
    assert_eq!(found(deletes(), data(DATA, 3)), ["v", "e"]);
    assert_eq!(
        found(deletes(), data("s3://b/t/id=5/g.parquet", 3)),
        ["p1", "e"]
    );
    assert_eq!(found(deletes(), data(DATA, 4)), ["v"]);
    let error = deletes_of(deletes(), data(DATA, 5))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("table ns.t (snapshot 7)") && error.contains("not older"),
        "{error}"
    );
}

#[test]
fn two_deletion_vectors_of_one_file_are_an_error() {
    let vector = |path| positions(path, 4).vector().of(DATA);
    let error = deletes_of([vector("v"), vector("w")], data(DATA, 3)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("two deletion vectors, in 'v' and in 'w'"),
        "{error}"
    );
    // The same one, named by two manifests.
    assert_eq!(found([vector("v"), vector("v")], data(DATA, 3)), ["v"]);
    let error = deletes_of([positions("v", 4).vector()], data(DATA, 3)).unwrap_err();
    assert!(
        error.to_string().contains("which data file it is for"),
        "{error}"
    );
}

#[test]
fn position_deletes_that_name_their_file_find_it_in_any_spelling_and_partition() {
    let six = || vec![Some(Literal::long(6))];
    for (target, path) in [
        (DATA, DATA),
        ("s3a://b/t/id=5/f.parquet", DATA),
        ("/w/t/f.parquet", "file:///w/t/f.parquet"),
        ("hdfs://node:8020/w/t/f.parquet", "hdfs:/w/t/f.parquet"),
    ] {
        let by_name = || positions("p", 3).partition(six()).of(target);
        let by_bounds = || positions("p", 3).partition(six()).paths(target, target);
        assert_eq!(found([by_name()], data(path, 3)), ["p"], "{target}");
        assert_eq!(found([by_bounds()], data(path, 3)), ["p"], "{target}");
        assert!(found([by_name()], data(path, 4)).is_empty(), "{target}");
        assert!(found([by_name()], data("s3://b/t/id=5/g.parquet", 3)).is_empty());
    }
    let other_bucket = positions("p", 3).of("s3://other/t/id=5/f.parquet");
    let error = deletes_of([other_bucket], data(DATA, 3))
        .unwrap_err()
        .to_string();
    assert!(error.contains("the same path in another store"), "{error}");
}

#[test]
fn position_deletes_of_a_partition_apply_to_its_older_files() {
    let delete = |sequence| positions("p", sequence);
    assert_eq!(found([delete(3)], data(DATA, 3)), ["p"]);
    assert!(found([delete(2)], data(DATA, 3)).is_empty());
    let six = data(DATA, 3).partition(vec![Some(Literal::long(6))]);
    assert!(found([delete(3)], six).is_empty());
    assert!(found([delete(3)], data(DATA, 3).unpartitioned()).is_empty());
    // Both sides of an unpartitioned spec.
    let everywhere = delete(3).unpartitioned();
    assert_eq!(
        found([everywhere.clone()], data(DATA, 3).unpartitioned()),
        ["p"]
    );
    assert!(found([everywhere], data(DATA, 3)).is_empty());
}

#[test]
fn path_bounds_tell_position_deletes_of_other_files() {
    let may = |lower: &str, upper: &str, path: &str| {
        !found([positions("p", 3).paths(lower, upper)], data(path, 3)).is_empty()
    };
    assert!(may(
        "s3://b/t/a.parquet",
        "s3://b/t/m.parquet",
        "s3://b/t/f.parquet"
    ));
    assert!(!may(
        "s3://b/t/a.parquet",
        "s3://b/t/e.parquet",
        "s3://b/t/f.parquet"
    ));
    assert!(!may(
        "s3://b/t/g.parquet",
        "s3://b/t/m.parquet",
        "s3://b/t/f.parquet"
    ));
    // Cut, the upper one not rounded up.
    assert!(may("s3://b/t/", "s3://b/t/", "s3://b/t/f.parquet"));
    assert!(!may("s3://b/t/", "s3://b/t/", "s3://b/u/f.parquet"));
    // Cut before the store is known.
    assert!(may("s3://bu", "s3://bu", "s3://c/t/f.parquet"));
    // Other spellings of the store are the same file; another store may be.
    assert!(may("s3a://b/t/a", "s3a://b/t/m", "s3://b/t/f.parquet"));
    assert!(!may("s3a://b/t/g", "s3a://b/t/m", "s3://b/t/f.parquet"));
    assert!(may("s3://c/t/a", "s3://c/t/e", "s3://b/t/f.parquet"));
    assert!(may("s3://b/t/g", "s3a://b/t/h", "s3://b/t/f.parquet"));
    assert!(may("/w//g", "/w/h", "/w/f.parquet"));
}

#[test]
fn equality_deletes_apply_to_strictly_older_files() {
    assert_eq!(found([equality("e", 4)], data(DATA, 3)), ["e"]);
    assert!(found([equality("e", 3)], data(DATA, 3)).is_empty());
    let six = || data(DATA, 3).partition(vec![Some(Literal::long(6))]);
    assert!(found([equality("e", 4)], six()).is_empty());
    let everywhere = || equality("e", 4).unpartitioned();
    assert_eq!(found([everywhere()], six()), ["e"]);
    assert_eq!(found([everywhere()], data(DATA, 3).unpartitioned()), ["e"]);
    let newer = [
        equality("e1", 9),
        equality("e2", 2),
        everywhere(),
        equality("e3", 4),
    ];
    assert_eq!(found(newer, data(DATA, 3)), ["e3", "e1", "e"]);
}

#[test]
fn a_missing_sequence_number_loses_no_delete() {
    for mut delete in [equality("d", 0), positions("d", 0)] {
        delete.sequence = None;
        assert_eq!(found([delete], data(DATA, 3)), ["d"]);
    }
    let mut unnumbered = data(DATA, 3);
    unnumbered.sequence = None;
    assert_eq!(found([equality("d", 1)], unnumbered), ["d"]);
}

#[test]
fn deletes_apply_after_the_partition_column_was_promoted() {
    for delete in [equality("d", 4), positions("d", 4)] {
        let may = |one: Option<Literal>, other: Option<Literal>| {
            let delete = delete.clone().partition(vec![one]);
            !found([delete], data(DATA, 3).partition(vec![other])).is_empty()
        };
        assert!(may(Some(Literal::long(5)), Some(Literal::int(5))));
        assert!(!may(Some(Literal::long(6)), Some(Literal::int(5))));
        assert!(may(Some(Literal::double(0.5)), Some(Literal::float(0.5))));
        assert!(!may(Some(Literal::double(0.25)), Some(Literal::float(0.5))));
        assert!(may(
            Some(Literal::double(f64::NAN)),
            Some(Literal::float(f32::NAN))
        ));
        assert!(may(None, None));
        assert!(!may(None, Some(Literal::int(0))));
        assert!(!may(Some(Literal::string("a")), Some(Literal::string("b"))));
    }
}

#[test]
fn key_bounds_tell_equality_deletes_of_other_keys() {
    let may = |delete: File, data: File| !found([delete], data).is_empty();
    let data = || data(DATA, 3);
    assert!(may(equality("e", 4).ids(1, 5), data().ids(5, 9)));
    assert!(!may(equality("e", 4).ids(1, 4), data().ids(5, 9)));
    assert!(!may(equality("e", 4).ids(10, 14), data().ids(5, 9)));
    // Without bounds, with NULLs or with keys of another column nothing is known.
    assert!(may(equality("e", 4), data().ids(5, 9)));
    assert!(may(equality("e", 4).ids(1, 4), data()));
    let with_null = |file: File| {
        file.ids(1, 4).with(|b| {
            b.null_value_counts(HashMap::from([(1, 1)]));
        })
    };
    assert!(may(with_null(equality("e", 4)), data().ids(5, 9)));
    assert!(may(equality("e", 4).ids(5, 9), with_null(data())));
    let other = equality("e", 4).ids(1, 4).with(|b| {
        b.equality_ids(Some(vec![2]));
    });
    assert!(may(other, data().ids(5, 9)));
    // Strings may be cut, and the upper bound not rounded up.
    let strings = |file: File, lower, upper| {
        file.bounds(2, Datum::string(lower), Datum::string(upper))
            .with(|b| {
                b.equality_ids(Some(vec![2]));
            })
    };
    let of_names = |lower, upper| strings(equality("e", 4), lower, upper);
    assert!(may(of_names("aa", "mm"), strings(data(), "mma", "z")));
    assert!(!may(of_names("aa", "mm"), strings(data(), "n", "z")));
    // NaN has no place between bounds.
    let floats = |file: File| {
        file.bounds(4, Datum::double(1.0), Datum::double(2.0))
            .with(|b| {
                b.equality_ids(Some(vec![4]));
            })
    };
    let far = data().bounds(4, Datum::double(5.0), Datum::double(6.0));
    assert!(may(floats(equality("e", 4)), far));
}

#[test]
fn many_files_and_deletes_share_lists() {
    let deletes = (0..4_000).map(|n| equality(&format!("e{n}"), n + 2));
    let files = (0..4_000).map(|n| data(DATA, 1 + n % 10).planned());
    let files = applied(deletes, files.collect()).unwrap();
    let lists: std::collections::HashSet<_> =
        files.iter().map(|f| Arc::as_ptr(&f.deletes)).collect();
    assert_eq!(lists.len(), 10);
    assert_eq!(files[0].deletes.equality.len(), 4_000);
    assert_eq!(files[9].deletes.equality.len(), 3_991);
}
