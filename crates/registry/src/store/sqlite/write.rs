// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! What changed in the registry file, as changes of rows.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::Failure;
use super::tables::{HISTORY, OBJECTS, PROJECT_METADATA, PROJECTS};
use crate::message::Message;
use crate::registry::{LAST_UPDATED, Registry};
use crate::time::Timestamp;

/// What a registry file holds, by what its rows are found by.
#[derive(Debug, Default)]
struct Content {
    /// Field, project and name to message.
    objects: BTreeMap<(u32, String, String), Vec<u8>>,
    /// Project, view and version to record.
    versions: BTreeMap<(String, String, i32), Vec<u8>>,
    /// Project to its id.
    ids: BTreeMap<String, String>,
    /// What has no name to be found by.
    others: Vec<(u32, Vec<u8>)>,
    updated: i64,
}

/// Brings the rows from what one file holds to what another does.
pub(super) fn difference(
    connection: &Connection,
    held: &[u8],
    wanted: &[u8],
) -> Result<(), Failure> {
    let (held, wanted) = (content(held)?, content(wanted)?);
    if held.others != wanted.others {
        return Err(Failure::Layout(
            "the change is to objects of a kind that only Feast writes there".to_owned(),
        ));
    }
    for (key, message) in &wanted.objects {
        if held.objects.get(key) != Some(message) {
            put(connection, key, message, wanted.updated)?;
        }
    }
    for (number, project, name) in held.objects.keys() {
        let key = (*number, project.clone(), name.clone());
        if !wanted.objects.contains_key(&key) {
            remove(connection, *number, project, name)?;
        }
    }
    for ((project, name, version), record) in &wanted.versions {
        let key = (project.clone(), name.clone(), *version);
        if held.versions.get(&key) != Some(record) {
            put_version(connection, record)?;
        }
    }
    for (project, name, version) in held.versions.keys() {
        let key = (project.clone(), name.clone(), *version);
        if !wanted.versions.contains_key(&key) {
            let delete = "DELETE FROM feature_view_version_history \
                          WHERE project_id = ?1 AND feature_view_name = ?2 AND version_number = ?3";
            connection.execute(delete, params![project, name, version])?;
        }
    }
    let projects = wanted.objects.keys().map(|(_, project, _)| project);
    let projects: std::collections::BTreeSet<&String> = projects.collect();
    for project in projects {
        let id = wanted
            .ids
            .get(project)
            .filter(|id| held.ids.get(project) != Some(id));
        if let Some(id) = id {
            put_metadata(connection, project, "project_uuid", id, wanted.updated)?;
        }
        let updated = wanted.updated.to_string();
        put_metadata(
            connection,
            project,
            "last_updated_timestamp",
            &updated,
            wanted.updated,
        )?;
    }
    Ok(())
}

fn content(bytes: &[u8]) -> Result<Content, Failure> {
    let registry = Registry::parse(bytes).map_err(|error| Failure::Layout(error.to_string()))?;
    let mut content = Content::default();
    for (number, key, body) in registry.fields() {
        match (number, key) {
            (LAST_UPDATED, _) => content.updated = Timestamp::decode(body)?.seconds,
            (HISTORY, _) => {
                for record in Message::read(body)?.repeated(1)? {
                    let fields = Message::read(record)?;
                    let key = (fields.string(2)?, fields.string(1)?, fields.int32(3)?);
                    content.versions.insert(key, record.to_vec());
                }
            }
            (PROJECT_METADATA, _) => {
                let fields = Message::read(body)?;
                content.ids.insert(fields.string(1)?, fields.string(2)?);
            }
            (PROJECTS, Some((_, name))) => {
                let key = (number, name.to_owned(), name.to_owned());
                content.objects.insert(key, body.to_vec());
            }
            (_, Some((project, name))) => {
                let key = (number, project.to_owned(), name.to_owned());
                content.objects.insert(key, body.to_vec());
            }
            // The format's version and the file's own.
            (3 | 4, None) => {}
            (_, None) => content.others.push((number, body.to_vec())),
        }
    }
    Ok(content)
}

fn put(
    connection: &Connection,
    (number, project, name): &(u32, String, String),
    message: &[u8],
    updated: i64,
) -> Result<(), Failure> {
    if *number == PROJECTS {
        let put = "INSERT INTO projects (project_id, project_name, last_updated_timestamp, project_proto) \
                   VALUES (?1, ?1, ?2, ?3) ON CONFLICT (project_id) DO UPDATE SET \
                   last_updated_timestamp = excluded.last_updated_timestamp, \
                   project_proto = excluded.project_proto";
        connection.execute(put, params![project, updated, message])?;
        return Ok(());
    }
    let Some(kind) = OBJECTS.iter().find(|kind| kind.number == *number) else {
        return Err(Failure::Layout(format!("it has no table for '{name}'")));
    };
    let (table, key, column) = (kind.table, kind.name, kind.message);
    let put = format!(
        "INSERT INTO {table} ({key}, project_id, last_updated_timestamp, {column}) \
         VALUES (?1, ?2, ?3, ?4) ON CONFLICT ({key}, project_id) DO UPDATE SET \
         last_updated_timestamp = excluded.last_updated_timestamp, {column} = excluded.{column}"
    );
    connection.execute(&put, params![name, project, updated, message])?;
    Ok(())
}

fn remove(connection: &Connection, number: u32, project: &str, name: &str) -> Result<(), Failure> {
    let Some(kind) = OBJECTS.iter().find(|kind| kind.number == number) else {
        return Err(Failure::Layout(format!("'{name}' cannot be removed")));
    };
    let (table, key) = (kind.table, kind.name);
    let delete = format!("DELETE FROM {table} WHERE {key} = ?1 AND project_id = ?2");
    connection.execute(&delete, params![name, project])?;
    Ok(())
}

fn put_version(connection: &Connection, record: &[u8]) -> Result<(), Failure> {
    let fields = Message::read(record)?;
    let created = match fields.message(6)? {
        Some(created) => Timestamp::decode(&created)?.seconds,
        None => 0,
    };
    let put = "INSERT OR REPLACE INTO feature_view_version_history (feature_view_name, project_id, \
               version_number, feature_view_type, feature_view_proto, created_timestamp, \
               description, version_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let values = params![
        fields.string(1)?,
        fields.string(2)?,
        fields.int32(3)?,
        fields.string(4)?,
        fields.bytes(5)?,
        created,
        fields.string(7)?,
        fields.string(8)?
    ];
    connection.execute(put, values)?;
    Ok(())
}

fn put_metadata(
    connection: &Connection,
    project: &str,
    key: &str,
    value: &str,
    updated: i64,
) -> Result<(), Failure> {
    let put = "INSERT INTO feast_metadata (project_id, metadata_key, metadata_value, \
               last_updated_timestamp) VALUES (?1, ?2, ?3, ?4) \
               ON CONFLICT (project_id, metadata_key) DO UPDATE SET \
               metadata_value = excluded.metadata_value, \
               last_updated_timestamp = excluded.last_updated_timestamp";
    connection.execute(put, params![project, key, value, updated])?;
    Ok(())
}
