//! Narrowed runs, which change nothing outside their scope, and settings that reduce the scope.

use packwatch_simulation::{Fault, Service, StatusRecord};
use serde_json::json;

use crate::support::harness::{OWN, REGION, TestEnv, keys};

const ACCOUNT: &str = "222233334444";
const OTHER: &str = "333344445555";

/// Returns an organization with two packs, each failing in two member accounts.
async fn two_packs() -> TestEnv {
    let env = TestEnv::new().await;
    for pack in ["baseline", "guardrails"] {
        env.pack(pack, "UPDATE_SUCCESSFUL");
        env.member(pack, ACCOUNT, "UPDATE_FAILED");
        env.member(pack, OTHER, "UPDATE_FAILED");
    }
    env
}

#[tokio::test]
async fn pack_scoped_run_reports_and_counts_only_that_pack() {
    let env = two_packs().await;
    let response = env
        .invoke(json!({"packs": ["base*"]}))
        .await
        .expect("the run succeeds");
    assert_eq!(
        (
            &response["totals"]["failures"],
            &response["totals"]["open_total"]
        ),
        (&json!(2), &json!(2))
    );
    assert_eq!(
        keys(&env.digests()[0]["appeared"]),
        ["baseline/222233334444", "baseline/333344445555"]
    );
    env.advance_minutes(15);
    env.run().await;
    assert_eq!(
        keys(&env.digests()[1]["appeared"]),
        ["guardrails/222233334444", "guardrails/333344445555"]
    );
    env.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    env.member("guardrails", ACCOUNT, "UPDATE_SUCCESSFUL");
    let response = env
        .invoke(json!({"packs": ["guard*"]}))
        .await
        .expect("the run succeeds");
    assert_eq!(
        (
            &response["totals"]["failures"],
            &response["totals"]["open_total"]
        ),
        (&json!(1), &json!(3))
    );
    assert_eq!(
        env.publishes(crate::support::harness::TOPIC)[2].attributes["open"].value,
        "3"
    );
    assert_eq!(
        keys(&env.digests()[2]["cleared"]),
        ["guardrails/222233334444"]
    );
    assert_eq!(
        env.snapshot(&response)["run"]["scope"]["packs"],
        json!(["guard*"])
    );
    assert_eq!(
        env.snapshot(&response)["packs"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn account_scoped_run_ignores_failures_of_pack_itself() {
    let env = two_packs().await;
    env.pack("alone", "CREATE_FAILED");
    for _ in 0..2 {
        let response = env
            .invoke(json!({"accounts": [ACCOUNT]}))
            .await
            .expect("the run succeeds");
        assert_eq!(response["totals"]["failures"], 2, "{response}");
        let snapshot = env.snapshot(&response);
        assert_eq!(snapshot["run"]["scope"]["accounts"], json!([ACCOUNT]));
        assert_eq!(
            snapshot["packs"][0]["failing_since"],
            json!(null),
            "the pack itself is out of scope"
        );
        env.advance_minutes(15);
    }
    assert_eq!(env.digests().len(), 1);
    assert_eq!(
        keys(&env.digests()[0]["appeared"]),
        ["baseline/222233334444", "guardrails/222233334444"]
    );
}

#[tokio::test]
async fn account_scoped_gap_is_reported_and_ends_with_full_read() {
    let env = two_packs().await;
    env.run().await;
    let fault = Fault::error(400, "AccessDeniedException", "no").service(Service::Config);
    env.world.fault(
        fault
            .operation("GetOrganizationConformancePackDetailedStatus")
            .target("guardrails"),
    );
    for (state, notified) in [("began", 1), ("lasting", 2), ("lasting", 2)] {
        let response = env
            .invoke(json!({"accounts": [ACCOUNT]}))
            .await
            .expect("the run succeeds");
        assert_eq!(env.snapshot(&response)["gaps"][0]["state"], state);
        assert_eq!(env.digests().len(), notified, "{state}");
        env.advance_minutes(15);
    }
    assert_eq!(env.digests()[1]["gaps"][0]["pack"], "guardrails");
    env.world.clear_faults();
    env.invoke(json!({"accounts": [ACCOUNT]}))
        .await
        .expect("the run succeeds");
    assert_eq!(
        env.digests().len(),
        2,
        "an account-scoped read does not close a gap of the pack"
    );
    env.advance_minutes(15);
    env.run().await;
    assert_eq!(env.digests()[2]["gaps"][0]["state"], "ended");
}

#[tokio::test]
async fn region_scoped_run_keeps_failures_of_other_regions() {
    let mut env = two_packs().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    env.world.put_member(
        OWN,
        "us-east-1",
        "far",
        ACCOUNT,
        StatusRecord::new("CREATE_FAILED"),
    );
    env.run().await;
    env.world.put_member(
        OWN,
        "us-east-1",
        "far",
        ACCOUNT,
        StatusRecord::new("CREATE_SUCCESSFUL"),
    );
    let response = env
        .invoke(json!({"regions": [REGION]}))
        .await
        .expect("the run succeeds");
    assert_eq!(
        (
            &response["digest"]["status"],
            &response["totals"]["open_total"]
        ),
        (&json!("none"), &json!(5))
    );
    env.advance_minutes(15);
    env.run().await;
    assert_eq!(keys(&env.digests()[1]["cleared"]), ["far/222233334444"]);
}

#[tokio::test]
async fn excluded_pack_leaves_scope_and_reappears_when_included() {
    let mut env = two_packs().await;
    env.run().await;
    env.set("EXCLUDE_PACKS", "guard*");
    let response = env.run().await;
    assert_eq!(
        (
            &response["totals"]["packs"],
            &response["totals"]["failures"]
        ),
        (&json!(1), &json!(2))
    );
    assert_eq!(
        keys(&env.digests()[1]["unwatched"]),
        ["guardrails/222233334444", "guardrails/333344445555"]
    );
    env.set("EXCLUDE_PACKS", "");
    env.run().await;
    assert_eq!(
        keys(&env.digests()[2]["appeared"]),
        ["guardrails/222233334444", "guardrails/333344445555"]
    );
}

#[tokio::test]
async fn ignored_account_is_recorded_and_reported_when_unignored() {
    let mut env = two_packs().await;
    env.set("IGNORE_ACCOUNTS", ACCOUNT);
    let response = env.run().await;
    assert_eq!(
        (
            &response["totals"]["failures"],
            &response["totals"]["ignored"]
        ),
        (&json!(2), &json!(2))
    );
    assert_eq!(
        keys(&env.digests()[0]["appeared"]),
        ["baseline/333344445555", "guardrails/333344445555"]
    );
    let account = &env.latest()["packs"][0]["failing_accounts"][0];
    assert_eq!(
        (
            &account["account_id"],
            &account["ignored"],
            &account["change"]
        ),
        (&json!(ACCOUNT), &json!(true), &json!("ignored"))
    );
    env.set("IGNORE_ACCOUNTS", "");
    env.run().await;
    assert_eq!(
        keys(&env.digests()[1]["appeared"]),
        ["baseline/222233334444", "guardrails/222233334444"]
    );
}

#[tokio::test]
async fn objects_are_stored_under_prefix() {
    let mut env = two_packs().await;
    env.set("SNAPSHOT_PREFIX", "config/packs");
    env.run().await;
    let keys: Vec<String> = env
        .world
        .objects(crate::support::harness::BUCKET)
        .into_keys()
        .collect();
    assert_eq!(
        keys,
        [
            "config/packs/latest.json",
            "config/packs/ledger.json",
            "config/packs/report.html",
            "config/packs/snapshots/dt=2026-03-01/20260301T080000Z_run-1.json"
        ]
    );
}
