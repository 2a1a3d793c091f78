// SPDX-License-Identifier: Apache-2.0
// Copyright the datafusion-feast authors

//! One plan executed several times.

use futures::TryStreamExt;

use super::*;

#[tokio::test]
async fn executions_at_the_same_time_do_not_disturb_each_other() {
    let context = SessionContext::new();
    let entity = scan(&context, vec![vec![entities()]]).await;
    let input = scan(&context, vec![history()]).await;
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: vec![view(None)],
    };
    let join = PitJoinExec::try_new(entity, vec![input], Arc::new(spec)).unwrap();
    let answers = (0..4).map(|_| {
        let answer = join.execute(0, context.task_ctx()).unwrap();
        answer.try_collect::<Vec<_>>()
    });
    for answer in futures::future::try_join_all(answers).await.unwrap() {
        assert_eq!(
            column(&answer, "v"),
            [Some(40), Some(60), None, None, None, Some(40)]
        );
    }
}

#[tokio::test]
async fn a_plan_that_was_reset_runs_again() {
    let context = SessionContext::new();
    let entity = scan(&context, vec![vec![entities()]]).await;
    let input = scan(&context, vec![history()]).await;
    let spec = PitSpec {
        event_time: "time".to_owned(),
        views: vec![view(None)],
    };
    let mut join: Arc<dyn ExecutionPlan> =
        Arc::new(PitJoinExec::try_new(entity, vec![input], Arc::new(spec)).unwrap());
    for _ in 0..3 {
        let answer = collect(Arc::clone(&join), context.task_ctx())
            .await
            .unwrap();
        assert_eq!(column(&answer, "v")[..2], [Some(40), Some(60)]);
        join = datafusion::physical_plan::execution_plan::reset_plan_states(join).unwrap();
    }
}
