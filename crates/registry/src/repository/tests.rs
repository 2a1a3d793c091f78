// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! `feature_store.yaml` in its spellings.

use super::*;

fn parse(text: &str) -> Result<FeatureRepository> {
    FeatureRepository::parse(text, Path::new("/repo"), &|name| {
        (name == "SECRET").then(|| "hush".to_owned())
    })
}

fn with(lines: &str) -> FeatureRepository {
    parse(&format!(
        "project: rides\nregistry: data/registry.db\n{lines}"
    ))
    .unwrap()
}

#[test]
fn the_shortest_repository_has_feasts_defaults() {
    let repository = with("");
    assert_eq!(repository.project, "rides");
    assert_eq!(
        repository.registry,
        RegistryLocation::File("/repo/data/registry.db".into())
    );
    assert_eq!(repository.offline_store.kind, "dask");
    assert_eq!(repository.online_store.as_ref().unwrap().kind, "sqlite");
    assert_eq!(repository.entity_key_serialization_version, 3);
    assert_eq!(repository.notices, Vec::<String>::new());
}

#[test]
fn registries_by_their_address() {
    let at = |lines: &str| parse(&format!("project: rides\n{lines}")).map(|it| it.registry);
    let file = |path: &str| RegistryLocation::File(path.into());
    let sqlite = |path: &str| RegistryLocation::Sqlite(path.into());
    for (text, expected) in [
        ("registry: /abs/r.db", file("/abs/r.db")),
        ("registry: file:///abs/r.db", file("/abs/r.db")),
        (
            "registry: {path: r.db, cache_ttl_seconds: 60}",
            file("/repo/r.db"),
        ),
        (
            "registry: {registry_type: file, path: r.db}",
            file("/repo/r.db"),
        ),
        (
            "registry: s3://b/r.db",
            RegistryLocation::Url("s3://b/r.db".into()),
        ),
        (
            "registry: {registry_store_type: S3RegistryStore, path: s3://b/r.db}",
            RegistryLocation::Url("s3://b/r.db".into()),
        ),
        (
            "registry: {registry_type: sql, path: 'sqlite:///r.sqlite'}",
            sqlite("/repo/r.sqlite"),
        ),
        (
            "registry: {registry_type: sql, path: 'sqlite:////a/r.sqlite'}",
            sqlite("/a/r.sqlite"),
        ),
        (
            "registry: {registry_type: sql, path: 'sqlite+pysqlite:///r.sqlite?mode=ro'}",
            sqlite("/repo/r.sqlite"),
        ),
    ] {
        assert_eq!(at(text).unwrap(), expected, "{text}");
    }
    for (text, part) in [
        ("x: 1", "registry is not given"),
        ("registry: null", "registry is not given"),
        ("registry: {registry_type: sql}", "registry.path"),
        (
            "registry: {registry_type: sql, path: 'sqlite://'}",
            "names no file",
        ),
        (
            "registry: {registry_type: sql, path: 'postgresql+psycopg://me:$SECRET@h/d'}",
            "postgresql",
        ),
        (
            "registry: {registry_type: remote, path: 'localhost:6570'}",
            "'remote'",
        ),
        (
            "registry: {registry_type: snowflake.registry}",
            "snowflake.registry",
        ),
        (
            "registry: {registry_store_type: my.HdfsStore, path: x}",
            "HdfsStore",
        ),
        ("registry: hdfs://h/r.db", "hdfs://"),
    ] {
        let error = at(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
        assert!(!error.contains("hush"), "{error}");
    }
}

#[test]
fn stores_of_type_iceberg() {
    let repository = with(
        "offline_store:
  type: iceberg
  uri: sqlite:///catalog.db
  storage_options: {s3.region: eu, s3.secret-access-key: $SECRET, s3.path-style-access: true}
online_store:
  type: feast.infra.online_stores.contrib.iceberg.IcebergOnlineStore
  catalog_type: rest
  catalog_name: serving
  uri: http://localhost:8181
  namespace: online
  partition_strategy: hybrid
  partition_count: 16
  read_timeout_ms: 100
  color: blue",
    );
    let catalog = &repository.offline_store.catalogs[0];
    assert_eq!(
        (
            catalog.name.as_str(),
            catalog.kind.as_str(),
            catalog.warehouse.as_deref()
        ),
        ("default", "sql", Some("warehouse"))
    );
    assert_eq!(catalog.properties["s3.secret-access-key"], "hush");
    assert_eq!(catalog.properties["s3.path-style-access"], "true");
    let tables = repository.online_tables().unwrap();
    assert_eq!(tables.catalog.as_ref().unwrap().name, "serving");
    assert_eq!(tables.namespace.as_deref(), Some("online"));
    assert_eq!(
        (
            tables.partition_strategy.as_str(),
            tables.partition_count,
            tables.read_timeout_ms
        ),
        ("hybrid", 16, Some(100))
    );
    assert_eq!(repository.notices.len(), 1);
    assert!(repository.notices[0].starts_with("online_store.color is not known"));
    assert!(!format!("{repository:?}").contains("hush"));
    assert!(format!("{repository:?}").contains("s3.region"));

    for (lines, part) in [
        (
            "online_store: {type: iceberg, partition_strategy: x}",
            "entity_hash, timestamp, hybrid",
        ),
        (
            "online_store: {type: iceberg, partition_count: 0}",
            "online_store.partition_count",
        ),
        (
            "online_store: {type: iceberg, read_timeout_ms: fast}",
            "online_store.read_timeout_ms",
        ),
        (
            "online_store: {type: iceberg, read_timeout_ms: 0}",
            "milliseconds from 1",
        ),
        (
            "offline_store: {type: iceberg, uri: [a]}",
            "offline_store.uri",
        ),
        ("offline_store: [a]", "offline_store is neither"),
    ] {
        let error = parse(&format!("project: p\nregistry: r\n{lines}")).unwrap_err();
        assert!(error.to_string().contains(part), "{lines}: {error}");
    }
}

#[test]
fn online_tables_need_keys_of_version_3() {
    let refused = |lines: &str| with(lines).online_tables().unwrap_err().to_string();
    let old = "entity_key_serialization_version: 2\nonline_store: {type: iceberg}";
    assert!(refused(old).contains("is 2, online features need 3"));
    assert_eq!(with(old).notices.len(), 1);
    assert!(with(old).notices[0].starts_with("entity_key_serialization_version"));
    assert!(refused("online_store: null").contains("switched off"));
    assert!(refused("online_store: {type: redis}").contains("type redis"));
    assert!(refused("entity_key_serialization_version: 4").contains("does not know"));
    for other in ["redis", "{type: redis}", "{type: sqlite, path: o.db}"] {
        let notices = with(&format!("online_store: {other}")).notices;
        assert_eq!(notices.len(), 1, "{other}: {notices:?}");
        assert!(notices[0].contains("namespace feast_online"), "{notices:?}");
    }
    assert!(with("online_store: null").notices.is_empty());
    let tables = with("online_store: iceberg");
    assert!(tables.notices.is_empty());
    assert_eq!(tables.online_tables().unwrap().partition_count, 256);
}

#[test]
fn catalogs_of_spark() {
    let repository = with(
        "offline_store:
  type: spark
  spark_conf:
    spark.master: local
    spark.sql.catalog.lake: org.apache.iceberg.spark.SparkCatalog
    spark.sql.catalog.lake.type: rest
    spark.sql.catalog.lake.uri: http://localhost:8181
    spark.sql.catalog.lake.warehouse: wh
    spark.sql.catalog.lake.token: $SECRET
    spark.sql.catalog.db: org.apache.iceberg.spark.SparkSessionCatalog
    spark.sql.catalog.db.catalog-impl: org.apache.iceberg.jdbc.JdbcCatalog
    spark.sql.catalog.db.uri: jdbc:sqlite:file:/a/c.db
    spark.sql.catalog.delta: org.apache.spark.sql.delta.catalog.DeltaCatalog",
    );
    let catalogs = &repository.offline_store.catalogs;
    let seen: Vec<_> = catalogs
        .iter()
        .map(|it| {
            (
                it.name.as_str(),
                it.kind.as_str(),
                it.uri.as_deref().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("db", "sql", "sqlite:////a/c.db"),
            ("lake", "rest", "http://localhost:8181")
        ]
    );
    assert_eq!(catalogs[1].properties["token"], "hush");
}

#[test]
fn what_is_wrong_or_unknown_is_named() {
    for (text, part) in [
        ("registry: r", "project is not given"),
        ("project: _x\nregistry: r", "'_x'"),
        ("project: [a]\nregistry: r", "project expects a text"),
        (
            "project: a\nregistry: r\nentity_key_serialization_version: three",
            "entity_key_serialization_version expects",
        ),
    ] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
    let notices = with("colour: $SECRET\nauth: {type: oidc}\nflags: {a: '${UNSET}'}").notices;
    assert_eq!(notices.len(), 3, "{notices:?}");
    assert!(notices[0].contains("UNSET") && notices[1].starts_with("colour"));
    assert!(notices[2].contains("oidc"));
    assert!(!notices.concat().contains("hush"));
}

#[test]
fn relative_paths_are_the_repositorys() {
    let repository = with("");
    for (path, expected) in [
        ("data/a.parquet", "/repo/data/a.parquet"),
        ("../x/*.parquet", "/repo/../x/*.parquet"),
        ("/abs/a.parquet", "/abs/a.parquet"),
        ("s3://b/a.parquet", "s3://b/a.parquet"),
        ("file:///a.parquet", "file:///a.parquet"),
    ] {
        assert_eq!(repository.resolve(path), expected);
    }
}

#[test]
fn a_folder_without_the_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = FeatureRepository::open(folder.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("feature_store.yaml"));
    std::fs::write(folder.path().join(FILE), "project: rides").unwrap();
    let error = FeatureRepository::open(folder.path())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("feature_store.yaml: registry is not given"),
        "{error}"
    );
    std::fs::write(folder.path().join(FILE), b"\xff").unwrap();
    let error = FeatureRepository::open(folder.path())
        .unwrap_err()
        .to_string();
    assert!(error.contains("UTF-8"), "{error}");
}

#[test]
fn mutated_files_are_errors_or_repositories() {
    const SEED: u64 = 0x5eed_0f4a;
    println!("seed {SEED:#x}");
    let texts = [
        "project: rides\nregistry: {registry_type: sql, path: 'sqlite:///r.sqlite'}\n",
        "project: a\nregistry: data/registry.db\nonline_store: &o {type: iceberg, uri: ${U}}\noffline_store: *o\n",
        "project: a\nregistry: >-\n  s3://b/r.db\noffline_store:\n  spark_conf:\n    spark.sql.catalog.l: org.apache.iceberg.spark.X\n",
    ];
    let mut state = SEED;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let pieces = [
        "&a", "*a", "{", "}", "[", "- ", ": ", "\n", "\t", "'", "${", "<<: ", "|", "!!x ", "\u{0}",
        "é", "0x", "---\n",
    ];
    let (mut read, mut refused) = (0, 0);
    for turn in 0..6_000 {
        let mut text: Vec<char> = texts[turn % texts.len()].chars().collect();
        for _ in 0..=random(4) {
            let at = random(text.len().max(1)).min(text.len());
            match random(3) {
                0 if at < text.len() => drop(text.remove(at)),
                1 => text.truncate(at),
                _ => drop(text.splice(at..at, pieces[random(pieces.len())].chars())),
            }
        }
        match parse(&text.iter().collect::<String>()) {
            Ok(repository) => {
                read += 1;
                let _ = repository.online_tables();
            }
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert!(read > 100 && refused > 100, "{read} {refused}");
}
