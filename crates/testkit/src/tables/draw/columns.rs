// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Random columns, and changes of them.

use super::values;
use crate::dice::Dice;
use crate::tables::datum::Datum;
use crate::tables::maker::TableMaker;
use crate::tables::types::{Field, Type};

const NAMES: [&str; 14] = [
    "a",
    "b",
    "c",
    "d",
    "pos",
    "file_path",
    "Key",
    "größe",
    "x y",
    "_v",
    "row",
    "1st",
    "q-r",
    "e",
];

/// A name that none of `taken` has.
pub(super) fn name(dice: &mut Dice, taken: &[Field]) -> String {
    let free: Vec<&str> = NAMES
        .into_iter()
        .filter(|name| {
            !taken
                .iter()
                .any(|field| field.name.eq_ignore_ascii_case(name))
        })
        .collect();
    match free.is_empty() {
        true => format!("c{}", taken.len()),
        false => (*dice.pick(&free)).to_owned(),
    }
}

/// A primitive type that a format version has.
pub(super) fn primitive(dice: &mut Dice, version: u8) -> Type {
    if version > 2 && dice.percent(10) {
        return dice.pick(&[Type::TimestampNs, Type::TimestamptzNs]).clone();
    }
    dice.weighted(&[
        (4, Type::Boolean),
        (14, Type::Int),
        (14, Type::Long),
        (6, Type::Float),
        (8, Type::Double),
        (6, Type::Decimal(5, 2)),
        (3, Type::Decimal(12, 0)),
        (3, Type::Decimal(25, 4)),
        (8, Type::Date),
        (3, Type::Time),
        (6, Type::Timestamp),
        (6, Type::Timestamptz),
        (16, Type::Text),
        (3, Type::Uuid),
        (2, Type::Fixed(3)),
        (4, Type::Binary),
    ])
}

/// A type with fields inside, whose ids are taken from `next`.
pub(super) fn nested(
    dice: &mut Dice,
    version: u8,
    depth: usize,
    next: &mut dyn FnMut() -> i32,
) -> Type {
    let inner = |dice: &mut Dice, next: &mut dyn FnMut() -> i32| {
        if depth > 0 && dice.percent(30) {
            nested(dice, version, depth - 1, next)
        } else {
            primitive(dice, version)
        }
    };
    match dice.within(0..=3) {
        0 | 1 => {
            let mut fields: Vec<Field> = Vec::new();
            for _ in 0..dice.within(1..=3) {
                let name = name(dice, &fields);
                let (id, required) = (next(), dice.percent(20));
                let ty = inner(dice, next);
                fields.push(Field {
                    required,
                    ..Field::optional(id, name, ty)
                });
            }
            Type::Struct(fields)
        }
        2 => {
            let (id, required) = (next(), dice.percent(20));
            let ty = inner(dice, next);
            let element = Field::optional(id, "element", ty);
            Type::List(Box::new(Field {
                required,
                ..element
            }))
        }
        _ => {
            let (key, held) = (next(), next());
            let key_type = dice.pick(&[Type::Int, Type::Text, Type::Date]).clone();
            let ty = inner(dice, next);
            Type::Map(
                Box::new(Field::required(key, "key", key_type)),
                Box::new(Field::optional(held, "value", ty)),
            )
        }
    }
}

/// The columns of a new table.
pub(super) fn first(dice: &mut Dice, version: u8) -> Vec<Field> {
    let mut highest = 0;
    let mut next = || {
        highest += 1;
        highest
    };
    let id_type = dice.pick(&[Type::Int, Type::Long]).clone();
    let mut fields = vec![Field::required(next(), "id", id_type)];
    for _ in 0..dice.within(1..=4) {
        let name = name(dice, &fields);
        let (id, required) = (next(), dice.percent(15));
        let ty = match dice.percent(18) {
            true => nested(dice, version, 1, &mut next),
            false => primitive(dice, version),
        };
        fields.push(Field {
            required,
            ..Field::optional(id, name, ty)
        });
    }
    fields
}

/// Changes the table's columns in one way; says how, or nothing when that way was closed.
pub(super) fn change(dice: &mut Dice, table: &mut TableMaker) -> Option<String> {
    let mut fields = table.current_schema().fields.clone();
    let partitioned: Vec<i32> = table
        .current_spec()
        .fields
        .iter()
        .map(|f| f.source_id)
        .collect();
    let told = match dice.within(0..=7) {
        0 | 1 => add(dice, table, &mut fields),
        2 => drop_column(dice, &mut fields, &partitioned)?,
        3 => {
            // Gone, and back under its name with another id.
            let at = droppable(dice, &fields, &partitioned)?;
            let gone = fields.remove(at);
            let id = table.new_column_id();
            let ty = match dice.percent(60) && gone.is_primitive() {
                true => gone.ty.clone(),
                false => primitive(dice, table.version()),
            };
            fields.push(Field::optional(id, gone.name.clone(), ty));
            format!("drop {gone} and add it again as {id}")
        }
        4 => rename(dice, &mut fields),
        5 => {
            dice.shuffle(&mut fields);
            "reorder columns".to_owned()
        }
        6 => promote(dice, &mut fields)?,
        _ => evolve_nested(dice, table, &mut fields)?,
    };
    table.set_columns(fields);
    Some(told)
}

fn add(dice: &mut Dice, table: &mut TableMaker, fields: &mut Vec<Field>) -> String {
    let (version, name) = (table.version(), name(dice, fields));
    let id = table.new_column_id();
    let ty = match dice.percent(20) {
        true => nested(dice, version, 1, &mut || table.new_column_id()),
        false => primitive(dice, version),
    };
    let field = with_default(dice, version, Field::optional(id, name, ty));
    let at = dice.within(0..=fields.len());
    let told = format!("add {field}");
    fields.insert(at, field);
    told
}

/// Version 3 has defaults, and with them required columns can be added.
fn with_default(dice: &mut Dice, version: u8, field: Field) -> Field {
    let written = matches!(
        field.ty,
        Type::Boolean
            | Type::Int
            | Type::Long
            | Type::Double
            | Type::Text
            | Type::Date
            | Type::Decimal(..)
            | Type::Timestamp
            | Type::Timestamptz
    );
    if version < 3 || !written || !dice.percent(60) {
        return field;
    }
    let default = values::primitive(dice, &field.ty);
    if matches!(&default, Datum::Double(value) if !value.is_finite()) {
        return field;
    }
    let required = dice.percent(40);
    Field {
        required,
        ..field.with_default(default)
    }
}

fn droppable(dice: &mut Dice, fields: &[Field], partitioned: &[i32]) -> Option<usize> {
    let kept = |field: &Field| partitioned.contains(&field.id);
    let free: Vec<usize> = (0..fields.len()).filter(|at| !kept(&fields[*at])).collect();
    (fields.len() > 1 && !free.is_empty()).then(|| *dice.pick(&free))
}

fn drop_column(dice: &mut Dice, fields: &mut Vec<Field>, partitioned: &[i32]) -> Option<String> {
    let at = droppable(dice, fields, partitioned)?;
    Some(format!("drop {}", fields.remove(at)))
}

fn rename(dice: &mut Dice, fields: &mut [Field]) -> String {
    let at = dice.within(0..=fields.len() - 1);
    let other = dice.within(0..=fields.len() - 1);
    if at != other && dice.percent(50) {
        let name = fields[at].name.clone();
        fields[at].name = std::mem::replace(&mut fields[other].name, name);
        return format!("swap the names of {} and {}", fields[at], fields[other]);
    }
    let new = name(dice, fields);
    let told = format!("rename {} to {new:?}", fields[at]);
    fields[at].name = new;
    told
}

fn promote(dice: &mut Dice, fields: &mut [Field]) -> Option<String> {
    let at = dice.within(0..=fields.len() - 1);
    let field = &mut fields[at];
    let wider = match &field.ty {
        Type::Int => Type::Long,
        Type::Float => Type::Double,
        Type::Decimal(precision, scale) if *precision < 30 => Type::Decimal(precision + 7, *scale),
        _ => return None,
    };
    field.ty = wider;
    Some(format!("promote {field}"))
}

/// Changes the fields inside a struct, wherever it is.
fn evolve_nested(dice: &mut Dice, table: &mut TableMaker, fields: &mut [Field]) -> Option<String> {
    fn with<R>(field: &mut Field, id: i32, act: &mut dyn FnMut(&mut Vec<Field>) -> R) -> Option<R> {
        match &mut field.ty {
            Type::Struct(inner) if field.id == id => Some(act(inner)),
            Type::Struct(inner) => inner.iter_mut().find_map(|f| with(f, id, act)),
            Type::List(element) => with(element, id, act),
            Type::Map(_, value) => with(value, id, act),
            _ => None,
        }
    }
    let mut ids = Vec::new();
    collect_structs(fields, &mut ids);
    if ids.is_empty() {
        return None;
    }
    let id = *dice.pick(&ids);
    let version = table.version();
    let added = table.new_column_id();
    let mut act = |inner: &mut Vec<Field>| match dice.within(0..=4) {
        0 => {
            let name = name(dice, inner);
            let ty = primitive(dice, version);
            let field = with_default(dice, version, Field::optional(added, name, ty));
            let told = format!("add {field}");
            let at = dice.within(0..=inner.len());
            inner.insert(at, field);
            told
        }
        1 if inner.len() > 1 => {
            let at = dice.within(0..=inner.len() - 1);
            format!("drop {}", inner.remove(at))
        }
        2 => {
            dice.shuffle(inner);
            "reorder".to_owned()
        }
        3 => promote(dice, inner).unwrap_or_default(),
        _ => rename(dice, inner),
    };
    let mut fields = fields.iter_mut();
    let told = fields.find_map(|field| with(field, id, &mut act))?;
    Some(format!("inside {id}: {told}"))
}

fn collect_structs(fields: &[Field], ids: &mut Vec<i32>) {
    for field in fields {
        if matches!(&field.ty, Type::Struct(inner) if !inner.is_empty()) {
            ids.push(field.id);
        }
        // Keys of maps stay as they are.
        match &field.ty {
            Type::Struct(inner) => collect_structs(inner, ids),
            Type::List(element) => collect_structs(std::slice::from_ref(element), ids),
            Type::Map(_, value) => collect_structs(std::slice::from_ref(value), ids),
            _ => {}
        }
    }
}
