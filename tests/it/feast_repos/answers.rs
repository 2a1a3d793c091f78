// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! Random retrievals that Feast answered over the same files and tables: every row and column agrees.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;

use super::asked::{Recording, check, in_sql};
use super::{Repositories, rows};

#[tokio::test]
async fn feast_and_we_agree_on_random_retrievals() {
    let repositories = Repositories::place();
    for name in ["rides", "sql"] {
        let feast = repositories.open(name).await;
        let recording = Recording::read(&feast, &repositories.dir("answers")).await;
        assert_eq!(recording.asked.len(), 200);
        // The definitions are the same ones: for the second kind of registry a part is enough.
        let step = if name == "rides" { 1 } else { 5 };
        let (cells, found) = recording.agrees(&feast, step).await;
        println!("{name}: {cells} values in steps of {step}, {found} of them not NULL");
        assert!(found > cells / 3);
        for (number, asked) in recording.asked.iter().enumerate().step_by(10) {
            let frame = feast.session().read_batch(recording.entities(number));
            let request = asked.request();
            let frame = Box::pin(feast.pit_join(frame.unwrap(), &request));
            let in_rust = Box::pin(frame.await.unwrap().collect()).await.unwrap();
            check(&recording.expected(number), &in_rust)
                .unwrap_or_else(|e| panic!("in Rust, request {number}: {}\n{e}", asked.sql()));
        }
    }
}

/// The comparison finds out when a rule is not followed.
#[tokio::test]
async fn answers_to_other_questions_differ() {
    let repositories = Repositories::place();
    let feast = repositories.open("rides").await;
    let recording = Recording::read(&feast, &repositories.dir("answers")).await;
    let all = |batches: Vec<RecordBatch>| concat_batches(&batches[0].schema(), &batches).unwrap();
    let mut differ = [0, 0];
    for number in 0..20 {
        let (entities, expected) = (recording.entities(number), recording.expected(number));
        let mut asked = recording.asked[number].clone();
        asked.created_cutoff = !asked.created_cutoff;
        let cutoff = in_sql(&feast, &asked, &entities).await.unwrap();
        differ[0] += usize::from(check(&expected, &cutoff).is_err());
        let earlier =
            "SELECT * REPLACE (event_timestamp - INTERVAL '1 microsecond' AS event_timestamp) FROM";
        let earlier = recording.asked[number].sql().replace(
            "entities => entity_df",
            &format!("entities => ({earlier} entity_df)"),
        );
        let earlier = all(rows(&feast, &earlier).await.unwrap());
        let features = earlier.columns()[entities.num_columns()..].iter();
        let columns = entities.columns().iter().chain(features).cloned().collect();
        let earlier = RecordBatch::try_new(earlier.schema(), columns).unwrap();
        differ[1] += usize::from(check(&expected, &[earlier]).is_err());
    }
    println!(
        "of 20 requests {} differ with the other cutoff, {} a microsecond earlier",
        differ[0], differ[1]
    );
    assert!(differ.iter().all(|count| *count > 5), "{differ:?}");
}
