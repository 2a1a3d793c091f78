// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Metadata tables of tables that other engines wrote.

use std::path::Path;
use std::sync::Arc;

use arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::SessionContext;

use super::{IcebergMetadataTable, MetadataTableKind};
use crate::provider::tests::opened::folders;
use crate::provider::{IcebergTableProvider, OpenOptions, SnapshotSelector};
use crate::storage::TableStorage;

/// A session with the table `name` of the fixtures as `t` and its metadata tables as `t_files`
/// and so on.
async fn session(name: &str, at: SnapshotSelector) -> SessionContext {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/tables");
    opened(&folder.join(name), at).await.unwrap()
}

async fn opened(folder: &Path, at: SnapshotSelector) -> datafusion::error::Result<SessionContext> {
    let folder = folder.join("table");
    let options = OpenOptions {
        allow_moved_paths: true,
        ..OpenOptions::default()
    };
    let opened = IcebergTableProvider::open(folder.to_str().unwrap(), options);
    let table = opened.await?.table().clone();
    let context = SessionContext::new();
    for kind in MetadataTableKind::ALL {
        let storage = Arc::new(TableStorage::for_table(&table));
        let shown = IcebergMetadataTable::try_new(table.clone(), storage, kind, &at)?;
        context.register_table(format!("t_{kind}"), Arc::new(shown))?;
    }
    Ok(context)
}

async fn shown(context: &SessionContext, sql: &str) -> Vec<String> {
    let found = context.sql(sql).await.unwrap().collect().await.unwrap();
    let text = pretty_format_batches(&found).unwrap().to_string();
    let cells = |line: &str| {
        let cells = line.trim_matches('|').split('|').map(str::trim);
        cells.collect::<Vec<_>>().join(",")
    };
    text.lines()
        .filter(|line| line.starts_with('|'))
        .skip(1)
        .map(cells)
        .collect()
}

#[tokio::test]
async fn snapshots_history_and_refs_are_those_of_the_table() {
    let context = session("pyicebergwrite_cow_v2", SnapshotSelector::Current).await;
    assert_eq!(
        shown(
            &context,
            "SELECT operation, count(*) FROM t_snapshots GROUP BY 1 ORDER BY 1"
        )
        .await,
        ["append,4", "overwrite,2"]
    );
    assert_eq!(
        shown(
            &context,
            "SELECT name, type, snapshot_id FROM t_refs ORDER BY name"
        )
        .await,
        [
            "br,BRANCH,1611723366208314945",
            "main,BRANCH,1280275279575859360",
            "tg,TAG,6313594472281655998"
        ]
    );
    let last = "SELECT snapshot_id, is_current_ancestor FROM t_history \
                ORDER BY made_current_at DESC LIMIT 1";
    assert_eq!(shown(&context, last).await, ["1280275279575859360,true"]);
    let joined = "SELECT count(*) FROM t_history h JOIN t_snapshots s USING (snapshot_id) \
                  WHERE (h.parent_id IS NOT DISTINCT FROM s.parent_id) \
                  AND map_extract(s.summary, 'total-records')[1] IS NOT NULL";
    assert_eq!(
        shown(&context, joined).await,
        shown(&context, "SELECT count(*) FROM t_history").await
    );
}

#[tokio::test]
async fn counts_of_files_agree_with_the_snapshots_summary() {
    let mut checked = 0;
    for name in [
        "spark_posdel_v2_file_granularity",
        "spark_eqdel_pos_mixed_v2",
        "spark_partition_evolution",
        "spark_v2_posdel_upgraded_to_v3_dv",
        "spark_empty_and_truncated",
        "duckwrite_posdel_partitioned_v2",
    ] {
        let ids = session(name, SnapshotSelector::Current).await;
        for id in shown(&ids, "SELECT snapshot_id FROM t_snapshots").await {
            let at = SnapshotSelector::SnapshotId(id.parse().unwrap());
            let context = session(name, at).await;
            let total = |key: &str| {
                format!(
                    "SELECT map_extract(summary, '{key}')[1] FROM t_snapshots WHERE snapshot_id = {id}"
                )
            };
            for (key, table) in [
                ("total-data-files", "SELECT count(*) FROM t_data_files"),
                ("total-delete-files", "SELECT count(*) FROM t_delete_files"),
                (
                    "total-records",
                    "SELECT coalesce(sum(record_count), 0) FROM t_files WHERE content = 0",
                ),
                (
                    "total-data-files",
                    "SELECT coalesce(sum(file_count), 0) FROM t_partitions",
                ),
                (
                    "total-data-files",
                    "SELECT count(*) FROM t_entries WHERE status < 2 AND data_file['content'] = 0",
                ),
                (
                    "total-equality-deletes",
                    "SELECT coalesce(sum(equality_delete_record_count), 0) FROM t_partitions",
                ),
            ] {
                let told = shown(&context, &total(key)).await;
                if told == ["".to_string()] {
                    continue;
                }
                assert_eq!(
                    shown(&context, table).await,
                    told,
                    "{name} at {id}: {table}"
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 100, "{checked}");
}

#[tokio::test]
async fn partitions_of_all_specs_are_one_struct() {
    let context = session("spark_partition_evolution", SnapshotSelector::Current).await;
    let specs = "SELECT count(DISTINCT spec_id), count(*), sum(record_count) FROM t_partitions";
    let files = "SELECT count(DISTINCT spec_id) FROM t_files";
    let (partitions, files) = (shown(&context, specs).await, shown(&context, files).await);
    assert_eq!(partitions[0].split(',').next(), files[0].split(',').next());
    let same = "SELECT p.spec_id, p.partition, p.file_count, f.n FROM t_partitions p JOIN \
                (SELECT spec_id, partition, count(*) AS n FROM t_data_files GROUP BY 1, 2) f \
                ON p.spec_id = f.spec_id AND p.partition = f.partition WHERE p.file_count <> f.n";
    assert_eq!(shown(&context, same).await, Vec::<String>::new());
    let summaries = "SELECT count(*) FROM t_manifests WHERE cardinality(partition_summaries) > 0 \
                     AND partition_summaries[1]['lower_bound'] IS NOT NULL";
    assert_ne!(shown(&context, summaries).await, ["0"]);
}

#[tokio::test]
async fn a_filter_on_specs_or_content_spares_manifests() {
    let context = session("spark_partition_evolution", SnapshotSelector::Current).await;
    let plan = |sql: &str| format!("EXPLAIN {sql}");
    let all = shown(&context, &plan("SELECT file_path FROM t_files"))
        .await
        .join("\n");
    let one = "SELECT file_path FROM t_files WHERE spec_id = 0";
    let few = shown(&context, &plan(one)).await.join("\n");
    let manifests = |plan: &str| {
        let at = plan.find("manifests=").unwrap() + "manifests=".len();
        plan[at..]
            .split('/')
            .next()
            .unwrap()
            .parse::<usize>()
            .unwrap()
    };
    assert!(manifests(&few) < manifests(&all), "{few}\n{all}");
    let filtered = shown(&context, "SELECT count(*) FROM t_files WHERE spec_id = 0").await;
    let counted = "SELECT sum(CASE spec_id WHEN 0 THEN 1 ELSE 0 END) FROM t_files";
    assert_eq!(filtered, shown(&context, counted).await);
    let deletes = "SELECT count(*) FROM t_files WHERE content > 0";
    let deletes = shown(&context, deletes).await;
    assert_eq!(
        deletes,
        shown(&context, "SELECT count(*) FROM t_delete_files").await
    );
    let limited = shown(&context, "SELECT content FROM t_files LIMIT 3").await;
    assert_eq!(limited.len(), 3);
}

#[tokio::test]
async fn metrics_are_readable() {
    let context = session("spark_nested_types", SnapshotSelector::Current).await;
    let columns = context.table("t_files").await.unwrap();
    let names: Vec<_> = columns
        .schema()
        .fields()
        .iter()
        .map(|f| f.name().clone())
        .collect();
    assert_eq!(
        names[..4],
        ["content", "file_path", "file_format", "spec_id"]
    );
    assert_eq!(names.last().unwrap(), "readable_metrics");
    let context = session("spark_feature_events_mor", SnapshotSelector::Current).await;
    let metrics = context.table("t_data_files").await.unwrap();
    let schema = metrics.schema().clone();
    let metrics = schema
        .field_with_unqualified_name("readable_metrics")
        .unwrap();
    let arrow::datatypes::DataType::Struct(columns) = metrics.data_type() else {
        panic!("{metrics}");
    };
    let top_level = columns.iter().filter(|column| !column.name().contains('.'));
    for name in top_level.map(|column| column.name()) {
        let sql = format!(
            "SELECT count(*) FROM t_data_files WHERE readable_metrics['{name}']['value_count'] > 0 \
             AND readable_metrics['{name}']['lower_bound'] <= readable_metrics['{name}']['upper_bound']"
        );
        assert_ne!(shown(&context, &sql).await, ["0"], "{name}");
    }
    let maps = "SELECT count(*) FROM t_data_files WHERE cardinality(map_keys(column_sizes)) > 0 \
                AND cardinality(map_keys(lower_bounds)) > 0";
    assert_ne!(shown(&context, maps).await, ["0"]);
}

#[tokio::test]
async fn deletion_vectors_name_their_file() {
    let context = session("duckwrite_dv_v3", SnapshotSelector::Current).await;
    let sql = "SELECT count(*) FROM t_delete_files d JOIN t_data_files f \
               ON d.referenced_data_file = f.file_path \
               WHERE d.file_format = 'PUFFIN' AND d.content = 1 AND d.content_size_in_bytes > 0";
    assert_eq!(
        shown(&context, sql).await,
        shown(&context, "SELECT count(*) FROM t_delete_files").await
    );
}

#[tokio::test]
async fn a_table_without_snapshots_has_empty_ones() {
    let context = session("spark_never_written", SnapshotSelector::Current).await;
    for kind in MetadataTableKind::ALL {
        let sql = format!("SELECT * FROM t_{kind}");
        assert_eq!(shown(&context, &sql).await, Vec::<String>::new(), "{kind}");
    }
}

#[tokio::test]
async fn every_table_has_all_of_them() {
    for folder in folders() {
        let context = match opened(&folder, SnapshotSelector::Current).await {
            Ok(context) => context,
            Err(error) => {
                assert!(error.to_string().contains("not supported"), "{error}");
                continue;
            }
        };
        for kind in MetadataTableKind::ALL {
            let all = context
                .sql(&format!("SELECT * FROM t_{kind}"))
                .await
                .unwrap();
            if let Err(error) = all.collect().await {
                panic!("{kind} of {}: {error}", folder.display());
            }
        }
        let files = "SELECT count(*), coalesce(sum(record_count), 0) FROM t_data_files";
        let partitions =
            "SELECT coalesce(sum(file_count), 0), coalesce(sum(record_count), 0) FROM t_partitions";
        let files = shown(&context, files).await;
        assert_eq!(
            files,
            shown(&context, partitions).await,
            "{}",
            folder.display()
        );
    }
}
