// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Statements changed at random: an answer or an error, and what is an answer prints as something that reads back.
//!
//! `FEAST_FUZZ_SECONDS=600 cargo test -p datafusion-feast ddl::tests::fuzz -- --test-threads 1`

use feast_testkit::fuzz::{Form, Fuzz};

use super::*;

const WORDS: &[&str] = &[
    "CREATE",
    "OR REPLACE",
    "IF NOT EXISTS",
    "IF EXISTS",
    "ENTITY",
    "ENTITIES",
    "FEATURE",
    "FEATURES",
    "VIEW",
    "VIEWS",
    "SERVICE",
    "SERVICES",
    "JOIN KEY",
    "FROM",
    "TIMESTAMP",
    "CREATED TIMESTAMP",
    "TIE BREAK",
    "FIELD MAPPING",
    "TTL",
    "INTERVAL",
    "'7 days'",
    "'1e9 years'",
    "ONLINE",
    "OFFLINE ONLY",
    "COMMENT",
    "OWNER",
    "TAGS",
    "AS",
    "ON",
    "ALTER",
    "ADD",
    "DROP",
    "SET",
    "UNSET",
    "TYPE",
    "SHOW",
    "DESCRIBE",
    "LIKE",
    "EXPLAIN",
    "ANALYZE",
    "VERBOSE",
    "FORMAT",
    "MATERIALIZE",
    "INCREMENTAL",
    "FULL",
    "TO",
    "EXTERNAL CATALOG",
    "STORED AS ICEBERG",
    "OPTIONS",
    "BIGINT",
    "DECIMAL(10, 2)",
    "ARRAY<INT>",
    "TIMESTAMP(6) WITH TIME ZONE",
    "INT64_LIST",
    "U&'x'",
    "$$a$$",
    "(",
    ")",
    ",",
    ";",
];

#[test]
fn changed_statements_are_errors_or_read_back() {
    let corpus = include_str!("corpus.sql");
    let statements = corpus.split(";\n").filter(|text| !text.is_empty());
    let fuzz = Fuzz::new("ddl", Form::Text(WORDS)).with(statements);
    let told = fuzz.run(6_000, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return "no text".to_owned();
        };
        match parse(text) {
            Err(error) => {
                // Without the text that it shows.
                let error = error.strip_backtrace();
                error.lines().next().unwrap_or_default().to_owned()
            }
            Ok(None) => "not ours".to_owned(),
            Ok(Some(statement)) => {
                let printed = statement.to_string();
                let again = parse(&printed).unwrap_or_else(|e| panic!("{printed}: {e}"));
                assert_eq!(again.as_ref(), Some(&statement), "{printed}");
                assert_eq!(again.unwrap().to_string(), printed);
                let words = printed
                    .split_whitespace()
                    .filter(|word| word.len() > 2 && word.chars().all(|c| c.is_ascii_uppercase()));
                words.collect::<Vec<_>>().join(" ")
            }
        }
    });
    println!("{told:?}");
    assert!(told.outcomes > 200, "{told:?}");
}
