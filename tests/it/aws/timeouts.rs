//! Services that accept a connection and never respond: a call is retried once after a timeout, and
//! the run continues. The tests count the attempts that arrive and do not measure time.

use std::time::Duration;

use packwatch_simulation::{Effect, Fault, Service, StatusRecord};
use serde_json::json;

use crate::support::harness::{BUCKET, CHAT, OWN, REGION, TOPIC, TestEnv, keys};

const ACCOUNT: &str = "222233334444";
const FAR: &str = "us-east-1";
const LIST: &str = "DescribeOrganizationConformancePackStatuses";
const MEMBERS: &str = "GetOrganizationConformancePackDetailedStatus";
/// Attempts of a call that gets no response: the first one and one retry.
const ATTEMPTS: usize = 2;

/// Returns an organization with one failing member in each of two regions, and short timeouts.
async fn two_regions() -> TestEnv {
    let mut env = TestEnv::new().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    env.timeouts.attempt = Duration::from_millis(400);
    env.timeouts.initial_backoff = Duration::from_millis(1);
    env.timeouts.max_backoff = Duration::from_millis(1);
    for region in [REGION, FAR] {
        env.world.put_pack(
            OWN,
            region,
            "baseline",
            StatusRecord::new("UPDATE_SUCCESSFUL"),
        );
        env.world.put_member(
            OWN,
            region,
            "baseline",
            ACCOUNT,
            StatusRecord::new("UPDATE_FAILED"),
        );
    }
    env
}

fn no_response(operation: &str) -> Fault {
    Fault::new(Effect::NoResponse).operation(operation)
}

/// Returns the number of attempts of an operation in a region whose target contains `target`.
fn attempts(env: &TestEnv, operation: &str, target: &str, region: &str) -> usize {
    let calls = env.world.calls().into_iter();
    calls
        .filter(|call| {
            call.operation == operation && call.target.contains(target) && call.region == region
        })
        .count()
}

#[tokio::test]
async fn call_is_retried_after_one_timeout() {
    for operation in [LIST, MEMBERS] {
        let env = two_regions().await;
        env.world.fault(no_response(operation).region(FAR).first(1));
        let response = env.run().await;
        assert_eq!(
            (&response["complete"], &response["totals"]["failures"]),
            (&json!(true), &json!(2))
        );
        assert_eq!(attempts(&env, operation, "", FAR), ATTEMPTS, "{operation}");
        assert_eq!(attempts(&env, operation, "", REGION), 1, "{operation}");
    }
}

#[tokio::test]
async fn unresponsive_source_costs_two_attempts_and_one_gap() {
    let env = two_regions().await;
    env.run().await;
    env.world.put_member(
        OWN,
        REGION,
        "baseline",
        ACCOUNT,
        StatusRecord::new("UPDATE_SUCCESSFUL"),
    );
    for (operation, gap) in [(LIST, json!(null)), (MEMBERS, json!("baseline"))] {
        env.world.forget_calls();
        env.world.fault(no_response(operation).region(FAR));
        let response = env.run().await;
        let snapshot = env.snapshot(&response);
        assert_eq!(attempts(&env, operation, "", FAR), ATTEMPTS, "{operation}");
        let gaps = (
            &snapshot["gaps"][0]["region"],
            &snapshot["gaps"][0]["pack"],
            &snapshot["gaps"][0]["code"],
        );
        assert_eq!(gaps, (&json!(FAR), &gap, &json!("Timeout")), "{operation}");
        assert_eq!(snapshot["gaps"].as_array().unwrap().len(), 1);
        assert_eq!(
            keys(&snapshot["unconfirmed"]),
            ["baseline/222233334444"],
            "{operation}"
        );
        assert_eq!(
            snapshot["packs"][0]["coverage"], "full",
            "{operation}: the other source is read in full"
        );
        env.world.clear_faults();
    }
    assert_eq!(
        keys(&env.digests()[1]["cleared"]),
        ["baseline/222233334444"],
        "the failure of the responsive source clears"
    );
}

#[tokio::test]
async fn timeout_does_not_reduce_retries_of_other_errors() {
    for effect in [Effect::Throttle, Effect::InternalError] {
        let env = two_regions().await;
        let far = |effect: Effect| Fault::new(effect).operation(LIST).region(FAR);
        env.world.fault(far(Effect::NoResponse).nth(2));
        env.world.fault(far(effect.clone()).first(9));
        assert_eq!(env.run().await["complete"], true, "{effect:?}");
        assert_eq!(attempts(&env, LIST, "", FAR), 10, "{effect:?}");
        env.world.clear_faults();
        env.world.forget_calls();
        env.world.fault(far(effect.clone()));
        assert_eq!(env.run().await["complete"], false, "{effect:?}");
        assert_eq!(
            attempts(&env, LIST, "", FAR),
            10,
            "{effect:?} in every attempt"
        );
    }
}

#[tokio::test]
async fn assume_role_timeout_costs_two_attempts_per_region() {
    let mut env = two_regions().await;
    let role = "arn:aws:iam::444455556666:role/reader";
    env.world.allow_role(role, None);
    env.set("ROLE_ARNS", &format!("self,{role}"));
    env.world.fault(no_response("AssumeRole"));
    let response = env.run().await;
    assert_eq!(
        (&response["totals"]["gaps"], &response["totals"]["failures"]),
        (&json!(2), &json!(2))
    );
    let attempts = env
        .world
        .calls()
        .into_iter()
        .filter(|call| call.operation == "AssumeRole")
        .count();
    assert!(
        (1..=2 * ATTEMPTS).contains(&attempts),
        "{attempts} attempts"
    );
}

#[tokio::test]
async fn identity_call_is_retried_once_after_timeout() {
    let env = two_regions().await;
    env.world.fault(no_response("GetCallerIdentity").first(1));
    assert_eq!(env.run().await["complete"], true);
    env.world.fault(no_response("GetCallerIdentity"));
    env.world.forget_calls();
    let error = env
        .invoke(json!({}))
        .await
        .expect_err("the caller cannot be identified");
    assert_eq!(error.kind(), "AllSourcesFailed", "{}", error.to_report());
    let attempts = env
        .world
        .calls()
        .into_iter()
        .filter(|call| call.service == Service::Sts)
        .count();
    assert_eq!(attempts, ATTEMPTS);
}

#[tokio::test]
async fn ledger_read_is_retried_once_after_timeout_and_then_fails() {
    let env = two_regions().await;
    env.world
        .fault(no_response("GetObject").target("ledger.json"));
    let error = env
        .invoke(json!({}))
        .await
        .expect_err("the ledger cannot be read");
    assert_eq!(error.kind(), "LedgerUnreadable", "{}", error.to_report());
    assert_eq!(attempts(&env, "GetObject", "ledger.json", REGION), ATTEMPTS);
    assert_eq!(
        env.world.objects(BUCKET).len(),
        0,
        "the run writes no object"
    );
    env.world.clear_faults();
    env.world
        .fault(no_response("GetObject").target("ledger.json").first(1));
    env.run().await;
}

#[tokio::test]
async fn commit_is_retried_once_after_timeout_and_then_checked() {
    let env = two_regions().await;
    env.world
        .fault(no_response("PutObject").target("ledger.json").first(1));
    assert_eq!(env.run().await["digest"]["status"], "published");
    assert_eq!(
        attempts(&env, "PutObject", "ledger.json", REGION),
        1 + 2,
        "the timed-out attempt, the commit, and the settle"
    );

    env.world.forget_calls();
    env.world
        .fault(no_response("PutObject").target("ledger.json"));
    let error = env
        .invoke(json!({}))
        .await
        .expect_err("the ledger cannot be written");
    assert_eq!(error.kind(), "StoreFailed", "{}", error.to_report());
    let commits = attempts(&env, "PutObject", "snapshots/dt=", REGION);
    assert_eq!(
        attempts(&env, "PutObject", "ledger.json", REGION),
        ATTEMPTS * commits,
        "each commit makes two attempts"
    );
    assert!(commits <= 5, "{commits} commits");
    assert_eq!(
        env.digests().len(),
        1,
        "uncommitted changes are not notified"
    );
}

#[tokio::test]
async fn unresponsive_topic_costs_two_attempts_and_affects_no_other() {
    let mut env = two_regions().await;
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.world.create_topic(CHAT);
    env.world.fault(no_response("Publish").target(CHAT));
    let error = env
        .invoke(json!({}))
        .await
        .expect_err("the chat topic does not respond");
    assert_eq!(error.kind(), "PublishFailed", "{}", error.to_report());
    assert_eq!(attempts(&env, "Publish", CHAT, REGION), ATTEMPTS);
    assert_eq!(env.publishes(TOPIC).len(), 1);
    env.world.clear_faults();
    env.advance_minutes(15);
    env.world
        .fault(no_response("Publish").target(CHAT).first(1));
    env.run().await;
    assert_eq!(
        env.publishes(CHAT).len(),
        1,
        "the next run publishes the digest in its second attempt"
    );
}

/// The SDK does not retry the body of an object, which arrives after the response headers.
#[tokio::test]
async fn ledger_truncated_once_is_read_again() {
    let env = two_regions().await;
    env.run().await;
    env.world.forget_calls();
    env.world.fault(
        Fault::new(Effect::CutOff)
            .operation("GetObject")
            .target("ledger.json")
            .first(1),
    );
    let response = env.run().await;
    assert_eq!(
        (&response["outcome"], &response["complete"]),
        (&json!("committed"), &json!(true))
    );
    assert_eq!(
        env.digests().len(),
        1,
        "the ledger still records that the failure was notified"
    );
}

#[tokio::test]
async fn ledger_truncated_every_time_is_unreadable_and_kept() {
    let env = two_regions().await;
    env.run().await;
    let before = env.document("ledger.json");
    env.world.fault(
        Fault::new(Effect::CutOff)
            .operation("GetObject")
            .target("ledger.json"),
    );
    let error = env
        .invoke(json!({}))
        .await
        .expect_err("the ledger cannot be read");
    assert_eq!(error.kind(), "LedgerUnreadable");
    env.world.clear_faults();
    assert_eq!(env.document("ledger.json"), before);
}
