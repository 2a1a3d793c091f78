// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! A registry changed by SQL: Feast opened the file that `changes.sql` makes of it, and both of us answer the same.

use datafusion_feast::{FeastContext, split_statements};
use feast_registry::Registry;
use feast_testkit::fuzz::{Field, Value, read_message};

use super::asked::{Recording, check};
use super::{Repositories, error, joined, read, rows};

/// `rides` after the statements of `changes.sql`.
async fn altered(repositories: &Repositories) -> FeastContext {
    let feast = repositories.open("rides").await;
    let text = String::from_utf8(read(repositories.dir("changes.sql"))).unwrap();
    for statement in split_statements(&text).unwrap() {
        let done = rows(&feast, &statement.text).await;
        done.unwrap_or_else(|error| panic!("{}: {error}", statement.text));
    }
    feast
}

#[tokio::test]
async fn feast_and_we_agree_after_changes_in_sql() {
    let repositories = Repositories::place();
    let feast = altered(&repositories).await;
    let recording = Recording::read(&feast, &repositories.dir("altered")).await;
    assert_eq!(recording.asked.len(), 80);
    let (cells, found) = recording.agrees(&feast, 1).await;
    println!("{cells} values, {found} of them not NULL");
    assert!(found > cells / 3);
    // A session that only reads the file says the same.
    let again = repositories.open("rides").await;
    recording.agrees(&again, 8).await;
}

/// The changes matter: without them the same questions have other answers, or none.
#[tokio::test]
async fn before_the_changes_the_answers_are_others() {
    let repositories = Repositories::place();
    let feast = repositories.open("rides").await;
    let recording = Recording::read(&feast, &repositories.dir("altered")).await;
    let mut same = 0;
    for number in 0..recording.asked.len() {
        if let Ok(answer) = recording.in_sql(&feast, number).await {
            same += usize::from(check(&recording.expected(number), &answer).is_ok());
        }
    }
    println!("{same} of {} are the same", recording.asked.len());
    assert!(same < recording.asked.len() / 8);
}

#[tokio::test]
async fn the_changed_file_is_the_one_that_feast_read() {
    let repositories = Repositories::place();
    let before = read(repositories.dir("rides/data/registry.db"));
    let feast = altered(&repositories).await;
    let ours = read(repositories.dir("rides/data/registry.db"));
    let recorded = read(repositories.dir("altered/registry.db"));
    assert_eq!(timeless(&ours), timeless(&recorded));
    assert_ne!(timeless(&before), timeless(&recorded));

    let (ours, before) = (
        Registry::parse(&ours).unwrap(),
        Registry::parse(&before).unwrap(),
    );
    // The other project is not touched.
    assert_eq!(
        ours.feature_views("food").unwrap(),
        before.feature_views("food").unwrap()
    );
    assert_eq!(
        ours.feature_services("food").unwrap(),
        before.feature_services("food").unwrap()
    );
    for gone in [
        "'customer_model'",
        "['driver_customer:rides']",
        "['driver_profile:hired']",
    ] {
        let error = error(&feast, &joined(gone)).await;
        assert!(
            error.contains(gone.split(['\'', ':']).nth(1).unwrap()),
            "{error}"
        );
    }
}

/// The message without what differs from run to run: the times at which objects were written, and ids of versions.
fn timeless(registry: &[u8]) -> Vec<Field> {
    fn blank(fields: &mut [Field]) {
        for field in fields {
            match &mut field.value {
                Value::Message(inner) if is_instant(inner) => field.value = Value::Varint(0),
                Value::Message(inner) => blank(inner),
                Value::Bytes(bytes) if is_id(bytes) => bytes.clear(),
                _ => {}
            }
        }
    }
    let mut fields = read_message(registry).unwrap();
    blank(&mut fields);
    fields
}

/// Seconds since 1970, of this century, and nanoseconds.
fn is_instant(fields: &[Field]) -> bool {
    let seconds = |field: &Field| matches!(field.value, Value::Varint(946_684_800..4_102_444_800));
    match fields {
        [first] => first.number == 1 && seconds(first),
        [first, second] => first.number == 1 && seconds(first) && second.number == 2,
        _ => false,
    }
}

fn is_id(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
