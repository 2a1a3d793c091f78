// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The SQL catalog against databases as PyIceberg lays them out.

mod opening;
mod tables;

use std::path::{Path, PathBuf};

use iceberg::spec::{NestedField, PrimitiveType, Schema, Type};
use iceberg::{NamespaceIdent, TableCreation, TableIdent};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

/// The layout of PyIceberg 0.11 and older.
const OLD_LAYOUT: &str = "
CREATE TABLE iceberg_tables (catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL,
  table_name VARCHAR(255) NOT NULL, metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000),
  PRIMARY KEY (catalog_name, table_namespace, table_name));
CREATE TABLE iceberg_namespace_properties (catalog_name VARCHAR(255) NOT NULL, namespace VARCHAR(255) NOT NULL,
  property_key VARCHAR(255) NOT NULL, property_value VARCHAR(1000) NOT NULL,
  PRIMARY KEY (catalog_name, namespace, property_key));
INSERT INTO iceberg_namespace_properties VALUES ('default', 'shop', 'exists', 'true');";

fn options(file: &Path, warehouse: Option<&Path>, extra: &[(&str, &str)]) -> CatalogOptions {
    CatalogOptions {
        name: "lake".into(),
        kind: "sql".into(),
        uri: format!("sqlite:///{}", file.display()),
        warehouse: warehouse.map(|it| it.display().to_string()),
        properties: extra
            .iter()
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect(),
    }
}

fn old_database(dir: &TempDir) -> PathBuf {
    let file = dir.path().join("old.db");
    Connection::open(&file)
        .unwrap()
        .execute_batch(OLD_LAYOUT)
        .unwrap();
    file
}

fn columns(file: &Path) -> Vec<String> {
    let connection = Connection::open(file).unwrap();
    let mut statement = connection
        .prepare("SELECT name FROM pragma_table_info('iceberg_tables')")
        .unwrap();
    let names = statement.query_map([], |row| row.get(0)).unwrap();
    names.collect::<rusqlite::Result<_>>().unwrap()
}

fn creation(name: &str) -> TableCreation {
    let schema = Schema::builder()
        .with_fields([NestedField::required(1, "id", Type::Primitive(PrimitiveType::Long)).into()])
        .build()
        .unwrap();
    TableCreation::builder()
        .name(name.to_string())
        .schema(schema)
        .build()
}

fn shop() -> NamespaceIdent {
    NamespaceIdent::new("shop".to_string())
}

fn ident(name: &str) -> TableIdent {
    TableIdent::new(shop(), name.to_string())
}

fn message(error: iceberg::Error) -> String {
    Error::from(error).to_string()
}
