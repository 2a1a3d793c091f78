// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Statements in a process of their own: this test binary again, in another environment.

use std::env;
use std::process::{Child, Command, Stdio};

use super::rows::Rows;
use super::session::{Session, run};

/// Has the statements of a child, one a line.
const STATEMENTS: &str = "FEAST_SERVICES_CHILD";

/// Has where a child's definitions are: the URL of a registry, or the folder of a repository.
pub(super) const REGISTRY: &str = "FEAST_SERVICES_CHILD_REGISTRY";

/// Has the project of a child's definitions.
pub(super) const PROJECT: &str = "FEAST_SERVICES_CHILD_PROJECT";

/// Stands before what a child answers.
const ANSWER: &str = "child answers: ";

/// Starts a process that runs `statements`; ended by [`answer_of`].
pub(super) fn start(statements: &[String], variables: &[(&str, &str)]) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "services::child::statements_of_a_parent",
            "--nocapture",
        ])
        .env(STATEMENTS, statements.join("\n"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in variables {
        command.env(name, value);
    }
    command.spawn().unwrap()
}

/// The rows of the last statement, or the error of the first that failed.
pub(super) fn answer_of(child: Child) -> Result<Rows, String> {
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    let Some((_, answer)) = out.split_once(ANSWER) else {
        let said = String::from_utf8_lossy(&output.stderr);
        panic!("the child did not answer: {out}{said}");
    };
    let answer: serde_json::Value = serde_json::from_str(answer.lines().next().unwrap()).unwrap();
    match answer.get("error") {
        Some(error) => Err(error.as_str().unwrap().to_owned()),
        None => Ok(Rows::from_json(&answer)),
    }
}

/// Not a test but the child's side; as a test it does nothing.
#[test]
fn statements_of_a_parent() {
    let Ok(statements) = env::var(STATEMENTS) else {
        return;
    };
    let answer = run(async {
        let session = match env::var(REGISTRY) {
            Err(_) => Session::empty().await,
            Ok(place) => match Session::over(&place, env::var(PROJECT).ok()).await {
                Ok(session) => session,
                Err(error) => return serde_json::json!({ "error": error.to_string() }),
            },
        };
        let mut last = Rows {
            columns: Vec::new(),
            rows: Vec::new(),
        };
        for statement in statements.lines() {
            last = match session.rows(statement).await {
                Ok(rows) => rows,
                Err(error) => return serde_json::json!({ "error": error.to_string() }),
            };
        }
        serde_json::json!({ "columns": last.columns, "rows": last.rows })
    });
    println!("\n{ANSWER}{answer}");
}
