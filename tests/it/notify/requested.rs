//! Digests that an event asks for: `always`, summaries, dry runs and test notifications.

use std::collections::BTreeMap;

use packwatch_simulation::{Fault, Service};
use serde_json::{Value, json};

use crate::support::harness::{
    BUCKET, CHAT, OWN, REGION, TOPIC, TestEnv, chat_text, email, keys, program_json, words,
};

const ACCOUNT: &str = "222233334444";
const OTHER: &str = "333344445555";

fn last(env: &TestEnv) -> Value {
    env.digests().pop().expect("a digest")
}

fn subject(env: &TestEnv) -> String {
    let publish = env.publishes(TOPIC).pop().expect("a digest");
    publish.subject.expect("a subject")
}

async fn invoke(env: &TestEnv, event: Value) -> Value {
    let response = env.invoke(event).await;
    env.advance_minutes(15);
    response.unwrap_or_else(|error| panic!("{}", error.to_report()))
}

#[tokio::test]
async fn summary_is_sent_whatever_changed() {
    let mut env = TestEnv::failing().await;
    env.set("REMIND_AFTER_HOURS", "24");
    env.run().await;
    for event in [
        json!({"summary": true}),
        json!({"trigger": "schedule", "scheduled_at": "2026-03-01T08:15:00Z", "summary": true}),
        json!({"detail-type": "Scheduled Event", "time": "2026-03-01T08:15:00Z", "summary": true}),
        json!({"summary": true, "packs": ["base*"]}),
        json!({"summary": true, "announce": "always"}),
    ] {
        let response = invoke(&env, event.clone()).await;
        assert_eq!(response["digest"]["status"], "published", "{event}");
        assert_eq!(
            subject(&env),
            "[packwatch] SUMMARY 1 account failing, 1 cause",
            "{event}"
        );
        assert_eq!(last(&env)["kind"], "status");
        assert_eq!(last(&env)["groups"][0]["event"], "open");
        assert_eq!(last(&env)["groups"][0]["open_after"], 1);
    }
    env.member("baseline", OTHER, "UPDATE_FAILED");
    invoke(&env, json!({"summary": true})).await;
    assert_eq!(
        subject(&env),
        "[packwatch] SUMMARY 2 accounts failing, 1 cause; 1 account new"
    );
    assert_eq!(keys(&last(&env)["appeared"]), [format!("baseline/{OTHER}")]);
    // It restarted the repeat interval of what it lists.
    env.advance_minutes(23 * 60);
    assert_eq!(env.run().await["digest"]["status"], "none");
    env.advance_minutes(60);
    env.run().await;
    assert_eq!(last(&env)["reminders"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn summary_counts_since_last_one_and_lists_mutes() {
    let mut env = TestEnv::failing().await;
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.world.create_topic(CHAT);
    env.pack("guardrails", "UPDATE_SUCCESSFUL");
    env.run().await;
    let text = |env: &TestEnv| words(&email(&env.publishes(TOPIC).pop().expect("a summary")));
    invoke(&env, json!({"summary": true})).await;
    let first = text(&env);
    assert!(
        first.contains("In the last 7 days: 1 failure began, 0 ended."),
        "{first}"
    );
    assert!(
        !first.contains("Mute ") && !first.contains("Not read"),
        "{first}"
    );
    // On the same day, so that the counts of the day have to be told apart.
    env.member("baseline", OTHER, "UPDATE_FAILED");
    env.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    env.run().await;
    for (packs, reason) in [("base*", "decommission"), ("no-such*", "typo")] {
        let mute = json!({"packs": [packs], "until": "2026-03-10", "reason": reason, "by": "jo"});
        env.invoke(json!({ "mute": mute })).await.expect("a mute");
    }
    let denied = Fault::error(400, "AccessDeniedException", "denied").service(Service::Config);
    env.world.fault(
        denied
            .operation("GetOrganizationConformancePackDetailedStatus")
            .target("guardrails"),
    );
    env.run().await;
    env.advance_minutes(7 * 24 * 60);
    invoke(&env, json!({"summary": true, "packs": ["base*"]})).await;
    let narrowed = text(&env);
    assert!(!narrowed.contains("Since the last summary"), "{narrowed}");
    invoke(&env, json!({"summary": true})).await;
    let second = text(&env);
    let chat = words(&chat_text(&env.publishes(CHAT).pop().expect("a summary")));
    for form in [&second, &chat] {
        for part in [
            "Since the last summary on Sun 1 Mar 08:15 UTC: 1 failure began, 1 ended.",
            "mutes 1 failure; it ends Wed 11 Mar 00:00 UTC (decommission, jo).",
            "matches no open failure; it ends Wed 11 Mar 00:00 UTC (typo, jo).",
            "Not read for a day: guardrails in eu-west-1 of 111122223333 since Sun 1 Mar",
        ] {
            assert!(form.contains(part), "{part}\n{form}");
        }
    }
}

#[tokio::test]
async fn summary_of_healthy_and_of_incomplete_run_differ() {
    let mut env = TestEnv::new().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    for region in ["eu-west-1", "us-east-1"] {
        let record = packwatch_simulation::StatusRecord::new("UPDATE_SUCCESSFUL");
        env.world.put_pack(OWN, region, "baseline", record);
    }
    env.run().await;
    invoke(&env, json!({"summary": true})).await;
    assert_eq!(
        subject(&env),
        "[packwatch] SUMMARY nothing fails: 1 pack in 2 regions"
    );
    let fault = Fault::error(400, "ThrottlingException", "Rate exceeded").service(Service::Config);
    env.world.fault(fault.region("us-east-1"));
    invoke(&env, json!({"summary": true})).await;
    assert_eq!(
        subject(&env),
        "[packwatch] SUMMARY no data us-east-1; no failure known"
    );
    let publish = env.publishes(TOPIC).pop().expect("a summary");
    let chat = email(&publish);
    assert!(chat.contains("NO DATA us-east-1"), "{chat}");
    assert!(!chat.to_lowercase().contains("nothing"), "{chat}");
}

#[tokio::test]
async fn summary_that_is_never_sent_is_refused() {
    let env = TestEnv::failing().await;
    let event = json!({"summary": true, "announce": "never"});
    let error = env
        .invoke(event)
        .await
        .expect_err("both keys exclude each other");
    assert_eq!(error.kind(), "InvalidEvent");
    let report = error.to_report();
    assert!(
        report.contains("\"summary\"") && report.contains("\"announce\""),
        "{report}"
    );
    assert!(
        env.world
            .calls()
            .iter()
            .all(|call| call.operation != "PutObject")
    );
}

#[tokio::test]
async fn always_lists_what_is_open_and_pending_in_full() {
    let mut env = TestEnv::failing().await;
    env.run().await;
    env.set("ANNOUNCE_AFTER_MINUTES", "60");
    env.member("baseline", OTHER, "UPDATE_FAILED");
    invoke(&env, json!({"announce": "always"})).await;
    assert_eq!(
        subject(&env),
        "[packwatch] STATUS 2 accounts failing, 1 cause; 2 failures open"
    );
    let digest = last(&env);
    let group = &digest["groups"][0];
    assert_eq!(
        (
            &group["event"],
            &group["account_count"],
            &group["open_after"]
        ),
        (&json!("open"), &json!(2), &json!(1)),
        "the pending failure is listed, and not notified"
    );
    let text = words(&email(&env.publishes(TOPIC)[1]));
    assert!(text.contains("Pending: 1 failure; next due"), "{text}");
    assert!(text.contains(ACCOUNT) && text.contains(OTHER), "{text}");
}

#[tokio::test]
async fn dry_run_returns_what_would_be_sent_or_the_state() {
    let mut env = TestEnv::failing().await;
    env.set("ANNOUNCE_AFTER_MINUTES", "60");
    env.set("INCLUDE_PACKS", "base*,typo*");
    let text_of = |response: &Value| words(response["digest"]["text"].as_str().expect("a text"));
    let dry = json!({"dry_run": true});
    let response = invoke(&env, dry.clone()).await;
    let text = text_of(&response);
    assert!(
        text.starts_with("DRY RUN: a run would send this digest now."),
        "{text}"
    );
    assert!(
        text.contains("Warning: INCLUDE_PACKS contains typo"),
        "{text}"
    );
    assert!(text.contains("No failure is due: 1 pending."), "{text}");
    assert_eq!(
        response["digest"]["subject"],
        "[packwatch] FIRST LOOK, no failure is due: 1 pending; 1 failure open"
    );
    env.run().await;
    let response = invoke(&env, dry.clone()).await;
    let text = text_of(&response);
    assert!(
        text.starts_with("DRY RUN: a run would send no digest now."),
        "{text}"
    );
    assert!(
        text.contains(ACCOUNT) && text.contains("pending, not notified yet"),
        "{text}"
    );
    assert_eq!(response["digest"]["subject"], json!(null));
    assert!(
        !text.contains("report.html"),
        "it shows another state: {text}"
    );
    let never = json!({"dry_run": true, "announce": "never"});
    env.advance_minutes(60);
    assert!(text_of(&invoke(&env, never).await).contains("would send no digest"));
    let due = text_of(&invoke(&env, dry.clone()).await);
    assert!(due.contains("1 account began to fail in 1 pack"), "{due}");
    let fault = Fault::error(400, "AccessDeniedException", "no").service(Service::Config);
    env.world
        .fault(fault.operation("GetOrganizationConformancePackDetailedStatus"));
    let gap = text_of(&invoke(&env, dry).await);
    assert!(gap.contains("NO DATA pack baseline in eu-west-1"), "{gap}");
    assert!(!gap.to_lowercase().contains("nothing"), "{gap}");
    let writes = env.world.calls().into_iter();
    let writes = writes.filter(|call| matches!(call.operation.as_str(), "PutObject" | "Publish"));
    assert_eq!(
        writes.count(),
        6,
        "only the run wrote: snapshot, ledger, digest, latest.json, report.html, ledger again"
    );
}

/// Returns all objects of the bucket.
fn objects(env: &TestEnv) -> BTreeMap<String, Vec<u8>> {
    env.world.objects(BUCKET)
}

#[tokio::test]
async fn test_notification_reaches_every_receiver_and_writes_nothing() {
    let mut env = TestEnv::failing().await;
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.set("LABEL", "prod");
    env.world.create_topic(CHAT);
    env.run().await;
    let before = objects(&env);
    env.world.forget_calls();
    let response = invoke(&env, json!({"test": true})).await;
    assert_eq!(objects(&env), before, "nothing is written");
    let config = env
        .world
        .calls()
        .into_iter()
        .filter(|call| call.service == Service::Config);
    assert_eq!(config.count(), 0, "AWS Config is not called");
    let publish = env.publishes(TOPIC).pop().expect("a test");
    let chat = env.publishes(CHAT).pop().expect("a test");
    assert_eq!(
        response,
        json!({
            "run_id": "run-2",
            "outcome": "test",
            "digest": {"status": "published", "id": program_json(&publish)["digest_id"], "subject": publish.subject, "text": null},
        })
    );
    assert_eq!(
        publish.subject.as_deref(),
        Some("[prod] TEST of packwatch: the failure is invented; 1 failure open")
    );
    let text = email(&publish);
    let first = text.lines().next().expect("a line");
    assert!(first.contains("TEST"), "{text}");
    assert!(
        text.contains("The real state: 1 account fails in 1 pack"),
        "{text}"
    );
    assert!(chat_text(&chat).starts_with("TEST"), "{}", chat_text(&chat));
    let digest = program_json(&publish);
    assert_eq!(
        (
            &digest["kind"],
            &digest["test"],
            &digest["totals"]["open_total"]
        ),
        (&json!("status"), &json!(true), &json!(1))
    );
    assert_eq!(digest["groups"].as_array().map(Vec::len), Some(1));
    assert_eq!(digest["groups"][0]["open_after"], 0, "it opens no ticket");
    assert!(
        digest["groups"][0]["title"]
            .as_str()
            .is_some_and(|title| title.contains("TEST"))
    );
    assert_eq!(keys(&digest["appeared"]), ["TEST-pack/000000000000"]);
    assert_eq!(env.run().await["digest"]["status"], "none");
}

#[tokio::test]
async fn refused_test_names_the_receiver_after_all_were_tried() {
    let mut env = TestEnv::failing().await;
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.world.create_topic(CHAT);
    for (refused, reached) in [(TOPIC, CHAT), (CHAT, TOPIC)] {
        env.world.clear_faults();
        let fault = Fault::error(403, "AuthorizationError", "no").service(Service::Sns);
        env.world.fault(fault.target(refused));
        let before = env.publishes(reached).len();
        let error = env
            .invoke(json!({"test": true}))
            .await
            .expect_err("it is refused");
        assert_eq!(error.kind(), "PublishFailed");
        assert!(error.to_report().contains(refused), "{}", error.to_report());
        assert_eq!(env.publishes(reached).len(), before + 1);
    }
    env.world.clear_faults();
    env.world.maximum_message_size(TOPIC, 1_024);
    invoke(&env, json!({"test": true})).await;
    let publish = env.publishes(TOPIC).pop().expect("the last form");
    assert_eq!(program_json(&publish)["truncated"], true);
    assert!(
        publish
            .subject
            .is_some_and(|subject| subject.contains("TEST"))
    );
}

#[tokio::test]
async fn test_says_that_the_ledger_is_missing_or_foreign() {
    let mut env = TestEnv::failing().await;
    invoke(&env, json!({"test": true})).await;
    let missing = words(&email(&env.publishes(TOPIC)[0]));
    assert!(missing.contains("There is no ledger yet"), "{missing}");
    assert!(!missing.contains("The real state"), "{missing}");
    assert!(objects(&env).is_empty());
    env.run().await;
    env.set("AWS_LAMBDA_FUNCTION_NAME", "other");
    env.function_arn = format!("arn:aws:lambda:{REGION}:{OWN}:function:other");
    invoke(&env, json!({"test": true})).await;
    let foreign = words(&email(&env.publishes(TOPIC).pop().expect("a test")));
    assert!(
        foreign.contains("The ledger belongs to another function"),
        "{foreign}"
    );
}

#[tokio::test]
async fn test_is_accepted_alone_only() {
    let env = TestEnv::failing().await;
    for (event, named) in [
        (json!({"test": false}), "\"test\""),
        (json!({"test": true, "dry_run": true}), "\"dry_run\""),
        (
            json!({"detail-type": "Scheduled Event", "time": "2026-03-01T08:15:00Z", "test": true}),
            "\"test\"",
        ),
    ] {
        let error = env.invoke(event.clone()).await.expect_err("it is refused");
        assert_eq!(error.kind(), "InvalidEvent", "{event}");
        assert!(error.to_report().contains(named), "{}", error.to_report());
    }
}
