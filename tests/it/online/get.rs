// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feast_online_get`: wherever an expression may stand, it gives what a lookup gives.

use datafusion_feast::FeastContext;
use futures::StreamExt;

use super::{OnlineLake, lines, refusal, rows};

/// Four views online, and a table `trips` to ask for.
pub(super) async fn lake() -> (OnlineLake, FeastContext) {
    let lake = OnlineLake::new().await;
    let feast = lake.session().await;
    for statement in [
        "CREATE TABLE lake.shop.stats (driver_id BIGINT, city VARCHAR, ts TIMESTAMP, trips BIGINT, stars DOUBLE, boss_id BIGINT)",
        "INSERT INTO lake.shop.stats VALUES
           (1, 'Lyon', '2025-01-01T00:00:00', 10, 3.0, 9), (1, 'Lyon', '2025-01-02T00:00:00', 11, 4.5, 2),
           (2, 'Nice', '2025-01-01T00:00:00', 20, 4.0, 1), (3, 'Nice', '2025-01-01T00:00:00', 30, NULL, NULL)",
        "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)",
        "CREATE ENTITY city JOIN KEY (city VARCHAR)",
        "CREATE FEATURE VIEW stats ENTITIES (driver) FEATURES (trips BIGINT, stars DOUBLE, boss_id BIGINT) FROM lake.shop.stats TIMESTAMP ts",
        "CREATE FEATURE VIEW places ENTITIES (driver, city) FEATURES (trips BIGINT) FROM lake.shop.stats TIMESTAMP ts",
        "CREATE FEATURE VIEW world FEATURES (trips BIGINT) FROM lake.shop.stats TIMESTAMP ts TIE BREAK (trips)",
        "MATERIALIZE FEATURE VIEW stats, places, world",
        "CREATE TABLE trips (driver_id INT, city VARCHAR, n BIGINT) AS VALUES
           (1, 'Lyon', 1), (2, 'Nice', 2), (1, 'Nice', 3), (9, 'Lyon', 4), (NULL, 'Lyon', 5)",
    ] {
        rows(&feast, statement).await;
    }
    (lake, feast)
}

/// Queries over `trips`, and what they give. `GET` stands for the trips of a row's driver.
pub(super) const QUERIES: &[(&str, &[&str])] = &[
    (
        "SELECT n, GET FROM trips ORDER BY n",
        &["1 11", "2 20", "3 11", "4 ", "5 "],
    ),
    (
        "SELECT n, GET + 1, GET * 2 FROM trips WHERE n < 3 ORDER BY n",
        &["1 12 22", "2 21 40"],
    ),
    ("SELECT n FROM trips WHERE GET > 15 ORDER BY n", &["2"]),
    (
        "SELECT n FROM trips WHERE n > 1 AND GET = 11 ORDER BY n",
        &["3"],
    ),
    (
        "SELECT n FROM trips WHERE GET IS NULL ORDER BY n",
        &["4", "5"],
    ),
    (
        "SELECT n FROM trips WHERE CASE WHEN driver_id = 1 THEN GET ELSE 0 END = 11 ORDER BY n",
        &["1", "3"],
    ),
    (
        "SELECT n, CASE WHEN GET IS NULL THEN 'none' ELSE 'some' END FROM trips WHERE n > 2 ORDER BY n",
        &["3 some", "4 none", "5 none"],
    ),
    (
        "SELECT sum(GET), max(feast_online_get('stats:stars', driver_id)), count(feast_online_get('places:trips', driver_id, city)) FROM trips",
        &["42 4.5 2"],
    ),
    (
        "SELECT sum(n) FILTER (WHERE GET > 15), sum(GET), count(DISTINCT GET) FROM trips",
        &["2 42 2"],
    ),
    (
        "SELECT GET AS g, sum(n) FROM trips GROUP BY g ORDER BY g",
        &["11 4", "20 2", " 9"],
    ),
    (
        "SELECT GET, min(GET) FROM trips GROUP BY GET HAVING sum(GET) > 20 ORDER BY 1",
        &["11 11"],
    ),
    (
        "SELECT GET, sum(n) FROM trips GROUP BY ROLLUP (GET) ORDER BY 2",
        &["20 2", "11 4", " 9", " 15"],
    ),
    (
        "SELECT n FROM trips ORDER BY GET DESC NULLS LAST, n",
        &["2", "1", "3", "4", "5"],
    ),
    (
        "SELECT DISTINCT GET FROM trips ORDER BY 1",
        &["11", "20", ""],
    ),
    (
        "SELECT n, sum(n) OVER (PARTITION BY GET) FROM trips ORDER BY n",
        &["1 4", "2 2", "3 4", "4 9", "5 9"],
    ),
    (
        "SELECT n, g FROM trips JOIN (SELECT 11 AS g UNION ALL SELECT 20) ON GET = g ORDER BY n",
        &["1 11", "2 20", "3 11"],
    ),
    (
        "SELECT a.n, b.n FROM trips a LEFT JOIN trips b ON a.n = b.n AND feast_online_get('stats:trips', b.driver_id) > 15 ORDER BY 1",
        &["1 ", "2 2", "3 ", "4 ", "5 "],
    ),
    (
        "SELECT a.n FROM trips a JOIN trips b ON a.n = b.n AND feast_online_get('places:trips', a.driver_id, b.city) > 0 ORDER BY 1",
        &["1", "2"],
    ),
    (
        "SELECT n FROM trips WHERE GET IN (SELECT 20) ORDER BY n",
        &["2"],
    ),
    (
        "SELECT n FROM (SELECT n, GET AS g FROM trips) WHERE g = 11 ORDER BY n",
        &["1", "3"],
    ),
    (
        "SELECT sum(g) FROM (SELECT GET AS g FROM trips UNION ALL SELECT GET FROM trips)",
        &["84"],
    ),
    (
        "WITH a AS (SELECT n, GET AS g FROM trips) SELECT x.n, y.g FROM a x JOIN a y ON x.g = y.g AND x.n = y.n ORDER BY 1",
        &["1 11", "2 20", "3 11"],
    ),
    // A key that is looked up itself.
    (
        "SELECT n, feast_online_get('stats:trips', feast_online_get('stats:boss_id', driver_id)) FROM trips ORDER BY n",
        &["1 20", "2 11", "3 20", "4 ", "5 "],
    ),
    (
        "SELECT sum(feast_online_get('stats:trips', feast_online_get('stats:boss_id', driver_id))) FROM trips WHERE GET > 0",
        &["51"],
    ),
    (
        "SELECT n, feast_online_get('places:trips', driver_id, city) FROM trips ORDER BY n",
        &["1 11", "2 20", "3 ", "4 ", "5 "],
    ),
    (
        "SELECT n, feast_online_get('world:trips') FROM trips ORDER BY n LIMIT 2",
        &["1 11", "2 11"],
    ),
    (
        "SELECT n, feast_online_get('stats:trips', 2), feast_online_get('stats:trips', NULL) FROM trips WHERE n = 1",
        &["1 20 "],
    ),
    (
        "SELECT feast_online_get('stats:trips', 2), feast_online_get('stats:trips', 77)",
        &["20 "],
    ),
    (
        "SELECT feast_online_get('stats:stars', 3), arrow_typeof(feast_online_get('stats:stars', 3))",
        &[" Float64"],
    ),
    ("SELECT GET FROM trips WHERE n > 99", &[]),
    (
        "SELECT count(GET), sum(GET) FROM trips WHERE n > 99",
        &["0 "],
    ),
    // The filters of a scan are those that it can evaluate.
    (
        "SELECT DISTINCT driver_id FROM lake.shop.stats WHERE feast_online_get('stats:trips', driver_id) > 15 AND driver_id < 9 ORDER BY 1",
        &["2", "3"],
    ),
    (
        "SELECT driver_id, trips FROM feast_online_lookup(['stats:trips'], keys => (SELECT feast_online_get('stats:boss_id', 1) AS driver_id))",
        &["2 20"],
    ),
];

pub(super) fn query(text: &str) -> String {
    text.replace("GET", "feast_online_get('stats:trips', driver_id)")
}

#[tokio::test]
async fn a_call_may_stand_wherever_an_expression_may() {
    let (_lake, feast) = lake().await;
    for (partitions, batch) in [(1, 1), (4, 8192)] {
        let set = format!("SET datafusion.execution.target_partitions = {partitions}");
        rows(&feast, &set).await;
        let set = format!("SET datafusion.execution.batch_size = {batch}");
        rows(&feast, &set).await;
        for (text, expected) in QUERIES {
            let found = lines(&feast, &query(text)).await;
            assert_eq!(&found, expected, "{text} ({partitions}, {batch})");
        }
    }
}

#[tokio::test]
async fn statements_that_keep_a_call_keep_what_it_means() {
    let (_lake, feast) = lake().await;
    for statement in [
        "CREATE VIEW known AS SELECT n, GET AS g FROM trips WHERE GET > 0",
        "CREATE TABLE copied AS SELECT n, GET AS g FROM trips",
        "INSERT INTO copied SELECT n + 10, GET FROM trips",
        "PREPARE ask (BIGINT) AS SELECT feast_online_get('stats:trips', $1)",
    ] {
        rows(&feast, &query(statement)).await;
    }
    assert_eq!(
        lines(&feast, "SELECT * FROM known ORDER BY n").await,
        ["1 11", "2 20", "3 11"]
    );
    assert_eq!(
        lines(&feast, "SELECT sum(g), count(*) FROM copied").await,
        ["84 10"]
    );
    assert_eq!(lines(&feast, "EXECUTE ask(2)").await, ["20"]);
    let push = "SELECT rows FROM feast_write_online('stats', (SELECT 2 AS driver_id, 'Nice' AS city, TIMESTAMP '2025-03-01T00:00:00' AS ts,
        21 AS trips, 1.0 AS stars, 1 AS boss_id))";
    rows(&feast, push).await;
    assert_eq!(lines(&feast, "EXECUTE ask(2)").await, ["21"]);
    assert_eq!(
        lines(&feast, "SELECT g FROM known WHERE n = 2").await,
        ["21"]
    );
}

#[tokio::test]
async fn values_are_those_of_a_lookup() {
    let (_lake, feast) = lake().await;
    let get = "SELECT driver_id, feast_online_get('stats:trips', driver_id), feast_online_get('stats:stars', driver_id)
        FROM (SELECT value AS driver_id FROM generate_series(0, 300)) ORDER BY 1";
    let lookup =
        "SELECT driver_id, trips, stars FROM feast_online_lookup(['stats:trips', 'stats:stars'],
        keys => (SELECT value AS driver_id FROM generate_series(0, 300))) ORDER BY 1";
    let (found, expected) = (lines(&feast, get).await, lines(&feast, lookup).await);
    assert_eq!(found, expected);
    assert_eq!(
        found
            .iter()
            .filter(|line| line.split(' ').nth(1) != Some(""))
            .count(),
        3
    );
    // A view that nothing was written for is answered from its source.
    rows(
        &feast,
        "CREATE FEATURE VIEW fresh ENTITIES (driver) FEATURES (stars DOUBLE) FROM lake.shop.stats TIMESTAMP ts",
    )
    .await;
    assert_eq!(
        lines(&feast, "SELECT feast_online_get('fresh:stars', 1)").await,
        ["4.5"]
    );
}

#[tokio::test]
async fn a_query_sees_one_version_of_a_table() {
    let (_lake, feast) = lake().await;
    for setting in ["target_partitions", "batch_size"] {
        let set = format!("SET datafusion.execution.{setting} = 1");
        rows(&feast, &set).await;
    }
    let ask = "SELECT feast_online_get('stats:trips', driver_id) FROM trips WHERE n < 3";
    let frame = Box::pin(feast.sql(ask)).await.unwrap();
    let mut stream = frame.execute_stream().await.unwrap();
    let mut found = Vec::new();
    while let Some(batch) = stream.next().await {
        found.push(batch.unwrap());
        if found.len() == 1 {
            let push = "SELECT rows FROM feast_write_online('stats', (SELECT driver_id, 'x' AS city, TIMESTAMP '2025-03-01T00:00:00' AS ts,
                77 AS trips, 1.0 AS stars, 1 AS boss_id FROM trips WHERE driver_id < 9))";
            rows(&feast, push).await;
        }
    }
    assert!(found.len() > 1, "all rows came at once");
    let found = arrow::util::pretty::pretty_format_batches(&found).unwrap();
    assert!(!found.to_string().contains("77"), "{found}");
    assert_eq!(lines(&feast, ask).await, ["77", "77"]);
}

#[tokio::test]
async fn what_a_call_cannot_be_is_said_before_anything_runs() {
    let (_lake, feast) = lake().await;
    for (call, parts) in [
        (
            "feast_online_get('stats:trips')",
            &["looked up by driver_id", "expected 1 key", "found 0"][..],
        ),
        (
            "feast_online_get('stats:trips', 1, 2)",
            &["expected 1 key after the feature, found 2"],
        ),
        (
            "feast_online_get('places:trips', 1)",
            &[
                "driver_id, city, in this order",
                "expected 2 keys",
                "found 1",
            ],
        ),
        (
            "feast_online_get('places:trips', 'Lyon', 1)",
            &["key for driver_id", "Utf8", "expected Int64"],
        ),
        (
            "feast_online_get('world:trips', 1)",
            &["has no join key", "expected 0 keys"],
        ),
        (
            "feast_online_get('stats:trips', 1.5)",
            &["key for driver_id", "Float64"],
        ),
        (
            "feast_online_get('stats:trip', 1)",
            &["no feature trip", "did you mean trips"],
        ),
        (
            "feast_online_get('stat:trips', 1)",
            &["no feature view stat", "did you mean stats"],
        ),
        (
            "feast_online_get('stats:*', 1)",
            &["names several", "feast_online_lookup"],
        ),
        ("feast_online_get('stats', 1)", &["stats", "view:feature"]),
        (
            "feast_online_get(city, driver_id)",
            &["view:feature", "no constant"],
        ),
        (
            "feast_online_get(7, driver_id)",
            &["view:feature", "found 7"],
        ),
    ] {
        let error = refusal(&feast, &format!("EXPLAIN SELECT {call} FROM trips")).await;
        for part in parts {
            assert!(error.contains(part), "{call}: {error}");
        }
    }
    let outer = "SELECT a.n FROM trips a LEFT JOIN trips b ON a.n = b.n AND feast_online_get('places:trips', a.driver_id, b.city) > 0";
    let error = refusal(&feast, outer).await;
    assert!(
        error.contains("keys of both sides of a Left join"),
        "{error}"
    );
    let error = refusal(&feast, "VALUES (feast_online_get('stats:trips', 1))").await;
    assert!(error.contains("cannot be called in VALUES"), "{error}");
    let explain = "EXPLAIN SELECT GET, GET + 1 FROM trips WHERE GET > 1";
    let plan = lines(&feast, &query(explain)).await.join("\n");
    let made = plan.matches("async_expr(name").count();
    assert_eq!(made, 2, "one call a node: {plan}");
}
