// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Where the history of the prompt is kept: with the user, never in the current directory.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use rustyline::history::FileHistory;
use rustyline::{Editor, Helper};

/// The user's history file, if there is a place for one.
pub(super) fn file() -> Option<PathBuf> {
    place(env::var_os("XDG_STATE_HOME"), env::home_dir())
}

fn place(state: Option<OsString>, home: Option<PathBuf>) -> Option<PathBuf> {
    let state = state.map(PathBuf::from).filter(|path| path.is_absolute());
    let home = home.filter(|path| path.is_absolute());
    let state = state.or_else(|| home.map(|home| home.join(".local").join("state")))?;
    Some(state.join("feast-sql").join("history"))
}

/// Writes the history, making its directory first.
pub(super) fn save<H: Helper>(
    editor: &mut Editor<H, FileHistory>,
    file: &Path,
) -> rustyline::Result<()> {
    if let Some(dir) = file.parent() {
        fs::create_dir_all(dir)?;
    }
    editor.save_history(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_directory_comes_first() {
        let home = || Some(PathBuf::from("/u"));
        assert_eq!(
            place(Some("/state".into()), home()),
            Some(PathBuf::from("/state/feast-sql/history"))
        );
        let in_home = Some(PathBuf::from("/u/.local/state/feast-sql/history"));
        assert_eq!(place(None, home()), in_home);
        assert_eq!(place(Some("relative".into()), home()), in_home);
        assert_eq!(place(None, None), None);
    }
}
