//! Faults at every call: one run's calls are recorded, and then for each call and each fault the
//! run is made again, and then runs without faults until nothing is left to say. Whatever died on
//! the way, every change is told, under one id, and nothing is called cleared that was not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use packwatch::aws::Timeouts;
use packwatch_simulation::{Call, Effect, Fault, Service};
use serde_json::{Value, json};

use crate::support::harness::{CHAT, TOPIC, TestEnv, keys, program_json};

/// Failing all along, failing until it recovers, failing from now on.
const LASTING: &str = "222233334444";
const RECOVERED: &str = "333344445555";
const NEW: &str = "444455556666";

/// An organization in which something was told and something has changed since.
async fn changed() -> TestEnv {
    let mut stage = TestEnv::new().await;
    // Three attempts: what lasts outlasts ten as well.
    stage.set("AWS_MAX_ATTEMPTS", "3");
    stage.timeouts = Timeouts {
        connect: Duration::from_millis(200),
        attempt: Duration::from_millis(200),
        initial_backoff: Duration::from_millis(2),
        max_backoff: Duration::from_millis(20),
    };
    stage.set("CHAT_TOPIC_ARN", CHAT);
    stage.world.create_topic(CHAT);
    // Pages of two, so that there are tokens to follow and absences to prove.
    stage.world.page_size(Some(2));
    for pack in ["baseline", "guardrails", "operations"] {
        stage.pack(pack, "UPDATE_SUCCESSFUL");
    }
    for (account, status) in [
        (LASTING, "UPDATE_FAILED"),
        (RECOVERED, "UPDATE_FAILED"),
        (NEW, "UPDATE_SUCCESSFUL"),
    ] {
        stage.member("baseline", account, status);
    }
    stage.member("guardrails", LASTING, "UPDATE_FAILED");
    stage.run().await;
    stage.member("baseline", RECOVERED, "UPDATE_SUCCESSFUL");
    stage.member("baseline", NEW, "UPDATE_FAILED");
    stage.world.remove_member(
        crate::support::harness::OWN,
        crate::support::harness::REGION,
        "guardrails",
        LASTING,
    );
    stage.world.forget_calls();
    stage
}

/// The effects that a call of this service can have.
fn effects(service: Service) -> Vec<Effect> {
    let mut effects = vec![
        Effect::Throttle,
        Effect::Denied,
        Effect::ExpiredToken,
        Effect::InternalError,
        Effect::Unavailable,
        Effect::ResetBefore,
        Effect::ResetAfter,
        Effect::Silence,
        Effect::CutOff,
        Effect::Malformed,
        Effect::Empty,
        Effect::Truncated,
    ];
    if service == Service::Config {
        effects.push(Effect::RepeatToken);
        let row = "{\"OrganizationConformancePackStatuses\":[{\"OrganizationConformancePackName\":\"baseline\"}],\
                   \"OrganizationConformancePackDetailedStatuses\":[{\"AccountId\":\"333344445555\",\"ConformancePackName\":\"x\"}]}";
        effects.push(Effect::Raw {
            status: 200,
            content_type: "application/x-amz-json-1.1".into(),
            body: row.into(),
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
                message: "so it is".into(),
            });
        }
    }
    effects
}

/// What the readers of a topic believe after its digests: changes by the id that told them, sent
/// again or not.
struct Readers {
    believed: BTreeSet<String>,
    cleared: BTreeSet<String>,
    told_by: BTreeMap<(String, &'static str), BTreeSet<String>>,
}

fn read(digests: &[Value]) -> Readers {
    let mut readers = Readers {
        believed: BTreeSet::new(),
        cleared: BTreeSet::new(),
        told_by: BTreeMap::new(),
    };
    let mut seen = BTreeSet::new();
    for digest in digests {
        let id = digest["digest_id"].as_str().expect("an id").to_owned();
        for (list, change) in [("appeared", "appeared"), ("cleared", "cleared")] {
            for key in keys(&digest[list]) {
                readers
                    .told_by
                    .entry((key, change))
                    .or_default()
                    .insert(id.clone());
            }
        }
        if seen.insert(id) {
            readers.believed.extend(keys(&digest["appeared"]));
            for key in keys(&digest["cleared"]) {
                readers.believed.remove(&key);
                readers.cleared.insert(key);
            }
        }
    }
    readers
}

/// Runs without faults until two in a row had nothing to say; fails when that does not come.
async fn until_quiet(stage: &TestEnv) {
    let mut quiet = 0;
    for _ in 0..8 {
        let before = stage.world.publishes().len();
        stage.pass(61);
        stage
            .invoke(json!({}))
            .await
            .unwrap_or_else(|error| panic!("a run without faults: {}", error.to_report()));
        quiet = if stage.world.publishes().len() == before {
            quiet + 1
        } else {
            0
        };
        if quiet == 2 {
            return;
        }
    }
    panic!("it does not fall silent");
}

async fn holds_after(what: &str, stage: &TestEnv) {
    until_quiet(stage).await;
    let ledger = stage.document("ledger.json");
    for (topic, receiver) in ledger["audiences"].as_object().expect("audiences") {
        assert_eq!(
            receiver["head"],
            json!(null),
            "{what}: {topic} is left with a head"
        );
    }
    let readers = read(&stage.digests());
    let expected: BTreeSet<String> =
        [format!("baseline/{LASTING}"), format!("baseline/{NEW}")].into();
    assert_eq!(
        readers.believed, expected,
        "{what}: what was told, replayed, is what is open"
    );
    let cleared: BTreeSet<String> = [
        format!("baseline/{RECOVERED}"),
        format!("guardrails/{LASTING}"),
    ]
    .into();
    assert_eq!(
        readers.cleared, cleared,
        "{what}: nothing is cleared that was not"
    );
    for ((key, change), ids) in &readers.told_by {
        assert_eq!(ids.len(), 1, "{what}: {key} {change} under {ids:?}");
    }
    let chats: BTreeSet<String> = stage
        .publishes(CHAT)
        .iter()
        .map(|publish| {
            serde_json::from_str::<Value>(&publish.message).expect("JSON")["id"].to_string()
        })
        .collect();
    assert_eq!(
        chats.len(),
        stage
            .publishes(TOPIC)
            .iter()
            .map(|p| program_json(p)["digest_id"].to_string())
            .collect::<BTreeSet<_>>()
            .len(),
        "{what}: as many digests for chat"
    );
}

/// The calls of one run without faults, each with which one of its kind it is.
async fn calls() -> Vec<(Call, u64)> {
    let stage = changed().await;
    stage.run().await;
    let mut kinds: BTreeMap<(String, String), u64> = BTreeMap::new();
    let calls = stage.world.calls();
    let numbered = calls.into_iter().map(|call| {
        let nth = kinds
            .entry((call.operation.clone(), call.target.clone()))
            .or_default();
        *nth += 1;
        (call, *nth)
    });
    numbered.collect()
}

async fn sweep(service: Service, for_good: bool) {
    let calls: Vec<_> = calls()
        .await
        .into_iter()
        .filter(|(call, _)| call.service == service)
        .collect();
    assert!(!calls.is_empty(), "the run calls {service:?}");
    let mut tried = 0;
    for (call, nth) in calls {
        for effect in effects(service) {
            let what = format!(
                "{} {} #{nth} {effect:?}{}",
                call.operation,
                call.target,
                if for_good { " for good" } else { "" }
            );
            let stage = changed().await;
            let fault = Fault::new(effect)
                .service(service)
                .operation(&call.operation)
                .target(&call.target);
            stage.world.fault(if for_good {
                fault.from_nth(nth)
            } else {
                fault.nth(nth)
            });
            let _ = stage.invoke(json!({})).await;
            stage.world.clear_faults();
            holds_after(&what, &stage).await;
            tried += 1;
        }
    }
    println!("{tried} faults at calls of {service:?}");
}

#[tokio::test]
async fn a_fault_at_any_call_of_s3_loses_nothing() {
    sweep(Service::S3, false).await;
}

#[tokio::test]
async fn a_lasting_fault_at_any_call_of_s3_loses_nothing() {
    sweep(Service::S3, true).await;
}

#[tokio::test]
async fn a_fault_at_any_call_of_sns_loses_nothing() {
    sweep(Service::Sns, false).await;
    sweep(Service::Sns, true).await;
}

#[tokio::test]
async fn a_lasting_fault_at_any_call_of_config_closes_nothing_and_loses_nothing() {
    sweep(Service::Config, true).await;
}

#[tokio::test]
async fn a_fault_at_any_call_of_config_or_sts_closes_nothing_and_loses_nothing() {
    sweep(Service::Config, false).await;
    sweep(Service::Sts, false).await;
    sweep(Service::Sts, true).await;
}

/// A crash is a run that is dropped while it waits for an answer that does not come: before the
/// effect, or after it.
#[tokio::test]
async fn a_crash_at_any_call_loses_nothing() {
    let calls = calls().await;
    let mut tried = 0;
    for (call, nth) in calls {
        for (when, effect) in [
            ("before", Effect::Silence),
            ("after", Effect::Delay(Duration::from_secs(30))),
        ] {
            let mut stage = changed().await;
            stage.timeouts.attempt = Duration::from_mins(1);
            let fault = Fault::new(effect)
                .service(call.service)
                .operation(&call.operation)
                .target(&call.target);
            stage.world.fault(fault.nth(nth));
            let what = format!("a crash {when} {} {} #{nth}", call.operation, call.target);
            let dead =
                tokio::time::timeout(Duration::from_millis(400), stage.invoke(json!({}))).await;
            assert!(dead.is_err(), "{what}: it lived");
            stage.world.clear_faults();
            holds_after(&what, &stage).await;
            tried += 1;
        }
    }
    println!("{tried} crashes");
}
