// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A large Feast repository: how long it takes to open, and to plan a service over many of its views.
//!
//! `cargo bench --workspace --bench feast_repository`. The repository has 2,000 views of 50 features in a
//! registry file, the services 50 views over a Parquet file each. `FEAST_BENCH_RUNS` says how often each is
//! run (9); the median counts. The aims are 200 ms to open and 50 ms to plan.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench stops at the first surprise and prints what it measured"
)]

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use datafusion_feast::FeastContext;
use feast_registry::{
    DataSource, Entity, FeatureService, FeatureView, FeatureViewProjection, Field, FileSource,
    Registry, Source, Timestamp, Ttl, ValueType,
};
use parquet::arrow::ArrowWriter;

const VIEWS: usize = 2_000;
const FEATURES: usize = 50;
const IN_SERVICE: usize = 50;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let registry = build(dir);
    let bytes = registry.to_bytes();
    println!(
        "{VIEWS} views of {FEATURES} features: {:.1} MB",
        bytes.len() as f64 / 1e6
    );
    std::fs::write(dir.join("registry.db"), &bytes).unwrap();
    let yaml = "project: large\nregistry: registry.db\noffline_store: {type: duckdb}\n";
    std::fs::write(dir.join("feature_store.yaml"), yaml).unwrap();

    let mut parse = Vec::new();
    let mut open = Vec::new();
    for _ in 0..runs() {
        let started = Instant::now();
        Registry::parse(&bytes).unwrap();
        parse.push(started.elapsed());
        let started = Instant::now();
        Box::pin(FeastContext::open(dir)).await.unwrap();
        open.push(started.elapsed());
    }
    report("parse the registry", parse);
    report("open the repository", open);

    let feast = Box::pin(FeastContext::open(dir)).await.unwrap();
    let mut notices = Vec::new();
    for _ in 0..runs() {
        let started = Instant::now();
        feast.notices().unwrap();
        notices.push(started.elapsed());
    }
    report("tell the notices", notices);
    for service in ["few", "all"] {
        let (mut plan, mut optimize) = (Vec::new(), Vec::new());
        let query = format!(
            "SELECT * FROM feast_pit_join(entities => (SELECT 1 AS driver_id,
                 TIMESTAMP '2026-01-02T00:00:00Z' AS event_timestamp),
               features => '{service}', full_feature_names => true)"
        );
        for _ in 0..runs() {
            let started = Instant::now();
            let frame = Box::pin(feast.sql(&query)).await.unwrap();
            let logical = started.elapsed();
            Box::pin(frame.create_physical_plan()).await.unwrap();
            plan.push(started.elapsed());
            optimize.push(started.elapsed() - logical);
        }
        let features = if service == "few" { 5 } else { FEATURES };
        report(
            &format!("plan {IN_SERVICE} views, {features} features of each"),
            plan,
        );
        report("  of it, to optimize and make the physical plan", optimize);
    }
}

fn runs() -> usize {
    let runs = std::env::var("FEAST_BENCH_RUNS").ok();
    runs.and_then(|runs| runs.parse().ok()).unwrap_or(9)
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    let (least, median) = (times[0], times[times.len() / 2]);
    println!(
        "{what}: {:.1} ms (least {:.1})",
        millis(median),
        millis(least)
    );
}

/// The definitions, and the files of the views in services.
fn build(dir: &Path) -> Registry {
    let (mut registry, now) = (Registry::new(), Timestamp::new(1_767_225_600, 0));
    let project = "large";
    let driver = Entity::new("driver", "driver_id", ValueType::Int64);
    registry.put_entity(project, &driver, now).unwrap();
    for number in 0..VIEWS {
        let path = format!("data/view_{number}.parquet");
        if number < IN_SERVICE {
            write(&dir.join(&path));
        }
        let source = Source::File(FileSource { uri: path });
        let source = DataSource::new(format!("source_{number}"), source, "event_timestamp");
        let mut view = FeatureView::new(format!("view_{number}"), source);
        view.entities = vec!["driver".to_owned()];
        view.entity_columns = vec![Field::new("driver_id", ValueType::Int64)];
        view.features = features();
        view.ttl = Some(Ttl::new(86_400, 0));
        view.description = "Figures of a driver, written every hour by a pipeline".to_owned();
        view.tags = [("team", "rides"), ("tier", "1")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        registry.put_feature_view(project, &view, now).unwrap();
    }
    for (name, count) in [("few", 5), ("all", FEATURES)] {
        let projections = (0..IN_SERVICE).map(|number| FeatureViewProjection {
            view: format!("view_{number}"),
            features: features().into_iter().take(count).collect(),
            ..FeatureViewProjection::default()
        });
        let service = FeatureService {
            name: name.to_owned(),
            projections: projections.collect(),
            ..FeatureService::default()
        };
        registry
            .put_feature_service(project, &service, now)
            .unwrap();
    }
    registry.touch(now).unwrap();
    registry
}

fn features() -> Vec<Field> {
    (0..FEATURES)
        .map(|number| Field::new(format!("feature_{number}"), ValueType::Double))
        .collect()
}

/// A file of a few rows with every feature.
fn write(path: &Path) {
    let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
    let times =
        TimestampMicrosecondArray::from_iter_values((0..100).map(|n| 1_767_225_600_000_000 + n));
    let times: ArrayRef = Arc::new(times.with_timezone("UTC"));
    let mut columns = vec![
        ("driver_id".to_owned(), keys),
        ("event_timestamp".to_owned(), times),
    ];
    for feature in features() {
        let values = Float64Array::from_iter_values((0..100).map(f64::from));
        columns.push((feature.name, Arc::new(values)));
    }
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}
