// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Where SQL text comes from, and how a place in it is called.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::args::Input;
use crate::failure::Failure;

/// SQL text with the name of its origin.
#[derive(Debug)]
pub(crate) struct Script {
    origin: Origin,
    pub(crate) text: String,
}

#[derive(Debug)]
enum Origin {
    /// The number of a `-c`.
    Command(usize),
    /// A path as given, or the name of a stream.
    Named(String),
    /// The prompt, which needs no place.
    Prompt,
}

impl Script {
    pub(crate) fn from_input(input: &Input) -> Result<Self, Failure> {
        match input {
            Input::Command { number, text } => Ok(Self {
                origin: Origin::Command(*number),
                text: text.clone(),
            }),
            Input::File(path) => Self::from_file("-f", path),
        }
    }

    /// Reads the file that `flag` names.
    pub(crate) fn from_file(flag: &str, path: &Path) -> Result<Self, Failure> {
        let shown = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| {
            Failure::new(
                format!("{flag} {shown}"),
                format!("the file cannot be read: {error}; give the path of a readable SQL file"),
            )
        })?;
        Ok(Self {
            text: without_shebang(text),
            origin: Origin::Named(shown),
        })
    }

    pub(crate) fn from_stdin() -> Result<Self, Failure> {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map_err(|error| {
            Failure::new(
                "stdin",
                format!("cannot be read: {error}; send SQL as UTF-8 text"),
            )
        })?;
        Ok(Self {
            text: without_shebang(text),
            origin: Origin::Named("stdin".to_owned()),
        })
    }

    pub(crate) fn from_prompt(text: String) -> Self {
        Self {
            origin: Origin::Prompt,
            text,
        }
    }

    /// Text of a page that ships with the binary.
    pub(crate) fn shipped(name: &str, text: String) -> Self {
        Self {
            origin: Origin::Named(name.to_owned()),
            text,
        }
    }

    /// How the statement that begins on `line` is called.
    pub(crate) fn place(&self, line: usize) -> String {
        match &self.origin {
            Origin::Command(number) if self.text.trim_end().contains('\n') => {
                format!("-c {number}, line {line}")
            }
            Origin::Command(number) => format!("-c {number}"),
            Origin::Named(name) => format!("{name}:{line}"),
            Origin::Prompt => String::new(),
        }
    }
}

/// `#!` on the first line, as in an executable script, is no SQL; the line stays, so that the
/// others keep their numbers.
fn without_shebang(text: String) -> String {
    if text.starts_with("#!") {
        format!("--{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let command = |text: &str| {
            Script::from_input(&Input::Command {
                number: 2,
                text: text.to_owned(),
            })
            .unwrap()
        };
        assert_eq!(command("SELECT 1\n").place(1), "-c 2");
        assert_eq!(command("SELECT 1;\nSELECT 2").place(2), "-c 2, line 2");
        assert_eq!(
            Script::shipped("tour.sql", String::new()).place(7),
            "tour.sql:7"
        );
        assert_eq!(Script::from_prompt(String::new()).place(1), "");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Script::from_file("-f", Path::new("/no/such.sql"))
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("-f /no/such.sql: the file cannot be read"),
            "{error}"
        );
    }

    #[test]
    fn a_shebang_is_a_comment() {
        assert_eq!(
            without_shebang("#!/bin/x\nSELECT 1".to_owned()),
            "--#!/bin/x\nSELECT 1"
        );
    }
}
