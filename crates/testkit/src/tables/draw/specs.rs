// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Random partition specs, and changes of them.

use crate::dice::Dice;
use crate::tables::maker::TableMaker;
use crate::tables::spec::{PartitionField, PartitionSpec, Transform};
use crate::tables::types::Field;

const TRANSFORMS: [(u32, Transform); 9] = [
    (8, Transform::Identity),
    (3, Transform::Bucket(3)),
    (1, Transform::Bucket(16)),
    (2, Transform::Truncate(2)),
    (2, Transform::Year),
    (2, Transform::Month),
    (3, Transform::Day),
    (2, Transform::Hour),
    (1, Transform::Void),
];

/// The spec of a new table.
pub(super) fn first(dice: &mut Dice, columns: &[Field]) -> PartitionSpec {
    let mut fields: Vec<PartitionField> = Vec::new();
    for _ in 0..dice.weighted(&[(4, 0), (5, 1), (2, 2)]) {
        fields.extend(field(dice, columns, &fields, 1000 + fields.len() as i32));
    }
    PartitionSpec { id: 0, fields }
}

/// A field on a column that none of `taken` is on in the same way.
fn field(
    dice: &mut Dice,
    columns: &[Field],
    taken: &[PartitionField],
    id: i32,
) -> Option<PartitionField> {
    let column = dice.pick(columns);
    let transform = dice.weighted(&TRANSFORMS);
    let same = |f: &PartitionField| f.source_id == column.id;
    if !transform.takes(&column.ty) || taken.iter().any(same) {
        return None;
    }
    let name = match transform {
        Transform::Identity => column.name.clone(),
        other => format!(
            "{}_{id}_{}",
            column.name,
            other.to_string().replace(['[', ']'], "")
        ),
    };
    Some(PartitionField {
        source_id: column.id,
        source: column.ty.clone(),
        id,
        name,
        transform,
    })
}

/// Changes the table's spec; says how.
pub(super) fn change(dice: &mut Dice, table: &mut TableMaker) -> Option<String> {
    let columns = table.current_schema().fields.clone();
    let mut fields = table.current_spec().fields.clone();
    for known in &mut fields {
        if let Some(column) = columns.iter().find(|column| column.id == known.source_id) {
            known.source = column.ty.clone();
        }
    }
    let drops = dice.percent(60);
    if drops && !fields.is_empty() {
        let at = dice.within(0..=fields.len() - 1);
        // Version 1 knows fields by their places.
        if table.version() == 1 {
            fields[at].transform = Transform::Void;
        } else {
            fields.remove(at);
        }
    }
    if !drops || dice.percent(50) {
        let new = field(dice, &columns, &fields, table.new_partition_id());
        let new = new.map(|new| same_id(table, new));
        fields.extend(new.filter(|new| !fields.iter().any(|f| f.name == new.name)));
    }
    if fields == table.current_spec().fields {
        return None;
    }
    let shown: Vec<String> = fields
        .iter()
        .map(|f| format!("{}({})", f.transform, f.source_id))
        .collect();
    table.set_spec(fields);
    Some(format!("partition by [{}]", shown.join(", ")))
}

/// A field that an earlier spec had keeps its id.
fn same_id(table: &TableMaker, new: PartitionField) -> PartitionField {
    let known = table.specs.iter().flat_map(|spec| spec.fields.iter());
    let mut known = known.filter(|f| table.version() > 1 && f.source == new.source);
    match known.find(|f| f.source_id == new.source_id && f.transform == new.transform) {
        Some(known) => known.clone(),
        None => new,
    }
}
