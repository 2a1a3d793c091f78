// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! JSON as Python's `json.dumps` writes it, so that what we write is what Feast would.

use std::io::{self, Write};

use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

/// Separators `", "` and `": "`, everything outside printable ASCII escaped.
struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut units = [0u16; 2];
        for c in fragment.chars() {
            if matches!(c, ' '..='~') {
                out.write_all(&[c as u8])?;
            } else {
                for unit in c.encode_utf16(&mut units) {
                    write!(out, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

/// The text of a value.
pub(crate) fn dumps(value: &Value) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::new();
    serde::Serialize::serialize(value, &mut Serializer::with_formatter(&mut out, Python))?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_python_writes_it() {
        let value =
            serde_json::json!({"b": [1, "é\"\n\u{7f}", null], "a": {}, "c": "😀", "d": true});
        let expected =
            r#"{"b": [1, "\u00e9\"\n\u007f", null], "a": {}, "c": "\ud83d\ude00", "d": true}"#;
        assert_eq!(String::from_utf8(dumps(&value).unwrap()).unwrap(), expected);
    }
}
