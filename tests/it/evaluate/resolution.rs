//! Resolutions: the evidence that clears a failure, and what does not clear it.

use packwatch_simulation::{Effect, Fault, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{OWN, REGION, TestEnv, keys};

const ACCOUNT: &str = "222233334444";

/// Returns an organization with one failing member account that the topic was notified of.
async fn notified_failure() -> TestEnv {
    let env = TestEnv::new().await;
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    env.member("baseline", ACCOUNT, "UPDATE_FAILED");
    env.member("baseline", "333344445555", "UPDATE_SUCCESSFUL");
    env.run().await;
    assert_eq!(env.digests().len(), 1);
    env
}

/// Returns an organization with a pack that fails without a failing member account. The topic was
/// notified of it.
async fn notified_pack_failure() -> TestEnv {
    let env = TestEnv::new().await;
    env.pack("baseline", "CREATE_FAILED");
    env.member("baseline", ACCOUNT, "CREATE_SUCCESSFUL");
    env.run().await;
    env.world.forget_publishes();
    env.run().await;
    env
}

/// Returns the key and the resolution of every cleared failure of a digest.
fn resolutions(digest: &Value) -> Vec<(String, String)> {
    let records = digest["cleared"].as_array().unwrap();
    keys(&digest["cleared"])
        .into_iter()
        .zip(
            records
                .iter()
                .map(|record| record["resolution"].as_str().unwrap().to_owned()),
        )
        .collect()
}

fn one(key: &str, resolution: &str) -> Vec<(String, String)> {
    vec![(key.to_owned(), resolution.to_owned())]
}

#[tokio::test]
async fn deleted_pack_clears_its_failures() {
    let env = notified_failure().await;
    env.world.remove_pack(OWN, REGION, "baseline");
    env.run().await;
    assert_eq!(
        resolutions(&env.digests()[1]),
        one("baseline/222233334444", "pack_removed")
    );
}

#[tokio::test]
async fn pack_with_deleted_status_counts_as_removed() {
    let env = notified_failure().await;
    env.pack("baseline", "DELETE_SUCCESSFUL");
    let response = env.run().await;
    assert_eq!(response["totals"]["packs"], 0);
    assert_eq!(
        resolutions(&env.digests()[1]),
        one("baseline/222233334444", "pack_removed")
    );
}

#[tokio::test]
async fn pack_removed_from_paged_listing_is_confirmed_by_name() {
    let env = notified_failure().await;
    env.pack("another", "UPDATE_SUCCESSFUL");
    env.pack("a-third", "UPDATE_SUCCESSFUL");
    env.world.remove_pack(OWN, REGION, "baseline");
    env.world.page_size(Some(1));
    env.world.forget_calls();
    env.run().await;
    assert!(
        env.world
            .calls()
            .iter()
            .any(|call| call.target == "baseline" && call.code.is_some()),
        "the pack is read by its name"
    );
    assert_eq!(
        resolutions(&env.digests()[1]),
        one("baseline/222233334444", "pack_removed")
    );
}

#[tokio::test]
async fn account_missing_from_stable_pack_clears_as_removed() {
    for status in [None, Some("DELETE_SUCCESSFUL")] {
        let env = notified_failure().await;
        match status {
            None => env.world.remove_member(OWN, REGION, "baseline", ACCOUNT),
            Some(status) => env.member("baseline", ACCOUNT, status),
        }
        env.run().await;
        assert_eq!(
            resolutions(&env.digests()[1]),
            one("baseline/222233334444", "account_removed")
        );
    }
}

#[tokio::test]
async fn account_missing_from_in_progress_pack_clears_after_hour() {
    let env = notified_failure().await;
    env.pack("baseline", "UPDATE_IN_PROGRESS");
    env.world.remove_member(OWN, REGION, "baseline", ACCOUNT);
    for _ in 0..4 {
        assert_eq!(env.run().await["totals"]["failures"], 1);
    }
    assert_eq!(env.digests().len(), 1);
    env.run().await;
    assert_eq!(
        resolutions(&env.digests()[1]),
        one("baseline/222233334444", "account_removed")
    );
}

#[tokio::test]
async fn account_returning_to_in_progress_pack_stays_open() {
    let env = notified_failure().await;
    env.pack("baseline", "UPDATE_IN_PROGRESS");
    for _ in 0..3 {
        env.world.remove_member(OWN, REGION, "baseline", ACCOUNT);
        env.run().await;
        env.run().await;
        env.member("baseline", ACCOUNT, "UPDATE_IN_PROGRESS");
        env.run().await;
    }
    assert_eq!(
        env.digests().len(),
        1,
        "the account is never absent for a full hour"
    );
}

#[tokio::test]
async fn failure_in_recreated_pack_stays_ongoing() {
    let env = notified_failure().await;
    let row = StatusRecord::new("CREATE_FAILED").pack_name("OrgConformsPack-baseline-zzzzzzzz");
    env.world.put_member(OWN, REGION, "baseline", ACCOUNT, row);
    let response = env.run().await;
    assert_eq!(response["digest"]["status"], "none");
    let account = &env.latest()["packs"][0]["failing_accounts"][0];
    assert_eq!(account["change"], "ongoing");
    assert_eq!(
        account["conformance_pack_name"],
        "OrgConformsPack-baseline-zzzzzzzz"
    );
}

#[tokio::test]
async fn unknown_status_is_kept_and_classified_by_suffix() {
    let env = notified_failure().await;
    env.member("baseline", "444455556666", "ROLLBACK_FAILED");
    env.member("baseline", ACCOUNT, "WONDERING");
    let response = env.run().await;
    assert_eq!(
        response["totals"]["failures"], 2,
        "an unknown failed status, and one in progress"
    );
    let accounts = env.latest()["packs"][0]["failing_accounts"].clone();
    assert_eq!(
        (&accounts[0]["status"], &accounts[1]["status"]),
        (&json!("WONDERING"), &json!("ROLLBACK_FAILED"))
    );
    env.member("baseline", ACCOUNT, "IMPORT_SUCCESSFUL");
    env.run().await;
    assert_eq!(
        resolutions(&env.digests()[2]),
        one("baseline/222233334444", "recovered")
    );
}

#[tokio::test]
async fn record_without_optional_fields_is_accepted() {
    let env = TestEnv::new().await;
    env.pack("baseline", "CREATE_FAILED");
    env.member("baseline", ACCOUNT, "CREATE_FAILED");
    env.run().await;
    let account = &env.latest()["packs"][0]["failing_accounts"][0];
    for field in [
        "error_code",
        "error_message",
        "last_update_time",
        "account_name",
    ] {
        assert_eq!(account[field], json!(null), "{field}");
    }
    assert_eq!(account["failing_since"], "2026-03-01T08:00:00Z");
}

#[tokio::test]
async fn failing_since_starts_at_last_update_time() {
    let mut env = TestEnv::new().await;
    env.set("ANNOUNCE_AFTER_MINUTES", "60");
    env.pack("baseline", "CREATE_SUCCESSFUL");
    let row = |time: &str| StatusRecord::new("CREATE_FAILED").updated(time);
    env.world.put_member(
        OWN,
        REGION,
        "baseline",
        ACCOUNT,
        row("2026-03-01T06:30:00Z"),
    );
    env.world.put_member(
        OWN,
        REGION,
        "baseline",
        "333344445555",
        row("2026-03-02T00:00:00Z"),
    );
    env.run().await;
    assert_eq!(
        keys(&env.digests()[0]["appeared"]),
        ["baseline/222233334444"],
        "only one failure is due"
    );
    let accounts = env.latest()["packs"][0]["failing_accounts"].clone();
    assert_eq!(accounts[0]["failing_since"], "2026-03-01T06:30:00Z");
    assert_eq!(
        accounts[1]["failing_since"], "2026-03-01T08:00:00Z",
        "an update time in the future is ignored"
    );
}

#[tokio::test]
async fn in_progress_pack_clears_after_two_full_reads_an_hour_apart() {
    let env = notified_pack_failure().await;
    assert_eq!(keys(&env.digests()[0]["appeared"]), ["baseline/-"]);
    env.pack("baseline", "UPDATE_IN_PROGRESS");
    for _ in 0..4 {
        assert_eq!(env.run().await["totals"]["failures"], 1);
    }
    env.run().await;
    assert_eq!(
        resolutions(&env.digests()[1]),
        one("baseline/-", "recovered")
    );
}

#[tokio::test]
async fn in_progress_pack_stays_open_until_all_members_are_successful() {
    let env = notified_pack_failure().await;
    env.pack("baseline", "UPDATE_IN_PROGRESS");
    env.run().await;
    // The hour of success starts again after a member in progress, and after a read without members.
    env.member("baseline", "333344445555", "CREATE_IN_PROGRESS");
    for _ in 0..5 {
        assert_eq!(env.run().await["totals"]["failures"], 1);
    }
    env.world
        .remove_member(OWN, REGION, "baseline", "333344445555");
    for _ in 0..4 {
        assert_eq!(env.run().await["totals"]["failures"], 1);
    }
    env.world.remove_member(OWN, REGION, "baseline", ACCOUNT);
    for _ in 0..5 {
        assert_eq!(env.run().await["totals"]["failures"], 1);
    }
    assert_eq!(env.digests().len(), 1);
}

#[tokio::test]
async fn in_progress_pack_with_partial_read_is_not_cleared() {
    let env = TestEnv::new().await;
    env.pack("baseline", "CREATE_FAILED");
    env.member("baseline", ACCOUNT, "CREATE_SUCCESSFUL");
    env.member("baseline", "333344445555", "CREATE_SUCCESSFUL");
    env.run().await;
    env.world.forget_publishes();
    env.run().await;
    env.pack("baseline", "UPDATE_IN_PROGRESS");
    env.run().await;
    env.advance_minutes(60);
    env.world.page_size(Some(1));
    let members = "GetOrganizationConformancePackDetailedStatus";
    env.world
        .fault(Fault::new(Effect::Denied).operation(members).nth(2));
    assert_eq!(env.run().await["totals"]["unconfirmed"], 1);
    assert_eq!(
        env.digests().len(),
        1,
        "a partial read does not clear the pack"
    );
    env.world.clear_faults();
    env.run().await;
    assert_eq!(
        resolutions(&env.digests()[1]),
        one("baseline/-", "recovered")
    );
}

#[tokio::test]
async fn failed_pack_clears_when_its_status_is_successful() {
    let env = TestEnv::new().await;
    env.pack("baseline", "CREATE_FAILED");
    env.run().await;
    env.world.forget_publishes();
    env.run().await;
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    env.run().await;
    assert_eq!(
        resolutions(&env.digests()[1]),
        one("baseline/-", "recovered")
    );
}

#[tokio::test]
async fn successful_pack_with_failing_member_clears_as_attributed() {
    let env = TestEnv::new().await;
    env.pack("baseline", "CREATE_FAILED");
    env.run().await;
    env.world.forget_publishes();
    env.run().await;
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    env.member("baseline", ACCOUNT, "CREATE_FAILED");
    env.run().await;
    assert_eq!(
        resolutions(&env.digests()[1]),
        one("baseline/-", "attributed")
    );
}

#[tokio::test]
async fn failure_reopened_before_clear_is_sent_is_never_cleared() {
    let env = notified_failure().await;
    env.world
        .fault(Fault::error(403, "AuthorizationError", "no").service(Service::Sns));
    env.member("baseline", "444455556666", "UPDATE_FAILED");
    let error = env.invoke(json!({})).await.unwrap_err();
    assert_eq!(error.kind(), "PublishFailed");
    env.advance_minutes(15);
    env.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    env.invoke(json!({})).await.unwrap();
    env.advance_minutes(15);
    env.member("baseline", ACCOUNT, "UPDATE_FAILED");
    env.invoke(json!({})).await.unwrap();
    env.advance_minutes(15);
    env.world.clear_faults();
    env.run().await;
    env.run().await;
    let digests = env.digests();
    assert_eq!(digests.len(), 2);
    assert_eq!(keys(&digests[1]["appeared"]), ["baseline/444455556666"]);
    assert_eq!(digests[1]["cleared"], json!([]));
}
