// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Secrets of every kind of lake: in no plan, setting, table of ours or error.

use super::lake::{Lake, are_up};
use super::peers::make;
use super::proxy::Proxy;
use super::session::{Session, assert_no_secret, run};
use super::shop::{Shop, push};

#[test]
fn are_shown_nowhere() {
    if !are_up() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for (test, lake) in [
        ("secrets_own", Lake::Seaweedfs),
        ("secrets_vended", Lake::SeaweedfsVended),
        ("secrets", Lake::Ministack),
        ("secrets", Lake::Lakana),
        ("secrets", Lake::sqlite(folder.path())),
    ] {
        let shop = Shop::new(&lake, test);
        run(async {
            shop.fill().await;
            let session = shop.session(&lake.options()).await;
            let made = session.rows("MATERIALIZE FEATURE VIEW by_number").await;
            // MiniStack keeps no online tables.
            assert!(made.is_ok() || matches!(lake, Lake::Ministack), "{lake:?}");
            let source = shop.source();
            let mut shown = session.shown(&format!("SELECT * FROM {source}")).await;
            let lookup = "SELECT * FROM feast_online_lookup(['by_number:trips'], [1])";
            shown += &session.shown(lookup).await;
            shown += &session
                .shown(&format!("INSERT INTO {source} SELECT * FROM {source}"))
                .await;
            let metadata = source.replace("rides", "\"rides$");
            for statement in [
                push("by_number", 1, 1, 5),
                "SHOW TABLES".to_owned(),
                "SHOW CREATE FEATURE VIEW by_number".to_owned(),
                "DESCRIBE FEATURE VIEW by_number".to_owned(),
                "SELECT * FROM feast.registry.data_sources".to_owned(),
                "SELECT * FROM feast.cache.files".to_owned(),
                "SELECT * FROM information_schema.columns WHERE table_name = 'rides'".to_owned(),
                format!("SELECT * FROM {metadata}snapshots\""),
                format!("SELECT * FROM {metadata}files\""),
                format!("SELECT * FROM {metadata}history\""),
            ] {
                match session.rows(&statement).await {
                    Ok(rows) => shown += &format!("{rows:?}"),
                    Err(error) => shown += &error.to_string(),
                }
            }
            assert!(shown.contains("by_number") && shown.contains("rides"));
            assert_no_secret(&shown);
            // How an access key and a session token of SeaweedFS begin.
            assert!(!shown.contains("ASIA") && !shown.contains("eyJ"), "{shown}");
        });
    }
}

/// A server that repeats what it was sent, as some do in their errors.
#[test]
fn are_not_repeated_after_a_server() {
    if !are_up() {
        return;
    }
    let namespace = Lake::Lakana.namespace("repeats");
    make(&Lake::Lakana, "one", &namespace, &["t"]);
    for status in ["400", "401", "403", "404", "409", "500", "503"] {
        let proxy = Proxy::of(
            "LAKANA_CATALOG",
            &["--status", status, "--say-pass", "--on", "/tables/t"],
        );
        run(async {
            let options = Lake::Lakana.options().with("uri", &proxy.address());
            let session = Session::attach(&options).await.unwrap();
            // The session looks for secrets in each error.
            let all = format!("SELECT * FROM lake.\"{namespace}\".t");
            let (error, _) = session.error(&all).await;
            println!("{status}: {error}");
            let insert = format!("INSERT INTO lake.\"{namespace}\".t VALUES (9, 'nine')");
            session.error(&insert).await;
        });
    }
}
