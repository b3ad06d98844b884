//! Empty sources: receivers are notified once of a source that had packs and lists none, and only
//! after a complete listing.

use packwatch::collect::{Listing, ObservationBuilder};
use packwatch::evaluate::{EvaluationContext, evaluate};
use packwatch::input::event::{ManualRequest, Trigger};
use packwatch::input::plan::{Invocation, RunPlan};
use packwatch::input::settings::Settings;
use packwatch::ledger::Ledger;
use packwatch::model::{ApiError, GapKey, PackKey, Source, StatusRecord as PackStatusRecord};
use packwatch_simulation::{Effect, Fault, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{CHAT, OWN, REGION, TOPIC, TestEnv, email, keys, program_json, time};

const ACCOUNT: &str = "222233334444";
const FAR: &str = "us-east-1";
const LIST: &str = "DescribeOrganizationConformancePackStatuses";
const PACKS: [&str; 3] = ["baseline", "guardrails", "operations"];

/// Returns an organization with three packs and no failure, after its first digest.
async fn without_failure() -> TestEnv {
    let env = TestEnv::new().await;
    for pack in PACKS {
        env.pack(pack, "UPDATE_SUCCESSFUL");
        env.member(pack, ACCOUNT, "UPDATE_SUCCESSFUL");
    }
    env.run_silently().await;
    env
}

/// Returns an organization with three packs and one failure that the topic was notified of.
async fn notified_failure() -> TestEnv {
    let env = without_failure().await;
    env.member("baseline", ACCOUNT, "UPDATE_FAILED");
    env.run().await;
    env
}

fn remove_packs(env: &TestEnv) {
    for pack in PACKS {
        env.world.remove_pack(OWN, REGION, pack);
    }
}

/// Returns the sources in the ledger that had packs and are empty.
fn empty_sources(env: &TestEnv) -> Value {
    let ledger = env.document("ledger.json");
    let sources = ledger["empty_sources"].as_array().into_iter().flatten();
    let had_packs = |source: &&Value| source[1]["packs"] != json!([]);
    sources.filter(had_packs).cloned().collect()
}

fn raw_response(status: u16, body: &str) -> Effect {
    Effect::Raw {
        status,
        content_type: "application/x-amz-json-1.1".into(),
        body: body.into(),
    }
}

/// Returns a fault of the pack listing.
fn listing_fault(effect: Effect) -> Fault {
    Fault::new(effect).service(Service::Config).operation(LIST)
}

#[tokio::test]
async fn empty_source_is_notified_once_and_when_packs_return() {
    let mut env = notified_failure().await;
    env.set("LABEL", "prod");
    remove_packs(&env);
    let response = env.run().await;
    assert_eq!(
        (&response["complete"], &response["totals"]["cleared"]),
        (&json!(true), &json!(1))
    );
    let publish = env.publishes(TOPIC).pop().unwrap();
    assert_eq!(
        publish.subject.as_deref(),
        Some("[prod] NO PACKS any more in eu-west-1, 3 packs before; 1 account cleared")
    );
    let text = email(&publish);
    assert!(
        text.contains("NO PACKS any more: eu-west-1 of 111122223333; before: 3"),
        "{text}"
    );
    let digest = program_json(&publish);
    assert_eq!(keys(&digest["cleared"]), ["baseline/222233334444"]);
    let record = json!({"caller": OWN, "region": REGION, "packs_before": 3, "since": "2026-03-01T08:30:00Z", "state": "began"});
    assert_eq!(digest["empty_sources"], json!([record]));
    assert_eq!(env.snapshot(&response)["empty_sources"], json!([record]));
    for _ in 0..3 {
        let response = env.run().await;
        assert_eq!(
            response["digest"]["status"], "none",
            "the empty source is notified once"
        );
        let current = &env.snapshot(&response)["empty_sources"];
        assert_eq!(
            (current.as_array().map(Vec::len), &current[0]["state"]),
            (Some(1), &json!("lasting"))
        );
    }
    env.pack("another", "CREATE_IN_PROGRESS");
    env.run().await;
    let publish = env.publishes(TOPIC).pop().unwrap();
    assert_eq!(program_json(&publish)["empty_sources"][0]["state"], "ended");
    assert!(
        email(&publish).contains("PACKS BACK: eu-west-1 of 111122223333"),
        "{}",
        email(&publish)
    );
    env.run().await;
    assert_eq!(env.digests().len(), 3);
    assert_eq!(empty_sources(&env), json!([]));
}

#[tokio::test]
async fn empty_source_without_open_failure_is_notified() {
    let env = without_failure().await;
    remove_packs(&env);
    let response = env.run().await;
    assert_eq!(
        response["digest"]["subject"],
        "[packwatch] NO PACKS any more in eu-west-1, 3 packs before"
    );
    let publish = &env.publishes(TOPIC)[0];
    assert_eq!(publish.attributes["regions"].value, "[\"eu-west-1\"]");
    let sms: Value = serde_json::from_str(&publish.message).unwrap();
    assert_eq!(sms["sms"], response["digest"]["subject"]);
}

#[tokio::test]
async fn incomplete_listing_empties_and_clears_nothing() {
    let effects = [
        raw_response(200, "{}"),
        raw_response(200, "{\"OrganizationConformancePackStatuses\":null}"),
        raw_response(200, "{\"OrganizationConformancePackStatuses\":["),
        raw_response(200, ""),
        raw_response(403, ""),
        Effect::Denied,
        Effect::CutOff,
        Effect::Truncated,
    ];
    for effect in effects {
        let mut env = notified_failure().await;
        env.set("REGIONS", "eu-west-1,us-east-1");
        env.timeouts.initial_backoff = std::time::Duration::from_millis(1);
        remove_packs(&env);
        env.world
            .fault(listing_fault(effect.clone()).region(REGION));
        let response = env.run().await;
        let counts = (
            &response["totals"]["gaps"],
            &response["totals"]["unconfirmed"],
            &response["totals"]["cleared"],
        );
        assert_eq!(counts, (&json!(1), &json!(1), &json!(0)), "{effect:?}");
        assert_eq!(
            (empty_sources(&env), env.digests().len()),
            (json!([]), 1),
            "{effect:?}"
        );
        env.world.clear_faults();
        env.run().await;
        assert_eq!(
            env.digests()[1]["empty_sources"][0]["packs_before"],
            3,
            "{effect:?}: the known packs stay in the ledger"
        );
    }
}

#[tokio::test]
async fn pack_missing_from_paged_listing_is_read_by_name() {
    let empty_pages = |env: &TestEnv| {
        env.world.fault(
            listing_fault(raw_response(
                200,
                "{\"OrganizationConformancePackStatuses\":[],\"NextToken\":\"x\"}",
            ))
            .nth(1),
        );
        env.world.fault(
            listing_fault(raw_response(
                200,
                "{\"OrganizationConformancePackStatuses\":[]}",
            ))
            .nth(2),
        );
    };
    let env = without_failure().await;
    empty_pages(&env);
    assert_eq!(
        env.run().await["totals"]["packs"],
        3,
        "all packs are found by name"
    );
    assert_eq!((env.digests().len(), empty_sources(&env)), (0, json!([])));

    remove_packs(&env);
    empty_pages(&env);
    env.world
        .fault(listing_fault(Effect::Denied).target("guardrails"));
    assert_eq!(
        env.run().await["totals"]["gaps"],
        1,
        "the denied pack is a gap"
    );
    assert_eq!((env.digests().len(), empty_sources(&env)), (0, json!([])));

    env.world.clear_faults();
    empty_pages(&env);
    env.run().await;
    assert_eq!(
        env.digests()[0]["empty_sources"][0]["packs_before"],
        1,
        "only the pack that was not confirmed as removed remains"
    );
}

#[tokio::test]
async fn narrowed_run_leaves_empty_source_to_next_full_run() {
    for event in [json!({"packs": ["*"]}), json!({"accounts": [ACCOUNT]})] {
        let env = notified_failure().await;
        remove_packs(&env);
        env.invoke(event).await.expect("the run succeeds");
        env.advance_minutes(15);
        assert_eq!(
            keys(&env.digests()[1]["cleared"]),
            ["baseline/222233334444"]
        );
        assert_eq!(
            (&env.digests()[1]["empty_sources"], empty_sources(&env)),
            (&json!([]), json!([]))
        );
        env.run().await;
        assert_eq!(env.digests()[2]["empty_sources"][0]["packs_before"], 3);
        env.invoke(json!({"packs": ["*"]}))
            .await
            .expect("the run succeeds");
        env.pack("baseline", "UPDATE_SUCCESSFUL");
        env.invoke(json!({"packs": ["*"]}))
            .await
            .expect("the run succeeds");
        assert_eq!(
            env.digests().len(),
            3,
            "a narrowed run does not report returned packs either"
        );
    }
}

#[tokio::test]
async fn single_region_run_reports_only_its_empty_source() {
    let mut env = without_failure().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    env.world
        .put_pack(OWN, FAR, "far", StatusRecord::new("UPDATE_SUCCESSFUL"));
    env.run().await;
    remove_packs(&env);
    env.world.remove_pack(OWN, FAR, "far");
    env.invoke(json!({"regions": [FAR]}))
        .await
        .expect("the run succeeds");
    let reported = || {
        let sources = env.digests().pop().expect("a digest")["empty_sources"].clone();
        let began = sources.as_array().into_iter().flatten();
        let began = began.filter(|source| source["state"] == "began");
        began
            .map(|source| source["region"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(reported(), [FAR]);
    env.advance_minutes(15);
    env.run().await;
    assert_eq!(reported(), [REGION]);
}

#[tokio::test]
async fn each_receiver_including_later_one_gets_empty_source() {
    let mut env = notified_failure().await;
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.world.create_topic(CHAT);
    env.run().await;
    env.world.fault(
        Fault::error(403, "AuthorizationError", "no")
            .service(Service::Sns)
            .target(CHAT),
    );
    remove_packs(&env);
    env.invoke(json!({}))
        .await
        .expect_err("SNS rejects the chat digest");
    env.advance_minutes(15);
    env.world.clear_faults();
    env.run().await;
    env.run().await;
    let chat_messages: Vec<String> = env
        .publishes(CHAT)
        .into_iter()
        .map(|publish| publish.message)
        .collect();
    let count = |text: &str| {
        chat_messages
            .iter()
            .filter(|message| message.contains(text))
            .count()
    };
    assert_eq!(
        (chat_messages.len(), count("NO PACKS any more: ")),
        (2, 1),
        "{chat_messages:?}"
    );
    assert_eq!(env.digests().len(), 2);
    let other_topic = "arn:aws:sns:eu-west-1:111122223333:other";
    env.world.create_topic(other_topic);
    env.set("TOPIC_ARN", other_topic);
    env.run().await;
    assert_eq!(
        program_json(&env.publishes(other_topic)[0])["empty_sources"][0]["since"],
        "2026-03-01T08:45:00Z"
    );
    env.run().await;
    assert_eq!(env.publishes(other_topic).len(), 1);
}

#[tokio::test]
async fn suppressed_empty_source_counts_as_notified() {
    let env = without_failure().await;
    remove_packs(&env);
    env.invoke(json!({"announce": "never"}))
        .await
        .expect("the run succeeds");
    env.advance_minutes(15);
    env.run().await;
    assert_eq!(env.digests().len(), 0);
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    env.run().await;
    assert_eq!(
        env.digests()[0]["empty_sources"][0]["state"],
        "ended",
        "the end of a suppressed empty source is notified"
    );
}

#[tokio::test]
async fn packs_returned_before_notification_are_not_reported() {
    let env = without_failure().await;
    env.world
        .fault(Fault::error(403, "AuthorizationError", "no").service(Service::Sns));
    env.member("baseline", ACCOUNT, "UPDATE_FAILED");
    env.invoke(json!({}))
        .await
        .expect_err("SNS rejects the digest, which stays in the outbox");
    env.advance_minutes(15);
    remove_packs(&env);
    env.invoke(json!({}))
        .await
        .expect("the outgoing digest is rejected again");
    env.advance_minutes(15);
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    env.member("baseline", ACCOUNT, "UPDATE_FAILED");
    env.invoke(json!({}))
        .await
        .expect("the outgoing digest is still rejected");
    env.advance_minutes(15);
    env.world.clear_faults();
    env.run().await;
    env.run().await;
    let digests = env.digests();
    assert_eq!(
        (digests.len(), &digests[0]["empty_sources"]),
        (1, &json!([]))
    );
}

#[tokio::test]
async fn source_without_known_packs_is_silent_and_unwatched_one_ends() {
    let mut env = TestEnv::new().await;
    env.run().await;
    env.run().await;
    let first = env.digests();
    assert_eq!(
        (first.len(), &first[0]["empty_sources"][0]["packs_before"]),
        (1, &json!(0)),
        "the first digest shows a source that never had packs"
    );
    env.world.forget_publishes();
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    env.run().await;
    env.set("EXCLUDE_PACKS", "base*");
    env.run().await;
    env.run().await;
    assert_eq!(
        env.digests().len(),
        0,
        "excluded packs do not make a source empty"
    );
    env.set("EXCLUDE_PACKS", "");
    env.run().await;
    env.world.remove_pack(OWN, REGION, "baseline");
    env.run().await;
    assert_eq!(env.digests().len(), 1);
    env.set("REGIONS", FAR);
    env.run().await;
    env.run().await;
    let digests = env.digests();
    assert_eq!(
        (digests.len(), empty_sources(&env)),
        (2, json!([])),
        "an empty source that is no longer watched ends once"
    );
    assert_eq!(digests[1]["empty_sources"][0]["state"], "unwatched");
}

/// Evaluates runs that list no pack of the source, on one page. `found` adds what else a run found.
fn evaluate_empty_listing(
    ledger: &Ledger,
    run_id: &str,
    found: impl FnOnce(&mut ObservationBuilder),
) -> Ledger {
    let now = time("2026-03-01T08:00:00Z");
    let settings = Settings::read(|name| {
        let value = match name {
            "AWS_REGION" => REGION,
            "SNAPSHOT_BUCKET" => "bucket",
            "TOPIC_ARN" => TOPIC,
            _ => return None,
        };
        Some(value.to_owned())
    });
    let invocation = Invocation {
        request_id: "run".into(),
        execution: "one".into(),
        deadline: now,
        now,
    };
    let plan = RunPlan::new(
        Trigger::Manual(ManualRequest::default()),
        &settings.expect("the settings are valid"),
        invocation,
    );
    let plan = plan.expect("the request is valid");
    let scope = plan.scope(
        &plan.targets(&OWN.into()).expect("the plan has one source"),
        true,
    );
    let mut builder = ObservationBuilder::new(now);
    let listing = Listing {
        pages: 1,
        complete: true,
    };
    builder.found_listing(&source(), listing);
    found(&mut builder);
    let context = EvaluationContext {
        scope: &scope,
        later_reads: &[],
        policy: &plan.settings.policy,
        run_id,
    };
    evaluate(ledger, &builder.build(now), context).ledger
}

fn source() -> Source {
    Source {
        caller: OWN.into(),
        region: REGION.into(),
    }
}

fn key(pack: &str) -> PackKey {
    PackKey {
        source: source(),
        pack: pack.into(),
    }
}

/// Adds a pack that there was no time to read.
fn find_unread(builder: &mut ObservationBuilder, pack: &PackKey) {
    builder.found_pack(pack, PackStatusRecord::new("UPDATE_SUCCESSFUL"));
    find_gap(builder, pack);
}

fn find_gap(builder: &mut ObservationBuilder, pack: &PackKey) {
    let cause = ApiError {
        operation: LIST.into(),
        code: "DeadlineExceeded".into(),
        message: "deadline exceeded".into(),
    };
    builder.found_gap(GapKey::pack(pack), cause);
}

#[test]
fn unread_packs_count_as_packs_before_empty_source() {
    let pack = key("baseline");
    let timed_out = evaluate_empty_listing(&Ledger::default(), "one", |builder| {
        find_unread(builder, &pack);
    });
    assert!(timed_out.pack_hints.is_empty() && timed_out.empty_sources.is_empty());
    let empty = evaluate_empty_listing(&timed_out, "two", |builder| builder.found_no_pack(&pack));
    assert_eq!(empty.empty_sources[&source()].packs.len(), 1);
}

/// A pack that the listing lacks and that was not asked for by name may be there.
#[test]
fn listing_alone_does_not_make_source_empty() {
    let pack = key("baseline");
    let known = evaluate_empty_listing(&Ledger::default(), "one", |builder| {
        find_unread(builder, &pack);
    });
    let listed_none = evaluate_empty_listing(&known, "two", |_| {});
    assert!(listed_none.empty_sources.is_empty());
}

/// The request by name for the one pack failed again, so only the other one is known to be gone.
#[test]
fn source_with_lasting_pack_gap_is_not_empty() {
    let (unread, gone) = (key("baseline"), key("guardrails"));
    let known = evaluate_empty_listing(&Ledger::default(), "one", |builder| {
        find_unread(builder, &unread);
        find_unread(builder, &gone);
    });
    let gap_lasts = evaluate_empty_listing(&known, "two", |builder| {
        find_gap(builder, &unread);
        builder.found_no_pack(&gone);
    });
    assert!(gap_lasts.empty_sources.is_empty(), "baseline may be there");
    let empty = evaluate_empty_listing(&gap_lasts, "three", |builder| {
        builder.found_no_pack(&unread);
    });
    assert_eq!(empty.empty_sources[&source()].packs.len(), 1);
}

#[tokio::test]
async fn source_that_lists_only_excluded_packs_is_not_empty() {
    let mut env = TestEnv::new().await;
    env.set("INCLUDE_PACKS", "base*");
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    env.pack("other", "UPDATE_SUCCESSFUL");
    env.run().await;
    let before = env.digests().len();
    env.world.remove_pack(OWN, REGION, "baseline");
    env.run().await;
    assert_eq!(
        (env.digests().len(), empty_sources(&env)),
        (before, json!([]))
    );
    env.world.remove_pack(OWN, REGION, "other");
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    env.run().await;
    env.world.remove_pack(OWN, REGION, "baseline");
    env.run().await;
    assert_eq!(
        env.digests().len(),
        before + 1,
        "now the source lists no pack at all"
    );
    env.pack("other", "UPDATE_SUCCESSFUL");
    env.run().await;
    let digests = env.digests();
    let last = &digests.last().expect("a digest")["empty_sources"][0];
    assert_eq!(
        (digests.len(), &last["state"]),
        (before + 2, &json!("ended"))
    );
}
