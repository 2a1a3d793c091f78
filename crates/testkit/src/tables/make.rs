// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Making the files that a commit adds.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use roaring::RoaringTreemap;

use super::datum::Datum;
use super::file::{DeleteKind, FileRow, TableFile};
use super::maker::TableMaker;
use super::metrics::{Metrics, MetricsMode};
use super::parquet::{KeptRow, Layout, Positions, Written, write, write_positions};
use super::puffin;
use super::types::{Field, Type};

/// A data file to make.
#[derive(Debug, Clone)]
pub struct NewData {
    /// The columns in the file's order. A column that an identity partition gives may be left out.
    pub columns: Vec<Field>,
    /// Rows of the columns.
    pub rows: Vec<Vec<Datum>>,
    /// The partition spec.
    pub spec_id: i32,
    /// The partition.
    pub partition: Vec<Datum>,
    /// How the file is laid out.
    pub layout: Layout,
    /// What the manifest says of its columns.
    pub metrics: MetricsMode,
    /// What the manifest says too much of its size.
    pub oversized: i64,
}

/// A file of position deletes to make.
#[derive(Debug, Clone)]
pub struct NewPositions {
    /// Rows to delete: the data file's path, however spelled, and the position.
    pub rows: Vec<(String, i64)>,
    /// The partition spec.
    pub spec_id: i32,
    /// The partition.
    pub partition: Vec<Datum>,
    /// The data file that the manifest says all rows are in.
    pub referenced: Option<String>,
    /// Whether the manifest has the bounds of the paths.
    pub bounds: bool,
    /// The deleted rows and their columns, if they are kept; None is a NULL.
    pub kept: Option<(Vec<Field>, Vec<KeptRow>)>,
    /// Names of the columns.
    pub names: [&'static str; 2],
    /// How the file is laid out.
    pub layout: Layout,
}

/// A file of equality deletes to make.
#[derive(Debug, Clone)]
pub struct NewEquality {
    /// The ids of the columns, at any depth below structs.
    pub ids: Vec<i32>,
    /// Values in the order of the ids, of the types in the current schema.
    pub keys: Vec<Vec<Datum>>,
    /// The partition spec.
    pub spec_id: i32,
    /// The partition.
    pub partition: Vec<Datum>,
    /// How the file is laid out.
    pub layout: Layout,
    /// What the manifest says of its columns.
    pub metrics: MetricsMode,
}

impl TableMaker {
    /// Writes a data file.
    ///
    /// # Errors
    ///
    /// When the rows do not fit the columns.
    pub fn data_file(&mut self, new: &NewData) -> io::Result<TableFile> {
        let written = write(&new.columns, &new.rows, &new.layout)?;
        let metrics = Metrics::of(&new.columns, &new.rows, new.metrics);
        let ids = new.columns.iter().map(|column| column.id);
        let row = |row: &Vec<Datum>| ids.clone().zip(row.iter().cloned()).collect::<FileRow>();
        let mut file = self.file(written, "data", new.spec_id, &new.partition, new.rows.len());
        file.rows = new.rows.iter().map(row).collect();
        file.recorded_size += new.oversized;
        file.metrics = metrics;
        Ok(file)
    }

    /// Takes a Parquet file that was written by other means, with the rows of `columns` that a
    /// reader has to find in it. The manifest says nothing of its columns.
    pub fn foreign_data_file(
        &mut self,
        bytes: impl Into<Bytes>,
        columns: &[Field],
        rows: &[Vec<Datum>],
    ) -> TableFile {
        let written = Written {
            bytes: bytes.into(),
            splits: Vec::new(),
        };
        let mut file = self.file(written, "data", self.spec_id, &[], rows.len());
        let ids = columns.iter().map(|column| column.id);
        let row = |row: &Vec<Datum>| ids.clone().zip(row.iter().cloned()).collect::<FileRow>();
        file.rows = rows.iter().map(row).collect();
        file
    }

    /// Writes a file of position deletes.
    ///
    /// # Errors
    ///
    /// When the kept rows do not fit their columns.
    pub fn position_deletes(&mut self, new: &NewPositions) -> io::Result<TableFile> {
        let kept = new.kept.as_ref();
        let written = write_positions(
            &Positions {
                rows: &new.rows,
                kept: kept.map(|(fields, rows)| (fields.as_slice(), rows.clone())),
                names: new.names,
            },
            &new.layout,
        )?;
        let mut file = self.file(
            written,
            "deletes",
            new.spec_id,
            &new.partition,
            new.rows.len(),
        );
        if new.bounds {
            file.metrics = Metrics::of_positions(&new.rows);
        }
        file.deletes = Some(DeleteKind::Positions {
            rows: new.rows.clone(),
            referenced: new.referenced.clone(),
        });
        Ok(file)
    }

    /// Writes the deletion vectors of data files into one file.
    ///
    /// # Errors
    ///
    /// When a vector cannot be written.
    pub fn deletion_vectors(
        &mut self,
        vectors: &[(Arc<TableFile>, RoaringTreemap)],
    ) -> io::Result<Vec<TableFile>> {
        let named = vectors
            .iter()
            .map(|(file, rows)| (file.path.clone(), rows.clone()));
        let (bytes, places) = puffin::write(&named.collect::<Vec<_>>())?;
        let size = bytes.len() as i64;
        let path = self.put("deletes", ".puffin", bytes);
        let made = vectors
            .iter()
            .zip(places)
            .map(|((data, positions), place)| TableFile {
                deletes: Some(DeleteKind::Vector {
                    target: data.path.clone(),
                    positions: positions.clone(),
                    offset: place.offset,
                    length: place.length,
                }),
                rows: Vec::new(),
                record_count: positions.len() as i64,
                recorded_size: size,
                splits: Vec::new(),
                metrics: Metrics::default(),
                ..unnumbered(path.clone(), data.spec_id, &data.partition)
            });
        Ok(made.collect())
    }

    /// Writes a file of equality deletes.
    ///
    /// # Errors
    ///
    /// When an id is in no schema, or the keys do not fit.
    pub fn equality_deletes(&mut self, new: &NewEquality) -> io::Result<TableFile> {
        let mut columns: Vec<Field> = Vec::new();
        for id in &new.ids {
            let Some((above, field)) = self.newest(*id) else {
                return Err(io::Error::other(format!("no schema has a field {id}")));
            };
            graft(&mut columns, self, &above, field.clone());
        }
        let row = |key: &Vec<Datum>| {
            let held: Vec<_> = new.ids.iter().copied().zip(key.iter().cloned()).collect();
            columns.iter().map(|column| fill(column, &held)).collect()
        };
        let rows: Vec<Vec<Datum>> = new.keys.iter().map(row).collect();
        let written = write(&columns, &rows, &new.layout)?;
        let mut file = self.file(written, "deletes", new.spec_id, &new.partition, rows.len());
        file.metrics = Metrics::of(&columns, &rows, new.metrics);
        file.deletes = Some(DeleteKind::Equality {
            ids: new.ids.clone(),
            keys: new.keys.clone(),
        });
        Ok(file)
    }

    fn file(
        &mut self,
        written: Written,
        folder: &str,
        spec_id: i32,
        partition: &[Datum],
        rows: usize,
    ) -> TableFile {
        let size = written.bytes.len() as i64;
        let path = self.put(folder, ".parquet", written.bytes);
        TableFile {
            record_count: rows as i64,
            recorded_size: size,
            splits: written.splits,
            ..unnumbered(path, spec_id, partition)
        }
    }
}

fn unnumbered(path: String, spec_id: i32, partition: &[Datum]) -> TableFile {
    TableFile {
        path,
        spec_id,
        partition: partition.to_vec(),
        sequence: -1,
        file_sequence: -1,
        rows: Vec::new(),
        deletes: None,
        said_format: None,
        key_metadata: None,
        record_count: 0,
        recorded_size: 0,
        splits: Vec::new(),
        metrics: Metrics::default(),
        first_row_id: None,
    }
}

/// Adds a field below the structs `above`, which are made where they are missing.
fn graft(columns: &mut Vec<Field>, maker: &TableMaker, above: &[i32], mut field: Field) {
    let Some((first, rest)) = above.split_first() else {
        field.required = false;
        columns.push(field);
        return;
    };
    if !columns.iter().any(|column| column.id == *first)
        && let Some((_, known)) = maker.newest(*first)
    {
        let empty = Type::Struct(Vec::new());
        columns.push(Field::optional(*first, known.name.clone(), empty));
    }
    if let Some(Field {
        ty: Type::Struct(inner),
        ..
    }) = columns.iter_mut().find(|column| column.id == *first)
    {
        graft(inner, maker, rest, field);
    }
}

/// The value of a grafted column.
fn fill(column: &Field, held: &[(i32, Datum)]) -> Datum {
    if let Type::Struct(inner) = &column.ty {
        let values = inner.iter().map(|field| (field.id, fill(field, held)));
        return Datum::Struct(values.collect());
    }
    let found = held.iter().find(|(id, _)| *id == column.id);
    found.map_or(Datum::Null, |(_, value)| value.clone())
}
