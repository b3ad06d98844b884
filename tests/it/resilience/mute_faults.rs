//! Faults and crashes at every call of a request to mute or to unmute: the mute is in the ledger
//! and in the failures that it matches, or in neither, and later runs notify accordingly.

use std::time::Duration;

use packwatch_simulation::{Effect, Fault, Service};
use serde_json::{Value, json};

use super::fault_injection::effects;
use crate::support::harness::{TestEnv, keys};

const ACCOUNT: &str = "333344445555";

/// What is requested.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Change {
    Mute,
    Unmute,
}

/// Returns an organization with a new failure that no run has read yet; muted if it is to be
/// unmuted.
async fn env_before(change: Change) -> TestEnv {
    let mut env = TestEnv::failing().await;
    env.set("AWS_MAX_ATTEMPTS", "3");
    env.timeouts = packwatch::aws::Timeouts {
        connect: Duration::from_millis(200),
        attempt: Duration::from_millis(200),
        initial_backoff: Duration::from_millis(2),
        max_backoff: Duration::from_millis(20),
    };
    env.run().await;
    if change == Change::Unmute {
        env.invoke(mute()).await.expect("the mute is stored");
    }
    env.member("baseline", ACCOUNT, "UPDATE_FAILED");
    env.world.forget_calls();
    env
}

fn mute() -> Value {
    json!({"mute": {"accounts": [ACCOUNT], "until": "2026-03-20", "reason": "x"}})
}

fn mutes(env: &TestEnv) -> Vec<Value> {
    let ledger = env.document("ledger.json");
    ledger["mutes"].as_array().cloned().unwrap_or_default()
}

fn event(env: &TestEnv, change: Change) -> Value {
    match change {
        Change::Mute => mute(),
        Change::Unmute => json!({"unmute": mutes(env)[0]["id"]}),
    }
}

/// Asserts that the change is made as a whole or not at all, and that it is made if `done`.
async fn assert_whole(case: &str, env: &TestEnv, change: Change, done: bool) {
    let muted = !mutes(env).is_empty();
    assert!(
        !done || muted == (change == Change::Mute),
        "{case}: the response says that the change is made"
    );
    env.advance_minutes(15);
    env.run().await;
    env.run().await;
    let latest = env.latest();
    let failures = latest["packs"][0]["failing_accounts"]
        .as_array()
        .expect("a list");
    let failure = failures
        .iter()
        .find(|failure| failure["account_id"] == ACCOUNT)
        .expect("the failure is recorded");
    assert_eq!(failure["muted_until"].is_string(), muted, "{case}");
    let digests = env.digests();
    let appeared = digests.iter().flat_map(|digest| keys(&digest["appeared"]));
    let notified = appeared.filter(|key| key.ends_with(ACCOUNT)).count();
    assert_eq!(notified, usize::from(!muted), "{case}");
}

#[tokio::test]
async fn fault_at_any_call_leaves_mute_whole_or_absent() {
    let mut cases = 0;
    for change in [Change::Mute, Change::Unmute] {
        let env = env_before(change).await;
        env.invoke(event(&env, change)).await.expect("no fault");
        let calls = env.world.calls();
        assert!(calls.len() >= 2, "the ledger is read and written");
        for call in calls {
            for effect in effects(call.service) {
                for permanent in [false, true] {
                    let case = format!("{change:?} {} {effect:?} {permanent}", call.operation);
                    let env = env_before(change).await;
                    let fault = Fault::new(effect.clone())
                        .service(call.service)
                        .operation(&call.operation)
                        .target(&call.target);
                    env.world
                        .fault(if permanent { fault } else { fault.nth(1) });
                    let result = env.invoke(event(&env, change)).await;
                    env.world.clear_faults();
                    assert_whole(&case, &env, change, result.is_ok()).await;
                    cases += 1;
                }
            }
        }
    }
    println!("{cases} faults");
}

#[tokio::test]
async fn crash_at_any_call_leaves_mute_whole_or_absent() {
    for change in [Change::Mute, Change::Unmute] {
        let env = env_before(change).await;
        env.invoke(event(&env, change)).await.expect("no crash");
        let calls = env.world.calls();
        for call in calls.iter().filter(|call| call.service == Service::S3) {
            for (when, effect) in [
                ("before", Effect::NoResponse),
                ("after", Effect::Delay(Duration::from_secs(30))),
            ] {
                let case = format!("{change:?} {when} {}", call.operation);
                let mut env = env_before(change).await;
                env.timeouts.attempt = Duration::from_mins(1);
                let fault = Fault::new(effect)
                    .service(call.service)
                    .operation(&call.operation)
                    .target(&call.target);
                env.world.fault(fault.nth(1));
                let invocation = env.invoke(event(&env, change));
                let result = tokio::time::timeout(Duration::from_millis(400), invocation).await;
                assert!(result.is_err(), "{case}: the request was answered");
                env.world.clear_faults();
                assert_whole(&case, &env, change, false).await;
            }
        }
    }
}
