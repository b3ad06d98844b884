//! Runs that look at a part: what is outside says nothing, and settings that cover less.

use packwatch_simulation::{Fault, Service, StatusRecord};
use serde_json::json;

use crate::support::harness::{OWN, REGION, TestEnv, keys};

const ACCOUNT: &str = "222233334444";
const OTHER: &str = "333344445555";

/// Two packs, each failing in two accounts.
async fn two_packs() -> TestEnv {
    let stage = TestEnv::new().await;
    for pack in ["baseline", "guardrails"] {
        stage.pack(pack, "UPDATE_SUCCESSFUL");
        stage.member(pack, ACCOUNT, "UPDATE_FAILED");
        stage.member(pack, OTHER, "UPDATE_FAILED");
    }
    stage
}

#[tokio::test]
async fn a_run_of_one_pack_tells_of_that_pack_and_counts_its_scope() {
    let stage = two_packs().await;
    let answer = stage
        .invoke(json!({"packs": ["base*"]}))
        .await
        .expect("a run");
    assert_eq!(
        (&answer["totals"]["failures"], &answer["totals"]["open_all"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(
        keys(&stage.digests()[0]["appeared"]),
        ["baseline/222233334444", "baseline/333344445555"]
    );
    stage.pass(15);
    stage.run().await;
    assert_eq!(
        keys(&stage.digests()[1]["appeared"]),
        ["guardrails/222233334444", "guardrails/333344445555"]
    );
    stage.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    stage.member("guardrails", ACCOUNT, "UPDATE_SUCCESSFUL");
    let answer = stage
        .invoke(json!({"packs": ["guard*"]}))
        .await
        .expect("a run");
    assert_eq!(
        (&answer["totals"]["failures"], &answer["totals"]["open_all"]),
        (&json!(1), &json!(3))
    );
    assert_eq!(
        stage.publishes(crate::support::harness::TOPIC)[2].attributes["open"].value,
        "3"
    );
    assert_eq!(
        keys(&stage.digests()[2]["cleared"]),
        ["guardrails/222233334444"]
    );
    assert_eq!(
        stage.snapshot(&answer)["run"]["scope"]["packs"],
        json!(["guard*"])
    );
    assert_eq!(
        stage.snapshot(&answer)["packs"].as_array().unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_run_of_one_account_says_nothing_of_packs_themselves() {
    let stage = two_packs().await;
    stage.pack("alone", "CREATE_FAILED");
    for _ in 0..2 {
        let answer = stage
            .invoke(json!({"accounts": [ACCOUNT]}))
            .await
            .expect("a run");
        assert_eq!(answer["totals"]["failures"], 2, "{answer}");
        let snapshot = stage.snapshot(&answer);
        assert_eq!(snapshot["run"]["scope"]["accounts"], json!([ACCOUNT]));
        assert_eq!(
            snapshot["packs"][0]["failing_since"],
            json!(null),
            "the pack itself is out of scope"
        );
        stage.pass(15);
    }
    assert_eq!(stage.digests().len(), 1);
    assert_eq!(
        keys(&stage.digests()[0]["appeared"]),
        ["baseline/222233334444", "guardrails/222233334444"]
    );
}

#[tokio::test]
async fn what_runs_of_one_account_cannot_read_is_told_and_ends_with_a_reading_of_all() {
    let stage = two_packs().await;
    stage.run().await;
    let fault = Fault::error(400, "AccessDeniedException", "no").service(Service::Config);
    stage.world.fault(
        fault
            .operation("GetOrganizationConformancePackDetailedStatus")
            .target("guardrails"),
    );
    for (state, told) in [("began", 1), ("lasting", 2), ("lasting", 2)] {
        let answer = stage
            .invoke(json!({"accounts": [ACCOUNT]}))
            .await
            .expect("a run");
        assert_eq!(stage.snapshot(&answer)["gaps"][0]["state"], state);
        assert_eq!(stage.digests().len(), told, "{state}");
        stage.pass(15);
    }
    assert_eq!(stage.digests()[1]["gaps"][0]["pack"], "guardrails");
    stage.world.clear_faults();
    stage
        .invoke(json!({"accounts": [ACCOUNT]}))
        .await
        .expect("a run");
    assert_eq!(
        stage.digests().len(),
        2,
        "what is read for one account is not read whole"
    );
    stage.pass(15);
    stage.run().await;
    assert_eq!(stage.digests()[2]["gaps"][0]["state"], "ended");
}

#[tokio::test]
async fn a_run_of_one_region_leaves_the_others_as_they_were() {
    let mut stage = two_packs().await;
    stage.set("REGIONS", "eu-west-1,us-east-1");
    stage.world.put_member(
        OWN,
        "us-east-1",
        "far",
        ACCOUNT,
        StatusRecord::new("CREATE_FAILED"),
    );
    stage.run().await;
    stage.world.put_member(
        OWN,
        "us-east-1",
        "far",
        ACCOUNT,
        StatusRecord::new("CREATE_SUCCESSFUL"),
    );
    let answer = stage
        .invoke(json!({"regions": [REGION]}))
        .await
        .expect("a run");
    assert_eq!(
        (&answer["digest"]["status"], &answer["totals"]["open_all"]),
        (&json!("none"), &json!(5))
    );
    stage.pass(15);
    stage.run().await;
    assert_eq!(keys(&stage.digests()[1]["cleared"]), ["far/222233334444"]);
}

#[tokio::test]
async fn a_pack_that_is_excluded_is_unwatched_and_appears_again_when_it_is_included() {
    let mut stage = two_packs().await;
    stage.run().await;
    stage.set("EXCLUDE_PACKS", "guard*");
    let answer = stage.run().await;
    assert_eq!(
        (&answer["totals"]["packs"], &answer["totals"]["failures"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(
        keys(&stage.digests()[1]["unwatched"]),
        ["guardrails/222233334444", "guardrails/333344445555"]
    );
    stage.set("EXCLUDE_PACKS", "");
    stage.run().await;
    assert_eq!(
        keys(&stage.digests()[2]["appeared"]),
        ["guardrails/222233334444", "guardrails/333344445555"]
    );
}

#[tokio::test]
async fn an_ignored_account_is_recorded_and_told_when_it_is_no_longer_ignored() {
    let mut stage = two_packs().await;
    stage.set("IGNORE_ACCOUNTS", ACCOUNT);
    let answer = stage.run().await;
    assert_eq!(
        (&answer["totals"]["failures"], &answer["totals"]["ignored"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(
        keys(&stage.digests()[0]["appeared"]),
        ["baseline/333344445555", "guardrails/333344445555"]
    );
    let account = &stage.latest()["packs"][0]["failing_accounts"][0];
    assert_eq!(
        (
            &account["account_id"],
            &account["ignored"],
            &account["change"]
        ),
        (&json!(ACCOUNT), &json!(true), &json!("early"))
    );
    stage.set("IGNORE_ACCOUNTS", "");
    stage.run().await;
    assert_eq!(
        keys(&stage.digests()[1]["appeared"]),
        ["baseline/222233334444", "guardrails/222233334444"]
    );
}

#[tokio::test]
async fn objects_lie_under_the_prefix() {
    let mut stage = two_packs().await;
    stage.set("SNAPSHOT_PREFIX", "config/packs");
    stage.run().await;
    let names: Vec<String> = stage
        .world
        .objects(crate::support::harness::BUCKET)
        .into_keys()
        .collect();
    assert_eq!(
        names,
        [
            "config/packs/latest.json",
            "config/packs/ledger.json",
            "config/packs/snapshots/dt=2026-03-01/20260301T080000Z_run-1.json"
        ]
    );
}
