//! Fault injection at every service call.
//!
//! The test records the calls of one run. For each call and each fault it repeats the run with that
//! fault, and then makes runs without faults until no digest is sent. Each change must be reported
//! under exactly one digest ID, no open failure may be reported as cleared, and the event bus must
//! have been notified of the end of each cause that ended. The events that ask for a summary and
//! for a test notification are repeated in the same way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use packwatch::aws::Timeouts;
use packwatch_simulation::{Call, Effect, Fault, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{BUS, CHAT, OWN, REGION, TOPIC, TestEnv, keys, program_json};

/// Failing in every run.
const ONGOING: &str = "222233334444";
/// Failing in the first run only.
const RECOVERED: &str = "333344445555";
/// Failing from the second run on.
const APPEARED: &str = "444455556666";

/// The error code of the failure in a second pack, which ends.
const ENDED_CODE: &str = "TemplateError";

/// Creates an organization that has changed since its first digest.
pub async fn changed_env() -> TestEnv {
    let mut env = TestEnv::new().await;
    // A permanent fault outlasts any number of attempts; three keep the test fast.
    env.set("AWS_MAX_ATTEMPTS", "3");
    env.timeouts = Timeouts {
        connect: Duration::from_millis(300),
        attempt: Duration::from_millis(300),
        initial_backoff: Duration::from_millis(2),
        max_backoff: Duration::from_millis(20),
    };
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.world.create_topic(CHAT);
    env.set("EVENT_BUS", "operations");
    env.world.create_event_bus(BUS);
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
    let mut failed = StatusRecord::new("UPDATE_FAILED");
    failed.code = Some(ENDED_CODE.to_owned());
    env.world
        .put_member(OWN, REGION, "guardrails", ONGOING, failed);
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
    // A test notification has an invented failure.
    for digest in digests.iter().filter(|digest| digest["test"] != true) {
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
    assert_same_digests(case, env);
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
    assert_eq!(
        open_incidents(env),
        ["UPDATE_FAILED".to_owned()].into(),
        "{case}: the events do not leave the causes that are open"
    );
}

/// Returns the codes, or statuses, of the causes that the events on the bus leave open.
fn open_incidents(env: &TestEnv) -> BTreeSet<String> {
    let mut open = BTreeMap::new();
    for event in env.bus_events("packwatch Cause") {
        let key = event["dedup_key"].to_string();
        if event["event_action"] == "trigger" {
            let group = &event["group"];
            let name = group["error_code"].as_str().or(group["status"].as_str());
            open.insert(key, name.expect("a status").to_owned());
        } else {
            open.remove(&key);
        }
    }
    open.into_values().collect()
}

/// Asserts that all receivers got the same number of digests, test notifications left out.
fn assert_same_digests(case: &str, env: &TestEnv) {
    let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    let topic = env.publishes(TOPIC);
    let topic: Vec<Value> = topic.iter().map(program_json).collect();
    let chat = env.publishes(CHAT);
    let chat: Vec<Value> = chat.iter().map(|publish| json(&publish.message)).collect();
    let bus = env.bus_events("packwatch Digest");
    let is_test = |digest: &Value| {
        let title = digest["content"]["title"].as_str().unwrap_or_default();
        digest["test"] == true || title.contains("TEST")
    };
    let counts = [(topic, "digest_id"), (chat, "id"), (bus, "digest_id")].map(|(digests, id)| {
        let digests = digests.iter().filter(|digest| !is_test(digest));
        let ids: BTreeSet<_> = digests.map(|digest| digest[id].to_string()).collect();
        ids.len()
    });
    assert!(
        counts.iter().all(|number| *number == counts[0]),
        "{case}: the receivers got different numbers of digests: {counts:?}"
    );
}

/// Returns the calls of a run of `event` without faults, each with its number among the calls of
/// its operation and target.
pub async fn calls_of_run(event: &Value) -> Vec<(Call, u64)> {
    let env = changed_env().await;
    env.invoke(event.clone()).await.expect("the run succeeds");
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

/// Injects every fault into every call of a service in a run of `event`, into all later calls too if
/// `permanent`.
async fn inject_faults(service: Service, permanent: bool, event: Value) {
    let calls: Vec<_> = calls_of_run(&event)
        .await
        .into_iter()
        .filter(|(call, _)| call.service == service)
        .collect();
    assert!(!calls.is_empty(), "the run does not call {service:?}");
    let mut cases = 0;
    for (call, nth) in calls {
        for effect in effects(service) {
            let case = format!(
                "{event} {} {} #{nth} {effect:?}{}",
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
            let _ = env.invoke(event.clone()).await;
            env.world.clear_faults();
            assert_converges(&case, &env).await;
            cases += 1;
        }
    }
    println!("{cases} faults at calls of {service:?} for {event}");
}

#[tokio::test]
async fn s3_fault_at_any_call_loses_no_change() {
    inject_faults(Service::S3, false, json!({})).await;
}

#[tokio::test]
async fn permanent_s3_fault_at_any_call_loses_no_change() {
    inject_faults(Service::S3, true, json!({})).await;
}

#[tokio::test]
async fn sns_fault_at_any_call_loses_no_change() {
    inject_faults(Service::Sns, false, json!({})).await;
    inject_faults(Service::Sns, true, json!({})).await;
}

#[tokio::test]
async fn event_bus_fault_at_any_call_loses_no_change() {
    inject_faults(Service::Events, false, json!({})).await;
    inject_faults(Service::Events, true, json!({})).await;
}

#[tokio::test]
async fn fault_in_run_with_summary_loses_no_change() {
    for service in [Service::Sns, Service::Events] {
        for permanent in [false, true] {
            inject_faults(service, permanent, json!({"summary": true})).await;
        }
    }
}

#[tokio::test]
async fn fault_in_test_notification_changes_nothing() {
    for service in [Service::S3, Service::Sns, Service::Events] {
        inject_faults(service, true, json!({"test": true})).await;
    }
}

#[tokio::test]
async fn permanent_config_fault_clears_nothing_and_loses_no_change() {
    inject_faults(Service::Config, true, json!({})).await;
}

#[tokio::test]
async fn config_or_sts_fault_clears_nothing_and_loses_no_change() {
    inject_faults(Service::Config, false, json!({})).await;
    inject_faults(Service::Sts, false, json!({})).await;
    inject_faults(Service::Sts, true, json!({})).await;
}
