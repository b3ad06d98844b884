//! The event bus: which events it gets, in which order, and what happens when it accepts only a
//! part.

use std::collections::BTreeSet;

use packwatch_simulation::{Effect, Fault, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{BUS, OWN, REGION, TOPIC, TestEnv};
use crate::support::logs::LogCapture;

const ACCOUNT: &str = "222233334444";
const RECORDER: &str = "NoAvailableConfigurationRecorderException";

/// Returns an organization with an event bus, in which one of two packs fails.
async fn failing() -> TestEnv {
    let mut env = TestEnv::new().await;
    env.set("EVENT_BUS", "operations");
    env.set("LABEL", "prod");
    env.world.create_event_bus(BUS);
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    env.pack("guardrails", "UPDATE_SUCCESSFUL");
    env.member("guardrails", ACCOUNT, "UPDATE_SUCCESSFUL");
    fail(&env, "baseline", ACCOUNT, RECORDER);
    env
}

fn fail(env: &TestEnv, pack: &str, account: &str, code: &str) {
    let mut record = StatusRecord::new("UPDATE_FAILED");
    record.code = Some(code.to_owned());
    record.message = Some(format!("{code} in account {account}"));
    env.world.put_member(OWN, REGION, pack, account, record);
}

fn recover(env: &TestEnv, pack: &str, account: &str) {
    env.member(pack, account, "UPDATE_SUCCESSFUL");
}

/// Returns the actions and the error codes of the causes that the bus got, in order.
fn causes(env: &TestEnv) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    let events = env.bus_events("packwatch Cause").into_iter();
    events
        .map(|event| {
            (
                text(&event["event_action"]),
                text(&event["group"]["error_code"]),
            )
        })
        .collect()
}

fn cause(action: &str, code: &str) -> (String, String) {
    (action.to_owned(), code.to_owned())
}

/// Returns what is left in the outbox of the bus.
fn outgoing(env: &TestEnv) -> Value {
    env.document("ledger.json")["receivers"][BUS]["outgoing"].clone()
}

#[tokio::test]
async fn cause_is_triggered_and_resolved_once() {
    let env = failing().await;
    env.run().await;
    env.run().await;
    fail(&env, "guardrails", ACCOUNT, RECORDER);
    env.run().await;
    recover(&env, "guardrails", ACCOUNT);
    env.run().await;
    recover(&env, "baseline", ACCOUNT);
    env.run().await;
    env.run().await;
    assert_eq!(
        causes(&env),
        [
            cause("trigger", RECORDER),
            cause("trigger", RECORDER),
            cause("trigger", RECORDER),
            cause("resolve", RECORDER),
        ],
        "it is open until the last of its failures ends"
    );
    let events = env.bus_events("packwatch Cause");
    let open: Vec<_> = events
        .iter()
        .map(|event| &event["group"]["open_after"])
        .collect();
    assert_eq!(open, [1, 2, 1, 0]);
    let digests = env.bus_events("packwatch Digest");
    assert_eq!(digests.len(), 4);
    for (event, digest) in events.iter().zip(&digests) {
        let group_id = event["group"]["group_id"].as_str().expect("an id");
        assert_eq!(event["dedup_key"], format!("packwatch/prod/{group_id}"));
        assert_eq!(event["digest_id"], digest["digest_id"]);
        assert_eq!(event["links"], digest["links"]);
        assert_eq!(event["label"], "prod");
    }
}

#[tokio::test]
async fn digest_event_is_json_of_digest_topic() {
    let env = failing().await;
    env.run().await;
    let mut event = env.bus_events("packwatch Digest").remove(0);
    let mut digest = env.digests().remove(0);
    assert_ne!(
        event["digest_id"], digest["digest_id"],
        "each receiver has its own"
    );
    event["digest_id"] = Value::Null;
    digest["digest_id"] = Value::Null;
    assert_eq!(event, digest);
    assert!(
        env.world
            .events()
            .iter()
            .all(|event| event.source == "packwatch")
    );
}

#[tokio::test]
async fn ends_come_before_new_causes_and_the_digest() {
    let env = failing().await;
    env.run().await;
    recover(&env, "baseline", ACCOUNT);
    fail(&env, "guardrails", ACCOUNT, "AccessDenied");
    env.run().await;
    let types = env
        .world
        .events()
        .into_iter()
        .map(|event| event.detail_type);
    assert_eq!(
        types.collect::<Vec<_>>(),
        [
            "packwatch Cause",
            "packwatch Digest",
            "packwatch Cause",
            "packwatch Cause",
            "packwatch Digest"
        ]
    );
    assert_eq!(
        causes(&env)[1..],
        [cause("resolve", RECORDER), cause("trigger", "AccessDenied")]
    );
}

#[tokio::test]
async fn new_bus_gets_no_causes_until_something_changes() {
    let mut env = failing().await;
    env.env.remove("EVENT_BUS");
    env.run().await;
    env.set("EVENT_BUS", BUS);
    env.run().await;
    assert_eq!(causes(&env), []);
    assert_eq!(
        env.bus_events("packwatch Digest").len(),
        1,
        "its first look"
    );
    fail(&env, "guardrails", ACCOUNT, "AccessDenied");
    env.run().await;
    assert_eq!(causes(&env), [cause("trigger", "AccessDenied")]);
    recover(&env, "baseline", ACCOUNT);
    env.run().await;
    assert_eq!(causes(&env)[1..], [cause("resolve", RECORDER)]);
}

#[tokio::test]
async fn always_triggers_every_open_cause() {
    let mut env = failing().await;
    fail(&env, "guardrails", ACCOUNT, "AccessDenied");
    env.env.remove("EVENT_BUS");
    env.run().await;
    env.set("EVENT_BUS", BUS);
    env.invoke(json!({"announce": "always"}))
        .await
        .expect("a run");
    let mut sent = causes(&env);
    sent.sort();
    assert_eq!(
        sent,
        [cause("trigger", "AccessDenied"), cause("trigger", RECORDER)]
    );
    assert_eq!(env.bus_events("packwatch Digest")[0]["kind"], "status");
}

#[tokio::test]
async fn muted_cause_ends_with_next_digest_and_comes_back() {
    let env = failing().await;
    env.run().await;
    let mute = json!({"packs": ["baseline"], "until": "2026-03-01T10:00:00Z", "reason": "known"});
    env.invoke(json!({ "mute": mute })).await.expect("a mute");
    env.run().await;
    assert_eq!(causes(&env).len(), 1, "a mute sends no digest");
    fail(&env, "guardrails", ACCOUNT, "AccessDenied");
    env.run().await;
    assert_eq!(
        causes(&env)[1..],
        [cause("resolve", RECORDER), cause("trigger", "AccessDenied")]
    );
    env.set_time("2026-03-01T10:30:00Z");
    recover(&env, "guardrails", ACCOUNT);
    env.run().await;
    assert_eq!(
        causes(&env)[3..],
        [cause("resolve", "AccessDenied"), cause("trigger", RECORDER)],
        "what still fails is open again"
    );
}

/// Returns the error code and the number of open failures of each cause that the bus got.
fn open_after(env: &TestEnv) -> Vec<(String, u64)> {
    let events = env.bus_events("packwatch Cause");
    causes(env)
        .into_iter()
        .zip(&events)
        .map(|((_, code), event)| {
            let open = event["group"]["open_after"].as_u64();
            (code, open.expect("a number"))
        })
        .collect()
}

#[tokio::test]
async fn mute_of_one_failure_lowers_the_number_of_its_cause() {
    let env = failing().await;
    fail(&env, "guardrails", ACCOUNT, RECORDER);
    env.run().await;
    let mute = json!({"packs": ["baseline"], "until": "2026-03-05", "reason": "known"});
    env.invoke(json!({ "mute": mute })).await.expect("a mute");
    env.pack("tags", "UPDATE_SUCCESSFUL");
    fail(&env, "tags", ACCOUNT, "AccessDenied");
    env.run().await;
    let mut sent = open_after(&env);
    sent[1..].sort();
    assert_eq!(
        sent,
        [
            (RECORDER.to_owned(), 2),
            ("AccessDenied".to_owned(), 1),
            (RECORDER.to_owned(), 1)
        ]
    );
    assert!(causes(&env).iter().all(|(action, _)| action == "trigger"));
    fail(&env, "tags", "333344445555", "AccessDenied");
    env.run().await;
    assert_eq!(
        open_after(&env)[3..],
        [("AccessDenied".to_owned(), 2)],
        "the number is sent once"
    );
}

#[tokio::test]
async fn narrowed_run_before_the_first_full_run_sends_its_cause() {
    let env = failing().await;
    env.invoke(json!({"packs": ["baseline"]}))
        .await
        .expect("a narrowed run");
    assert_eq!(causes(&env), [cause("trigger", RECORDER)]);
    fail(&env, "guardrails", ACCOUNT, "AccessDenied");
    env.run().await;
    recover(&env, "baseline", ACCOUNT);
    env.run().await;
    assert_eq!(
        causes(&env)[1..],
        [cause("trigger", "AccessDenied"), cause("resolve", RECORDER)]
    );
}

/// The bus is as old as the ledger, although its first look is not part of the first full run.
#[tokio::test]
async fn bus_that_refused_events_before_first_full_run_gets_causes() {
    let env = failing().await;
    let refused =
        Fault::error(400, "AccessDeniedException", "not allowed").service(Service::Events);
    env.world.fault(refused);
    let narrowed = env.invoke(json!({"packs": ["baseline"]})).await;
    assert_eq!(
        narrowed.expect_err("the bus refuses").kind(),
        "PublishFailed"
    );
    fail(&env, "guardrails", ACCOUNT, "AccessDenied");
    env.advance_minutes(15);
    env.run().await;
    assert_eq!(causes(&env), []);
    env.world.clear_faults();
    env.advance_minutes(15);
    env.run().await;
    env.run().await;
    assert_eq!(
        causes(&env),
        [cause("trigger", RECORDER), cause("trigger", "AccessDenied")]
    );
}

#[tokio::test]
async fn summary_sends_no_causes_unless_everything_is_asked_for() {
    let env = failing().await;
    env.run().await;
    let mut sent = 1;
    for (event, more) in [
        (json!({"summary": true}), 0),
        (json!({"announce": "always"}), 1),
        (json!({"announce": "always", "summary": true}), 1),
    ] {
        env.invoke(event.clone()).await.expect("a run");
        sent += more;
        assert_eq!(
            causes(&env),
            vec![cause("trigger", RECORDER); sent],
            "{event}"
        );
    }
}

#[tokio::test]
async fn suppressed_end_is_resolved_by_next_digest() {
    let env = failing().await;
    env.run().await;
    recover(&env, "baseline", ACCOUNT);
    env.run_silently().await;
    assert_eq!(causes(&env).len(), 1);
    fail(&env, "guardrails", ACCOUNT, "AccessDenied");
    env.run().await;
    let events = env.bus_events("packwatch Cause");
    assert_eq!(
        causes(&env)[1..],
        [cause("resolve", RECORDER), cause("trigger", "AccessDenied")]
    );
    let resolved = &events[1]["group"];
    assert_eq!(resolved["title"], events[0]["group"]["title"]);
    assert_eq!(resolved["group_id"], events[0]["group"]["group_id"]);
    assert_eq!(resolved["account_count"], 0);
}

#[tokio::test]
async fn end_of_cause_says_when_its_first_failure_began() {
    let env = failing().await;
    env.run().await;
    env.advance_minutes(60);
    fail(&env, "guardrails", ACCOUNT, RECORDER);
    env.run().await;
    recover(&env, "baseline", ACCOUNT);
    recover(&env, "guardrails", ACCOUNT);
    env.run_silently().await;
    fail(&env, "guardrails", ACCOUNT, "AccessDenied");
    env.run().await;
    let events = env.bus_events("packwatch Cause");
    let since = |number: usize| &events[number]["group"]["since"];
    assert_eq!(causes(&env)[2], cause("resolve", RECORDER));
    assert_ne!(since(1), since(0), "the second failure began later");
    assert_eq!(since(2), since(0));
}

#[tokio::test]
async fn refused_events_alone_are_sent_again_under_their_ids() {
    let env = failing().await;
    fail(&env, "guardrails", ACCOUNT, "AccessDenied");
    env.world
        .refuse_events("AccessDenied in account", "ThrottlingException");
    let error = env.invoke(json!({})).await.expect_err("a part is refused");
    assert_eq!(error.kind(), "PublishFailed");
    let report = error.to_report();
    assert!(
        report.contains(BUS) && report.contains("ThrottlingException"),
        "{report}"
    );
    assert_eq!(causes(&env), [cause("trigger", RECORDER)]);
    let left = outgoing(&env);
    assert!(left["lease"].is_null(), "the lease is released");
    let details = left["events"].as_array().expect("events").iter();
    assert!(details.clone().all(|event| {
        event["detail"]
            .as_str()
            .expect("a string")
            .contains("AccessDenied in account")
    }));
    let count = details.count();
    assert!((1..=2).contains(&count), "{left}");
    env.world.refuse_events("AccessDenied in account", "");
    env.advance_minutes(15);
    env.run().await;
    assert!(outgoing(&env).is_null());
    assert_eq!(causes(&env)[1..], [cause("trigger", "AccessDenied")]);
    let ids: Vec<_> = env
        .bus_events("packwatch Cause")
        .iter()
        .chain(&env.bus_events("packwatch Digest"))
        .map(|event| event["digest_id"].to_string())
        .collect();
    assert_eq!(ids.len(), 3, "nothing that was accepted is sent again");
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>().len(), 1);
}

#[tokio::test]
async fn event_that_is_refused_for_its_content_is_dropped() {
    let env = failing().await;
    fail(&env, "guardrails", ACCOUNT, "AccessDenied");
    env.world
        .refuse_events("AccessDenied in account", "MalformedDetail");
    let logs = LogCapture::start();
    let error = env.invoke(json!({})).await.expect_err("a part is refused");
    assert_eq!(error.kind(), "PublishFailed");
    let dropped = logs.take("these events are dropped, and the others are sent");
    assert_eq!(dropped.len(), 1);
    assert!(outgoing(&env).is_null(), "it blocks nothing");
    env.world.refuse_events("AccessDenied in account", "");
    env.advance_minutes(15);
    recover(&env, "baseline", ACCOUNT);
    env.run().await;
    assert_eq!(causes(&env).last(), Some(&cause("resolve", RECORDER)));
}

#[tokio::test]
async fn bus_that_is_down_blocks_no_topic_and_fails_one_run() {
    let env = failing().await;
    env.world
        .fault(Fault::error(400, "AccessDeniedException", "not allowed").service(Service::Events));
    let error = env.invoke(json!({})).await.expect_err("the bus refuses");
    assert_eq!(error.kind(), "PublishFailed");
    let report = error.to_report();
    assert!(
        report.contains("Allow events:PutEvents on the event bus"),
        "{report}"
    );
    assert_eq!(env.publishes(TOPIC).len(), 1);
    env.advance_minutes(15);
    recover(&env, "baseline", ACCOUNT);
    assert_eq!(env.run().await["digest"]["status"], "published");
    assert_eq!(env.publishes(TOPIC).len(), 2);
    env.world.clear_faults();
    env.run().await;
    assert_eq!(
        causes(&env),
        [cause("trigger", RECORDER), cause("resolve", RECORDER)],
        "in order"
    );
}

#[tokio::test]
async fn three_hundred_causes_and_ten_thousand_accounts_fit() {
    let env = failing().await;
    let account = |number: usize| format!("{:012}", 400_000_000_000_usize + number);
    for number in 0..10_000 {
        fail(&env, "baseline", &account(number), RECORDER);
    }
    let letters = |number: usize| {
        let letter = |digit: usize| char::from(b"abcdefghijklmnopqrst"[digit]);
        [
            letter(number / 400),
            letter(number / 20 % 20),
            letter(number % 20),
        ]
        .iter()
        .collect::<String>()
    };
    for number in 0..300 {
        fail(
            &env,
            "guardrails",
            &account(number),
            &format!("Error{}", letters(number)),
        );
    }
    env.run().await;
    let events = env.bus_events("packwatch Cause");
    assert_eq!(events.len(), 301);
    let largest = events
        .iter()
        .find(|event| event["group"]["error_code"] == RECORDER)
        .expect("the largest group");
    assert_eq!(largest["group"]["account_count"], 10_001);
    assert!(
        largest["group"]["accounts"]
            .as_array()
            .expect("a list")
            .len()
            < 10_001
    );
    let calls = env.world.calls().into_iter();
    let calls: Vec<_> = calls.filter(|call| call.operation == "PutEvents").collect();
    assert!(calls.len() >= 31 && calls.iter().all(|call| call.status == Some(200)));
    recover(&env, "baseline", ACCOUNT);
    for number in 0..10_000 {
        recover(&env, "baseline", &account(number));
        if number < 300 {
            recover(&env, "guardrails", &account(number));
        }
    }
    env.run().await;
    let resolved = causes(&env).split_off(301);
    assert_eq!(resolved.len(), 301);
    assert!(resolved.iter().all(|(action, _)| action == "resolve"));
}

#[tokio::test]
async fn test_notification_triggers_and_resolves_a_key_of_its_own() {
    let env = failing().await;
    env.run().await;
    let before = env.world.events().len();
    env.invoke(json!({"test": true})).await.expect("a test");
    let events: Vec<_> = env.world.events().split_off(before);
    let details: Vec<Value> = events
        .iter()
        .map(|event| serde_json::from_str(&event.detail).expect("JSON"))
        .collect();
    assert_eq!(details.len(), 3);
    assert!(details.iter().all(|detail| detail["test"] == true));
    assert_eq!(events[0].detail_type, "packwatch Digest");
    for (detail, action) in details[1..].iter().zip(["trigger", "resolve"]) {
        assert_eq!(detail["dedup_key"], "packwatch/prod/test");
        assert_eq!(detail["event_action"], action);
        assert!(
            detail["group"]["title"]
                .as_str()
                .expect("a title")
                .starts_with("TEST")
        );
    }
}

#[tokio::test]
async fn test_notification_names_the_bus_that_refuses_it() {
    let env = failing().await;
    env.world
        .fault(Fault::error(400, "AccessDeniedException", "not allowed").service(Service::Events));
    let error = env
        .invoke(json!({"test": true}))
        .await
        .expect_err("the bus refuses");
    assert_eq!(error.kind(), "PublishFailed");
    assert!(error.to_report().contains(BUS));
    assert_eq!(env.publishes(TOPIC).len(), 1, "the others are tried");
}

/// An incident tool finds the incident of the first event although the label is another one now.
#[tokio::test]
async fn cause_keeps_its_key_when_the_label_changes() {
    let mut env = failing().await;
    env.run().await;
    env.set("LABEL", "production");
    fail(&env, "guardrails", ACCOUNT, RECORDER);
    env.run().await;
    recover(&env, "baseline", ACCOUNT);
    recover(&env, "guardrails", ACCOUNT);
    env.run().await;
    fail(&env, "baseline", ACCOUNT, RECORDER);
    env.run().await;
    let events = env.bus_events("packwatch Cause");
    let seen: Vec<(String, &str, &str)> = events
        .iter()
        .map(|event| {
            let text = |name: &str| event[name].as_str().expect("a text");
            let key = text("dedup_key").rsplit_once('/').expect("a key").0;
            (key.to_owned(), text("event_action"), text("label"))
        })
        .collect();
    let old = "packwatch/prod".to_owned();
    assert_eq!(
        seen,
        [
            (old.clone(), "trigger", "prod"),
            (old.clone(), "trigger", "production"),
            (old, "resolve", "production"),
            ("packwatch/production".to_owned(), "trigger", "production"),
        ]
    );
}

/// AWS answers each event with an id or a code. What has neither, or no answer, is sent again.
#[tokio::test]
async fn event_without_answer_is_sent_again() {
    for entries in [json!([]), json!([{}, {}]), json!([{"EventId": ""}, {}])] {
        let env = failing().await;
        let body = json!({"FailedEntryCount": 0, "Entries": entries}).to_string();
        let odd = Effect::Raw {
            status: 200,
            content_type: "application/x-amz-json-1.1".into(),
            body: body.clone(),
        };
        env.world.fault(Fault::new(odd).service(Service::Events));
        let error = env
            .invoke(json!({}))
            .await
            .expect_err("no event is accepted");
        assert_eq!(error.kind(), "PublishFailed", "{body}");
        assert_eq!(
            outgoing(&env)["events"].as_array().map(Vec::len),
            Some(2),
            "{body}"
        );
        let error = env
            .invoke(json!({"test": true}))
            .await
            .expect_err("no event is accepted");
        assert_eq!(error.kind(), "PublishFailed", "{body}");
        env.world.clear_faults();
        env.run().await;
        assert_eq!(causes(&env), [cause("trigger", RECORDER)], "{body}");
    }
}

#[tokio::test]
async fn name_is_completed_and_arn_is_kept() {
    let mut env = failing().await;
    env.run().await;
    env.set("EVENT_BUS", BUS);
    env.run().await;
    let ledger = env.document("ledger.json");
    let receivers: Vec<_> = ledger["receivers"]
        .as_object()
        .expect("receivers")
        .keys()
        .collect();
    assert_eq!(receivers, [BUS, TOPIC], "one receiver, however it is named");
    assert_eq!(env.bus_events("packwatch Digest").len(), 1);
}
