// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! No bytes make a panic, and damage is named.

use super::feast_file;
use crate::wire::bytes_field;
use crate::{ErrorKind, Registry, Timestamp};

/// Uses everything a registry gives.
fn use_all(bytes: &[u8]) {
    let Ok(mut registry) = Registry::parse(bytes) else {
        return;
    };
    assert_eq!(registry.to_bytes(), bytes);
    for project in registry.projects() {
        registry.entities(&project).unwrap();
        registry.feature_views(&project).unwrap();
        registry.feature_services(&project).unwrap();
        registry.data_sources(&project).unwrap();
    }
    registry.touch(Timestamp::default()).unwrap();
}

#[test]
fn every_truncation_is_an_error_or_a_registry() {
    for name in ["files", "iceberg", "projects", "empty"] {
        let bytes = feast_file(name);
        for end in 0..bytes.len() {
            use_all(&bytes[..end]);
        }
    }
}

#[test]
fn every_changed_byte_is_an_error_or_a_registry() {
    let bytes = feast_file("projects");
    let mut refused = 0;
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= [0x01, 0x07, 0x80, 0xff][at % 4];
        refused += usize::from(Registry::parse(&changed).is_err());
        use_all(&changed);
    }
    assert!(refused > bytes.len() / 4, "{refused}");
}

#[test]
fn damage_says_where_and_what_to_do() {
    let bytes = feast_file("files");
    let error = Registry::parse(&bytes[..bytes.len() - 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    let text = error.to_string();
    assert!(
        text.contains("cut off") && text.contains("nothing was changed"),
        "{text}"
    );

    let view = bytes_field(
        1,
        &[bytes_field(1, b"stats"), vec![0x22, 0x09, 0x0a]].concat(),
    );
    let error = Registry::parse(&bytes_field(6, &view)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    let spec = [bytes_field(1, b"stats"), bytes_field(4, b"\x0a\xff")].concat();
    let error = Registry::parse(&bytes_field(6, &bytes_field(1, &spec))).unwrap_err();
    assert!(
        error.to_string().contains("feature view 'stats'"),
        "{error}"
    );
}

#[test]
fn other_files_are_no_registries() {
    for other in [
        &b"SQLite format 3\0\x10\0\x01\x01\0@  \0\0"[..],
        b"PAR1\x15\x04\x15\x80\x7d\x15",
        b"{\"entities\": []}",
        b"project: rides\nregistry: registry.db\n",
        b"Obj\x01\x04\x14avro.codec",
        b"hello\n",
        &[0; 64],
        &[0xff; 64],
    ] {
        let error = Registry::parse(other).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{other:?}");
    }
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let mut bytes = feast_file("empty");
    for (version, newer) in [
        ("1", false),
        ("0", false),
        ("", false),
        ("2", true),
        ("1.1", true),
    ] {
        let tail = bytes_field(3, version.as_bytes());
        bytes.extend(&tail);
        match Registry::parse(&bytes) {
            Ok(_) => assert!(!newer, "{version}"),
            Err(error) => {
                assert!(newer, "{version}");
                assert_eq!(error.kind(), ErrorKind::Newer);
                assert!(
                    error.to_string().contains(&format!("'{version}'")),
                    "{error}"
                );
            }
        }
        bytes.truncate(bytes.len() - tail.len());
    }
}
