// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! The AWS credentials of the machine. They come from the environment, so each case runs in a
//! process of its own: this binary again, with one test and other variables.

use std::path::Path;
use std::process::Command;

use super::*;

/// Says to the test that does the work where it is to work; without it, it does nothing.
const ENDPOINT: &str = "FEAST_TEST_S3";

/// Reads `s3://b/f` with the machine's credentials, and prints what came of it.
#[tokio::test]
async fn reads_with_what_the_machine_has() {
    let Ok(endpoint) = std::env::var(ENDPOINT) else {
        return;
    };
    let mut properties = BTreeMap::from([("s3.endpoint".to_string(), endpoint)]);
    if let Ok(profile) = std::env::var("FEAST_TEST_PROFILE") {
        properties.insert("client.profile-name".to_string(), profile);
    }
    let factory = Arc::new(ObjectStorageFactory::new(&properties));
    let file_io = FileIOBuilder::new(factory).build();
    for _ in 0..2 {
        match read(&file_io, "s3://b/f").await {
            Ok(bytes) => println!("READ {}", String::from_utf8_lossy(&bytes)),
            Err(error) => println!("FAILED {error}"),
        }
    }
}

fn read_in_another_process(s3: &StandInS3, home: &Path, variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    let output = command
        .args([
            "--exact",
            "storage::tests::chain::reads_with_what_the_machine_has",
            "--nocapture",
        ])
        .env(ENDPOINT, s3.server().url())
        .env("HOME", home)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    let lines = text.lines();
    let said = lines.filter(|line| line.contains("READ ") || line.contains("FAILED "));
    said.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_environment() {
    let s3 = StandInS3::start(["from-env"]);
    s3.put("b/f", b"rows");
    let home = tempfile::tempdir().unwrap();
    let variables = [
        ("AWS_ACCESS_KEY_ID", "from-env"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "token"),
        // The property names another address.
        ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1"),
    ];
    let said = read_in_another_process(&s3, home.path(), &variables);
    assert_eq!(said.matches("READ rows").count(), 2, "{said}");
    let seen = s3.server().seen();
    assert_eq!(seen[0].header("x-amz-security-token"), "token");
}

#[test]
fn a_profile() {
    let s3 = StandInS3::start(["from-file"]);
    s3.put("b/f", b"rows");
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let file = "[default]\naws_access_key_id=other\naws_secret_access_key=s\n\
                [mine]\naws_access_key_id=from-file\naws_secret_access_key=s\n";
    std::fs::write(home.path().join(".aws/credentials"), file).unwrap();
    let profile = [("FEAST_TEST_PROFILE", "mine")];
    let said = read_in_another_process(&s3, home.path(), &profile);
    assert_eq!(said.matches("READ rows").count(), 2, "{said}");
    assert_eq!(s3.used_keys(), ["from-file"]);
}

#[test]
fn a_process_that_is_asked_again_when_its_keys_are_refused() {
    let s3 = StandInS3::start(["second"]);
    s3.put("b/f", b"rows");
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    let here = home.path().display();
    let script = format!(
        "#!/bin/sh\nif [ -e {here}/asked ]; then k=second; else k=first; touch {here}/asked; fi\n\
         echo '{{\"Version\":1,\"AccessKeyId\":\"'$k'\",\"SecretAccessKey\":\"s\"}}'\n"
    );
    std::fs::write(home.path().join("keys.sh"), script).unwrap();
    let file = format!("[default]\ncredential_process = sh {here}/keys.sh\n");
    std::fs::write(home.path().join(".aws/config"), file).unwrap();
    let said = read_in_another_process(&s3, home.path(), &[]);
    assert_eq!(said.matches("READ rows").count(), 2, "{said}");
    assert_eq!(s3.used_keys(), ["first", "second"]);
    assert_eq!(s3.server().seen().len(), 3);
}

#[test]
fn a_machine_without_credentials_is_told_what_to_give() {
    let s3 = StandInS3::start(["none"]);
    let home = tempfile::tempdir().unwrap();
    let said = read_in_another_process(&s3, home.path(), &[]);
    let expected = "FAILED cannot read 's3://b/f': there are no AWS credentials: give the \
                    properties 's3.access-key-id'";
    assert_eq!(said.matches(expected).count(), 2, "{said}");
    assert_eq!(s3.server().seen().len(), 0);
}
