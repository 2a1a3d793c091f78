// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Statements read and printed, and where errors point.

mod fuzz;

use super::*;

fn ours(text: &str) -> Statement {
    parse(text)
        .unwrap()
        .unwrap_or_else(|| panic!("not ours: {text}"))
}

fn error(text: &str) -> String {
    parse(text).unwrap_err().strip_backtrace()
}

/// The statement prints as SQL that reads back to the same statement and the same text.
fn round_trip(text: &str) -> String {
    let statement = ours(text);
    let printed = statement.to_string();
    let again = ours(&printed);
    assert_eq!(statement, again, "{printed}");
    assert_eq!(printed, again.to_string());
    printed
}

#[test]
fn every_clause_survives_the_round_trip() {
    let view = round_trip(
        "create or replace feature view Driver_Stats entities (driver, \"Customer\") \
         features (conv_rate double comment 'it''s', \"Trips\" BIGINT, tags_seen text[], \
                   raw BYTEA, m MAP, amount DECIMAL(10, 2), t TIMESTAMP(6) WITH TIME ZONE) \
         from lake.ns.\"T\" timestamp event_timestamp created timestamp created \
         tie break (seq, \"on\") field mapping (a as b, \"C\" as d) ttl interval '7 days 0.5 seconds' \
         offline only comment 'c' owner 'o' tags (team 'x', \"Big Key\" 'it''s', a.b 'z');",
    );
    assert_eq!(
        view,
        "CREATE OR REPLACE FEATURE VIEW driver_stats\n  \
         ENTITIES (driver, \"Customer\")\n  \
         FEATURES (conv_rate DOUBLE COMMENT 'it''s', \"Trips\" BIGINT, tags_seen VARCHAR[], \
         raw BYTEA, m MAP, amount DECIMAL, t TIMESTAMP)\n  \
         FROM lake.ns.\"T\" TIMESTAMP event_timestamp CREATED TIMESTAMP \"created\"\n  \
         TIE BREAK (seq, \"on\")\n  \
         FIELD MAPPING (a AS b, \"C\" AS d)\n  \
         TTL INTERVAL '7 days 0.5 seconds'\n  \
         OFFLINE ONLY\n  COMMENT 'c'\n  OWNER 'o'\n  \
         TAGS (\"Big Key\" 'it''s', \"a.b\" 'z', team 'x')"
    );
}

#[test]
fn statements_round_trip() {
    for text in [
        "CREATE EXTERNAL CATALOG lake STORED AS ICEBERG OPTIONS (type 'sql', uri 'sqlite:///${HOME}/a''b', s3.access-key-id $$x$$, 's3.region' 'eu', flag true, n 3)",
        "CREATE EXTERNAL CATALOG IF NOT EXISTS \"Lake\" OPTIONS (type 'rest') STORED AS ICEBERG",
        "CREATE ENTITY driver",
        "CREATE ENTITY driver JOIN KEY (driver_id)",
        "CREATE ENTITY IF NOT EXISTS driver JOIN KEY (driver_id INT64) TAGS (a 'b') OWNER 'me'",
        "CREATE FEATURE VIEW v FROM 'dir/it''s.parquet' TIMESTAMP ts",
        "CREATE FEATURE VIEW v TIMESTAMP ts FROM t ONLINE TTL INTERVAL '90' MINUTES",
        "CREATE FEATURE SERVICE s AS (v)",
        "CREATE OR REPLACE FEATURE SERVICE \"S\" AS (v (a, b) AS x ON (k = origin, \"K\" = j), w AS y, z (q)) COMMENT 'c'",
        "CREATE FEATURE VIEW v FROM t",
        "CREATE FEATURE VIEW v ENTITIES () FROM t",
        "CREATE FEATURE VIEW v ENTITIES () FROM t TIMESTAMP ts",
        "CREATE FEATURE VIEW v FROM (SELECT ')' AS \")\", f(a, (b)) FROM t -- all )\n WHERE a > 1 -- rest\n) TIMESTAMP ts",
        "CREATE FEATURE VIEW v FROM (with x as (select 1) select * from x) TIMESTAMP ts TTL INTERVAL 1 DAY",
        "ALTER FEATURE VIEW v ADD FEATURE a BIGINT COMMENT 'x', DROP b, ALTER FEATURE c TYPE BIGINT[]",
        "ALTER FEATURE VIEW IF EXISTS \"V\" ADD (a INT, \"B\" TEXT) DROP FEATURES (c, \"D\") ALTER FEATURE e COMMENT ''",
        "ALTER FEATURE VIEW v SET TTL INTERVAL '7 days', UNSET TTL, SET ONLINE, SET OFFLINE ONLY",
        "ALTER FEATURE VIEW v TTL INTERVAL 0 SECONDS ONLINE COMMENT '' OWNER 'o' TAGS (a 'b')",
        "ALTER ENTITY e SET TAGS (a 'b', \"C d\" 'it''s') UNSET TAGS (x, y.z), UNSET COMMENT, UNSET OWNER;",
        "ALTER FEATURE SERVICE s ADD (v (a) AS x ON (k = j), w), DROP (y, \"Z\"), SET OWNER 'o'",
        "EXPLAIN ALTER ENTITY e SET OWNER 'o'",
        "DROP ENTITY driver",
        "DROP FEATURE VIEW IF EXISTS v;",
        "DROP FEATURE SERVICE \"S\"",
        "SHOW ENTITIES",
        "SHOW FEATURE VIEWS LIKE 'dr%'",
        "SHOW FEATURE SERVICES;",
        "SHOW DATA SOURCES",
        "DESCRIBE ENTITY driver",
        "DESC FEATURE VIEW v",
        "DESCRIBE FEATURE SERVICE s",
        "SHOW CREATE ENTITY e",
        "SHOW CREATE FEATURE VIEW \"V\"",
        "SHOW CREATE FEATURE SERVICE s",
        "EXPLAIN CREATE ENTITY e",
        "EXPLAIN ANALYZE VERBOSE SHOW ENTITIES",
        "EXPLAIN FORMAT TREE DROP ENTITY e",
    ] {
        round_trip(text);
    }
}

#[test]
fn names_fold_unless_quoted() {
    let Statement::CreateEntity(entity) = ours("CREATE ENTITY Driver JOIN KEY (\"Id\" Bigint)")
    else {
        panic!("an entity");
    };
    assert_eq!(entity.name, "driver");
    assert_eq!(entity.join_key.unwrap().column, "Id");
}

#[test]
fn other_statements_are_left_alone() {
    for text in [
        "",
        "-- nothing",
        "SELECT 1",
        "SHOW TABLES",
        "SHOW ALL",
        "SHOW CREATE TABLE t",
        "DESCRIBE t",
        "DESCRIBE entity",
        "DESCRIBE entity.t",
        "DESCRIBE features",
        "CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 'x'",
        "CREATE TABLE entity AS SELECT 1",
        "CREATE OR REPLACE VIEW v AS SELECT 1",
        "CREATE SCHEMA s",
        "CREATE INDEX i ON t (a)",
        "DROP TABLE t",
        "DROP VIEW v",
        "ALTER TABLE t ADD COLUMN c INT",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "SELECT 'not closed",
        "CREATE",
        "(SELECT 1)",
    ] {
        assert!(parse(text).unwrap().is_none(), "{text}");
    }
}

const ERRORS: [(&str, &str); 27] = [
    (
        "CREATE FEATURE VIEW v FROM t TIMESTMP ts",
        "line 1, column 30: expected ENTITIES, FEATURES, FROM, TIMESTAMP, CREATED TIMESTAMP, \
             TIE BREAK, FIELD MAPPING, TTL, ONLINE, OFFLINE ONLY, COMMENT, OWNER or TAGS, found \
             TIMESTMP; did you mean TIMESTAMP?",
    ),
    (
        "CREATE FEATURE VIEW v\n  TIMESTAMP ts",
        "line 2, column 15: expected FROM table, FROM 'path.parquet' or FROM (SELECT …), found \
             end of statement",
    ),
    (
        "CREATE FEATURE VIEW v FROM (a, b)",
        "line 1, column 29: expected SELECT, WITH or VALUES, found a",
    ),
    (
        "CREATE FEATURE VIEW v FROM (SELECT f(1)",
        "line 1, column 28: this '(' has no ')'",
    ),
    (
        "CREATE FEATURE VIEW v FROM t TIMESTAMP a TIMESTAMP b",
        "line 1, column 42: TIMESTAMP is given twice; keep one",
    ),
    (
        "CREATE FEATURE VIEW v FROM t TIMESTAMP a TTL INTERVAL '1 month'",
        "line 1, column 55: TTL '1 month' has no fixed length; give it in days or smaller units",
    ),
    (
        "CREATE FEATURE VIEW v FROM t TIMESTAMP a TTL INTERVAL '-1 day'",
        "line 1, column 55: TTL '-1 day' is negative; give a length, or 0 for no limit",
    ),
    (
        "CREATE FEATURE VIEW v FROM t TIMESTAMP a TTL '1 day'",
        "line 1, column 46: expected INTERVAL, found '1 day'",
    ),
    (
        "CREATE FEATURE VIEW v FEATURES (a BIGNT) FROM t TIMESTAMP a",
        "line 1, column 35: unknown type BIGNT; did you mean BIGINT?",
    ),
    (
        "CREATE ENTITY e JOIN KEY (a BIGINT, b BIGINT)",
        "line 1, column 35: an entity has one join key; make an entity for each key and name \
             them all in the feature view's ENTITIES",
    ),
    (
        "CREATE ENTITY e COMMENT c",
        "line 1, column 25: expected a text in quotes after COMMENT, found c",
    ),
    (
        "CREATE OR REPLACE ENTITY IF NOT EXISTS e",
        "line 1, column 26: OR REPLACE and IF NOT EXISTS exclude each other",
    ),
    (
        "CREATE ENTTIY e",
        "line 1, column 8: expected ENTITY, FEATURE VIEW or FEATURE SERVICE, found ENTTIY e; \
             did you mean ENTITY?",
    ),
    (
        "DROP FEATURE VEIW v",
        "line 1, column 6: expected ENTITY, FEATURE VIEW or FEATURE SERVICE, found FEATURE \
             VEIW; did you mean FEATURE VIEW?",
    ),
    (
        "SHOW FEATURE VIEW",
        "line 1, column 14: expected FEATURE VIEWS, FEATURE SERVICES or DATA SOURCES, found \
             VIEW; did you mean VIEWS?",
    ),
    (
        "CREATE FEATURE SERVICE s AS ()",
        "line 1, column 30: expected the name of a feature view, found )",
    ),
    (
        "CREATE EXTERNAL CATALOG c STORED AS DELTA OPTIONS (a 'b')",
        "line 1, column 37: expected ICEBERG, found DELTA",
    ),
    (
        "CREATE EXTERNAL CATALOG c STORED AS ICEBERG OPTIONS (uri 'a', URI 'b')",
        "line 1, column 63: option URI is given twice; keep one",
    ),
    (
        "ALTER FEATURE VIEW v SET TTL 1",
        "line 1, column 30: expected INTERVAL, found 1",
    ),
    (
        "ALTER FEATURE VIEW v",
        "line 1, column 21: expected ADD, DROP, ALTER FEATURE, SET or UNSET, found end of \
             statement",
    ),
    (
        "ALTER FEATURE VIEW v SET ONLIN",
        "line 1, column 26: expected TTL, ONLINE, OFFLINE ONLY, TAGS, COMMENT or OWNER, found \
             ONLIN; did you mean ONLINE?",
    ),
    (
        "ALTER ENTITY e ADD FEATURE a INT",
        "line 1, column 16: expected SET or UNSET, found ADD",
    ),
    (
        "ALTER ENTITY e SET TTL INTERVAL '1 day'",
        "line 1, column 20: expected TAGS, COMMENT or OWNER, found TTL",
    ),
    (
        "ALTER FEATURE VIEW v ALTER FEATURE a BIGINT",
        "line 1, column 38: expected TYPE or COMMENT, found BIGINT",
    ),
    (
        "ALTER FEATURE SERVICE s UNSET TAGS (a),",
        "line 1, column 40: expected ADD, DROP, SET or UNSET, found end of statement",
    ),
    (
        "ALTER FEATURE VEIW v SET ONLINE",
        "line 1, column 7: expected ENTITY, FEATURE VIEW or FEATURE SERVICE, found FEATURE \
             VEIW; did you mean FEATURE VIEW?",
    ),
    (
        "DROP ENTITY e CASCADE",
        "line 1, column 15: expected end of statement, found CASCADE",
    ),
];

#[test]
fn errors_point_and_suggest() {
    for (text, message) in ERRORS {
        let told = error(text);
        let (first, place) = told.split_once('\n').unwrap();
        assert_eq!(first, format!("Error during planning: {message}"), "{text}");
        // The caret below the line stands where the message says.
        let lines: Vec<&str> = place.lines().collect();
        let numbers: Vec<usize> = message
            .split([' ', ',', ':'])
            .filter_map(|word| word.parse().ok())
            .collect();
        assert_eq!(
            lines[0].trim_start(),
            text.lines().nth(numbers[0] - 1).unwrap().trim_start()
        );
        assert_eq!(lines[1].trim_start(), "^");
        assert_eq!(lines[1].len(), 2 + numbers[1], "{told}");
    }
}

#[test]
fn a_broken_statement_never_panics() {
    let text = "CREATE OR REPLACE FEATURE VIEW v ENTITIES (a, b) FEATURES (x BIGINT[], y ARRAY<INT>) \
                FROM a.b.c TIMESTAMP t TIE BREAK (q) FIELD MAPPING (m AS n) TTL INTERVAL '1 day' \
                OFFLINE ONLY TAGS (k 'v')";
    for end in 0..text.len() {
        let _ = parse(&text[..end]);
        let _ = parse(&text[end..]);
    }
}

#[test]
fn ttls_are_exact() {
    for (text, expected) in [
        ("7 days", "7 days"),
        ("1 week", "7 days"),
        ("90", "1 minute 30 seconds"),
        ("0.5 seconds", "0.5 seconds"),
        ("36 hours", "1 day 12 hours"),
        ("0", "0 seconds"),
        ("1 nanosecond", "0.000000001 seconds"),
    ] {
        let ttl = parse_ttl(text).unwrap();
        assert_eq!(ttl_text(ttl), expected);
        assert_eq!(parse_ttl(expected).unwrap(), ttl);
    }
    assert!(parse_ttl("soon").is_err());
}

#[test]
fn type_names_read_back() {
    for &value_type in feast_registry::ValueType::ALL {
        assert_eq!(
            type_from_text(&sql_type_name(value_type)).unwrap(),
            value_type
        );
        assert_eq!(type_from_text(value_type.name()).unwrap(), value_type);
    }
}
