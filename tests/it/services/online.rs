// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The online store in lakes that are servers: from materializing to looking up.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion_feast::{OnlineLookupRequest, PreparedOnlineLookup};

use super::lake::{Lake, are_up};
use super::rows::Rows;
use super::session::{Session, run};
use super::shop::{Shop, delete, push, rides, told, trips};

#[test]
fn seaweedfs() {
    if are_up() {
        cycle(&Lake::SeaweedfsVended);
    }
}

/// MiniStack forgets what a new table's properties say, and a table that does not say how its keys
/// are hashed is none of ours.
#[test]
fn ministack() {
    if !are_up() {
        return;
    }
    let shop = Shop::new(&Lake::Ministack, "cycle");
    run(async {
        shop.fill().await;
        let session = shop.session(&shop.lake.options()).await;
        let (error, _) = session.error("MATERIALIZE FEATURE VIEW by_number").await;
        assert!(error.contains("feast.online.partition-count"), "{error}");
        let offline = trips(&session, "1, 99", ", source => 'offline'").await;
        assert_eq!(offline, ["1 10 PRESENT", "99 NULL NOT_FOUND"]);
    });
}

#[test]
fn lakana() {
    if are_up() {
        cycle(&Lake::Lakana);
    }
}

#[test]
fn sqlite() {
    if are_up() {
        let folder = tempfile::tempdir().unwrap();
        cycle(&Lake::sqlite(folder.path()));
    }
}

/// The keys for which the online table is not what its source is.
async fn differing(session: &Session) -> Vec<String> {
    let query = "SELECT driver_id FROM feast_verify_parity('by_number')";
    told(&session.read(query).await)
}

fn request() -> OnlineLookupRequest {
    OnlineLookupRequest::features(["by_number:trips"]).with_status()
}

async fn prepared(session: &Session) -> PreparedOnlineLookup {
    let request = request();
    let prepared = session.feast().prepare_online_lookup(&request);
    Box::pin(prepared).await.unwrap()
}

/// The typed call, the prepared one, and `feast_online_get` find what the table function finds.
async fn all_ways(
    session: &Session,
    prepared: &PreparedOnlineLookup,
    drivers: &[i64],
) -> Vec<String> {
    let list: Vec<String> = drivers.iter().map(i64::to_string).collect();
    let list = list.join(", ");
    let wanted = trips(session, &list, "").await;
    let keys: ArrayRef = Arc::new(Int64Array::from(drivers.to_vec()));
    let keys = RecordBatch::try_from_iter([("driver_id", keys)]).unwrap();
    let request = request();
    let typed = Box::pin(session.feast().online_lookup(&keys, &request));
    for found in [typed.await.unwrap(), prepared.lookup(&keys).await.unwrap()] {
        let fields = found.schema();
        let columns = fields.fields().iter().map(|it| it.name().clone());
        let found = told(&Rows::of(columns.collect(), &[found]));
        assert_eq!(found, wanted);
    }
    let get = format!(
        "SELECT driver_id, feast_online_get('by_number:trips', driver_id) AS trips
         FROM (SELECT unnest([{list}]) AS driver_id)"
    );
    let without_status = |row: &String| row.rsplit_once(' ').unwrap().0.to_owned();
    let values: Vec<String> = wanted.iter().map(without_status).collect();
    assert_eq!(told(&session.read(&get).await), values);
    wanted
}

fn cycle(lake: &Lake) {
    let shop = Shop::new(lake, "cycle");
    run(async {
        shop.fill().await;
        let session = shop.session(&lake.options()).await;
        let done = session
            .read("SELECT rows_read, rows_written FROM feast_materialize('by_number', mode => 'full')")
            .await;
        assert_eq!(told(&done), ["20 20"], "{lake:?}");
        let prepared = prepared(&session).await;
        assert_eq!(
            all_ways(&session, &prepared, &[1, 20, 99]).await,
            ["1 10 PRESENT", "20 200 PRESENT", "99 NULL NOT_FOUND"]
        );
        assert_eq!(differing(&session).await, [""; 0], "{lake:?}");

        // Newer rows of some, and an older one that comes late.
        let insert = format!(
            "INSERT INTO {} SELECT * FROM ({}) UNION ALL SELECT * FROM ({})",
            shop.source(),
            rides(1, 3, 100),
            rides(6, 6, -3)
        );
        session.read(&insert).await;
        let done = session
            .read("SELECT rows_read FROM feast_materialize('by_number')")
            .await;
        assert_eq!(told(&done), ["4"], "{lake:?}");
        // The prepared call sees the new version.
        assert_eq!(
            all_ways(&session, &prepared, &[3, 6]).await,
            ["3 130 PRESENT", "6 60 PRESENT"]
        );
        assert_eq!(differing(&session).await, [""; 0], "{lake:?}");

        session.read(&push("by_number", 7, 7, 50)).await;
        session.read(&push("by_number", 8, 8, -50)).await;
        let deleted = session.read(&delete("(9), (9)")).await;
        assert_eq!(told(&deleted), ["1"], "{lake:?}");
        let now = ["7 120 PRESENT", "8 80 PRESENT", "9 NULL NOT_FOUND"];
        assert_eq!(
            all_ways(&session, &prepared, &[7, 8, 9]).await,
            now,
            "{lake:?}"
        );
        assert_eq!(differing(&session).await, ["7", "9"], "{lake:?}");
        assert_eq!(
            trips(&session, "7, 9", ", source => 'offline'").await,
            ["7 70 PRESENT", "9 90 PRESENT"]
        );
        read_from_anew(&shop).await;
    });
}

/// Another session sees the same, and a window writes the deleted driver again.
async fn read_from_anew(shop: &Shop) {
    let lake = &shop.lake;
    let session = shop.session(&lake.options()).await;
    let found = trips(&session, "3, 6, 7, 8, 9", "").await;
    let expected = [
        "3 130 PRESENT",
        "6 60 PRESENT",
        "7 120 PRESENT",
        "8 80 PRESENT",
        "9 NULL NOT_FOUND",
    ];
    assert_eq!(found, expected, "{lake:?}");
    assert_eq!(shop.snapshots(&session, "by_number").await, 5, "{lake:?}");
    let window =
        "MATERIALIZE FEATURE VIEW by_number FROM '2025-01-01T09:00:00Z' TO '2025-01-01T10:00:00Z'";
    session.read(window).await;
    assert_eq!(
        trips(&session, "9, 10", "").await,
        ["10 100 PRESENT", "9 90 PRESENT"],
        "{lake:?}"
    );
    let both = "SELECT * FROM feast_online_lookup(['by_number:note', 'by_both:trips'],
        keys => [{'driver_id': 4, 'city': 'city 0 ü'}, {'driver_id': 5, 'city': 'city 0 ü'}])";
    session.read("MATERIALIZE FEATURE VIEW by_both").await;
    assert_eq!(
        told(&session.read(both).await),
        ["4 city 0 ü note 4 40", "5 city 0 ü NULL NULL"],
        "{lake:?}"
    );
}
