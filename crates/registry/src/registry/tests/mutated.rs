// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Registries with bytes changed, cut out, doubled and moved, from a seed each: no panic, no more memory
//! than a few times the bytes, and what is read is written back as it was.

use super::{at, driver, feast_file};
use crate::Registry;

const ROUNDS: u64 = 4_000;

struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

fn mutated(bytes: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=chance.below(4) {
        let from = chance.below(bytes.len());
        let to = (from + 1 + chance.below(40)).min(bytes.len());
        match chance.below(6) {
            0 => bytes[from] = [0, 1, 0x0a, 0x7f, 0x80, 0xff][chance.below(6)],
            1 => bytes[from] ^= 1 << chance.below(8),
            2 => drop(bytes.drain(from..to)),
            3 => {
                let piece = bytes[from..to].to_vec();
                let place = chance.below(bytes.len());
                bytes.splice(place..place, piece);
            }
            // A length that claims far more than there is.
            4 => drop(bytes.splice(from..from, [0xff, 0xff, 0xff, 0xff, 0x0f])),
            _ => bytes.truncate(from.max(1)),
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

/// Uses everything a registry gives, and changes it.
fn use_all(bytes: &[u8]) -> bool {
    let Ok(mut registry) = Registry::parse(bytes) else {
        return false;
    };
    assert_eq!(registry.to_bytes(), bytes);
    for project in registry.projects() {
        registry.entities(&project).unwrap();
        registry.feature_services(&project).unwrap();
        registry.data_sources(&project).unwrap();
        for view in registry.feature_views(&project).unwrap() {
            // The history is read only here, so that damage in it is an error here.
            if let Ok(versions) = registry.feature_view_versions(&project, &view.name) {
                for version in versions {
                    let _ = registry.feature_view_version(&project, &view.name, version);
                }
            }
            let _ = registry.put_feature_view(&project, &view, at(1));
        }
    }
    let _ = registry.put_entity("rides", &driver(), at(2));
    registry.touch(at(3)).unwrap();
    let written = registry.to_bytes();
    assert!(written.len() < 4 * bytes.len() + 10_000);
    Registry::parse(&written).unwrap();
    true
}

#[test]
fn mutated_registries_are_errors_or_registries() {
    let corpus = ["files", "iceberg", "projects", "empty"].map(feast_file);
    let mut read = 0;
    for seed in 1..=ROUNDS {
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let bytes = mutated(&corpus[chance.below(corpus.len())], &mut chance);
        let told = std::panic::catch_unwind(|| use_all(&bytes));
        read += usize::from(told.unwrap_or_else(|_| panic!("seed {seed}")));
    }
    assert!(read > 200, "{read} of {ROUNDS} are registries");
}
