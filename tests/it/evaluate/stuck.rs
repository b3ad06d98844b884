//! Stuck members: member accounts that have been in progress for too long count as failing.

use packwatch_simulation::{Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{OWN, REGION, TestEnv, keys, time};

const ACCOUNT: &str = "222233334444";
const MEMBERS: &str = "GetOrganizationConformancePackDetailedStatus";

/// Sets the status of a member account with its update time.
fn member_since(env: &TestEnv, account: &str, status: &str, since: &str) {
    let record = StatusRecord {
        updated: Some(time(since)),
        ..StatusRecord::new(status)
    };
    env.world
        .put_member(OWN, REGION, "baseline", account, record);
}

/// Returns an organization with one pack, in which one member has been in progress since 07:00 of
/// the day before the test begins at 08:00.
async fn stuck_env() -> TestEnv {
    let env = TestEnv::new().await;
    env.pack("baseline", "CREATE_SUCCESSFUL");
    member_since(&env, ACCOUNT, "CREATE_IN_PROGRESS", "2026-02-28T07:00:00Z");
    env
}

fn last_digest(env: &TestEnv) -> Value {
    env.digests().pop().expect("a digest")
}

fn failing_accounts(env: &TestEnv) -> Value {
    env.latest()["packs"][0]["failing_accounts"].clone()
}

#[tokio::test]
async fn member_in_progress_for_a_day_opens_and_clears() {
    let env = stuck_env().await;
    let response = env.run().await;
    assert_eq!(response["totals"]["stuck"], 1);
    assert_eq!(response["totals"]["failures"], 1);
    let failure = &failing_accounts(&env)[0];
    assert_eq!(failure["stuck"], true);
    assert_eq!(failure["status"], "CREATE_IN_PROGRESS");
    assert_eq!(failure["failing_since"], "2026-02-28T07:00:00Z");
    assert_eq!(
        keys(&last_digest(&env)["appeared"]),
        ["baseline/222233334444"]
    );
    env.member("baseline", ACCOUNT, "CREATE_SUCCESSFUL");
    let response = env.run().await;
    assert_eq!(response["totals"]["stuck"], 0);
    let last = last_digest(&env);
    assert_eq!(last["cleared"][0]["resolution"], "recovered");
    assert_eq!(last["cleared"][0]["last_status"], "CREATE_IN_PROGRESS");
}

#[tokio::test]
async fn member_is_stuck_at_exactly_the_set_age() {
    let env = TestEnv::new().await;
    env.pack("baseline", "CREATE_SUCCESSFUL");
    member_since(&env, ACCOUNT, "UPDATE_IN_PROGRESS", "2026-02-28T08:00:01Z");
    env.run().await;
    assert_eq!(failing_accounts(&env), json!([]));
    env.advance_seconds(-15 * 60 + 1);
    env.run().await;
    assert_eq!(failing_accounts(&env)[0]["stuck"], true);
}

#[tokio::test]
async fn newer_time_in_progress_keeps_stuck_member_open() {
    let env = stuck_env().await;
    env.run().await;
    member_since(&env, ACCOUNT, "UPDATE_IN_PROGRESS", "2026-03-01T08:10:00Z");
    let response = env.run().await;
    assert_eq!(response["totals"]["stuck"], 1);
    assert_eq!(failing_accounts(&env)[0]["status"], "UPDATE_IN_PROGRESS");
}

#[tokio::test]
async fn stuck_member_that_fails_stays_open_and_is_not_stuck() {
    let env = stuck_env().await;
    env.run().await;
    let sent = env.digests().len();
    env.member("baseline", ACCOUNT, "CREATE_FAILED");
    let response = env.run().await;
    assert_eq!(response["totals"]["stuck"], 0);
    assert_eq!(response["totals"]["failures"], 1);
    assert_eq!(env.digests().len(), sent, "it is the same failure");
}

#[tokio::test]
async fn failure_in_progress_for_a_day_becomes_stuck() {
    let env = TestEnv::failing().await;
    env.run().await;
    member_since(&env, ACCOUNT, "UPDATE_IN_PROGRESS", "2026-03-01T08:10:00Z");
    env.run().await;
    assert_eq!(failing_accounts(&env)[0]["stuck"], false);
    env.advance_minutes(24 * 60);
    env.run().await;
    assert_eq!(failing_accounts(&env)[0]["stuck"], true);
}

#[tokio::test]
async fn setting_that_no_longer_counts_it_ends_watch() {
    for hours in ["0", "48"] {
        let mut env = stuck_env().await;
        env.run().await;
        env.set("STUCK_AFTER_HOURS", hours);
        let error = env.invoke(json!({"packs": ["base*"]})).await;
        error.expect("a narrowed run");
        assert_eq!(
            env.document("ledger.json")["open"].as_array().map(Vec::len),
            Some(1),
            "a narrowed run does not know what the settings no longer cover"
        );
        env.run().await;
        assert_eq!(failing_accounts(&env), json!([]));
        let last = last_digest(&env);
        assert_eq!(last["unwatched"][0]["resolution"], "unwatched", "{hours}");
        assert_eq!(last["cleared"], json!([]));
    }
}

#[tokio::test]
async fn failure_in_progress_outlives_the_setting() {
    let mut env = TestEnv::failing().await;
    env.run().await;
    member_since(&env, ACCOUNT, "UPDATE_IN_PROGRESS", "2026-02-28T07:00:00Z");
    env.run().await;
    assert_eq!(failing_accounts(&env)[0]["stuck"], true);
    env.set("STUCK_AFTER_HOURS", "0");
    env.run().await;
    let failure = &failing_accounts(&env)[0];
    assert_eq!(failure["stuck"], false);
    assert_eq!(failure["change"], "ongoing", "it has failed before");
}

#[tokio::test]
async fn member_without_time_and_pack_are_never_stuck() {
    let env = TestEnv::new().await;
    let record = StatusRecord {
        updated: Some(time("2026-01-01T00:00:00Z")),
        ..StatusRecord::new("CREATE_IN_PROGRESS")
    };
    env.world.put_pack(OWN, REGION, "baseline", record);
    let record = StatusRecord {
        updated: None,
        ..StatusRecord::new("CREATE_IN_PROGRESS")
    };
    env.world
        .put_member(OWN, REGION, "baseline", ACCOUNT, record);
    let response = env.run().await;
    assert_eq!(response["totals"]["open_total"], 0);
}

#[tokio::test]
async fn failing_pack_with_stuck_member_is_attributed_to_it() {
    let env = stuck_env().await;
    env.pack("baseline", "CREATE_FAILED");
    env.run().await;
    let response = env.run().await;
    assert_eq!(response["totals"]["failures"], 1);
    assert_eq!(env.latest()["packs"][0]["failing_since"], json!(null));
}

/// Runs once and returns the number of calls for members.
async fn member_calls(env: &TestEnv) -> usize {
    env.world.forget_calls();
    env.run().await;
    let calls = env.world.calls();
    let members = calls
        .iter()
        .filter(|call| call.service == Service::Config && call.operation == MEMBERS);
    members.count()
}

fn account(number: u64) -> String {
    (200_000_000_001 + number).to_string()
}

#[tokio::test]
async fn large_pack_finds_stuck_members_within_a_day() {
    let env = TestEnv::new().await;
    env.pack("baseline", "CREATE_SUCCESSFUL");
    for number in 0..1_000 {
        env.member("baseline", &account(number), "CREATE_SUCCESSFUL");
    }
    env.run().await;
    assert_eq!(
        member_calls(&env).await,
        3,
        "an ordinary run where nothing is stuck asks for the failing ones alone"
    );
    for number in 0..2 {
        member_since(
            &env,
            &account(number),
            "UPDATE_IN_PROGRESS",
            "2026-02-28T07:00:00Z",
        );
    }
    let mut runs = 0;
    while env.latest()["totals"]["stuck"] == 0 {
        env.advance_minutes(45);
        env.run().await;
        runs += 1;
        assert!(runs <= 25, "the daily full read finds them");
    }
    assert_eq!(env.latest()["totals"]["stuck"], 2);
    env.run().await;
    assert_eq!(
        member_calls(&env).await,
        3 + 2,
        "two stuck members are asked for by name"
    );
    assert_eq!(env.latest()["totals"]["stuck"], 2);
}

#[tokio::test]
async fn large_pack_with_500_stuck_members_is_read_in_full() {
    let env = TestEnv::new().await;
    env.pack("baseline", "CREATE_SUCCESSFUL");
    for number in 0..1_000 {
        if number < 500 {
            member_since(
                &env,
                &account(number),
                "UPDATE_IN_PROGRESS",
                "2026-02-28T07:00:00Z",
            );
        } else {
            env.member("baseline", &account(number), "CREATE_SUCCESSFUL");
        }
    }
    let mut runs = 0;
    env.run().await;
    while env.latest()["totals"]["stuck"] != 500 {
        env.advance_minutes(45);
        env.run().await;
        runs += 1;
        assert!(runs <= 25, "the daily full read finds them");
    }
    assert_eq!(member_calls(&env).await, 10, "ten pages, not 500 names");
    assert_eq!(env.latest()["totals"]["stuck"], 500);
}
