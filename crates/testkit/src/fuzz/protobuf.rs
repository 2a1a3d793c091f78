// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Protobuf messages without their schema: what can be read as a message is taken for one.

use crate::dice::Dice;

/// Messages are looked into so deep.
const DEPTH: usize = 12;

/// A field of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its number.
    pub number: u32,
    /// Its value.
    pub value: Value,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Varint(u64),
    /// Eight bytes.
    Fixed64([u8; 8]),
    /// Four bytes.
    Fixed32([u8; 4]),
    /// A string, or bytes that are no message.
    Bytes(Vec<u8>),
    /// A message, or bytes that could be one.
    Message(Vec<Field>),
}

/// Reads a message; none if the bytes are not written as one, or have groups.
pub fn read_message(bytes: &[u8]) -> Option<Vec<Field>> {
    read(bytes, DEPTH)
}

/// The bytes of a message.
pub fn write_message(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        let tag = |wire: u64| u64::from(field.number) << 3 | wire;
        match &field.value {
            Value::Varint(value) => {
                put_varint(&mut out, tag(0));
                put_varint(&mut out, *value);
            }
            Value::Fixed64(bytes) => {
                put_varint(&mut out, tag(1));
                out.extend(bytes);
            }
            Value::Fixed32(bytes) => {
                put_varint(&mut out, tag(5));
                out.extend(bytes);
            }
            Value::Bytes(bytes) => put_bytes(&mut out, tag(2), bytes),
            Value::Message(fields) => put_bytes(&mut out, tag(2), &write_message(fields)),
        }
    }
    out
}

fn read(bytes: &[u8], depth: usize) -> Option<Vec<Field>> {
    let mut rest = bytes;
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0)?;
        let value = match tag & 7 {
            0 => Value::Varint(varint(&mut rest)?),
            1 => Value::Fixed64(take(&mut rest, 8)?.try_into().ok()?),
            5 => Value::Fixed32(take(&mut rest, 4)?.try_into().ok()?),
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                let bytes = take(&mut rest, length)?;
                let nested = match depth {
                    0 => None,
                    _ if bytes.is_empty() => None,
                    _ => read(bytes, depth - 1),
                };
                // Only what is written back as it was.
                match nested.filter(|fields| write_message(fields) == bytes) {
                    Some(fields) => Value::Message(fields),
                    None => Value::Bytes(bytes.to_vec()),
                }
            }
            _ => return None,
        };
        fields.push(Field { number, value });
    }
    Some(fields)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_bytes(out: &mut Vec<u8>, tag: u64, bytes: &[u8]) {
    put_varint(out, tag);
    put_varint(out, bytes.len() as u64);
    out.extend(bytes);
}

/// One change of one message somewhere in the input.
pub(super) fn changed(input: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let Some(mut fields) = read_message(input) else {
        return super::bytes_changed(input, other, dice);
    };
    let theirs = read_message(other).unwrap_or_default();
    change(&mut fields, &theirs, dice);
    write_message(&fields)
}

fn change(fields: &mut Vec<Field>, theirs: &[Field], dice: &mut Dice) {
    let nested: Vec<usize> = (0..fields.len())
        .filter(|at| matches!(fields[*at].value, Value::Message(_)))
        .collect();
    if !nested.is_empty() && dice.percent(80) {
        let at = *dice.pick(&nested);
        let number = fields[at].number;
        // The other input's message of that number, if it has one.
        let of_number: Vec<&[Field]> = theirs
            .iter()
            .filter(|field| field.number == number)
            .filter_map(|field| match &field.value {
                Value::Message(fields) => Some(fields.as_slice()),
                _ => None,
            })
            .collect();
        let theirs = if of_number.is_empty() {
            theirs
        } else {
            dice.pick(&of_number)
        };
        if let Value::Message(inner) = &mut fields[at].value {
            return change(inner, theirs, dice);
        }
    }
    change_here(fields, theirs, dice);
}

fn change_here(fields: &mut Vec<Field>, theirs: &[Field], dice: &mut Dice) {
    const NUMBERS: [u64; 8] = [0, 1, 13, 63, 1 << 31, 1 << 32, u64::MAX - 1, u64::MAX];
    let at = dice.within(0..=fields.len());
    match dice.within(0..=7) {
        0 if at < fields.len() => drop(fields.remove(at)),
        1 if at < fields.len() => fields.insert(at, fields[at].clone()),
        2 => dice.shuffle(fields),
        3 if at < fields.len() => fields[at].number = dice.within(1..=48) as u32,
        4 | 5 if !theirs.is_empty() => fields.insert(at, dice.pick(theirs).clone()),
        6 => {
            let number = dice.within(1..=48) as u32;
            let value = Value::Varint(*dice.pick(&NUMBERS));
            fields.insert(at, Field { number, value });
        }
        _ if at < fields.len() => change_value(&mut fields[at].value, dice),
        _ => {
            let (number, value) = (dice.within(1..=48) as u32, Value::Bytes(Vec::new()));
            fields.push(Field { number, value });
        }
    }
}

fn change_value(value: &mut Value, dice: &mut Dice) {
    match value {
        Value::Varint(number) => *number ^= 1 << dice.within(0..=63),
        Value::Bytes(bytes) => {
            *bytes = match dice.percent(50) {
                true => super::text::changed(bytes, b"driver_stats [\"a\"] {}", &["__dummy"], dice),
                false => super::bytes_changed(bytes, b"\xff\0", dice),
            }
        }
        other => *other = Value::Bytes(b"not a message".to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_back() {
        let inner = vec![
            Field {
                number: 1,
                value: Value::Bytes(b"driver".to_vec()),
            },
            Field {
                number: 300,
                value: Value::Varint(u64::MAX),
            },
        ];
        let fields = vec![
            Field {
                number: 2,
                value: Value::Message(inner),
            },
            Field {
                number: 3,
                value: Value::Fixed64([1; 8]),
            },
            Field {
                number: 4,
                value: Value::Fixed32([2; 4]),
            },
        ];
        let bytes = write_message(&fields);
        assert_eq!(read_message(&bytes), Some(fields));
        for end in 1..bytes.len() {
            if let Some(fields) = read_message(&bytes[..end]) {
                assert_eq!(write_message(&fields), bytes[..end]);
            }
        }
        assert_eq!(read_message(b"\x0b\x0c"), None);
    }
}
