// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Values as Python writes them.

use std::collections::BTreeMap;
use std::fmt::Write;

use feast_registry::{Ttl, ValueType};

use crate::ops::value_types::{element_of, is_set};

/// A string literal.
pub(super) fn string(text: &str) -> String {
    let mut literal = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                literal.push('\\');
                literal.push(letter);
            }
            '\n' => literal.push_str("\\n"),
            control if control.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(literal, "\\u{:04x}", u32::from(control));
            }
            other => literal.push(other),
        }
    }
    literal.push('"');
    literal
}

/// A dictionary of strings.
pub(super) fn dictionary(map: &BTreeMap<String, String>) -> String {
    let entry = |(key, value): (&String, &String)| format!("{}: {}", string(key), string(value));
    let entries: Vec<String> = map.iter().map(entry).collect();
    format!("{{{}}}", entries.join(", "))
}

/// A list of strings.
pub(super) fn list<'a>(texts: impl IntoIterator<Item = &'a String>) -> String {
    let texts: Vec<String> = texts.into_iter().map(|text| string(text)).collect();
    format!("[{}]", texts.join(", "))
}

/// A list of strings as Python's `json.dumps` writes it, which is how tags hold one.
pub(super) fn json(texts: &[String]) -> String {
    let quoted = |text: &String| {
        let mut literal = String::new();
        for letter in serde_json::Value::from(text.as_str()).to_string().chars() {
            if letter.is_ascii() {
                literal.push(letter);
                continue;
            }
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(literal, "\\u{unit:04x}");
            }
        }
        literal
    };
    let texts: Vec<String> = texts.iter().map(quoted).collect();
    format!("[{}]", texts.join(", "))
}

/// A length of time. Python has microseconds; what is finer is lost.
pub(super) fn timedelta(ttl: Ttl) -> String {
    const DAY: i64 = 86_400;
    let micros = ttl.nanos / 1_000;
    match (ttl.seconds, micros) {
        (seconds, 0) if seconds % DAY == 0 => format!("timedelta(days={})", seconds / DAY),
        (seconds, 0) => format!("timedelta(seconds={seconds})"),
        (seconds, micros) => format!("timedelta(seconds={seconds}, microseconds={micros})"),
    }
}

/// A type of `feast.types`.
pub(super) fn feast_type(value_type: ValueType) -> String {
    let name = match value_type {
        ValueType::Unknown => "Invalid",
        ValueType::Bytes => "Bytes",
        ValueType::String => "String",
        ValueType::Int32 => "Int32",
        ValueType::Int64 => "Int64",
        ValueType::Double => "Float64",
        ValueType::Float => "Float32",
        ValueType::Bool => "Bool",
        ValueType::UnixTimestamp => "UnixTimestamp",
        ValueType::Map => "Map",
        ValueType::PdfBytes => "PdfBytes",
        ValueType::ImageBytes => "ImageBytes",
        ValueType::Json => "Json",
        ValueType::Uuid => "Uuid",
        ValueType::TimeUuid => "TimeUuid",
        ValueType::Decimal => "Decimal",
        ValueType::ScalarMap => "ScalarMap",
        ValueType::ZonedTimestamp => "ZonedTimestamp",
        other => {
            return match element_of(other) {
                Some(element) if !matches!(element, ValueType::Struct) => {
                    let kind = if is_set(other) { "Set" } else { "Array" };
                    format!("types.{kind}({})", feast_type(element))
                }
                // Feast makes these up from the value type.
                _ => format!("types.from_value_type(ValueType.{})", other.name()),
            };
        }
    };
    format!("types.{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_as_python_writes_them() {
        assert_eq!(
            string("it's \"a\" \\ b\n\t"),
            r#""it's \"a\" \\ b\n\u0009""#
        );
        let names = ["seq", "größe", "\u{1F600}", "a\"b"].map(str::to_owned);
        assert_eq!(
            json(&names),
            r#"["seq", "gr\u00f6\u00dfe", "\ud83d\ude00", "a\"b"]"#
        );
        assert_eq!(list(&names[..2]), r#"["seq", "größe"]"#);
        for (ttl, text) in [
            (Ttl::new(604_800, 0), "timedelta(days=7)"),
            (Ttl::new(90, 0), "timedelta(seconds=90)"),
            (
                Ttl::new(1, 500_000_000),
                "timedelta(seconds=1, microseconds=500000)",
            ),
        ] {
            assert_eq!(timedelta(ttl), text);
        }
        assert_eq!(feast_type(ValueType::Int64Set), "types.Set(types.Int64)");
        assert_eq!(
            feast_type(ValueType::StructList),
            "types.from_value_type(ValueType.STRUCT_LIST)"
        );
    }
}
