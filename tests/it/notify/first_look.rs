//! First looks: the first full run of a receiver always sends a digest.

use packwatch_simulation::{Fault, Service};
use serde_json::{Value, json};

use crate::support::harness::{CHAT, TOPIC, TestEnv, email, keys, program_json, words};

const ACCOUNT: &str = "222233334444";

fn subject(env: &TestEnv) -> String {
    let publish = env.publishes(TOPIC).pop().expect("a digest");
    publish.subject.expect("a subject")
}

fn last(env: &TestEnv) -> Value {
    env.digests().pop().expect("a digest")
}

/// Returns an organization with a pack in which no account fails.
async fn healthy() -> TestEnv {
    let env = TestEnv::new().await;
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    env.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    env
}

fn deny(env: &TestEnv, region: &str) {
    let fault =
        Fault::error(400, "AccessDeniedException", "explicit deny").service(Service::Config);
    env.world.fault(fault.region(region));
}

#[tokio::test]
async fn first_run_without_failures_says_that_it_watches() {
    let env = healthy().await;
    let response = env.run().await;
    assert_eq!(response["digest"]["status"], "published");
    assert_eq!(
        subject(&env),
        "[packwatch] WATCHING 1 pack in eu-west-1: nothing fails"
    );
    let digest = last(&env);
    assert_eq!(
        (&digest["kind"], &digest["first_run"], &digest["complete"]),
        (&json!("digest"), &json!(true), &json!(true))
    );
    assert_eq!(digest["groups"], json!([]));
    assert_eq!(env.run().await["digest"]["status"], "none");
}

#[tokio::test]
async fn first_look_counts_what_is_not_due() {
    let mut env = healthy().await;
    env.member("baseline", "333344445555", "UPDATE_FAILED");
    env.member("baseline", "444455556666", "UPDATE_FAILED");
    env.set("ANNOUNCE_AFTER_MINUTES", "60");
    let mute =
        json!({"mute": {"accounts": ["444455556666"], "until": "2026-03-09", "reason": "r"}});
    env.invoke(mute).await.expect("the mute is added");
    env.run().await;
    assert_eq!(
        subject(&env),
        "[packwatch] FIRST LOOK, no failure is due: 1 pending, 1 muted; 1 failure open"
    );
    let text = words(&email(&env.publishes(TOPIC)[0]));
    assert!(
        text.contains("No failure is due: 1 pending, 1 muted."),
        "{text}"
    );
    assert!(!text.to_lowercase().contains("nothing"), "{text}");
}

/// Asks for everything while the last failures are pending. Returns the subject.
async fn subject_on_request(env: &mut TestEnv) -> String {
    env.set("ANNOUNCE_AFTER_MINUTES", "60");
    let event = json!({"announce": "always"});
    env.invoke(event).await.expect("a run");
    subject(env)
}

#[tokio::test]
async fn first_look_on_request_calls_no_pending_failure_reported() {
    let mut env = healthy().await;
    env.member("baseline", "333344445555", "UPDATE_FAILED");
    assert_eq!(
        subject_on_request(&mut env).await,
        "[packwatch] FIRST LOOK, no failure is due: 1 pending; 1 failure open"
    );
    let mut env = healthy().await;
    env.member("baseline", "333344445555", "UPDATE_FAILED");
    let narrowed = env.invoke(json!({"packs": ["baseline"]})).await;
    narrowed.expect("a narrowed run");
    env.member("baseline", "444455556666", "UPDATE_FAILED");
    assert_eq!(
        subject_on_request(&mut env).await,
        "[packwatch] FIRST LOOK 2 accounts failing, 1 cause; 1 pending; 2 failures open"
    );
}

#[tokio::test]
async fn many_sources_without_packs_leave_room_for_causes_in_chat() {
    let mut env = healthy().await;
    let chat = "arn:aws:sns:eu-west-1:111122223333:chat";
    env.world.create_topic(chat);
    env.set("CHAT_TOPIC_ARN", chat);
    let regions = "af-south-1,ap-east-1,ap-northeast-1,ap-south-1,ca-central-1,eu-central-1,eu-north-1,eu-south-1,eu-west-1,\
                   eu-west-2,eu-west-3,me-south-1,sa-east-1,us-east-1,us-west-2";
    env.set("REGIONS", regions);
    env.member("baseline", ACCOUNT, "UPDATE_FAILED");
    env.run().await;
    let message: Value = serde_json::from_str(&env.publishes(chat)[0].message).expect("JSON");
    let description = message["content"]["description"].as_str().expect("a text");
    assert_eq!(
        description.matches("NO PACKS: ").count(),
        1,
        "{description}"
    );
    for part in [" and 6 more\n", "FAILING: No reason given", "As of "] {
        assert!(description.contains(part), "{description}");
    }
}

#[tokio::test]
async fn narrowed_run_before_first_look_sends_only_what_is_due() {
    let env = healthy().await;
    let narrowed = json!({"packs": ["base*"]});
    let response = env.invoke(narrowed.clone()).await.expect("a run");
    assert_eq!(response["digest"]["status"], "none");
    env.member("baseline", ACCOUNT, "UPDATE_FAILED");
    env.invoke(narrowed).await.expect("a run");
    assert_eq!(
        subject(&env),
        "[packwatch] FAILING 222233334444: no reason given, baseline",
        "it is no first look"
    );
    assert_eq!(last(&env)["first_run"], false);
    env.run().await;
    assert_eq!(
        env.digests().len(),
        2,
        "the first full run always sends a digest"
    );
    assert!(
        subject(&env).starts_with("[packwatch] FIRST LOOK"),
        "{}",
        subject(&env)
    );
    assert_eq!(last(&env)["first_run"], true);
    assert_eq!(
        last(&env)["groups"][0]["event"],
        "open",
        "it was notified before"
    );
}

#[tokio::test]
async fn announce_never_uses_up_first_look() {
    let env = healthy().await;
    for event in [json!({"announce": "never"}), json!({})] {
        let response = env.invoke(event).await.expect("a run");
        assert_eq!(response["digest"]["status"], "none");
        env.advance_minutes(15);
    }
    let env = healthy().await;
    let narrowed = json!({"announce": "never", "packs": ["base*"]});
    env.invoke(narrowed).await.expect("a run");
    assert_eq!(
        env.run().await["digest"]["status"],
        "published",
        "a narrowed run does not"
    );
}

#[tokio::test]
async fn new_receiver_gets_a_first_look_of_its_own() {
    let mut env = healthy().await;
    env.member("baseline", "333344445555", "UPDATE_FAILED");
    env.run().await;
    env.world.create_topic(CHAT);
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.run().await;
    assert_eq!(
        env.publishes(TOPIC).len(),
        1,
        "the other receiver knows it all"
    );
    let other = "arn:aws:sns:eu-west-1:111122223333:other";
    env.world.create_topic(other);
    env.set("TOPIC_ARN", other);
    env.run().await;
    let publish = env.publishes(other).pop().expect("a first look");
    let subject = publish.subject.clone().expect("a subject");
    assert!(
        subject.starts_with("[packwatch] FIRST LOOK 333344445555 fails"),
        "{subject}"
    );
    assert_eq!(
        keys(&program_json(&publish)["appeared"]),
        ["baseline/333344445555"]
    );
    assert_eq!(env.publishes(CHAT).len(), 1);
}

#[tokio::test]
async fn gap_at_first_look_is_shown_then_told_and_ends_once() {
    let mut env = healthy().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    deny(&env, "us-east-1");
    env.run().await;
    assert_eq!(
        subject(&env),
        "[packwatch] NO DATA us-east-1: AccessDeniedException"
    );
    let text = words(&email(&env.publishes(TOPIC)[0]));
    assert!(
        text.contains("No failure is known. There has been no data from us-east-1"),
        "{text}"
    );
    assert_eq!(last(&env)["gaps"][0]["state"], "began");
    env.run().await;
    assert_eq!(env.digests().len(), 2, "two runs met it");
    assert_eq!(last(&env)["gaps"][0]["state"], "lasting");
    env.run().await;
    assert_eq!(env.digests().len(), 2);
    env.world.clear_faults();
    env.run().await;
    assert_eq!(subject(&env), "[packwatch] DATA BACK us-east-1");
    assert_eq!(last(&env)["gaps"][0]["state"], "ended");
    env.run().await;
    assert_eq!(env.digests().len(), 3);
}

#[tokio::test]
async fn gap_that_was_shown_and_never_triggered_ends_for_receiver() {
    let mut env = healthy().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    env.run().await;
    deny(&env, "us-east-1");
    env.member("baseline", ACCOUNT, "UPDATE_FAILED");
    env.run().await;
    assert_eq!(
        subject(&env),
        "[packwatch] FAILING 222233334444: no reason given, baseline, eu-west-1; no data us-east-1"
    );
    env.world.clear_faults();
    env.run().await;
    assert_eq!(
        subject(&env),
        "[packwatch] DATA BACK us-east-1; 1 failure open"
    );
    deny(&env, "us-east-1");
    env.run().await;
    env.world.clear_faults();
    env.run().await;
    assert_eq!(
        env.digests().len(),
        3,
        "a gap that nobody was shown ends in silence"
    );
}

#[tokio::test]
async fn source_without_packs_is_shown_in_first_look_and_on_request() {
    let mut env = healthy().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    env.run().await;
    let empty = |digest: &Value| digest["empty_sources"].clone();
    let record = |state: &str| {
        json!([{"caller": "111122223333", "region": "us-east-1", "packs_before": 0,
                "since": "2026-03-01T08:00:00Z", "state": state}])
    };
    assert_eq!(empty(&last(&env)), record("began"));
    assert!(
        subject(&env).contains("no packs in us-east-1"),
        "{}",
        subject(&env)
    );
    assert_eq!(
        env.run().await["digest"]["status"],
        "none",
        "it triggers no digest"
    );
    env.member("baseline", ACCOUNT, "UPDATE_FAILED");
    env.run().await;
    assert_eq!(
        empty(&last(&env)),
        json!([]),
        "it stands in no other digest"
    );
    for event in [json!({"announce": "always"}), json!({"summary": true})] {
        env.invoke(event).await.expect("a run");
        env.advance_minutes(15);
        assert_eq!(empty(&last(&env)), record("lasting"));
    }
    let record = packwatch_simulation::StatusRecord::new("CREATE_SUCCESSFUL");
    env.world
        .put_pack("111122223333", "us-east-1", "first", record);
    assert_eq!(
        env.run().await["digest"]["status"],
        "none",
        "its end triggers none either"
    );
    env.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    env.run().await;
    assert_eq!(
        empty(&last(&env))[0]["state"],
        "ended",
        "it joins the next digest"
    );
    let ledger = env.document("ledger.json");
    assert_eq!(ledger.get("empty_sources"), None);
}

#[tokio::test]
async fn account_that_sees_no_packs_is_told_so() {
    let env = TestEnv::new().await;
    env.run().await;
    assert_eq!(
        subject(&env),
        "[packwatch] NO PACKS in eu-west-1: packwatch sees no packs"
    );
    let text = words(&email(&env.publishes(TOPIC)[0]));
    assert!(
        text.contains("AWS Config shows a pack only to the account"),
        "{text}"
    );
}
