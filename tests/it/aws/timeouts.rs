//! Peers that accept and never answer: silence costs one attempt more, and never the run. Attempts
//! are counted where they arrive; no time is measured.

use std::time::Duration;

use packwatch_simulation::{Effect, Fault, Service, StatusRecord};
use serde_json::json;

use crate::support::harness::{CHAT, OWN, REGION, TOPIC, TestEnv, keys};

const ACCOUNT: &str = "222233334444";
const FAR: &str = "us-east-1";
const LIST: &str = "DescribeOrganizationConformancePackStatuses";
const MEMBERS: &str = "GetOrganizationConformancePackDetailedStatus";
/// The first attempt, and once more.
const ATTEMPTS: usize = 2;

/// Two regions with a failing member each, and little patience.
async fn two_regions() -> TestEnv {
    let mut stage = TestEnv::new().await;
    stage.set("REGIONS", "eu-west-1,us-east-1");
    stage.timeouts.attempt = Duration::from_millis(400);
    stage.timeouts.initial_backoff = Duration::from_millis(1);
    stage.timeouts.max_backoff = Duration::from_millis(1);
    for region in [REGION, FAR] {
        stage.world.put_pack(
            OWN,
            region,
            "baseline",
            StatusRecord::new("UPDATE_SUCCESSFUL"),
        );
        stage.world.put_member(
            OWN,
            region,
            "baseline",
            ACCOUNT,
            StatusRecord::new("UPDATE_FAILED"),
        );
    }
    stage
}

fn silence(operation: &str) -> Fault {
    Fault::new(Effect::Silence).operation(operation)
}

/// How often an operation on such a target arrived.
fn attempts(stage: &TestEnv, operation: &str, target: &str, region: &str) -> usize {
    let calls = stage.world.calls().into_iter();
    calls
        .filter(|call| {
            call.operation == operation && call.target.contains(target) && call.region == region
        })
        .count()
}

#[tokio::test]
async fn a_call_that_is_not_answered_once_is_made_once_more_and_the_run_is_complete() {
    for operation in [LIST, MEMBERS] {
        let stage = two_regions().await;
        stage.world.fault(silence(operation).region(FAR).first(1));
        let answer = stage.run().await;
        assert_eq!(
            (&answer["complete"], &answer["totals"]["failures"]),
            (&json!(true), &json!(2))
        );
        assert_eq!(
            attempts(&stage, operation, "", FAR),
            ATTEMPTS,
            "{operation}"
        );
        assert_eq!(attempts(&stage, operation, "", REGION), 1, "{operation}");
    }
}

#[tokio::test]
async fn a_source_that_never_answers_costs_two_attempts_and_the_other_is_read_whole() {
    let stage = two_regions().await;
    stage.run().await;
    stage.world.put_member(
        OWN,
        REGION,
        "baseline",
        ACCOUNT,
        StatusRecord::new("UPDATE_SUCCESSFUL"),
    );
    for (operation, gap) in [(LIST, json!(null)), (MEMBERS, json!("baseline"))] {
        stage.world.forget_calls();
        stage.world.fault(silence(operation).region(FAR));
        let answer = stage.run().await;
        let snapshot = stage.snapshot(&answer);
        assert_eq!(
            attempts(&stage, operation, "", FAR),
            ATTEMPTS,
            "{operation}"
        );
        let gaps = (
            &snapshot["gaps"][0]["region"],
            &snapshot["gaps"][0]["pack"],
            &snapshot["gaps"][0]["code"],
        );
        assert_eq!(gaps, (&json!(FAR), &gap, &json!("TimedOut")), "{operation}");
        assert_eq!(snapshot["gaps"].as_array().unwrap().len(), 1);
        assert_eq!(
            keys(&snapshot["unconfirmed"]),
            ["baseline/222233334444"],
            "{operation}"
        );
        assert_eq!(
            snapshot["packs"][0]["reading"], "whole",
            "{operation}: the other source"
        );
        stage.world.clear_faults();
    }
    assert_eq!(
        keys(&stage.digests()[1]["cleared"]),
        ["baseline/222233334444"],
        "of the source that answers"
    );
}

#[tokio::test]
async fn throttling_and_failing_keep_their_ten_attempts_between_two_silences() {
    for effect in [Effect::Throttle, Effect::InternalError] {
        let stage = two_regions().await;
        let far = |effect: Effect| Fault::new(effect).operation(LIST).region(FAR);
        stage.world.fault(far(Effect::Silence).nth(2));
        stage.world.fault(far(effect.clone()).first(9));
        assert_eq!(stage.run().await["complete"], true, "{effect:?}");
        assert_eq!(attempts(&stage, LIST, "", FAR), 10, "{effect:?}");
        stage.world.clear_faults();
        stage.world.forget_calls();
        stage.world.fault(far(effect.clone()));
        assert_eq!(stage.run().await["complete"], false, "{effect:?}");
        assert_eq!(attempts(&stage, LIST, "", FAR), 10, "{effect:?} for good");
    }
}

#[tokio::test]
async fn a_role_that_is_never_given_costs_two_attempts_for_each_region() {
    let mut stage = two_regions().await;
    let role = "arn:aws:iam::444455556666:role/reader";
    stage.world.allow_role(role, None);
    stage.set("ROLE_ARNS", &format!("self,{role}"));
    stage.world.fault(silence("AssumeRole"));
    let answer = stage.run().await;
    assert_eq!(
        (&answer["totals"]["gaps"], &answer["totals"]["failures"]),
        (&json!(2), &json!(2))
    );
    let asked = stage
        .world
        .calls()
        .into_iter()
        .filter(|call| call.operation == "AssumeRole")
        .count();
    assert!((1..=2 * ATTEMPTS).contains(&asked), "{asked}");
}

#[tokio::test]
async fn an_identity_that_is_not_said_once_is_asked_for_once_more() {
    let stage = two_regions().await;
    stage.world.fault(silence("GetCallerIdentity").first(1));
    assert_eq!(stage.run().await["complete"], true);
    stage.world.fault(silence("GetCallerIdentity"));
    stage.world.forget_calls();
    let error = stage
        .invoke(json!({}))
        .await
        .expect_err("nobody knows who calls");
    assert_eq!(error.kind(), "NothingRead", "{}", error.to_report());
    let asked = stage
        .world
        .calls()
        .into_iter()
        .filter(|call| call.service == Service::Sts)
        .count();
    assert_eq!(asked, ATTEMPTS);
}

#[tokio::test]
async fn a_ledger_that_is_never_answered_is_tried_once_more_and_is_unreadable() {
    let stage = two_regions().await;
    stage
        .world
        .fault(silence("GetObject").target("ledger.json"));
    let error = stage.invoke(json!({})).await.expect_err("no ledger");
    assert_eq!(error.kind(), "LedgerUnreadable", "{}", error.to_report());
    assert_eq!(
        attempts(&stage, "GetObject", "ledger.json", REGION),
        ATTEMPTS
    );
    assert_eq!(
        stage.world.objects(crate::support::harness::BUCKET).len(),
        0,
        "nothing is written"
    );
    stage.world.clear_faults();
    stage
        .world
        .fault(silence("GetObject").target("ledger.json").first(1));
    stage.run().await;
}

#[tokio::test]
async fn a_commit_that_is_not_answered_is_made_once_more_and_then_looked_up() {
    let stage = two_regions().await;
    stage
        .world
        .fault(silence("PutObject").target("ledger.json").first(1));
    assert_eq!(stage.run().await["digest"]["status"], "published");
    assert_eq!(
        attempts(&stage, "PutObject", "ledger.json", REGION),
        1 + 2,
        "the silence, the commit, the settling"
    );

    stage.world.forget_calls();
    stage
        .world
        .fault(silence("PutObject").target("ledger.json"));
    let error = stage.invoke(json!({})).await.expect_err("no commit");
    assert_eq!(error.kind(), "StoreFailed", "{}", error.to_report());
    let commits = attempts(&stage, "PutObject", "snapshots/dt=", REGION);
    assert_eq!(
        attempts(&stage, "PutObject", "ledger.json", REGION),
        ATTEMPTS * commits,
        "each commit"
    );
    assert!(commits <= 5, "{commits}");
    assert_eq!(
        stage.digests().len(),
        1,
        "nothing is told that is not committed"
    );
}

#[tokio::test]
async fn a_topic_that_never_answers_costs_two_attempts_and_the_other_is_told() {
    let mut stage = two_regions().await;
    stage.set("CHAT_TOPIC_ARN", CHAT);
    stage.world.create_topic(CHAT);
    stage.world.fault(silence("Publish").target(CHAT));
    let error = stage.invoke(json!({})).await.expect_err("chat is silent");
    assert_eq!(error.kind(), "PublishFailed", "{}", error.to_report());
    assert_eq!(attempts(&stage, "Publish", CHAT, REGION), ATTEMPTS);
    assert_eq!(stage.publishes(TOPIC).len(), 1);
    stage.world.clear_faults();
    stage.pass(15);
    stage.world.fault(silence("Publish").target(CHAT).first(1));
    stage.run().await;
    assert_eq!(
        stage.publishes(CHAT).len(),
        1,
        "by the next run, at its second attempt"
    );
}

/// The body of an object comes after its answer, beyond the SDK's own retries.
#[tokio::test]
async fn a_ledger_that_is_cut_off_once_costs_one_attempt_more() {
    let stage = two_regions().await;
    stage.run().await;
    stage.world.forget_calls();
    stage.world.fault(
        Fault::new(Effect::CutOff)
            .operation("GetObject")
            .target("ledger.json")
            .first(1),
    );
    let answer = stage.run().await;
    assert_eq!(
        (&answer["outcome"], &answer["complete"]),
        (&json!("committed"), &json!(true))
    );
    assert_eq!(stage.digests().len(), 1, "what was told is known");
}

#[tokio::test]
async fn a_ledger_that_is_cut_off_every_time_is_unreadable_and_not_written() {
    let stage = two_regions().await;
    stage.run().await;
    let before = stage.document("ledger.json");
    stage.world.fault(
        Fault::new(Effect::CutOff)
            .operation("GetObject")
            .target("ledger.json"),
    );
    let error = stage
        .invoke(json!({}))
        .await
        .expect_err("no ledger, no run");
    assert_eq!(error.kind(), "LedgerUnreadable");
    stage.world.clear_faults();
    assert_eq!(stage.document("ledger.json"), before);
}
