// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! How many reads of a lookup wait for one another: what it costs behind a slow network.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch};
use async_trait::async_trait;
use bytes::Bytes;
use datafusion_feast::{FeastContext, OnlineLookupRequest};
use feast_iceberg::{IcebergCaches, IcebergCatalogProvider};
use feast_testkit::faults::StoreFactory;
use futures::stream::BoxStream;
use iceberg::memory::{MEMORY_CATALOG_WAREHOUSE, MemoryCatalogBuilder};
use iceberg::{Catalog, CatalogBuilder};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::{lines, rows};

/// A read ends only after everything else that can go on has gone on, other reads' beginning included.
const TURNS: usize = 2_000;

/// Counts reads, and how many of them waited for another one to end before they began.
#[derive(Debug, Default)]
struct TripStore {
    inner: InMemory,
    /// The longest chain of reads that have ended.
    ended: AtomicUsize,
    reads: Mutex<Vec<String>>,
    /// Reads of files whose paths contain this never end.
    hangs: Mutex<Option<&'static str>>,
}

impl TripStore {
    async fn trip(&self, path: &Path) {
        self.reads().push(path.to_string());
        let hangs = *self.hangs.lock().unwrap();
        if hangs.is_some_and(|part| path.as_ref().contains(part)) {
            std::future::pending::<()>().await;
        }
        let depth = self.ended.load(Ordering::SeqCst) + 1;
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        self.ended.fetch_max(depth, Ordering::SeqCst);
    }

    fn reads(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.reads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The trips and reads since this was asked last.
    fn taken(&self) -> (usize, Vec<String>) {
        let trips = self.ended.swap(0, Ordering::SeqCst);
        (trips, std::mem::take(&mut *self.reads()))
    }
}

impl fmt::Display for TripStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TripStore")
    }
}

#[async_trait]
impl ObjectStore for TripStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        self.inner.put_opts(location, payload, opts).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        opts: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, opts).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.trip(location).await;
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.trip(location).await;
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

async fn catalog(store: &Arc<TripStore>) -> Arc<dyn Catalog> {
    let factory = StoreFactory::new(Arc::clone(store) as Arc<dyn ObjectStore>);
    let builder = MemoryCatalogBuilder::default().with_storage_factory(Arc::new(factory));
    let warehouse = (MEMORY_CATALOG_WAREHOUSE.to_owned(), "memory:/wh".to_owned());
    let properties = HashMap::from([warehouse]);
    Arc::new(builder.load("lake", properties).await.unwrap())
}

/// Forgets everything that was read.
fn attach(feast: &FeastContext, catalog: &Arc<dyn Catalog>) {
    let provider = IcebergCatalogProvider::new(Arc::clone(catalog), "lake");
    let provider = provider.with_caches(Arc::new(IcebergCaches::default()));
    feast.session().register_catalog("lake", Arc::new(provider));
}

fn keys(values: impl IntoIterator<Item = i64>) -> RecordBatch {
    let values: ArrayRef = Arc::new(values.into_iter().collect::<Int64Array>());
    RecordBatch::try_from_iter([("k", values)]).unwrap()
}

/// A view of a thousand keys in 8 parts, one of them deleted, and where it is; nothing is kept in memory.
async fn materialized() -> (Arc<TripStore>, FeastContext) {
    let store = Arc::new(TripStore::default());
    let catalog = catalog(&store).await;
    let feast = Box::pin(FeastContext::builder().build()).await.unwrap();
    attach(&feast, &catalog);
    for statement in [
        "SET feast.online.catalog = 'lake'",
        "SET feast.online.partition_count = 8",
        "CREATE TABLE s AS SELECT value AS k, TIMESTAMP '2025-01-01T00:00:00' AS ts, value * 2 AS v, value * 3 AS w FROM generate_series(1, 1000)",
        "CREATE ENTITY k JOIN KEY (k BIGINT)",
        "CREATE FEATURE VIEW s ENTITIES (k) FEATURES (v BIGINT, w BIGINT) FROM s TIMESTAMP ts",
        "MATERIALIZE FEATURE VIEW s FULL",
        "SELECT * FROM feast_delete_online('s', (SELECT 999 AS k))",
    ] {
        rows(&feast, statement).await;
    }
    attach(&feast, &catalog);
    (store, feast)
}

#[tokio::test]
async fn a_lookup_in_a_known_snapshot_takes_two_trips() {
    let (store, feast) = materialized().await;
    let request = OnlineLookupRequest::features(["s:v"]).with_timeout(Duration::from_secs(600));
    let prepared = feast.prepare_online_lookup(&request).await.unwrap();
    store.taken();
    let all = keys(1..=1000);
    let found = prepared.lookup(&all).await.unwrap();
    assert_eq!(found.column(1).null_count(), 1);
    // The table's metadata, manifest list, manifests; footers, bloom filters, pages.
    let (trips, reads) = store.taken();
    println!("cold, all of 9 files: {trips} trips, {} reads", reads.len());
    assert!(trips <= 7, "{trips} trips: {reads:#?}");
    for asked in [keys([17]), keys([17, 999, 3, 400]), all] {
        let count = asked.num_rows();
        let found = prepared.lookup(&asked).await.unwrap();
        assert_eq!(found.num_rows(), count);
        // This catalog reads the table's metadata each time; then come the pages of all files at once.
        let (trips, reads) = store.taken();
        println!("warm, {count} keys: {trips} trips, {} reads", reads.len());
        assert_eq!(trips, 2, "{reads:#?}");
        let metadata = reads
            .iter()
            .filter(|path| path.contains("metadata"))
            .count();
        assert_eq!(metadata, 1, "{reads:#?}");
    }
    let unknown = prepared.lookup(&keys([-1])).await.unwrap();
    assert_eq!(unknown.column(1).null_count(), 1);
    assert_eq!(store.taken().0, 1, "bounds tell without reading");
}

#[tokio::test]
async fn calls_for_several_features_of_a_view_are_one_lookup() {
    let (store, feast) = materialized().await;
    rows(&feast, "SET feast.online.read_timeout_ms = 600000").await;
    let of = |calls: &str| format!("SELECT {calls} FROM (VALUES (17), (17), (400)) AS t(k)");
    let (v, w) = ("feast_online_get('s:v', k)", "feast_online_get('s:w', k)");
    lines(&feast, &of(v)).await;
    let mut reads = Vec::new();
    for (calls, expected) in [
        (v.to_owned(), ["34", "34", "800"]),
        (format!("{v} + {w}"), ["85", "85", "2000"]),
        // Other keys are another lookup.
        (
            format!("{v} + feast_online_get('s:w', k + 1)"),
            ["88", "88", "2003"],
        ),
    ] {
        store.taken();
        assert_eq!(lines(&feast, &of(&calls)).await, expected, "{calls}");
        let read = store.taken().1;
        reads.push(
            read.iter()
                .filter(|path| path.ends_with(".parquet"))
                .count(),
        );
    }
    assert_eq!(reads[0], reads[1]);
    assert!(reads[2] > reads[1], "{reads:?}");
}

#[tokio::test]
async fn an_answer_that_takes_too_long_says_what_it_waited_for() {
    let (store, feast) = materialized().await;
    let request = OnlineLookupRequest::features(["s:v"]);
    let patient = request.clone().with_timeout(Duration::from_secs(600));
    // What comes before has to be done in time, so a slow machine gets more of it.
    let waited = async |part: &'static str, expected: &str| {
        *store.hangs.lock().unwrap() = Some(part);
        let mut told = String::new();
        for millis in [50, 500, 5_000, 50_000] {
            let hasty = request.clone().with_timeout(Duration::from_millis(millis));
            let found = feast.online_lookup(&keys([17]), &hasty).await;
            told = found.unwrap_err().to_string();
            if told.contains(expected) {
                break;
            }
        }
        *store.hangs.lock().unwrap() = None;
        assert!(told.contains(expected), "{told}");
    };
    let table = "online table lake.feast_online.";
    waited(".metadata.json", &format!("still opening {table}")).await;
    waited(".avro", &format!("still reading the metadata of {table}")).await;
    feast.online_lookup(&keys([17]), &patient).await.unwrap();
    waited(
        ".parquet",
        &format!("still reading rows of 1 files of {table}"),
    )
    .await;
}
