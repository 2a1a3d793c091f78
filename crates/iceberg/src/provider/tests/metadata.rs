// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Metadata that is odd, of another version, or cannot be read.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::copies::{changed, copy, count, fixture, newest, open, refused};
use crate::provider::SnapshotSelector;

#[tokio::test]
async fn what_cannot_be_read_is_refused_by_name() {
    let dir = TempDir::new().unwrap();
    copy(&fixture("spark_v2_posdel_upgraded_to_v3_dv"), dir.path());
    let file = newest(dir.path());
    let whole = fs::read(&file).unwrap();
    let current = |m: &mut Value, change: &dyn Fn(&mut Value)| {
        let id = m["current-schema-id"].clone();
        let schemas = m["schemas"].as_array_mut().unwrap();
        change(schemas.iter_mut().find(|s| s["schema-id"] == id).unwrap());
    };
    let column = |of: Value| {
        move |schema: &mut Value| {
            let field = json!({"id": 900, "name": "odd", "required": false, "type": of});
            schema["fields"].as_array_mut().unwrap().push(field);
        }
    };
    type Damage<'a> = Box<dyn Fn(&mut Value) + 'a>;
    let cases: Vec<(Damage<'_>, &[&str])> = vec![
        (
            Box::new(|m| m["format-version"] = json!(4)),
            &["format version 4", "1 to 3"],
        ),
        (
            Box::new(|m| current(m, &column(json!("variant")))),
            &["'odd' (variant)", "drop them"],
        ),
        (
            Box::new(|m| current(m, &column(json!("geometry(OGC:CRS84)")))),
            &["geometry"],
        ),
        (
            Box::new(|m| current(m, &column(json!("unknown")))),
            &["'odd' (unknown)"],
        ),
        (
            Box::new(|m| {
                let list = json!({"type": "list", "element-id": 901, "element-required": false,
                                  "element": "geography"});
                current(m, &column(list))
            }),
            &["'odd.element' (geography)"],
        ),
        (
            Box::new(|m| m["properties"]["encryption.key-id"] = json!("k")),
            &["encrypted"],
        ),
        (
            Box::new(|m| m["snapshots"][0]["snapshot-id"] = json!(10_000_000_000_000_000_000_u64)),
            &["10000000000000000000", "2^63"],
        ),
        (
            Box::new(|m| drop(m.as_object_mut().unwrap().remove("next-row-id"))),
            &["lacks next-row-id"],
        ),
        (Box::new(|m| *m = json!([1])), &["JSON of another kind"]),
        (
            Box::new(|m| *m = json!({"view-uuid": "u", "format-version": 1})),
            &["of a view"],
        ),
        (Box::new(|m| *m = json!({"a": 1})), &["format-version"]),
    ];
    for (change, said) in cases {
        fs::write(&file, &whole).unwrap();
        changed(&file, |m| change(m));
        let error = refused(&file).await;
        assert!(error.contains(file.to_str().unwrap()), "{error}");
        for text in said {
            assert!(error.contains(text), "expected {text}: {error}");
        }
    }
}

#[tokio::test]
async fn what_no_read_needs_may_be_odd() {
    let dir = TempDir::new().unwrap();
    copy(&fixture("spark_v2_posdel_upgraded_to_v3_dv"), dir.path());
    let wanted = count(open(dir.path(), true).await.unwrap()).await.unwrap();
    let file = newest(dir.path());
    let mut first = 0;
    changed(&file, |m| {
        first = m["snapshots"][0]["snapshot-id"].as_i64().unwrap();
        let old = m["snapshots"][0].as_object_mut().unwrap();
        old.remove("manifest-list");
        old.insert("manifests".to_string(), json!(["a.avro"]));
        old.insert("summary".to_string(), json!({"total-records": 1}));
        m["statistics"] = json!([{"odd": true}]);
        let odd = json!({"type": "struct", "schema-id": 77, "fields": [
            {"id": 1, "name": "v", "required": false, "type": "variant"}]});
        m["schemas"].as_array_mut().unwrap().push(odd);
    });
    let opened = open(dir.path(), true).await.unwrap();
    let old = opened.at(SnapshotSelector::SnapshotId(first)).unwrap();
    let error = count(old).await.unwrap_err().to_string();
    assert!(error.contains("a.avro"), "{error}");
    assert_eq!(count(opened).await.unwrap(), wanted);
}

#[tokio::test]
async fn a_wrong_version_names_the_nearest() {
    let opened = open(&fixture("pyicebergwrite_cow_v2"), true).await.unwrap();
    let error = |at| opened.at(at).unwrap_err().to_string();
    let branch = error(SnapshotSelector::Ref("Main".to_string()));
    assert!(
        branch.contains("no branch or tag 'Main': it has 'br', 'main', 'tg'"),
        "{branch}"
    );
    assert!(branch.ends_with("the nearest is 'main'"), "{branch}");
    let id = error(SnapshotSelector::SnapshotId(1280275279575859361));
    assert!(id.ends_with("the nearest is 1280275279575859360"), "{id}");
    let early = error(SnapshotSelector::Timestamp(0));
    assert!(
        early.contains("at or before 1970-01-01T00:00:00+00:00"),
        "{early}"
    );
    assert!(opened.at(SnapshotSelector::Ref("main".to_string())).is_ok());
    let never = open(&fixture("spark_never_written"), true).await.unwrap();
    let main = never.at(SnapshotSelector::Ref("main".to_string())).unwrap();
    assert_eq!(main.snapshot_id(), None);
    assert!(never.at(SnapshotSelector::Ref("x".to_string())).is_err());
}

#[tokio::test]
async fn a_table_with_branches_only_is_empty_but_for_them() {
    let dir = TempDir::new().unwrap();
    copy(&fixture("pyicebergwrite_cow_v2"), dir.path());
    let file = newest(dir.path());
    changed(&file, |m| {
        m["current-snapshot-id"] = json!(-1);
        m["refs"].as_object_mut().unwrap().remove("main");
    });
    let opened = open(dir.path(), true).await.unwrap();
    let branch = opened.at(SnapshotSelector::Ref("br".to_string())).unwrap();
    assert_eq!(count(branch).await.unwrap(), 46);
    assert_eq!(opened.snapshot_id(), None);
    assert_eq!(count(opened).await.unwrap(), 0);
}

#[tokio::test]
async fn branches_and_tags_of_the_first_version_are_read() {
    let dir = TempDir::new().unwrap();
    copy(&fixture("spark_v1_upgraded_to_v2"), dir.path());
    let mut files: Vec<_> = fs::read_dir(dir.path().join("metadata"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let is_first = |file: &PathBuf| {
        let metadata = fs::read(file)
            .ok()
            .and_then(|m| serde_json::from_slice::<Value>(&m).ok());
        metadata.is_some_and(|m| m["format-version"] == 1 && m["snapshots"].get(0).is_some())
    };
    let Some(file) = files.into_iter().find(is_first) else {
        panic!("the fixture has metadata of version 1");
    };
    let mut id = 0;
    changed(&file, |m| {
        id = m["snapshots"][0]["snapshot-id"].as_i64().unwrap();
        m["refs"] = json!({
            "main": {"snapshot-id": m["current-snapshot-id"], "type": "branch"},
            "old": {"snapshot-id": id, "type": "tag"},
        });
        m.as_object_mut().unwrap().remove("schemas");
        m["snapshots"][0]
            .as_object_mut()
            .unwrap()
            .remove("schema-id");
    });
    let opened = open(&file, true).await.unwrap();
    let old = opened.at(SnapshotSelector::Ref("old".to_string())).unwrap();
    assert_eq!(old.snapshot_id(), Some(id));
    assert!(count(old).await.unwrap() > 0);
    let error = opened
        .at(SnapshotSelector::Ref("new".to_string()))
        .unwrap_err();
    assert!(
        error.to_string().contains("it has 'main', 'old'"),
        "{error}"
    );
}

/// Partition specs and sort orders of another engine: nothing prunes by them, and deletes find their
/// partitions.
#[tokio::test]
async fn transforms_that_are_not_known_do_not_matter() {
    let dir = TempDir::new().unwrap();
    copy(&fixture("spark_feature_events_mor"), dir.path());
    let wanted = count(open(dir.path(), true).await.unwrap()).await.unwrap();
    let file = newest(dir.path());
    changed(&file, |m| {
        for field in m["partition-specs"][0]["fields"].as_array_mut().unwrap() {
            field["transform"] = json!("zorder[3]");
            let source = field.as_object_mut().unwrap().remove("source-id").unwrap();
            field["source-ids"] = json!([source, 1]);
        }
        let by = json!([{"transform": "hilbert", "source-id": 1, "direction": "asc", "null-order": "nulls-first"}]);
        let order = json!({"order-id": 77, "fields": by});
        m["sort-orders"].as_array_mut().unwrap().push(order);
    });
    let opened = open(dir.path(), true).await.unwrap();
    assert_eq!(count(opened).await.unwrap(), wanted);
}
