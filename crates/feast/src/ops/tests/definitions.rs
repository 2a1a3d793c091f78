// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Creating, showing, describing and dropping definitions.

use super::*;

pub(super) const DRIVER: &str =
    "CREATE ENTITY driver JOIN KEY (driver_id BIGINT) COMMENT 'who drives'";
pub(super) const VIEW: &str = "CREATE FEATURE VIEW driver_stats ENTITIES (driver) FROM rides \
    TIMESTAMP event_timestamp CREATED TIMESTAMP created TIE BREAK (seq) \
    FIELD MAPPING (conv_rate AS rate) TTL INTERVAL '7 days' TAGS (team 'a')";
const SERVICE: &str = "CREATE FEATURE SERVICE ranking AS (driver_stats (rate, \"Rating\") AS d ON (driver_id = origin))";

#[tokio::test]
async fn definitions_are_listed() {
    let feast = session().await;
    run(&feast, &[DRIVER, VIEW, SERVICE]).await;
    assert_eq!(
        table(&feast, "SHOW ENTITIES").await,
        "\
+--------+-----------+------------+-------------+-------+------+
| name   | join_key  | value_type | description | owner | tags |
+--------+-----------+------------+-------------+-------+------+
| driver | driver_id | INT64      | who drives  |       | {}   |
+--------+-----------+------------+-------------+-------+------+"
    );
    let views = table(
        &feast,
        "SELECT name, entities, join_keys, ttl, source, tie_break, online, tags \
         FROM feast.registry.feature_views",
    )
    .await;
    assert_eq!(
        views,
        "\
+--------------+----------+-------------+--------+-------------------------+-----------+--------+-----------+
| name         | entities | join_keys   | ttl    | source                  | tie_break | online | tags      |
+--------------+----------+-------------+--------+-------------------------+-----------+--------+-----------+
| driver_stats | [driver] | [driver_id] | 7 days | datafusion.public.rides | [seq]     | true   | {team: a} |
+--------------+----------+-------------+--------+-------------------------+-----------+--------+-----------+"
    );
    assert_eq!(
        table(&feast, "SELECT name, value_type FROM feast_features()").await,
        "\
+--------+------------+
| name   | value_type |
+--------+------------+
| rate   | DOUBLE     |
| trips  | INT32      |
| Rating | FLOAT      |
+--------+------------+"
    );
    assert_eq!(
        table(
            &feast,
            "SELECT feature_views, features FROM feast_feature_services()"
        )
        .await,
        "\
+---------------+--------------------+
| feature_views | features           |
+---------------+--------------------+
| [d]           | [d:rate, d:Rating] |
+---------------+--------------------+"
    );
    assert_eq!(
        table(
            &feast,
            "SELECT name, kind, source, field_mapping FROM feast_data_sources()"
        )
        .await,
        "\
+--------------+-------+-------------------------+-------------------+
| name         | kind  | source                  | field_mapping     |
+--------------+-------+-------------------------+-------------------+
| driver_stats | table | datafusion.public.rides | {conv_rate: rate} |
+--------------+-------+-------------------------+-------------------+"
    );
}

#[tokio::test]
async fn the_same_rows_in_every_spelling() {
    let feast = session().await;
    run(&feast, &[DRIVER, VIEW, SERVICE]).await;
    for (statement, name) in [
        ("SHOW ENTITIES", "entities"),
        ("SHOW FEATURE VIEWS", "feature_views"),
        ("SHOW FEATURE SERVICES", "feature_services"),
        ("SHOW DATA SOURCES", "data_sources"),
    ] {
        let shown = table(&feast, statement).await;
        let function = table(&feast, &format!("SELECT * FROM feast_{name}()")).await;
        let view = table(&feast, &format!("SELECT * FROM feast.registry.{name}")).await;
        assert_eq!(shown, function);
        assert_eq!(shown, view);
    }
    let none = rows(&feast, "SHOW ENTITIES LIKE 'x%'").await.unwrap();
    assert_eq!(none.iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
    let one = rows(&feast, "SHOW ENTITIES LIKE 'dr%'").await.unwrap();
    assert_eq!(one.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
}

#[tokio::test]
async fn describe_tells_each_column() {
    let feast = session().await;
    run(&feast, &[DRIVER, VIEW, SERVICE]).await;
    assert_eq!(
        table(
            &feast,
            "SELECT column_name, role, value_type, source_type, description \
             FROM feast_describe('feature view', 'driver_stats')"
        )
        .await,
        "\
+-----------------+--------------+------------+----------------------+-------------------------+
| column_name     | role         | value_type | source_type          | description             |
+-----------------+--------------+------------+----------------------+-------------------------+
| driver_id       | join key     | INT64      | Int64                |                         |
| event_timestamp | event time   |            | Timestamp(µs, \"UTC\") |                         |
| created         | created time |            | Timestamp(µs, \"UTC\") |                         |
| seq             | tie-break    |            | Int64                |                         |
| rate            | feature      | DOUBLE     | Float64              |                         |
| trips           | feature      | INT32      | Int32                |                         |
| Rating          | feature      | FLOAT      | Float32              |                         |
|                 | source       |            |                      | datafusion.public.rides |
|                 | ttl          |            |                      | 7 days                  |
|                 | online       |            |                      | true                    |
|                 | versions     |            |                      | v0                      |
|                 | tags         |            |                      | team: a                 |
|                 | used by      |            |                      | ranking                 |
+-----------------+--------------+------------+----------------------+-------------------------+"
    );
    assert_eq!(
        table(
            &feast,
            "SELECT column_name, role, value_type, feature_view, description \
             FROM feast_describe('feature_service', 'ranking')"
        )
        .await,
        "\
+-------------+----------+------------+--------------+-------------+
| column_name | role     | value_type | feature_view | description |
+-------------+----------+------------+--------------+-------------+
| origin      | join key | INT64      | d            |             |
| rate        | feature  | DOUBLE     | d            |             |
| Rating      | feature  | FLOAT      | d            |             |
+-------------+----------+------------+--------------+-------------+"
    );
    assert!(
        table(&feast, "DESCRIBE ENTITY driver")
            .await
            .contains("who drives")
    );
}

#[tokio::test]
async fn show_create_makes_the_same_object_again() {
    let feast = session().await;
    run(&feast, &[DRIVER, VIEW, SERVICE]).await;
    let mut statements = Vec::new();
    for object in [
        "ENTITY driver",
        "FEATURE VIEW driver_stats",
        "FEATURE SERVICE ranking",
    ] {
        let sql = format!("SHOW CREATE {object}");
        statements.push((sql.clone(), text(&feast, &sql, "statement").await));
    }
    run(
        &feast,
        &[
            "DROP FEATURE SERVICE ranking",
            "DROP FEATURE VIEW driver_stats",
            "DROP ENTITY driver",
        ],
    )
    .await;
    assert_eq!(
        rows(&feast, "SHOW DATA SOURCES").await.unwrap()[0].num_rows(),
        0
    );
    for (show, create) in statements {
        run(&feast, &[&create]).await;
        assert_eq!(text(&feast, &show, "statement").await, create);
    }
}

#[tokio::test]
async fn modes_decide_what_happens_to_an_existing_object() {
    let feast = session().await;
    run(&feast, &[DRIVER, VIEW, SERVICE]).await;
    assert_eq!(
        error(&feast, DRIVER).await,
        "entity driver already exists; use CREATE OR REPLACE ENTITY to change it, or IF NOT \
         EXISTS to keep it"
    );
    assert!(
        error(&feast, VIEW)
            .await
            .starts_with("feature view driver_stats already exists")
    );
    assert!(
        error(&feast, SERVICE)
            .await
            .starts_with("feature service ranking already exists")
    );
    run(
        &feast,
        &[
            "CREATE ENTITY IF NOT EXISTS driver JOIN KEY (other TEXT)",
            "CREATE FEATURE VIEW IF NOT EXISTS driver_stats FROM nowhere TIMESTAMP t",
            "CREATE OR REPLACE ENTITY driver JOIN KEY (driver_id INT)",
            "CREATE OR REPLACE FEATURE VIEW driver_stats ENTITIES (driver) \
             FEATURES (rate DOUBLE, \"Rating\" DOUBLE COMMENT 'stars') FROM rides \
             TIMESTAMP event_timestamp FIELD MAPPING (conv_rate AS rate) OFFLINE ONLY",
        ],
    )
    .await;
    assert_eq!(text(&feast, "SHOW ENTITIES", "value_type").await, "INT32");
    let create = text(&feast, "SHOW CREATE FEATURE VIEW driver_stats", "statement").await;
    assert_eq!(
        create,
        "CREATE FEATURE VIEW driver_stats\n  ENTITIES (driver)\n  \
         FEATURES (rate DOUBLE, \"Rating\" DOUBLE COMMENT 'stars')\n  \
         FROM datafusion.public.rides TIMESTAMP event_timestamp\n  \
         FIELD MAPPING (conv_rate AS rate)\n  OFFLINE ONLY"
    );
    assert_eq!(
        error(
            &feast,
            "CREATE OR REPLACE ENTITY driver JOIN KEY (id BIGINT)"
        )
        .await,
        "entity driver: the join key cannot change from driver_id to id, since feature view \
         driver_stats uses it; drop the view first, or make another entity"
    );
    assert_eq!(
        error(
            &feast,
            "CREATE OR REPLACE ENTITY driver JOIN KEY (driver_id TEXT)"
        )
        .await,
        "entity driver: the type VARCHAR does not fit feature view driver_stats, whose key \
         driver_id is INT; drop the view first, or make another entity"
    );
}

#[tokio::test]
async fn what_is_used_stays() {
    let feast = session().await;
    run(&feast, &[DRIVER, VIEW, SERVICE]).await;
    let message = error(&feast, "DROP ENTITY driver").await;
    assert!(message.contains("driver_stats"), "{message}");
    let message = error(&feast, "DROP FEATURE VIEW driver_stats").await;
    assert!(message.contains("ranking"), "{message}");
    assert_eq!(
        error(&feast, "DROP FEATURE VIEW driver_stat").await,
        "feature view driver_stat does not exist; did you mean driver_stats?"
    );
    assert_eq!(
        error(&feast, "DESCRIBE FEATURE SERVICE zzz").await,
        "feature service zzz does not exist; feature services: ranking"
    );
    run(
        &feast,
        &[
            "DROP FEATURE SERVICE IF EXISTS zzz",
            "DROP FEATURE SERVICE ranking",
        ],
    )
    .await;
    assert_eq!(
        error(&feast, "SHOW CREATE FEATURE SERVICE ranking").await,
        "feature service ranking does not exist; there are no feature services"
    );
}

#[tokio::test]
async fn an_entity_without_a_type_takes_it_from_the_source() {
    let feast = session().await;
    run(
        &feast,
        &[
            "CREATE ENTITY driver_id",
            "CREATE FEATURE VIEW v ENTITIES (driver_id) FROM rides TIMESTAMP created",
            "CREATE FEATURE VIEW w FROM odd FEATURES (rate DOUBLE) TIMESTAMP day",
        ],
    )
    .await;
    assert_eq!(text(&feast, "SHOW ENTITIES", "value_type").await, "UNKNOWN");
    assert_eq!(
        text(&feast, "DESCRIBE FEATURE VIEW v", "value_type").await,
        "INT64"
    );
    assert_eq!(
        text(&feast, "SHOW CREATE ENTITY driver_id", "statement").await,
        "CREATE ENTITY driver_id JOIN KEY (driver_id)"
    );
}

#[tokio::test]
async fn views_over_one_table_have_a_source_each() {
    let feast = session().await;
    run(
        &feast,
        &[
            DRIVER,
            "CREATE FEATURE VIEW a ENTITIES (driver) FROM rides TIMESTAMP created",
            "CREATE FEATURE VIEW b ENTITIES (driver) FROM rides TIMESTAMP event_timestamp",
            "DROP FEATURE VIEW a",
        ],
    )
    .await;
    assert_eq!(text(&feast, "SHOW DATA SOURCES", "name").await, "b");
}
