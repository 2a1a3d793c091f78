// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The rows as the registry file that holds the same objects.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row};

use super::Failure;
use super::tables::{HISTORY, OBJECTS, PROJECT_METADATA, PROJECTS, ProjectField};
use crate::edit::Draft;
use crate::message::Message;
use crate::time::Timestamp;
use crate::wire::{WireError, bytes_field};

/// The bytes of that file, without its version and its time.
pub(super) fn registry(connection: &Connection) -> Result<Vec<u8>, Failure> {
    let mut fields: BTreeMap<u32, Vec<u8>> = BTreeMap::new();
    if !has_table(connection, "projects")? {
        return Err(Failure::Layout("it has no table 'projects'".to_owned()));
    }
    for kind in &OBJECTS {
        if !has_table(connection, kind.table)? {
            continue;
        }
        let (table, name, message) = (kind.table, kind.name, kind.message);
        let query =
            format!("SELECT project_id, {message} FROM {table} ORDER BY project_id, {name}");
        let out = fields.entry(kind.number).or_default();
        each(connection, &query, |row| {
            let (project, message): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
            let message = with_project(message, kind.project, &project)?;
            out.extend(bytes_field(kind.number, &message));
            Ok(())
        })?;
    }
    let query = "SELECT project_proto FROM projects ORDER BY project_id";
    let out = fields.entry(PROJECTS).or_default();
    each(connection, query, |row| {
        out.extend(bytes_field(PROJECTS, &row.get::<_, Vec<u8>>(0)?));
        Ok(())
    })?;
    fields.insert(PROJECT_METADATA, metadata(connection)?);
    fields.insert(HISTORY, history(connection)?);
    Ok(fields.into_values().flatten().collect())
}

fn metadata(connection: &Connection) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    if !has_table(connection, "feast_metadata")? {
        return Ok(out);
    }
    let query = "SELECT project_id, metadata_value FROM feast_metadata \
                 WHERE metadata_key = 'project_uuid' ORDER BY project_id";
    each(connection, query, |row| {
        let (project, uuid): (String, String) = (row.get(0)?, row.get(1)?);
        let body = [
            bytes_field(1, project.as_bytes()),
            bytes_field(2, uuid.as_bytes()),
        ];
        out.extend(bytes_field(PROJECT_METADATA, &body.concat()));
        Ok(())
    })?;
    Ok(out)
}

fn history(connection: &Connection) -> Result<Vec<u8>, Failure> {
    let mut records = Vec::new();
    if !has_table(connection, "feature_view_version_history")? {
        return Ok(records);
    }
    let query = "SELECT feature_view_name, project_id, version_number, feature_view_type, \
                 feature_view_proto, created_timestamp, description, version_id \
                 FROM feature_view_version_history \
                 ORDER BY project_id, feature_view_name, version_number";
    each(connection, query, |row| {
        let mut record = Draft::default();
        record.string(1, &row.get::<_, String>(0)?)?;
        record.string(2, &row.get::<_, String>(1)?)?;
        record.varint(3, row.get::<_, i64>(2)? as u64)?;
        record.string(4, &row.get::<_, String>(3)?)?;
        record.bytes(5, &row.get::<_, Vec<u8>>(4)?)?;
        record.message(6, &Timestamp::new(row.get(5)?, 0).encode()?)?;
        record.string(7, &row.get::<_, Option<String>>(6)?.unwrap_or_default())?;
        record.string(8, &row.get::<_, String>(7)?)?;
        records.extend(bytes_field(1, &record.into_bytes()));
        Ok(())
    })?;
    match records.is_empty() {
        true => Ok(records),
        false => Ok(bytes_field(HISTORY, &records)),
    }
}

/// The message with its project, which Feast leaves to the row.
fn with_project(
    message: Vec<u8>,
    field: ProjectField,
    project: &str,
) -> Result<Vec<u8>, WireError> {
    let holds = match field {
        ProjectField::Own(number) => Message::read(&message)?.string(number)? == project,
        ProjectField::Spec(number) => {
            let spec = Message::read(&message)?.message(1)?.unwrap_or_default();
            Message::read(&spec)?.string(number)? == project
        }
    };
    if holds {
        return Ok(message);
    }
    let mut draft = Draft::of(Some(&message))?;
    match field {
        ProjectField::Own(number) => draft.string(number, project)?,
        ProjectField::Spec(number) => draft.edit(1, |spec| spec.string(number, project))?,
    }
    Ok(draft.into_bytes())
}

fn has_table(connection: &Connection, table: &str) -> Result<bool, Failure> {
    let query = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?1";
    let count: i64 = connection.query_row(query, [table], |row| row.get(0))?;
    Ok(count > 0)
}

fn each(
    connection: &Connection,
    query: &str,
    mut take: impl FnMut(&Row<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(row)?;
    }
    Ok(())
}
