//! Fault injection at every service call.
//!
//! The test records the calls of one run. For each call and each fault it repeats the run with that
//! fault, and then makes runs without faults until no digest is sent. Each change must be reported
//! under exactly one digest ID, and no open failure may be reported as cleared.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use packwatch::aws::Timeouts;
use packwatch_simulation::{Call, Effect, Fault, Service};
use serde_json::{Value, json};

use crate::support::harness::{CHAT, OWN, REGION, TOPIC, TestEnv, keys, program_json};

/// Failing in every run.
const ONGOING: &str = "222233334444";
/// Failing in the first run only.
const RECOVERED: &str = "333344445555";
/// Failing from the second run on.
const APPEARED: &str = "444455556666";

/// Creates an organization that has changed since its first digest.
pub async fn changed_env() -> TestEnv {
    let mut env = TestEnv::new().await;
    // A permanent fault outlasts any number of attempts; three keep the test fast.
    env.set("AWS_MAX_ATTEMPTS", "3");
    env.timeouts = Timeouts {
        connect: Duration::from_millis(200),
        attempt: Duration::from_millis(200),
        initial_backoff: Duration::from_millis(2),
        max_backoff: Duration::from_millis(20),
    };
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.world.create_topic(CHAT);
    // Pages of two, so that the run follows page tokens and confirms absences.
    env.world.page_size(Some(2));
    for pack in ["baseline", "guardrails", "operations"] {
        env.pack(pack, "UPDATE_SUCCESSFUL");
    }
    for (account, status) in [
        (ONGOING, "UPDATE_FAILED"),
        (RECOVERED, "UPDATE_FAILED"),
        (APPEARED, "UPDATE_SUCCESSFUL"),
    ] {
        env.member("baseline", account, status);
    }
    env.member("guardrails", ONGOING, "UPDATE_FAILED");
    env.run().await;
    env.member("baseline", RECOVERED, "UPDATE_SUCCESSFUL");
    env.member("baseline", APPEARED, "UPDATE_FAILED");
    env.world.remove_member(OWN, REGION, "guardrails", ONGOING);
    env.world.forget_calls();
    env
}

/// Returns the faults to inject into a call of this service.
pub fn effects(service: Service) -> Vec<Effect> {
    let mut effects = vec![
        Effect::Throttle,
        Effect::Denied,
        Effect::ExpiredToken,
        Effect::InternalError,
        Effect::Unavailable,
        Effect::ResetBefore,
        Effect::ResetAfter,
        Effect::NoResponse,
        Effect::CutOff,
        Effect::Malformed,
        Effect::Empty,
        Effect::Truncated,
    ];
    if service == Service::Config {
        effects.push(Effect::RepeatToken);
        let body = "{\"OrganizationConformancePackStatuses\":[{\"OrganizationConformancePackName\":\"baseline\"}],\
                   \"OrganizationConformancePackDetailedStatuses\":[{\"AccountId\":\"333344445555\",\"ConformancePackName\":\"x\"}]}";
        effects.push(Effect::Raw {
            status: 200,
            content_type: "application/x-amz-json-1.1".into(),
            body: body.into(),
        });
    }
    if service == Service::S3 {
        for (status, code) in [
            (409, "ConditionalRequestConflict"),
            (412, "PreconditionFailed"),
            (404, "NoSuchBucket"),
        ] {
            effects.push(Effect::Error {
                status,
                code: code.into(),
                message: "injected".into(),
            });
        }
    }
    effects
}

/// The state that the digests of a topic report.
struct ReportedState {
    open: BTreeSet<String>,
    cleared: BTreeSet<String>,
    /// The digest IDs under which each change was reported.
    digest_ids: BTreeMap<(String, &'static str), BTreeSet<String>>,
}

fn reported_state(digests: &[Value]) -> ReportedState {
    let mut reported = ReportedState {
        open: BTreeSet::new(),
        cleared: BTreeSet::new(),
        digest_ids: BTreeMap::new(),
    };
    let mut seen = BTreeSet::new();
    for digest in digests {
        let id = digest["digest_id"]
            .as_str()
            .expect("a digest ID")
            .to_owned();
        for (list, change) in [("appeared", "appeared"), ("cleared", "cleared")] {
            for key in keys(&digest[list]) {
                reported
                    .digest_ids
                    .entry((key, change))
                    .or_default()
                    .insert(id.clone());
            }
        }
        if seen.insert(id) {
            reported.open.extend(keys(&digest["appeared"]));
            for key in keys(&digest["cleared"]) {
                reported.open.remove(&key);
                reported.cleared.insert(key);
            }
        }
    }
    reported
}

/// Makes runs without faults until two in a row send no digest. Panics after eight runs.
async fn run_until_quiescent(env: &TestEnv) {
    let mut quiescent_runs = 0;
    for _ in 0..8 {
        let before = env.world.publishes().len();
        env.advance_minutes(61);
        env.invoke(json!({}))
            .await
            .unwrap_or_else(|error| panic!("a run without faults failed: {}", error.to_report()));
        quiescent_runs = if env.world.publishes().len() == before {
            quiescent_runs + 1
        } else {
            0
        };
        if quiescent_runs == 2 {
            return;
        }
    }
    panic!("runs without faults keep sending digests");
}

/// Asserts that runs without faults report every change once and leave no outgoing digest.
pub async fn assert_converges(case: &str, env: &TestEnv) {
    run_until_quiescent(env).await;
    let ledger = env.document("ledger.json");
    for (topic, receiver) in ledger["receivers"].as_object().expect("receivers") {
        assert_eq!(
            receiver["outgoing"],
            json!(null),
            "{case}: {topic} still has an outgoing digest"
        );
    }
    let reported = reported_state(&env.digests());
    let expected: BTreeSet<String> = [
        format!("baseline/{ONGOING}"),
        format!("baseline/{APPEARED}"),
    ]
    .into();
    assert_eq!(
        reported.open, expected,
        "{case}: the digests do not report what is open"
    );
    let cleared: BTreeSet<String> = [
        format!("baseline/{RECOVERED}"),
        format!("guardrails/{ONGOING}"),
    ]
    .into();
    assert_eq!(
        reported.cleared, cleared,
        "{case}: the digests report wrong cleared failures"
    );
    for ((key, change), ids) in &reported.digest_ids {
        assert_eq!(ids.len(), 1, "{case}: {key} {change} under {ids:?}");
    }
    let chat_ids: BTreeSet<String> = env
        .publishes(CHAT)
        .iter()
        .map(|publish| {
            serde_json::from_str::<Value>(&publish.message).expect("JSON")["id"].to_string()
        })
        .collect();
    assert_eq!(
        chat_ids.len(),
        env.publishes(TOPIC)
            .iter()
            .map(|p| program_json(p)["digest_id"].to_string())
            .collect::<BTreeSet<_>>()
            .len(),
        "{case}: the topics got different numbers of digests"
    );
}

/// Returns the calls of a run without faults, each with its number among the calls of its operation
/// and target.
pub async fn calls_of_run() -> Vec<(Call, u64)> {
    let env = changed_env().await;
    env.run().await;
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
    let calls = env.world.calls();
    let numbered = calls.into_iter().map(|call| {
        let nth = counts
            .entry((call.operation.clone(), call.target.clone()))
            .or_default();
        *nth += 1;
        (call, *nth)
    });
    numbered.collect()
}

/// Injects every fault into every call of a service, into all later calls too if `permanent`.
async fn inject_faults(service: Service, permanent: bool) {
    let calls: Vec<_> = calls_of_run()
        .await
        .into_iter()
        .filter(|(call, _)| call.service == service)
        .collect();
    assert!(!calls.is_empty(), "the run does not call {service:?}");
    let mut cases = 0;
    for (call, nth) in calls {
        for effect in effects(service) {
            let case = format!(
                "{} {} #{nth} {effect:?}{}",
                call.operation,
                call.target,
                if permanent { " permanently" } else { "" }
            );
            let env = changed_env().await;
            let fault = Fault::new(effect)
                .service(service)
                .operation(&call.operation)
                .target(&call.target);
            env.world.fault(if permanent {
                fault.from_nth(nth)
            } else {
                fault.nth(nth)
            });
            let _ = env.invoke(json!({})).await;
            env.world.clear_faults();
            assert_converges(&case, &env).await;
            cases += 1;
        }
    }
    println!("{cases} faults at calls of {service:?}");
}

#[tokio::test]
async fn s3_fault_at_any_call_loses_no_change() {
    inject_faults(Service::S3, false).await;
}

#[tokio::test]
async fn permanent_s3_fault_at_any_call_loses_no_change() {
    inject_faults(Service::S3, true).await;
}

#[tokio::test]
async fn sns_fault_at_any_call_loses_no_change() {
    inject_faults(Service::Sns, false).await;
    inject_faults(Service::Sns, true).await;
}

#[tokio::test]
async fn permanent_config_fault_clears_nothing_and_loses_no_change() {
    inject_faults(Service::Config, true).await;
}

#[tokio::test]
async fn config_or_sts_fault_clears_nothing_and_loses_no_change() {
    inject_faults(Service::Config, false).await;
    inject_faults(Service::Sts, false).await;
    inject_faults(Service::Sts, true).await;
}
