// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The online store while its catalog is down, and when it goes down in the middle of a write.

use super::files::files_of;
use super::lake::{Lake, are_up};
use super::proxy::Proxy;
use super::session::{Session, run};
use super::shop::{Shop, delete, push, rides, trips};

const DRIVERS: &str = "1, 2, 99";
const FOUND: [&str; 3] = ["1 10 PRESENT", "2 20 PRESENT", "99 NULL NOT_FOUND"];

#[test]
fn with_keys_of_ours() {
    if are_up() {
        goes_on(&Lake::Seaweedfs, "outage_own");
    }
}

#[test]
fn with_keys_of_the_catalog() {
    if are_up() {
        goes_on(&Lake::SeaweedfsVended, "outage_vended");
    }
}

/// Lookups go on within the allowed staleness, writes fail and leave nothing, and after it is back
/// all goes on.
fn goes_on(lake: &Lake, test: &str) {
    let shop = Shop::new(lake, test);
    let mut catalog = Proxy::of("SEAWEEDFS_CATALOG", &[]);
    run(async {
        shop.fill().await;
        let options = lake.options().with("uri", &catalog.address());
        let session = shop.session(&options).await;
        session.read("MATERIALIZE FEATURE VIEW by_number").await;
        let allow = "SET feast.online.max_staleness_ms = 600000";
        session.read(allow).await;
        assert_eq!(trips(&session, DRIVERS, "").await, FOUND);
        // What somebody else writes is seen while the catalog answers, whatever is allowed.
        let other = shop.session(&lake.options()).await;
        other.read(&push("by_number", 3, 3, 40)).await;
        let third = ["3 70 PRESENT"];
        assert_eq!(trips(&session, "3", "").await, third);

        catalog.stop();
        other.read(&push("by_number", 3, 3, 41)).await;
        for _ in 0..2 {
            assert_eq!(trips(&session, DRIVERS, "").await, FOUND);
            assert_eq!(trips(&session, "3", "").await, third);
            let offline = trips(&session, "1, 3", ", source => 'offline'").await;
            assert_eq!(offline, ["1 10 PRESENT", "3 30 PRESENT"]);
        }
        for setting in ["0", "1"] {
            session
                .read(&format!("SET feast.online.max_staleness_ms = {setting}"))
                .await;
            let lookup = "SELECT * FROM feast_online_lookup(['by_number:trips'], [1])";
            names_the_catalog(&session, lookup, &catalog).await;
        }
        session.read(allow).await;
        writes_fail(&shop, &session, &catalog).await;
        other.read(&push("by_number", 4, 4, 41)).await;

        catalog.start_again(&[]);
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        assert_eq!(shop.snapshots(&session, "by_number").await, 4);
        assert_eq!(
            trips(&session, "3, 4", "").await,
            ["3 71 PRESENT", "4 81 PRESENT"]
        );
        all_goes_on(&shop, &session).await;
    });
}

/// Each write says which catalog does not answer, and writes no file.
async fn writes_fail(shop: &Shop, session: &Session, catalog: &Proxy) {
    let before = files_of(&shop.namespaces()).await;
    assert!(!before.is_empty());
    for statement in [
        "MATERIALIZE FEATURE VIEW by_number".to_owned(),
        "MATERIALIZE FEATURE VIEW by_number FULL".to_owned(),
        "MATERIALIZE FEATURE VIEW by_text".to_owned(),
        push("by_number", 5, 5, 90),
        delete("(1)"),
        format!("INSERT INTO {} {}", shop.source(), rides(1, 1, 500)),
    ] {
        names_the_catalog(session, &statement, catalog).await;
    }
    assert_eq!(files_of(&shop.namespaces()).await, before);
}

async fn names_the_catalog(session: &Session, statement: &str, catalog: &Proxy) {
    let (error, took) = session.error(statement).await;
    println!("after {took:?}: {error}");
    assert!(
        error.contains("catalog 'lake'") && error.contains(&catalog.address()),
        "{statement}\n  {error}"
    );
}

async fn all_goes_on(shop: &Shop, session: &Session) {
    let insert = format!("INSERT INTO {} {}", shop.source(), rides(1, 1, 500));
    session.read(&insert).await;
    session.read("MATERIALIZE FEATURE VIEW by_number").await;
    session.read(&push("by_number", 5, 5, 90)).await;
    session.read(&delete("(2)")).await;
    assert_eq!(
        trips(session, "1, 2, 5", "").await,
        ["1 510 PRESENT", "2 NULL NOT_FOUND", "5 140 PRESENT"]
    );
}

/// The catalog ends when it gets the commit, or when it has made it: the write fails, the table is
/// as before or as after it, and doing it again gives the right answer.
#[test]
fn a_write_whose_catalog_ends_is_whole_or_not_there() {
    if !are_up() {
        return;
    }
    let lake = Lake::Seaweedfs;
    for when in ["before", "after"] {
        let shop = Shop::new(&lake, &format!("ends_{when}"));
        let on = format!("POST /v1/warehouse/namespaces/{}/tables/", shop.online);
        let mut catalog = Proxy::of("SEAWEEDFS_CATALOG", &[]);
        run(async {
            shop.fill().await;
            let options = lake.options().with("uri", &catalog.address());
            let session = shop.session(&options).await;
            session.read("MATERIALIZE FEATURE VIEW by_number").await;
            let insert = format!("INSERT INTO {} {}", shop.source(), rides(2, 2, 60));
            session.read(&insert).await;
            let mut made = 1;
            for (statement, found) in [
                (
                    "MATERIALIZE FEATURE VIEW by_number".to_owned(),
                    ["1 10 PRESENT", "2 80 PRESENT", "3 30 PRESENT"],
                ),
                (
                    push("by_number", 3, 3, 90),
                    ["1 10 PRESENT", "2 80 PRESENT", "3 120 PRESENT"],
                ),
                (
                    delete("(1)"),
                    ["1 NULL NOT_FOUND", "2 80 PRESENT", "3 120 PRESENT"],
                ),
            ] {
                catalog.start_again(&["--end", when, "--on", &on]);
                names_the_catalog(&session, &statement, &catalog).await;
                catalog.start_again(&[]);
                made += usize::from(when == "after");
                let snapshots = shop.snapshots(&session, "by_number").await;
                assert_eq!(snapshots, made, "{when} {statement}");
                if when == "after" {
                    assert_eq!(trips(&session, "1, 2, 3", "").await, found, "{statement}");
                }
                session.read(&statement).await;
                made = shop.snapshots(&session, "by_number").await;
                assert_eq!(trips(&session, "1, 2, 3", "").await, found, "{statement}");
            }
        });
    }
}
