// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A directory to run the binary in, and what a run gave.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A directory to run in, which is also the user's home.
pub(crate) struct Place(TempDir);

/// What a run printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_feast-sql"));
        command
            .args(args)
            .current_dir(self.path())
            .env("HOME", self.path());
        command.env_remove("XDG_STATE_HOME").stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Ran {
        let mut command = self.command(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        Ran::of(child.wait_with_output().unwrap())
    }

    /// Runs statements and expects success.
    pub(crate) fn json(&self, sql: &str) -> String {
        let ran = self.run(&["--format", "json", "-c", sql]);
        ran.succeeded().out
    }
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            status: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.status, Some(0), "{self:?}");
        assert_eq!(self.err, "");
        self
    }

    /// Expects status 1 and one message that begins so and contains all of these.
    #[track_caller]
    pub(crate) fn failed(&self, begins: &str, contains: &[&str]) {
        assert_eq!(self.status, Some(1), "{self:?}");
        assert!(
            self.err.starts_with(&format!("error: {begins}")),
            "{}",
            self.err
        );
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        for part in contains {
            assert!(self.err.contains(part), "{part} is not in: {}", self.err);
        }
    }
}
