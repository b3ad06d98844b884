//! Sources that list no packs any more: told once in a line of its own, and only when nothing hides
//! them.

use packwatch::collect::{Listing, ObservationBuilder};
use packwatch::evaluate::{EvaluationContext, evaluate};
use packwatch::input::event::{ManualRequest, Trigger};
use packwatch::input::plan::{Invocation, RunPlan};
use packwatch::input::settings::Settings;
use packwatch::ledger::Ledger;
use packwatch::model::{ApiError, GapKey, PackKey, Source, StatusRecord as Said};
use packwatch_simulation::{Effect, Fault, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{CHAT, OWN, REGION, TOPIC, TestEnv, email, keys, program_json, time};

const ACCOUNT: &str = "222233334444";
const FAR: &str = "us-east-1";
const LIST: &str = "DescribeOrganizationConformancePackStatuses";
const PACKS: [&str; 3] = ["baseline", "guardrails", "operations"];

/// Three packs in which nothing fails, seen by one run that had nothing to say.
async fn calm() -> TestEnv {
    let stage = TestEnv::new().await;
    for pack in PACKS {
        stage.pack(pack, "UPDATE_SUCCESSFUL");
        stage.member(pack, ACCOUNT, "UPDATE_SUCCESSFUL");
    }
    assert_eq!(stage.run().await["digest"]["status"], "none");
    stage
}

/// The same, with a failure that was told.
async fn failing() -> TestEnv {
    let stage = calm().await;
    stage.member("baseline", ACCOUNT, "UPDATE_FAILED");
    stage.run().await;
    stage
}

fn empty(stage: &TestEnv) {
    for pack in PACKS {
        stage.world.remove_pack(OWN, REGION, pack);
    }
}

/// What the ledger holds of sources without packs.
fn emptied(stage: &TestEnv) -> Value {
    stage
        .document("ledger.json")
        .get("emptied")
        .cloned()
        .unwrap_or_else(|| json!([]))
}

fn answer(status: u16, body: &str) -> Effect {
    Effect::Raw {
        status,
        content_type: "application/x-amz-json-1.1".into(),
        body: body.into(),
    }
}

fn listing(effect: Effect) -> Fault {
    Fault::new(effect).service(Service::Config).operation(LIST)
}

#[tokio::test]
async fn a_source_without_packs_is_told_once_and_again_when_packs_are_back() {
    let mut stage = failing().await;
    stage.set("LABEL", "prod");
    empty(&stage);
    let answer = stage.run().await;
    assert_eq!(
        (&answer["complete"], &answer["totals"]["cleared"]),
        (&json!(true), &json!(1))
    );
    let publish = stage.publishes(TOPIC).pop().unwrap();
    assert_eq!(
        publish.subject.as_deref(),
        Some("packwatch prod: 0 appeared, 1 cleared, 0 open, 1 source lists no packs")
    );
    let text = email(&publish);
    assert!(
        text.lines()
            .take(10)
            .any(|line| line == "! 111122223333 eu-west-1: no packs any more, 3 before"),
        "{text}"
    );
    assert!(
        text.contains("111122223333 eu-west-1 lists no pack to watch; before there were 3"),
        "{text}"
    );
    let digest = program_json(&publish);
    assert_eq!(keys(&digest["cleared"]), ["baseline/222233334444"]);
    let record = json!({"caller": OWN, "region": REGION, "packs_before": 3, "since": "2026-03-01T08:30:00Z", "state": "began"});
    assert_eq!(digest["emptied"], json!([record]));
    assert_eq!(stage.snapshot(&answer)["emptied"], json!([record]));
    for _ in 0..3 {
        let answer = stage.run().await;
        assert_eq!(answer["digest"]["status"], "none", "once");
        assert_eq!(stage.snapshot(&answer)["emptied"], json!([]));
    }
    stage.pack("another", "CREATE_IN_PROGRESS");
    stage.run().await;
    let publish = stage.publishes(TOPIC).pop().unwrap();
    assert_eq!(program_json(&publish)["emptied"][0]["state"], "ended");
    assert!(
        email(&publish).contains("= 111122223333 eu-west-1: packs again"),
        "{}",
        email(&publish)
    );
    stage.run().await;
    assert_eq!(stage.digests().len(), 3);
    assert_eq!(emptied(&stage), json!([]));
}

#[tokio::test]
async fn with_nothing_open_it_is_told_all_the_same() {
    let stage = calm().await;
    empty(&stage);
    let answer = stage.run().await;
    assert_eq!(
        answer["digest"]["subject"],
        "packwatch: 0 appeared, 0 cleared, 0 open, 1 source lists no packs"
    );
    let publish = &stage.publishes(TOPIC)[0];
    assert_eq!(publish.attributes["regions"].value, "[\"eu-west-1\"]");
    let sms: Value = serde_json::from_str(&publish.message).unwrap();
    assert_eq!(sms["sms"], answer["digest"]["subject"]);
}

#[tokio::test]
async fn a_listing_that_is_not_whole_empties_nothing_and_closes_nothing() {
    let effects = [
        answer(200, "{}"),
        answer(200, "{\"OrganizationConformancePackStatuses\":null}"),
        answer(200, "{\"OrganizationConformancePackStatuses\":["),
        answer(200, ""),
        answer(403, ""),
        Effect::Denied,
        Effect::CutOff,
        Effect::Truncated,
    ];
    for effect in effects {
        let mut stage = failing().await;
        stage.set("REGIONS", "eu-west-1,us-east-1");
        stage.timeouts.initial_backoff = std::time::Duration::from_millis(1);
        empty(&stage);
        stage.world.fault(listing(effect.clone()).region(REGION));
        let answer = stage.run().await;
        let counts = (
            &answer["totals"]["gaps"],
            &answer["totals"]["unconfirmed"],
            &answer["totals"]["cleared"],
        );
        assert_eq!(counts, (&json!(1), &json!(1), &json!(0)), "{effect:?}");
        assert_eq!(
            (emptied(&stage), stage.digests().len()),
            (json!([]), 1),
            "{effect:?}"
        );
        stage.world.clear_faults();
        stage.run().await;
        assert_eq!(
            stage.digests()[1]["emptied"][0]["packs_before"],
            3,
            "{effect:?}: and what was known stays known"
        );
    }
}

#[tokio::test]
async fn a_pack_that_hides_between_pages_is_asked_for_by_name() {
    let no_pages = |stage: &TestEnv| {
        stage.world.fault(
            listing(answer(
                200,
                "{\"OrganizationConformancePackStatuses\":[],\"NextToken\":\"x\"}",
            ))
            .nth(1),
        );
        stage
            .world
            .fault(listing(answer(200, "{\"OrganizationConformancePackStatuses\":[]}")).nth(2));
    };
    let stage = calm().await;
    no_pages(&stage);
    assert_eq!(
        stage.run().await["totals"]["packs"],
        3,
        "all of them are there"
    );
    assert_eq!((stage.digests().len(), emptied(&stage)), (0, json!([])));

    empty(&stage);
    no_pages(&stage);
    stage
        .world
        .fault(listing(Effect::Denied).target("guardrails"));
    assert_eq!(
        stage.run().await["totals"]["gaps"],
        1,
        "one that may be there"
    );
    assert_eq!((stage.digests().len(), emptied(&stage)), (0, json!([])));

    stage.world.clear_faults();
    no_pages(&stage);
    stage.run().await;
    assert_eq!(
        stage.digests()[0]["emptied"][0]["packs_before"],
        1,
        "the one that was left"
    );
}

#[tokio::test]
async fn a_run_that_looks_at_some_packs_or_accounts_says_nothing_and_the_next_full_run_does() {
    for narrowed in [json!({"packs": ["*"]}), json!({"accounts": [ACCOUNT]})] {
        let stage = failing().await;
        empty(&stage);
        stage.invoke(narrowed).await.expect("a run");
        stage.pass(15);
        assert_eq!(
            keys(&stage.digests()[1]["cleared"]),
            ["baseline/222233334444"]
        );
        assert_eq!(
            (&stage.digests()[1]["emptied"], emptied(&stage)),
            (&json!([]), json!([]))
        );
        stage.run().await;
        assert_eq!(stage.digests()[2]["emptied"][0]["packs_before"], 3);
        stage.invoke(json!({"packs": ["*"]})).await.expect("a run");
        stage.pack("baseline", "UPDATE_SUCCESSFUL");
        stage.invoke(json!({"packs": ["*"]})).await.expect("a run");
        assert_eq!(stage.digests().len(), 3, "nor that they are back");
    }
}

#[tokio::test]
async fn a_run_of_one_region_tells_of_that_region_alone() {
    let mut stage = calm().await;
    stage.set("REGIONS", "eu-west-1,us-east-1");
    stage
        .world
        .put_pack(OWN, FAR, "far", StatusRecord::new("UPDATE_SUCCESSFUL"));
    stage.run().await;
    empty(&stage);
    stage.world.remove_pack(OWN, FAR, "far");
    stage
        .invoke(json!({"regions": [FAR]}))
        .await
        .expect("a run");
    let told = |at: usize| {
        (
            stage.digests()[at]["emptied"].as_array().unwrap().len(),
            stage.digests()[at]["emptied"][0]["region"].clone(),
        )
    };
    assert_eq!(told(0), (1, json!(FAR)));
    stage.pass(15);
    stage.run().await;
    assert_eq!(told(1), (1, json!(REGION)));
}

#[tokio::test]
async fn each_audience_is_told_and_one_that_comes_later_too() {
    let mut stage = failing().await;
    stage.set("CHAT_TOPIC_ARN", CHAT);
    stage.world.create_topic(CHAT);
    stage.run().await;
    stage.world.fault(
        Fault::error(403, "AuthorizationError", "no")
            .service(Service::Sns)
            .target(CHAT),
    );
    empty(&stage);
    stage.invoke(json!({})).await.expect_err("chat is mute");
    stage.pass(15);
    stage.world.clear_faults();
    stage.run().await;
    stage.run().await;
    let chats: Vec<String> = stage
        .publishes(CHAT)
        .into_iter()
        .map(|publish| publish.message)
        .collect();
    let told = |word: &str| {
        chats
            .iter()
            .filter(|message| message.contains(word))
            .count()
    };
    assert_eq!(
        (chats.len(), told("no packs any more")),
        (2, 1),
        "{chats:?}"
    );
    assert_eq!(stage.digests().len(), 2);
    let other = "arn:aws:sns:eu-west-1:111122223333:other";
    stage.world.create_topic(other);
    stage.set("TOPIC_ARN", other);
    stage.run().await;
    assert_eq!(
        program_json(&stage.publishes(other)[0])["emptied"][0]["since"],
        "2026-03-01T08:45:00Z"
    );
    stage.run().await;
    assert_eq!(stage.publishes(other).len(), 1);
}

#[tokio::test]
async fn a_run_that_announces_nothing_counts_it_as_told() {
    let stage = calm().await;
    empty(&stage);
    stage
        .invoke(json!({"announce": "never"}))
        .await
        .expect("a run");
    stage.pass(15);
    stage.run().await;
    assert_eq!(stage.digests().len(), 0);
    stage.pack("baseline", "UPDATE_SUCCESSFUL");
    stage.run().await;
    assert_eq!(
        stage.digests()[0]["emptied"][0]["state"],
        "ended",
        "so its end is told"
    );
}

#[tokio::test]
async fn packs_that_are_back_before_anybody_was_told_were_never_gone() {
    let stage = calm().await;
    stage
        .world
        .fault(Fault::error(403, "AuthorizationError", "no").service(Service::Sns));
    stage.member("baseline", ACCOUNT, "UPDATE_FAILED");
    stage
        .invoke(json!({}))
        .await
        .expect_err("a digest is on its way");
    stage.pass(15);
    empty(&stage);
    stage
        .invoke(json!({}))
        .await
        .expect_err("and another would be next");
    stage.pass(15);
    stage.pack("baseline", "UPDATE_SUCCESSFUL");
    stage.member("baseline", ACCOUNT, "UPDATE_FAILED");
    stage.invoke(json!({})).await.expect_err("still on its way");
    stage.pass(15);
    stage.world.clear_faults();
    stage.run().await;
    stage.run().await;
    let digests = stage.digests();
    assert_eq!((digests.len(), &digests[0]["emptied"]), (1, &json!([])));
}

#[tokio::test]
async fn where_no_pack_was_known_or_none_is_watched_any_more_nothing_is_said() {
    let mut stage = TestEnv::new().await;
    stage.run().await;
    stage.run().await;
    assert_eq!(
        stage.digests().len(),
        0,
        "a first run, and a second, of an organization without packs"
    );
    stage.pack("baseline", "UPDATE_SUCCESSFUL");
    stage.run().await;
    stage.set("EXCLUDE_PACKS", "base*");
    stage.run().await;
    stage.run().await;
    assert_eq!(stage.digests().len(), 0, "taken out by the settings");
    stage.set("EXCLUDE_PACKS", "");
    stage.run().await;
    stage.world.remove_pack(OWN, REGION, "baseline");
    stage.run().await;
    assert_eq!(stage.digests().len(), 1);
    stage.set("REGIONS", FAR);
    stage.run().await;
    assert_eq!(
        (stage.digests().len(), emptied(&stage)),
        (1, json!([])),
        "the region is no longer watched"
    );
}

#[test]
fn packs_that_there_was_no_time_to_read_were_there() {
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
        &settings.expect("right settings"),
        invocation,
    );
    let plan = plan.expect("a plan");
    let scope = plan.scope(&plan.targets(&OWN.into()).expect("one source"), true);
    let source = Source {
        caller: OWN.into(),
        region: REGION.into(),
    };
    let pack = PackKey {
        source: source.clone(),
        pack: "baseline".into(),
    };
    let run = |ledger: &Ledger, run_id: &str, found: &dyn Fn(&mut ObservationBuilder)| {
        let mut builder = ObservationBuilder::new(now);
        builder.found_listing(
            &source,
            Listing {
                pages: 1,
                complete: true,
            },
        );
        found(&mut builder);
        evaluate(
            ledger,
            &builder.build(now),
            EvaluationContext {
                scope: &scope,
                policy: &plan.policy,
                run_id,
            },
        )
        .ledger
    };
    let late = run(&Ledger::default(), "one", &|builder| {
        let cause = ApiError {
            operation: LIST.into(),
            code: "OutOfTime".into(),
            message: "late".into(),
        };
        builder.found_pack(&pack, Said::new("UPDATE_SUCCESSFUL"));
        builder.found_gap(GapKey::pack(&pack), cause);
    });
    assert!(late.packs.is_empty() && late.emptied.is_empty());
    let empty = run(&late, "two", &|_| {});
    assert_eq!(empty.emptied[&source].packs_before, 1);
}
