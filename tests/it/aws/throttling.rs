//! AWS Config under a rate limit, and with errors that are retried: neither causes a gap, in the
//! first run of a process or in a later one.

use std::time::Duration;

use packwatch::aws::Timeouts;
use packwatch_simulation::{Effect, Fault, RateLimit, Service};
use serde_json::json;

use crate::support::harness::{OWN, REGION, TestEnv};

const MEMBERS: &str = "GetOrganizationConformancePackDetailedStatus";

/// Returns an organization with twenty packs, `pack-000` to `pack-019`, and a short backoff.
async fn env_with_twenty_packs() -> TestEnv {
    let mut env = TestEnv::new().await;
    env.world.fill(OWN, REGION, 20, 1, 1);
    env.timeouts = Timeouts {
        initial_backoff: Duration::from_millis(1),
        max_backoff: Duration::from_millis(1),
        ..Timeouts::default()
    };
    env
}

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

/// By default, the SDK allows about 100 retries per service and does not refill this quota over
/// time. Each of the two runs needs at least 100. Throttled calls do not use the quota: see
/// `exhausted_call_leaves_next_call_all_attempts`.
#[tokio::test]
async fn exhausted_retries_do_not_affect_next_run_of_process() {
    let env = env_with_twenty_packs().await;
    let function = env.function().await;
    env.world
        .fault(Fault::new(Effect::InternalError).operation(MEMBERS));
    let response = env
        .invoke_in(&function, json!({}))
        .await
        .expect("the run succeeds");
    assert_eq!(
        response["totals"]["gaps"], 20,
        "every attempt of every call fails"
    );
    env.world.clear_faults();
    for pack in 0..20 {
        let pack = format!("pack-{pack:03}");
        let fault = Fault::new(Effect::InternalError).operation(MEMBERS);
        env.world.fault(fault.target(&pack).first(5));
    }
    let response = env
        .invoke_in(&function, json!({}))
        .await
        .expect("the run succeeds");
    assert_eq!(
        (&response["complete"], &response["totals"]["gaps"]),
        (&json!(true), &json!(0)),
        "the sixth attempt of every call succeeds"
    );
}

/// The SDK reads the value of `AWS_MAX_ATTEMPTS` from the process, which does not have it, and uses
/// its default of three.
#[tokio::test]
async fn aws_max_attempts_replaces_maximum_of_ten() {
    for (is_set, attempts) in [(false, 10), (true, 3)] {
        let mut env = env_with_twenty_packs().await;
        if is_set {
            env.set("AWS_MAX_ATTEMPTS", "3");
        }
        let fault = Fault::new(Effect::InternalError).operation(MEMBERS);
        env.world.fault(fault.target("pack-000"));
        let response = env.invoke(json!({})).await.expect("the run succeeds");
        assert_eq!(response["totals"]["gaps"], 1);
        let calls = env.world.calls().into_iter();
        let calls = calls.filter(|call| call.operation == MEMBERS && call.target == "pack-000");
        assert_eq!(calls.count(), attempts);
    }
}
