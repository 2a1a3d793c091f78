// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The text of `feature_store.yaml` to values: environment variables first, as Feast does, then YAML.

use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result};

/// The mapping that the text is, and the names in `${…}` that the environment lacks.
pub(super) fn read(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<(Map<String, Value>, Vec<String>)> {
    let (text, unset) = expand(text, lookup);
    let options = serde_saphyr::options! {
        // An excerpt of the file in an error could show a password.
        with_snippet: false,
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins,
    };
    let value: Value = serde_saphyr::from_str_with_options(&text, options).map_err(|error| {
        let place = error.location().map_or_else(String::new, |at| {
            format!(" at line {}, column {}", at.line(), at.column())
        });
        malformed(format!("it is no YAML{place}"))
    })?;
    match value {
        Value::Object(map) => Ok((map, unset)),
        _ => Err(malformed("it is no mapping of keys".to_owned())),
    }
}

fn malformed(why: String) -> Error {
    Error::new(
        ErrorKind::InvalidDefinition,
        format!("cannot be read: {why}; expected keys such as 'project: rides'"),
    )
}

/// Replaces `$NAME` and `${NAME}`; what is not set stays as it is written, and is reported where
/// braces show that a variable was meant.
fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> (String, Vec<String>) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut out = String::with_capacity(text.len());
    let mut unset = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        out.push_str(before);
        let braced = after
            .strip_prefix('{')
            .and_then(|inner| inner.split_once('}'));
        let (name, tail) = match braced {
            Some(found) => found,
            None => after.split_at(after.find(|c| !is_name(c)).unwrap_or(after.len())),
        };
        match (!name.is_empty()).then(|| lookup(name)).flatten() {
            Some(value) => {
                out.push_str(&value);
                rest = tail;
            }
            None => {
                if braced.is_some() && !unset.iter().any(|known| known == name) {
                    unset.push(name.to_owned());
                }
                out.push('$');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    (out, unset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(name: &str) -> Option<String> {
        match name {
            "HOST" => Some("db".to_owned()),
            "PORT_1" => Some("$HOST".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn variables_are_replaced_as_python_does() {
        for (text, expected) in [
            ("a: $HOST", "a: db"),
            ("a: ${HOST}x", "a: dbx"),
            ("a: $HOSTx", "a: $HOSTx"),
            ("a: $HOST-$PORT_1", "a: db-$HOST"),
            ("a: ${NONE}/$", "a: ${NONE}/$"),
            ("a: $$HOST", "a: $db"),
            ("a: ${HOST", "a: ${HOST"),
            ("größe: $HOSTé", "größe: dbé"),
        ] {
            assert_eq!(expand(text, &environment).0, expected, "{text}");
        }
        assert_eq!(expand("${A} ${A} $B", &environment).1, ["A"]);
    }

    #[test]
    fn what_is_no_mapping_is_refused_without_its_text() {
        for text in ["- hush", "hush", "a: [hush", "a: b: hush", "\t- hush: {"] {
            let error = read(text, &environment).unwrap_err().to_string();
            assert!(error.contains("cannot be read"), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
        let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned()
            + &(0..20)
                .map(|i| {
                    let (this, last) = (format!("a{i}"), if i == 0 { "a".into() } else { format!("a{}", i - 1) });
                    format!("{this}: &{this} [*{last},*{last},*{last},*{last},*{last},*{last},*{last},*{last}]\n")
                })
                .collect::<String>();
        read(&bomb, &environment).unwrap_err();
    }

    #[test]
    fn scalars_are_typed() {
        let (map, _) = read(
            "a: 3\nb: 'x'\nc: null\nd: true\ne: {f: [1.5]}\na: 4",
            &environment,
        )
        .unwrap();
        let expected =
            serde_json::json!({"a": 4, "b": "x", "c": null, "d": true, "e": {"f": [1.5]}});
        assert_eq!(Value::Object(map), expected);
    }
}
