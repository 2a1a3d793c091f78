// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A statement, a table function and the registry's tables are spellings of one thing: the same rows, the
//! same effect, and the effect when the plan is executed, once.

use std::sync::Arc;

use datafusion_feast::FeastContext;
use feast_registry::{InMemoryRegistryStore, Registry, RegistryStore};

use super::{refusal, rows, table};

const PROJECT: &str = "rides";

/// A session and the store that its definitions are kept in.
struct Kept {
    feast: FeastContext,
    store: Arc<InMemoryRegistryStore>,
}

impl Kept {
    async fn new() -> Self {
        let store = Arc::new(InMemoryRegistryStore::default());
        let feast = FeastContext::builder()
            .with_registry(Arc::clone(&store) as Arc<dyn RegistryStore>)
            .with_project(PROJECT)
            .build()
            .await
            .unwrap();
        let source = "CREATE TABLE stats AS SELECT 1 AS driver_id, \
                      TIMESTAMP '2025-01-01T00:00:00' AS ts, 0.5 AS rate, 7 AS trips";
        rows(&feast, source).await;
        Self { feast, store }
    }

    async fn defined() -> Self {
        let kept = Self::new().await;
        for statement in STATEMENTS {
            rows(&kept.feast, statement).await;
        }
        kept
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        self.store.read().unwrap().map(|stored| stored.bytes)
    }

    /// Everything that is defined, as one text; when it was written is left out.
    fn definitions(&self) -> String {
        let bytes = self.bytes().unwrap_or_default();
        let registry = Registry::parse(&bytes).unwrap();
        format!(
            "{:#?}\n{:#?}\n{:#?}\n{:#?}",
            registry.entities(PROJECT).unwrap(),
            registry.feature_views(PROJECT).unwrap(),
            registry.feature_services(PROJECT).unwrap(),
            registry.data_sources(PROJECT).unwrap()
        )
    }
}

const STATEMENTS: [&str; 3] = [
    "CREATE ENTITY driver JOIN KEY (driver_id BIGINT) COMMENT 'One who drives' TAGS (team 'rides')",
    "CREATE FEATURE VIEW stats ENTITIES (driver) FEATURES (rate DOUBLE, trips BIGINT) FROM stats \
     TIMESTAMP ts TTL INTERVAL '7 days' OWNER 'rides'",
    "CREATE FEATURE SERVICE ranking AS (stats (rate) AS s ON (driver_id = chauffeur_id))",
];

const APPLY: &str = r#"SELECT * FROM feast_apply('{
  "entities": [{"name": "driver", "join_key": "driver_id", "type": "BIGINT",
    "comment": "One who drives", "tags": {"team": "rides"}}],
  "feature_views": [{"name": "stats", "entities": ["driver"], "source": "stats", "timestamp": "ts",
    "features": [{"name": "rate", "type": "DOUBLE"}, {"name": "trips", "type": "BIGINT"}],
    "ttl": "7 days", "owner": "rides"}],
  "feature_services": [{"name": "ranking", "views": [
    {"view": "stats", "features": ["rate"], "alias": "s", "on": {"driver_id": "chauffeur_id"}}]}]}')"#;

#[tokio::test]
async fn create_and_apply_write_the_same() {
    let stated = Kept::defined().await;
    let applied = Kept::new().await;
    rows(&applied.feast, APPLY).await;
    assert_eq!(applied.definitions(), stated.definitions());
    // What is there already is left alone, to the byte.
    let before = stated.bytes();
    rows(&stated.feast, APPLY).await;
    assert_eq!(stated.bytes(), before);
}

#[tokio::test]
async fn drop_has_a_twin() {
    let (stated, called) = (Kept::defined().await, Kept::defined().await);
    for (kind, name) in [
        ("FEATURE SERVICE", "ranking"),
        ("FEATURE VIEW", "stats"),
        ("ENTITY", "driver"),
    ] {
        rows(&stated.feast, &format!("DROP {kind} {name}")).await;
        let call = format!(
            "SELECT * FROM feast_drop('{}', '{name}')",
            kind.to_lowercase()
        );
        rows(&called.feast, &call).await;
        assert_eq!(called.definitions(), stated.definitions(), "{kind}");
        assert_eq!(
            refusal(&called.feast, &call).await,
            refusal(&stated.feast, &format!("DROP {kind} {name}")).await
        );
    }
}

#[tokio::test]
async fn what_is_shown_has_twins() {
    let kept = Kept::defined().await;
    let feast = &kept.feast;
    for (statement, list) in [
        ("SHOW ENTITIES", "entities"),
        ("SHOW FEATURE VIEWS", "feature_views"),
        ("SHOW FEATURE SERVICES", "feature_services"),
        ("SHOW DATA SOURCES", "data_sources"),
    ] {
        let shown = table(feast, statement).await;
        assert!(shown.lines().count() > 4, "{shown}");
        assert_eq!(
            table(feast, &format!("SELECT * FROM feast_{list}()")).await,
            shown
        );
        assert_eq!(
            table(feast, &format!("SELECT * FROM feast.registry.{list}")).await,
            shown
        );
    }
    let features = table(feast, "SELECT * FROM feast_features()").await;
    assert_eq!(
        table(feast, "SELECT * FROM feast.registry.features").await,
        features
    );
    for (kind, name) in [
        ("entity", "driver"),
        ("feature view", "stats"),
        ("feature service", "ranking"),
    ] {
        for (statement, function) in [
            ("DESCRIBE", "feast_describe"),
            ("SHOW CREATE", "feast_show_create"),
        ] {
            let stated = table(feast, &format!("{statement} {kind} {name}")).await;
            let call = format!("SELECT * FROM {function}('{kind}', '{name}')");
            assert_eq!(table(feast, &call).await, stated);
        }
    }
}

#[tokio::test]
async fn show_create_makes_the_same_again() {
    let (first, second) = (Kept::defined().await, Kept::new().await);
    for (kind, name) in [
        ("entity", "driver"),
        ("feature view", "stats"),
        ("feature service", "ranking"),
    ] {
        let shown = rows(&first.feast, &format!("SHOW CREATE {kind} {name}")).await;
        let statement = arrow::array::cast::as_string_array(shown[0].column(1))
            .value(0)
            .to_owned();
        rows(&second.feast, &statement).await;
    }
    assert_eq!(second.definitions(), first.definitions());
}

/// Until a plan is executed nothing has happened.
#[tokio::test]
async fn explain_prepare_and_limit_0_change_nothing() {
    let kept = Kept::defined().await;
    let before = kept.bytes();
    assert!(before.is_some());
    for (at, verb) in [
        "CREATE ENTITY made JOIN KEY (made_id BIGINT)",
        "CREATE OR REPLACE ENTITY driver JOIN KEY (driver_id BIGINT)",
        "CREATE FEATURE VIEW made FROM stats TIMESTAMP ts",
        "CREATE FEATURE SERVICE made AS (stats)",
        "CREATE FEATURE VIEW made ENTITIES () FROM (SELECT * FROM stats)",
        "ALTER ENTITY driver SET OWNER 'somebody'",
        "SELECT * FROM feast_alter('entity', 'driver', 'SET OWNER ''somebody''')",
        "SELECT * FROM feast_register('made', 'stats', entities => ['driver_id'])",
        "DROP FEATURE SERVICE ranking",
        "SELECT * FROM feast_drop('feature service', 'ranking')",
        r#"SELECT * FROM feast_apply('{"entities": [{"name": "made"}]}')"#,
    ]
    .into_iter()
    .enumerate()
    {
        for explain in ["EXPLAIN", "EXPLAIN VERBOSE", "EXPLAIN FORMAT TREE"] {
            rows(&kept.feast, &format!("{explain} {verb}")).await;
        }
        // Planned and never run.
        Box::pin(kept.feast.sql(verb)).await.unwrap();
        if verb.starts_with("SELECT") {
            rows(&kept.feast, &format!("{verb} LIMIT 0")).await;
            rows(
                &kept.feast,
                &format!("SELECT count(*) FROM ({verb}) WHERE false"),
            )
            .await;
            rows(&kept.feast, &format!("PREPARE p{at} AS {verb}")).await;
        }
        assert!(
            kept.bytes() == before,
            "{verb} had an effect before it was executed"
        );
    }
    rows(
        &kept.feast,
        r#"SELECT * FROM feast_apply('{"entities": [{"name": "made"}]}', true)"#,
    )
    .await;
    assert!(kept.bytes() == before, "a dry run had an effect");
}

/// Executed, the effect happens once, however many partitions and columns are asked for.
#[tokio::test]
async fn an_effect_happens_once() {
    let kept = Kept::new().await;
    rows(
        &kept.feast,
        "SET datafusion.execution.target_partitions = 8",
    )
    .await;
    // A second creation would be refused.
    rows(
        &kept.feast,
        "CREATE ENTITY driver JOIN KEY (driver_id BIGINT)",
    )
    .await;
    rows(
        &kept.feast,
        "SELECT count(*) FROM feast_drop('entity', 'driver') AS a WHERE action = 'drop' \
         GROUP BY kind ORDER BY 1",
    )
    .await;
    assert!(
        refusal(&kept.feast, "DROP ENTITY driver")
            .await
            .contains("does not exist")
    );
}
