// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A write that is given up.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::{StreamExt, stream};
use iceberg::spec::PrimitiveType as P;

use super::lake::{Lake, Made, field};

/// Rows that come, and then no more and no end.
#[derive(Debug)]
struct Endless(SchemaRef);

impl PartitionStream for Endless {
    fn schema(&self) -> &SchemaRef {
        &self.0
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let schema = Arc::clone(&self.0);
        let rows = move |number: i64| {
            let ids = (0..10_000)
                .map(|id| id * 7919 + number)
                .collect::<Int64Array>();
            RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(ids)]).map_err(Into::into)
        };
        let rows = stream::iter((0..20).map(rows)).chain(stream::pending());
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.0), rows))
    }
}

#[tokio::test]
async fn nothing_is_left_when_the_result_is_dropped() {
    let lake = Lake::new().await;
    let made = Made {
        fields: vec![field(1, "id", P::Long)],
        properties: &[("write.target-file-size-bytes", "100000")],
        ..Made::default()
    };
    lake.make(made).await;
    let before = lake.files();
    let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true)]));
    let endless = Arc::new(Endless(Arc::clone(&schema)));
    let source = StreamingTable::try_new(schema, vec![endless]).unwrap();
    lake.session
        .register_table("endless", Arc::new(source))
        .unwrap();
    let insert = lake
        .session
        .sql("INSERT INTO lake.shop.t SELECT * FROM endless")
        .await
        .unwrap();
    let mut result = insert.execute_stream().await.unwrap();
    // Some files are finished, others are open.
    let files = || lake.files().len();
    while files() < before.len() + 3 {
        let waited = tokio::time::timeout(Duration::from_millis(10), result.next()).await;
        assert!(waited.is_err(), "the insert ended");
    }
    drop(result);
    let gone = async {
        while lake.files() != before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let gone = tokio::time::timeout(Duration::from_secs(20), gone).await;
    assert!(gone.is_ok(), "left: {:?}", lake.files());
    assert!(lake.data_files("t").await.is_empty());
}
