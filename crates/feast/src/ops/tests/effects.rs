// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Effects happen when a plan is executed, and once.

use super::*;

async fn entities(feast: &FeastContext) -> usize {
    let shown = rows(feast, "SHOW ENTITIES").await.unwrap();
    shown.iter().map(RecordBatch::num_rows).sum()
}

#[tokio::test]
async fn planning_changes_nothing() {
    let feast = session().await;
    let planned = feast.sql("CREATE ENTITY driver").await.unwrap();
    planned.clone().create_physical_plan().await.unwrap();
    assert_eq!(entities(&feast).await, 0);
    let explained = table(&feast, "EXPLAIN CREATE ENTITY driver").await;
    assert!(
        explained.contains("FeastExec: create entity driver"),
        "{explained}"
    );
    let json = r#"{"entities": [{"name": "a"}]}"#;
    for sql in [
        format!("SELECT * FROM feast_apply('{json}') LIMIT 0"),
        format!("EXPLAIN SELECT * FROM feast_apply('{json}')"),
        format!("SELECT * FROM feast_apply('{json}', dry_run => true)"),
        format!("PREPARE p AS SELECT * FROM feast_apply('{json}')"),
    ] {
        run(&feast, &[&sql]).await;
        assert_eq!(entities(&feast).await, 0, "{sql}");
    }
    let done = planned.collect().await.unwrap();
    assert!(done.is_empty());
    assert_eq!(entities(&feast).await, 1);
    run(&feast, &["EXPLAIN ANALYZE CREATE ENTITY other"]).await;
    assert_eq!(entities(&feast).await, 2);
}

#[tokio::test]
async fn one_plan_has_one_effect() {
    let feast = session().await;
    let plan = feast
        .sql("CREATE ENTITY driver")
        .await
        .unwrap()
        .create_physical_plan()
        .await;
    let plan = plan.unwrap();
    let context = feast.session().task_ctx();
    for _ in 0..2 {
        let done =
            datafusion::physical_plan::collect(Arc::clone(&plan), Arc::clone(&context)).await;
        assert!(done.unwrap().is_empty());
    }
    assert_eq!(entities(&feast).await, 1);
}

#[tokio::test]
async fn statements_without_a_result_have_no_columns() {
    let feast = session().await;
    for sql in ["CREATE ENTITY driver", "DROP ENTITY driver"] {
        let frame = feast.sql(sql).await.unwrap();
        assert_eq!(frame.schema().fields().len(), 0);
        assert!(frame.collect().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn functions_do_what_statements_do() {
    let feast = session().await;
    run(&feast, &["CREATE ENTITY driver"]).await;
    assert_eq!(
        table(
            &feast,
            "SELECT * FROM feast_drop(kind => 'entity', name => 'driver')"
        )
        .await,
        "\
+--------+--------+--------+--------+
| object | kind   | action | detail |
+--------+--------+--------+--------+
| driver | entity | drop   |        |
+--------+--------+--------+--------+"
    );
    assert_eq!(
        error(&feast, "SELECT * FROM feast_drop('entty', 'driver')").await,
        "feast_drop: kind expects 'entity', 'feature view' or 'feature service', found 'entty'"
    );
    let message = error(&feast, "SELECT * FROM feast_drop('entity', 3)").await;
    assert_eq!(message, "feast_drop: name expects a string, found 3");
    let message = error(&feast, "SELECT * FROM feast_drop('entity', 'x', 'yes')").await;
    assert_eq!(
        message,
        "feast_drop: if_exists expects true or false, found yes"
    );
}

#[tokio::test]
async fn the_plain_hook_takes_every_argument_by_position() {
    let feast = session().await;
    let call = feast.session().table_function("feast_apply").unwrap();
    let error = call
        .create_table_provider(&[datafusion::prelude::lit("x")])
        .unwrap_err();
    assert!(error.strip_backtrace().ends_with(
        "feast_apply takes exactly 2 constant arguments by position here, found 1: \
         feast_apply(definitions, dry_run => false)"
    ));
}

#[tokio::test]
async fn a_catalog_needs_its_options() {
    let feast = session().await;
    let sql = "CREATE EXTERNAL CATALOG lake STORED AS ICEBERG OPTIONS (uri 'sqlite:///x')";
    let message = error(&feast, sql).await;
    assert!(
        message.contains("lake") && message.contains("type"),
        "{message}"
    );
    let plan = table(
        &feast,
        "EXPLAIN CREATE EXTERNAL CATALOG lake STORED AS ICEBERG OPTIONS (type 'rest', token 'hush')",
    )
    .await;
    assert!(
        plan.contains("create catalog lake") && !plan.contains("hush"),
        "{plan}"
    );
}
