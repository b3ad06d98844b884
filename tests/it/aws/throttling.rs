//! AWS Config under a rate limit: throttling causes no gap, in the first run of a process or in a
//! later one.

use std::time::Duration;

use packwatch::aws::Timeouts;
use packwatch_simulation::{Effect, Fault, RateLimit, Service};
use serde_json::json;

use crate::support::harness::{OWN, REGION, TestEnv};

const SHORT: Duration = Duration::from_millis(1);

#[tokio::test]
async fn rate_limited_calls_all_succeed_in_two_runs_of_a_process() {
    let env = TestEnv::new().await;
    env.world.fill(OWN, REGION, 149, 1, 1);
    env.world.rate_limit(Some(RateLimit {
        per_second: 5.0,
        burst: 5.0,
    }));
    let function = env.function().await;
    for run in 1..=2 {
        env.world.forget_calls();
        let response = env
            .invoke_in(&function, json!({}))
            .await
            .expect("the run succeeds");
        assert_eq!(
            (&response["complete"], &response["totals"]["gaps"]),
            (&json!(true), &json!(0)),
            "run {run}"
        );
        assert_eq!(
            response["config_calls"],
            150 + 1,
            "149 packs, and two pages of the listing, run {run}"
        );
        let attempts = env
            .world
            .calls()
            .into_iter()
            .filter(|call| call.service == Service::Config)
            .count();
        println!("run {run}: 151 calls, {attempts} attempts");
        env.advance_minutes(15);
    }
}

/// The run makes about 73 attempts. Without the rate limiter, it would make 114 or more.
#[tokio::test]
async fn retries_wait_for_the_rate_limiter() {
    let env = TestEnv::new().await;
    env.world.fill(OWN, REGION, 60, 1, 1);
    env.world.rate_limit(Some(RateLimit {
        per_second: 2.0,
        burst: 2.0,
    }));
    let response = env.invoke(json!({})).await.expect("the run succeeds");
    assert_eq!(
        (&response["complete"], &response["config_calls"]),
        (&json!(true), &json!(61))
    );
    let attempts = env
        .world
        .calls()
        .into_iter()
        .filter(|call| call.service == Service::Config)
        .count();
    println!("61 calls, {attempts} attempts");
    assert!(attempts < 100, "61 calls, {attempts} attempts");
}

#[tokio::test]
async fn exhausted_retries_do_not_affect_next_run_of_process() {
    let mut env = TestEnv::new().await;
    env.world.fill(OWN, REGION, 20, 1, 1);
    env.timeouts = Timeouts {
        initial_backoff: SHORT,
        max_backoff: SHORT,
        ..Timeouts::default()
    };
    // The environment can select the retries of the SDK.
    env.set("AWS_RETRY_MODE", "standard");
    let function = env.function().await;
    let members =
        Fault::new(Effect::Throttle).operation("GetOrganizationConformancePackDetailedStatus");
    env.world.fault(members.clone());
    let response = env
        .invoke_in(&function, json!({}))
        .await
        .expect("the run succeeds");
    assert_eq!(
        response["totals"]["gaps"], 20,
        "every attempt of every call is throttled"
    );
    env.world.clear_faults();
    env.world.fault(members.first(20));
    let response = env
        .invoke_in(&function, json!({}))
        .await
        .expect("the run succeeds");
    assert_eq!(
        (&response["complete"], &response["totals"]["gaps"]),
        (&json!(true), &json!(0))
    );
}
