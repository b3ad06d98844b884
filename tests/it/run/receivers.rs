//! Receivers: what a topic may refuse, how long one is remembered, and when one is reminded.

use std::collections::BTreeMap;

use packwatch_simulation::{Attribute, Fault, Publish, Service, StatusRecord};
use serde_json::{Value, json};

use super::metrics;
use crate::support::harness::{CHAT, OWN, REGION, TOPIC, TestEnv, keys, program_json};
use crate::support::logs::LogCapture;

const ACCOUNT: &str = "222233334444";
const OTHER: &str = "333344445555";
const FAR: &str = "us-east-1";
const OTHER_TOPIC: &str = "arn:aws:sns:eu-west-1:111122223333:other";
const DAY: i64 = 24 * 60;

/// Returns an organization in which 198 member accounts fail in one pack, each with a message of
/// its own.
async fn with_198_failures() -> TestEnv {
    let env = TestEnv::new().await;
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    for account in 0..198_u64 {
        put_numbered(&env, account, "UPDATE_FAILED");
    }
    env
}

/// Sets the status of a member account of `baseline`.
fn put_numbered(env: &TestEnv, number: u64, status: &str) {
    let account = format!("{:012}", 200_000_000_000 + number);
    let record = StatusRecord::new(status)
        .code("NoAvailableConfigurationRecorder")
        .message(format!("{account}: {}", "no recorder ".repeat(30)));
    env.world
        .put_member(OWN, REGION, "baseline", &account, record);
}

/// Returns an organization with a pack in a second region, and a chat topic.
async fn two_regions() -> TestEnv {
    let mut env = TestEnv::new().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    let record = StatusRecord::new("UPDATE_SUCCESSFUL");
    env.world.put_pack(OWN, FAR, "far", record);
    env
}

fn far_denied() -> Fault {
    Fault::error(400, "AccessDeniedException", "no")
        .service(Service::Config)
        .region(FAR)
}

/// Asserts that a message is the last form of the digest of `response`.
fn assert_last_form(publish: &Publish, response: &Value) {
    let truncated = Attribute {
        data_type: "String".to_owned(),
        value: "true".to_owned(),
    };
    assert_eq!(
        publish.attributes,
        BTreeMap::from([("truncated".to_owned(), truncated)])
    );
    let texts: Value = serde_json::from_str(&publish.message).expect("the body is JSON");
    let subject = &response["digest"]["subject"];
    assert_eq!(
        texts,
        json!({"default": texts["default"], "email": subject, "sms": subject})
    );
    assert_eq!(publish.subject.as_deref(), subject.as_str());
    assert_eq!(
        program_json(publish),
        json!({
            "schema_version": 1,
            "kind": "digest",
            "digest_id": response["digest"]["id"],
            "subject": subject,
            "totals": response["totals"],
            "truncated": true,
            "snapshot": response["snapshot"],
        })
    );
}

/// Returns how often a topic was called.
fn publish_calls(env: &TestEnv, topic: &str) -> usize {
    let calls = env.world.calls().into_iter();
    calls
        .filter(|call| call.operation == "Publish" && call.target == topic)
        .count()
}

/// Returns a list attribute; `None` if the message does not have it.
fn list(publish: &Publish, name: &str) -> Option<Value> {
    let attribute = publish.attributes.get(name)?;
    assert_eq!(attribute.data_type, "String.Array");
    Some(serde_json::from_str(&attribute.value).expect("a JSON array"))
}

#[tokio::test]
async fn topic_with_size_limit_gets_last_form_of_198_failures() {
    for bytes in [65_536, 1_024] {
        let env = with_198_failures().await;
        env.world.maximum_message_size(TOPIC, bytes);
        let logs = LogCapture::start();
        let response = env.run().await;
        assert_eq!(response["digest"]["status"], "published");
        let warnings = logs.take("short form");
        assert_eq!(warnings.len(), 1, "{bytes}");
        assert_eq!(
            (&warnings[0]["receiver"], &warnings[0]["digest"]),
            (&json!(TOPIC), &response["digest"]["id"])
        );
        assert_last_form(&env.publishes(TOPIC)[0], &response);
        assert_eq!(env.run().await["digest"]["status"], "none");
        for account in 0..198 {
            put_numbered(&env, account, "UPDATE_SUCCESSFUL");
        }
        let response = env.run().await;
        assert_eq!(response["totals"]["cleared"], 198);
        assert_last_form(&env.publishes(TOPIC)[1], &response);
        assert_eq!(env.publishes(TOPIC).len(), 2);
    }
}

/// The longest name of a bucket, a request id as Lambda makes them, and large numbers.
#[tokio::test]
async fn longest_last_form_without_prefix_fits_in_1024_bytes() {
    let mut env = TestEnv::new().await;
    let bucket = "b".repeat(63);
    env.world.create_bucket(&bucket);
    env.set("SNAPSHOT_BUCKET", &bucket);
    env.set("LABEL", "production-landing-zones");
    env.world.maximum_message_size(TOPIC, 1_024);
    let pack = "baseline-of-the-organization-in-every-account";
    env.pack(pack, "UPDATE_SUCCESSFUL");
    for account in 0..12_000_u64 {
        let account = format!("{:012}", 200_000_000_000 + account);
        env.member(pack, &account, "UPDATE_FAILED");
    }
    let function = env.function().await;
    let context = env.context_of("12345678-1234-1234-1234-123456789abc");
    let response = function.invoke("{}", context).await;
    let response = serde_json::to_value(response.expect("the digest is sent")).expect("JSON");
    let publish = &env.publishes(TOPIC)[0];
    assert_last_form(publish, &response);
    // The subject is there three times, and the name, type and value of the attribute count.
    let missing = 3 * (99 - publish.subject.as_deref().unwrap_or_default().len());
    let longest = publish.message.len() + missing + "truncated".len() + "String".len() + 4;
    assert!(longest <= 1_024, "{longest} bytes: {}", publish.message);
}

#[tokio::test]
async fn digest_of_1900_long_pack_names_arrives() {
    let mut env = TestEnv::new().await;
    env.set("CONCURRENCY", "64");
    for number in 0..1_900 {
        let pack = format!("pack-{number:0123}");
        env.pack(&pack, "UPDATE_SUCCESSFUL");
        env.member(&pack, ACCOUNT, "UPDATE_FAILED");
    }
    let response = env.run().await;
    let publish = &env.publishes(TOPIC)[0];
    assert_eq!(response["digest"]["status"], "published");
    assert_eq!(
        publish.attributes.keys().collect::<Vec<_>>(),
        ["appeared", "cleared", "open", "truncated"],
        "the lists do not fit and are left out"
    );
    let digest = program_json(publish);
    assert_eq!(
        (&digest["truncated"], &digest["totals"]["appeared"]),
        (&json!(true), &json!(1_900))
    );
    env.set("TOPIC_ARN", OTHER_TOPIC);
    env.world.maximum_message_size(OTHER_TOPIC, 65_536);
    let response = env.run().await;
    assert_last_form(&env.publishes(OTHER_TOPIC)[0], &response);
}

#[tokio::test]
async fn digest_refused_in_every_form_is_dropped_with_error() {
    for (topic, code) in [
        (TOPIC, "InvalidParameter"),
        (TOPIC, "ValidationError"),
        (CHAT, "InvalidParameter"),
        (CHAT, "ValidationError"),
    ] {
        let mut env = TestEnv::failing().await;
        env.set("CHAT_TOPIC_ARN", CHAT);
        env.world.create_topic(CHAT);
        let refused = Fault::error(400, code, "Invalid parameter: Message too long");
        env.world.fault(refused.service(Service::Sns).target(topic));
        let logs = LogCapture::start();
        let error = env
            .invoke(json!({}))
            .await
            .expect_err("a digest is refused");
        assert_eq!(error.kind(), "PublishFailed");
        assert!(error.to_report().contains(topic), "{}", error.to_report());
        let dropped = logs.take("dropped");
        assert_eq!(dropped.len(), 1);
        let receiver = env.document("ledger.json")["receivers"][topic]["id"].clone();
        assert_eq!(
            (
                &dropped[0]["level"],
                &dropped[0]["receiver"],
                &dropped[0]["digest"]
            ),
            (
                &json!("ERROR"),
                &json!(topic),
                &json!(format!("run-1.{receiver}.1"))
            )
        );
        assert_eq!(
            publish_calls(&env, topic),
            2,
            "the digest and its last form"
        );
        env.reuse_request_id();
        env.run().await;
        env.run().await;
        assert_eq!(publish_calls(&env, topic), 2, "it is not sent again");
        env.world.clear_faults();
        env.member("baseline", OTHER, "UPDATE_FAILED");
        assert_eq!(env.run().await["outcome"], "committed");
        let arrived = |topic: &str| env.publishes(topic).len();
        let other = if topic == TOPIC { CHAT } else { TOPIC };
        assert_eq!((arrived(topic), arrived(other)), (1, 2), "{topic}");
    }
}

/// The address of the snapshot alone is longer than the topic accepts.
#[tokio::test]
async fn digest_with_too_long_last_form_blocks_no_later_digest() {
    let mut env = TestEnv::failing().await;
    env.set("SNAPSHOT_PREFIX", &"p".repeat(500));
    env.world.maximum_message_size(TOPIC, 1_024);
    let error = env.invoke(json!({})).await.expect_err("it is refused");
    assert_eq!(error.kind(), "PublishFailed");
    env.advance_minutes(15);
    assert_eq!(env.run().await["digest"]["status"], "none");
    env.world.maximum_message_size(TOPIC, 262_144);
    env.member("baseline", OTHER, "UPDATE_FAILED");
    env.run().await;
    assert_eq!(
        keys(&env.digests()[0]["appeared"]),
        ["baseline/333344445555"]
    );
}

/// Only the short form of the chat notification is accepted.
#[tokio::test]
async fn chat_topic_with_size_limit_gets_short_notification() {
    let mut env = with_198_failures().await;
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.world.maximum_message_size(CHAT, 1_024);
    let response = env.run().await;
    let publish = &env.publishes(CHAT)[0];
    assert_eq!(publish.attributes.keys().collect::<Vec<_>>(), ["truncated"]);
    let chat: Value = serde_json::from_str(&publish.message).expect("JSON");
    assert_eq!(
        (&chat["version"], &chat["source"], &chat["content"]["title"]),
        (
            &json!("1.0"),
            &json!("custom"),
            &response["digest"]["subject"]
        )
    );
    assert_eq!(env.publishes(TOPIC)[0].attributes.len(), 5);
}

#[tokio::test]
async fn attributes_name_known_packs_of_source_without_data() {
    let env = two_regions().await;
    env.run().await;
    env.world.forget_publishes();
    env.world.fault(far_denied());
    env.run().await;
    env.run().await;
    env.world.clear_faults();
    env.run().await;
    env.world.remove_pack(OWN, FAR, "far");
    env.run().await;
    let publishes = env.publishes(TOPIC);
    let states = ["lasting", "ended", "began"];
    assert_eq!(publishes.len(), states.len());
    for (publish, state) in publishes.iter().zip(states) {
        let digest = program_json(publish);
        let record = digest["gaps"].get(0).unwrap_or(&digest["empty_sources"][0]);
        assert_eq!(record["state"], state);
        for name in ["packs", "regions"] {
            let expected = json!([if name == "packs" { "far" } else { FAR }]);
            assert_eq!(list(publish, name), Some(expected.clone()), "{state}");
            assert_eq!(digest[name], expected, "{state}");
        }
    }
}

#[tokio::test]
async fn empty_list_attributes_are_left_out() {
    let mut env = TestEnv::new().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    env.world.fault(far_denied());
    env.run().await;
    env.run().await;
    let response = env.invoke(json!({"announce": "always"})).await;
    response.expect("the run succeeds");
    let publishes = env.publishes(TOPIC);
    assert_eq!(
        publishes.len(),
        3,
        "the first look, the gap, and the status"
    );
    assert_eq!(
        (list(&publishes[1], "packs"), list(&publishes[1], "regions")),
        (None, Some(json!([FAR])))
    );
    assert_eq!(list(&publishes[2], "packs"), None);
}

#[tokio::test]
async fn run_with_another_topic_loses_nothing_for_the_first() {
    let mut env = TestEnv::failing().await;
    env.member("baseline", "444455556666", "UPDATE_FAILED");
    env.world.create_topic(OTHER_TOPIC);
    env.run().await;
    env.set("TOPIC_ARN", OTHER_TOPIC);
    env.run().await;
    env.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    env.member("baseline", OTHER, "UPDATE_FAILED");
    env.run().await;
    env.member("baseline", "444455556666", "UPDATE_IN_PROGRESS");
    assert_eq!(env.publishes(OTHER_TOPIC).len(), 2);
    env.set("TOPIC_ARN", TOPIC);
    for _ in 0..3 {
        env.run().await;
    }
    let digests = env.digests();
    assert_eq!(digests.len(), 2, "one digest has what changed meanwhile");
    assert_eq!(
        (keys(&digests[1]["appeared"]), keys(&digests[1]["cleared"])),
        (
            vec!["baseline/333344445555".to_owned()],
            vec!["baseline/222233334444".to_owned()]
        )
    );
    assert_eq!(env.publishes(OTHER_TOPIC).len(), 2);
}

#[tokio::test]
async fn receiver_is_remembered_for_six_days_and_not_for_eight() {
    for (days, notified_anew) in [(6, false), (8, true)] {
        let mut env = TestEnv::failing().await;
        env.set("REMIND_AFTER_HOURS", "0");
        env.world.create_topic(OTHER_TOPIC);
        env.run().await;
        env.set("TOPIC_ARN", OTHER_TOPIC);
        for _ in 0..days {
            env.advance_minutes(DAY - 15);
            env.run().await;
        }
        env.set("TOPIC_ARN", TOPIC);
        env.run().await;
        let digests = env.digests();
        assert_eq!(digests.len(), 1 + usize::from(notified_anew), "{days}");
        if notified_anew {
            assert_eq!(keys(&digests[1]["appeared"]), ["baseline/222233334444"]);
        }
    }
}

#[tokio::test]
async fn failures_of_twenty_runs_are_reminded_in_one_digest() {
    let env = TestEnv::new().await;
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    for number in 0..20 {
        put_numbered(&env, number, "UPDATE_FAILED");
        env.run().await;
    }
    assert_eq!(env.digests().len(), 20);
    env.advance_minutes(7 * DAY - 20 * 15 - 15);
    env.run().await;
    assert_eq!(env.digests().len(), 20, "no reminder is due");
    for _ in 0..25 {
        env.run().await;
    }
    let digests = env.digests();
    assert_eq!(digests.len(), 21, "one reminder digest");
    assert_eq!(keys(&digests[20]["reminders"]).len(), 20);
}

#[tokio::test]
async fn reminder_is_not_due_without_data() {
    let env = two_regions().await;
    let failed = StatusRecord::new("UPDATE_FAILED");
    env.world.put_member(OWN, FAR, "far", ACCOUNT, failed);
    env.run().await;
    env.world.fault(far_denied());
    for _ in 0..8 {
        env.run().await;
        env.advance_minutes(DAY - 15);
    }
    let reminded = || {
        let digests = env.digests().into_iter();
        digests
            .flat_map(|digest| keys(&digest["reminders"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(reminded(), Vec::<String>::new());
    env.world.deny_caller(OWN);
    env.invoke(json!({})).await.expect_err("nothing is read");
    assert_eq!(reminded(), Vec::<String>::new());
    env.world.allow_caller(OWN);
    env.world.clear_faults();
    env.run().await;
    env.run().await;
    assert_eq!(reminded(), ["far/222233334444"], "it is read again");
}

#[tokio::test]
async fn announce_always_restarts_repeat_interval() {
    let mut env = TestEnv::failing().await;
    env.set("REMIND_AFTER_HOURS", "48");
    env.run().await;
    env.advance_minutes(47 * 60 - 15);
    let always = env.invoke(json!({"announce": "always"})).await;
    always.expect("the run succeeds");
    assert_eq!(env.digests().len(), 2);
    env.advance_minutes(47 * 60);
    env.run().await;
    assert_eq!(env.digests().len(), 2, "47 hours after the status");
    env.advance_minutes(45);
    env.run().await;
    assert_eq!(
        keys(&env.digests()[2]["reminders"]),
        ["baseline/222233334444"]
    );
}

/// A digest that an event asks for while another one is in the outbox follows that one.
#[tokio::test]
async fn requested_digest_waits_for_the_one_in_the_outbox() {
    for (event, title) in [
        (json!({"summary": true}), "SUMMARY"),
        (json!({"announce": "always"}), "STATUS"),
    ] {
        let mut env = TestEnv::failing().await;
        env.set("CHAT_TOPIC_ARN", CHAT);
        env.world.create_topic(CHAT);
        let denied = Fault::error(403, "AuthorizationError", "no");
        env.world.fault(denied.service(Service::Sns).target(CHAT));
        let error = env.invoke(json!({})).await.expect_err("chat refuses");
        assert_eq!(error.kind(), "PublishFailed");
        env.advance_minutes(15);
        env.invoke(event.clone()).await.expect("chat still refuses");
        env.world.clear_faults();
        env.run().await;
        env.run().await;
        let titles: Vec<String> = env
            .publishes(CHAT)
            .iter()
            .map(|publish| {
                let message: Value = serde_json::from_str(&publish.message).expect("JSON");
                let title = message["content"]["title"].as_str().expect("a title");
                title.to_owned()
            })
            .collect();
        assert_eq!(titles.len(), 2, "{titles:?}");
        assert!(titles[0].contains("FIRST LOOK"), "{titles:?}");
        assert!(titles[1].contains(title), "{titles:?}");
        assert_eq!(
            env.publishes(TOPIC).len(),
            2,
            "the digest topic got its own"
        );
    }
}

#[tokio::test]
async fn chat_topic_that_refuses_for_days_fails_one_run() {
    let mut env = TestEnv::failing().await;
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.world.create_topic(CHAT);
    let denied = Fault::error(403, "AuthorizationError", "no");
    env.world.fault(denied.service(Service::Sns).target(CHAT));
    let (result, record) = metrics::invoke(&env, json!({})).await;
    assert_eq!(result.expect_err("refused").kind(), "PublishFailed");
    assert_eq!(record["RunCommitted"], 1);
    let logs = LogCapture::start();
    for hours in (6..=96).step_by(6) {
        env.advance_minutes(6 * 60);
        let status = if hours % 12 == 0 {
            "UPDATE_SUCCESSFUL"
        } else {
            "UPDATE_FAILED"
        };
        env.member("baseline", OTHER, status);
        let (result, record) = metrics::invoke(&env, json!({})).await;
        let response = result.expect("a digest that stays refused fails no run");
        assert_eq!(
            (&response["outcome"], &response["digest"]["status"]),
            (&json!("committed"), &json!("published"))
        );
        assert_eq!(record["OldestUndeliveredDigestAge"], hours * 3_600);
        let warnings = logs.take("still refuses");
        assert_eq!(warnings.len(), 1, "after {hours} hours");
        assert_eq!(
            (&warnings[0]["level"], &warnings[0]["receiver"]),
            (&json!("WARN"), &json!(CHAT))
        );
    }
    assert_eq!(
        (env.publishes(TOPIC).len(), env.publishes(CHAT).len()),
        (17, 0)
    );
    env.world.clear_faults();
    let (result, record) = metrics::invoke(&env, json!({})).await;
    result.expect("the run succeeds");
    assert_eq!(record["OldestUndeliveredDigestAge"], 0);
    assert_eq!(env.publishes(CHAT).len(), 1, "nothing else has changed");
}

#[tokio::test]
async fn refused_digest_waits_and_a_new_refusal_fails_again() {
    let env = TestEnv::failing().await;
    let refuse = || {
        let denied = Fault::error(403, "AuthorizationError", "no");
        env.world.fault(denied.service(Service::Sns));
    };
    refuse();
    let error = env.invoke(json!({})).await.expect_err("refused");
    assert_eq!(error.kind(), "PublishFailed");
    env.advance_minutes(15);
    env.member("baseline", OTHER, "UPDATE_FAILED");
    for sequence in 2..5 {
        let response = env.run().await;
        assert_eq!(
            (&response["outcome"], &response["sequence"]),
            (&json!("committed"), &json!(sequence))
        );
        assert_eq!(
            (&response["digest"]["status"], &response["digest"]["id"]),
            (&json!("waiting"), &json!("run-1.0.1"))
        );
    }
    env.world.clear_faults();
    env.run().await;
    assert_eq!(env.digests().len(), 2, "the one that waited, and the next");
    refuse();
    env.member("baseline", OTHER, "UPDATE_SUCCESSFUL");
    let error = env.invoke(json!({})).await.expect_err("refused");
    assert_eq!(error.kind(), "PublishFailed", "this is another digest");
}
