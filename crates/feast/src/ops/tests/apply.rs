// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast_apply` from JSON and from files.

use super::*;

const JSON: &str = r#"{
  "feature_services": [{"name": "s", "views": [{"view": "v", "features": ["trips"], "on": {"driver_id": "o"}}]}],
  "feature_views": [{"name": "v", "entities": ["driver"], "source": "rides", "timestamp": "created",
    "features": [{"name": "trips", "type": "BIGINT"}], "ttl": "1 day"}],
  "entities": [{"name": "driver", "join_key": "driver_id", "type": "INT64", "tags": {"a": "b"}}]
}"#;

fn call(definitions: &str) -> String {
    format!(
        "SELECT * FROM feast_apply('{}')",
        definitions.replace('\'', "''")
    )
}

#[tokio::test]
async fn definitions_are_created_then_kept_then_updated() {
    let feast = session().await;
    let expected = |action: &str, detail: &str| {
        let detail = format!("{detail:<10}");
        format!("| driver | entity          | {action:<6} | {detail} |")
    };
    let first = table(&feast, &call(JSON)).await;
    assert_eq!(
        first,
        "\
+--------+-----------------+--------+--------+
| object | kind            | action | detail |
+--------+-----------------+--------+--------+
| driver | entity          | create |        |
| v      | feature view    | create |        |
| s      | feature service | create |        |
+--------+-----------------+--------+--------+"
    );
    let again = table(&feast, &call(JSON)).await;
    assert_eq!(again.matches("unchanged").count(), 3, "{again}");
    let changed = JSON.replace("1 day", "2 days").replace("\"a\": \"b\"", "");
    let changed = table(&feast, &call(&changed)).await;
    assert!(
        changed.contains("changed: tags") && changed.contains("changed: ttl"),
        "{changed}"
    );
    assert!(!changed.contains(&expected("create", "")));
}

#[tokio::test]
async fn all_or_nothing() {
    let feast = session().await;
    let broken = JSON.replace("\"view\": \"v\"", "\"view\": \"w\"");
    assert_eq!(
        error(&feast, &call(&broken)).await,
        "feature view w does not exist; did you mean v?"
    );
    assert_eq!(
        rows(&feast, "SHOW ENTITIES").await.unwrap()[0].num_rows(),
        0
    );
}

#[tokio::test]
async fn files_are_read_and_errors_point_into_them() {
    let feast = session().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("definitions.sql");
    let path = file.display().to_string();
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write(
        "-- views may come first\nCREATE FEATURE VIEW v ENTITIES (driver) FROM rides TIMESTAMP created;\n\
         CREATE ENTITY driver JOIN KEY (driver_id BIGINT);\n",
    );
    let applied = table(&feast, &call(&path)).await;
    assert_eq!(applied.matches("create").count(), 2, "{applied}");

    write("CREATE ENTITY a;\n\nCREATE ENTITY b\n  JOIN KY (b BIGINT);");
    assert_eq!(
        error(&feast, &call(&path)).await,
        format!("feast_apply: {path}: line 4, column 8: expected KEY, found KY; did you mean KEY?")
    );
    write("CREATE ENTITY a;\nSELECT 1 FROM t WHERE x;");
    assert_eq!(
        error(&feast, &call(&path)).await,
        format!(
            "feast_apply: {path}: line 2: expected CREATE ENTITY, CREATE FEATURE VIEW or CREATE \
             FEATURE SERVICE, found SELECT 1 FROM; run other statements by themselves"
        )
    );
    write("CREATE ENTITY a;\nCREATE ENTITY a;");
    assert_eq!(
        error(&feast, &call(&path)).await,
        "feast_apply: entity a is defined twice; keep one"
    );
    let missing = error(&feast, &call("no/such.sql")).await;
    assert!(
        missing.starts_with("feast_apply: cannot read no/such.sql: "),
        "{missing}"
    );
}

#[tokio::test]
async fn json_is_read_strictly() {
    let feast = session().await;
    for (json, message) in [
        (
            r#"{"entites": []}"#,
            "feast_apply: the JSON text: unknown field `entites`",
        ),
        (
            r#"{"entities": [{}]}"#,
            "feast_apply: the JSON text: missing field `name`",
        ),
        ("{", "feast_apply: the JSON text: EOF"),
        (
            r#"{"entities": [{"name": "a", "type": "BIGNT"}]}"#,
            "feast_apply: entity a: line 1, column 1: unknown type BIGNT; did you mean BIGINT?",
        ),
        (
            r#"{"feature_views": [{"name": "v", "timestamp": "t"}]}"#,
            "feast_apply: feature view v: give one of source, a table's name, path and query",
        ),
        (
            r#"{"feature_views": [{"name": "v", "source": "t", "timestamp": "t", "ttl": "soon"}]}"#,
            "feast_apply: feature view v: expected an interval such as '7 days', found 'soon'",
        ),
    ] {
        let found = error(&feast, &call(json)).await;
        assert!(found.starts_with(message), "{found}");
    }
}
