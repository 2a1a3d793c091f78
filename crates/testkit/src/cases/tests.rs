// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

use std::path::Path;

use super::{Expected, read_cases};
use crate::oracle::answer;

/// The oracle knows the rules: it gives what Feast's stores were seen to give.
#[test]
fn the_oracle_answers_as_feast_did() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/data/cases/feast_cases.json"
    );
    let cases = read_cases(Path::new(file)).unwrap();
    let mut answered = 0;
    for case in &cases {
        let (Expected::Rows { .. }, Some(entity)) = (&case.expected, case.entity_batch().unwrap())
        else {
            continue;
        };
        let answer = answer(&case.query(entity).unwrap()).unwrap();
        if let Err(difference) = case.check(&answer.schema(), &[answer]) {
            panic!("{}: {difference}", case.id);
        }
        answered += 1;
    }
    assert!(
        answered >= 43,
        "only {answered} of {} cases have an answer",
        cases.len()
    );
}
