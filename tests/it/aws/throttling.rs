//! AWS Config under a limit: nothing is lost to throttling, in the first run of a process or in the
//! next.

use std::time::Duration;

use packwatch::aws::Timeouts;
use packwatch_simulation::{Effect, Fault, RateLimit, Service};
use serde_json::json;

use crate::support::harness::{OWN, REGION, TestEnv};

const SHORT: Duration = Duration::from_millis(1);

#[tokio::test]
async fn a_hundred_and_fifty_calls_at_five_a_second_all_succeed_twice_in_one_process() {
    let stage = TestEnv::new().await;
    stage.world.fill(OWN, REGION, 149, 1, 1);
    stage.world.rate_limit(Some(RateLimit {
        per_second: 5.0,
        burst: 5.0,
    }));
    let function = stage.function().await;
    for run in 1..=2 {
        stage.world.forget_calls();
        let answer = stage.invoke_in(&function, json!({})).await.expect("a run");
        assert_eq!(
            (&answer["complete"], &answer["totals"]["gaps"]),
            (&json!(true), &json!(0)),
            "run {run}"
        );
        assert_eq!(
            answer["config_calls"],
            150 + 1,
            "149 packs, and two pages of them, run {run}"
        );
        let attempts = stage
            .world
            .calls()
            .into_iter()
            .filter(|call| call.service == Service::Config)
            .count();
        println!("run {run}: 151 calls, {attempts} attempts");
        stage.pass(15);
    }
}

/// About 73 attempts; 114 and more where retries are made at once.
#[tokio::test]
async fn retries_wait_for_their_turn() {
    let stage = TestEnv::new().await;
    stage.world.fill(OWN, REGION, 60, 1, 1);
    stage.world.rate_limit(Some(RateLimit {
        per_second: 2.0,
        burst: 2.0,
    }));
    let answer = stage.invoke(json!({})).await.expect("a run");
    assert_eq!(
        (&answer["complete"], &answer["config_calls"]),
        (&json!(true), &json!(61))
    );
    let attempts = stage
        .world
        .calls()
        .into_iter()
        .filter(|call| call.service == Service::Config)
        .count();
    println!("61 calls, {attempts} attempts");
    assert!(attempts < 100, "61 calls, {attempts} attempts");
}

#[tokio::test]
async fn a_run_that_spent_its_retries_leaves_the_next_one_in_its_process_its_own() {
    let mut stage = TestEnv::new().await;
    stage.world.fill(OWN, REGION, 20, 1, 1);
    stage.timeouts = Timeouts {
        initial_backoff: SHORT,
        max_backoff: SHORT,
        ..Timeouts::default()
    };
    // The SDK's own retries, which the environment can ask for.
    stage.set("AWS_RETRY_MODE", "standard");
    let function = stage.function().await;
    let members =
        Fault::new(Effect::Throttle).operation("GetOrganizationConformancePackDetailedStatus");
    stage.world.fault(members.clone());
    let answer = stage.invoke_in(&function, json!({})).await.expect("a run");
    assert_eq!(
        answer["totals"]["gaps"], 20,
        "every retry of every call was in vain"
    );
    stage.world.clear_faults();
    stage.world.fault(members.first(20));
    let answer = stage.invoke_in(&function, json!({})).await.expect("a run");
    assert_eq!(
        (&answer["complete"], &answer["totals"]["gaps"]),
        (&json!(true), &json!(0))
    );
}
