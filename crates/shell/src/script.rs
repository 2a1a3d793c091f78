// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Where SQL text comes from, and how a place in it is called.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::args::Input;
use crate::failure::{Failure, Spot};

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

    /// How a spot of the text is called; without a spot, the whole.
    pub(crate) fn place(&self, spot: Option<Spot>) -> String {
        let one_line = !self.text.trim_end().contains('\n');
        let spelled = match spot {
            None => String::new(),
            Some(Spot {
                line,
                column: Some(column),
            }) => format!("line {line}, column {column}"),
            Some(Spot { line, column: None }) if !one_line => format!("line {line}"),
            Some(_) => String::new(),
        };
        match &self.origin {
            Origin::Command(number) if spelled.is_empty() => format!("-c {number}"),
            Origin::Command(number) => format!("-c {number}, {spelled}"),
            Origin::Named(name) => match spot {
                None => name.clone(),
                Some(Spot { line, column: None }) => format!("{name}:{line}"),
                Some(Spot {
                    line,
                    column: Some(column),
                }) => format!("{name}:{line}:{column}"),
            },
            Origin::Prompt => spelled,
        }
    }

    /// A spot of a statement that begins on `line`, as a spot of the text.
    pub(crate) fn spot_of(&self, statement: &str, line: usize, spot: Option<Spot>) -> Spot {
        match spot {
            None => Spot { line, column: None },
            Some(spot) if spot.line == 1 => {
                let text = self.text.split('\n').nth(line - 1).unwrap_or_default();
                let before = start_in_line(text, statement).unwrap_or(0);
                Spot {
                    line,
                    column: spot.column.map(|column| column + before),
                }
            }
            Some(spot) => Spot {
                line: line + spot.line - 1,
                ..spot
            },
        }
    }
}

/// How many characters stand before a statement on the line that it begins on.
fn start_in_line(line: &str, statement: &str) -> Option<usize> {
    let first = statement.lines().next()?;
    let whole = first.len() == statement.len();
    let ends = |rest: &str| {
        let rest = rest.trim_start();
        rest.is_empty() || whole && (rest.starts_with([';', '/']) || rest.starts_with("--"))
    };
    let found = line
        .match_indices(first)
        .find(|(at, _)| ends(&line[at + first.len()..]));
    found.map(|(at, _)| line[..at].chars().count())
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
        let at = |line, column| Some(Spot { line, column });
        assert_eq!(command("SELECT 1\n").place(at(1, None)), "-c 2");
        assert_eq!(
            command("SELECT 1").place(at(1, Some(3))),
            "-c 2, line 1, column 3"
        );
        assert_eq!(
            command("SELECT 1;\nSELECT 2").place(at(2, None)),
            "-c 2, line 2"
        );
        let page = Script::shipped("tour.sql", String::new());
        assert_eq!(page.place(at(7, None)), "tour.sql:7");
        assert_eq!(page.place(at(7, Some(2))), "tour.sql:7:2");
        assert_eq!(page.place(None), "tour.sql");
        let prompt = Script::from_prompt("SELECT 1;".to_owned());
        assert_eq!(prompt.place(at(1, None)), "");
        assert_eq!(prompt.place(at(1, Some(3))), "line 1, column 3");
    }

    #[test]
    fn spots_of_a_statement_are_spots_of_the_text() {
        let script = Script::shipped("a.sql", "SELECT 1;\nSELECT 1; SELEC\n 2;".to_owned());
        let at = |line, column| Some(Spot { line, column });
        assert_eq!(
            Some(script.spot_of("SELEC\n 2", 2, at(1, Some(1)))),
            at(2, Some(11))
        );
        assert_eq!(
            Some(script.spot_of("SELEC\n 2", 2, at(2, Some(2)))),
            at(3, Some(2))
        );
        assert_eq!(Some(script.spot_of("SELEC\n 2", 2, None)), at(2, None));
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
