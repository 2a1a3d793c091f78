// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Results on standard output.
//!
//! Tables, CSV and TSV are datafusion-cli's; `json` and `nd-json` are our own, because theirs drop
//! NULLs and round numbers. Everything but a table is written as it arrives.

mod instants;
mod json;
mod json_value;

use std::fmt;
use std::io::{self, Write};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::instant::Instant;
use datafusion::config::FormatOptions;
use datafusion::error::Result;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::spill::get_record_batch_memory_size;
use datafusion_cli::print_format::PrintFormat;
use datafusion_cli::print_options::{MaxRows, PrintOptions};
use futures::StreamExt;

use self::json::{JsonWriter, Layout};

/// Text is handed to standard output when this much has gathered, so that a statement that fails
/// early has printed nothing.
const FLUSH_BYTES: usize = 1 << 20;

/// Prints the result of one statement that began at `started`.
pub(crate) async fn print_result(
    options: &PrintOptions,
    stream: SendableRecordBatchStream,
    task: &TaskContext,
    started: Instant,
) -> Result<()> {
    let format = &task.session_config().options().format;
    match options.format {
        PrintFormat::Json => print_json(stream, Layout::Array).await,
        PrintFormat::NdJson => print_json(stream, Layout::Lines).await,
        PrintFormat::Csv | PrintFormat::Tsv => {
            print_separated(options, stream, format, started).await
        }
        PrintFormat::Table | PrintFormat::Automatic => {
            print_table(options, stream, task, format, started).await
        }
    }
}

/// JSON output is for programs: nothing but results goes to it, whether quiet or not.
async fn print_json(mut stream: SendableRecordBatchStream, layout: Layout) -> Result<()> {
    let schema = stream.schema();
    let without_result = schema.fields().is_empty();
    let mut writer = JsonWriter::new(&schema, layout)?;
    let mut text = Vec::new();
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        if !without_result {
            writer.write(&mut text, &batch)?;
            flush_over(&mut text, FLUSH_BYTES)?;
        }
    }
    if !without_result {
        writer.finish(&mut text);
    }
    flush_over(&mut text, 0)
}

async fn print_separated(
    options: &PrintOptions,
    mut stream: SendableRecordBatchStream,
    format: &FormatOptions,
    started: Instant,
) -> Result<()> {
    let schema = stream.schema();
    let mut text = Vec::new();
    let mut rows = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        if batch.num_rows() == 0 || batch.num_columns() == 0 {
            continue;
        }
        let header = rows == 0;
        rows += batch.num_rows();
        let schema = SchemaRef::clone(&schema);
        options.format.print_batches(
            &mut text,
            schema,
            &[batch],
            MaxRows::Unlimited,
            header,
            format,
        )?;
        flush_over(&mut text, FLUSH_BYTES)?;
    }
    flush_over(&mut text, 0)?;
    // With no batches this prints the closing lines alone.
    options.print_batches(schema, &[], started, rows, format)
}

/// A table needs all its rows to know its widths; past `--maxrows` they are only counted.
async fn print_table(
    options: &PrintOptions,
    mut stream: SendableRecordBatchStream,
    task: &TaskContext,
    format: &FormatOptions,
    started: Instant,
) -> Result<()> {
    let schema = stream.schema();
    let limit = match options.maxrows {
        MaxRows::Unlimited => usize::MAX,
        MaxRows::Limited(rows) => rows,
    };
    let kept_bytes: MemoryReservation =
        MemoryConsumer::new("feast-sql result").register(task.memory_pool());
    let mut kept: Vec<RecordBatch> = Vec::new();
    let mut rows = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        // One batch past the limit is kept: the table then shows that there is more.
        if rows <= limit {
            kept_bytes.try_grow(get_record_batch_memory_size(&batch))?;
            kept.push(batch.clone());
        }
        rows += batch.num_rows();
    }
    let table = PrintOptions {
        format: PrintFormat::Table,
        ..options.clone()
    };
    table.print_batches(schema, &kept, started, rows, format)
}

/// Prints a line that is no result.
pub(crate) fn say(text: impl fmt::Display) -> Result<()> {
    writeln!(io::stdout(), "{text}")?;
    Ok(())
}

fn flush_over(text: &mut Vec<u8>, limit: usize) -> Result<()> {
    if text.len() > limit {
        let mut out = io::stdout().lock();
        out.write_all(text)?;
        out.flush()?;
        text.clear();
    }
    Ok(())
}
