// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Cases on disk.

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::{Case, CaseError};

/// The JSON files at a path: the file itself, or all in a folder and its folders, by name.
pub fn case_files(path: &Path) -> Result<Vec<PathBuf>, CaseError> {
    let failed = |error| CaseError::new(format!("{}: {error}", path.display()));
    if !path.is_dir() {
        return match path.exists() {
            true => Ok(vec![path.to_path_buf()]),
            false => Err(CaseError::new(format!(
                "{}: there is no such file",
                path.display()
            ))),
        };
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        entries.push(entry.map_err(failed)?.path());
    }
    entries.sort();
    let mut files = Vec::new();
    for entry in entries {
        if entry.is_dir() {
            files.extend(case_files(&entry)?);
        } else if entry
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(entry);
        }
    }
    Ok(files)
}

/// The retrieval cases of a file: its list `historical`, or the file is such a list or one case.
pub fn read_cases(path: &Path) -> Result<Vec<Case>, CaseError> {
    let failed = |error: String| CaseError::new(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let json: Json = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    let cases: &[Json] = match &json {
        Json::Array(cases) => cases,
        Json::Object(object) if object.contains_key("id") => std::slice::from_ref(&json),
        Json::Object(object) => match object.get("historical") {
            Some(Json::Array(cases)) => cases,
            _ => &[],
        },
        _ => return Err(failed("expected an object with a list `historical`".into())),
    };
    cases
        .iter()
        .map(|case| Case::read(case).map_err(|error| failed(error.to_string())))
        .collect()
}
