//! What closes a failure, and what does not: each proof by its name.

use packwatch_simulation::{Effect, Fault, Service, StatusRecord};
use serde_json::{Value, json};

use crate::support::harness::{OWN, REGION, TestEnv, keys};

const ACCOUNT: &str = "222233334444";

async fn told() -> TestEnv {
    let stage = TestEnv::new().await;
    stage.pack("baseline", "UPDATE_SUCCESSFUL");
    stage.member("baseline", ACCOUNT, "UPDATE_FAILED");
    stage.member("baseline", "333344445555", "UPDATE_SUCCESSFUL");
    stage.run().await;
    assert_eq!(stage.digests().len(), 1);
    stage
}

fn how(digest: &Value) -> Vec<(String, String)> {
    let records = digest["cleared"].as_array().unwrap();
    keys(&digest["cleared"])
        .into_iter()
        .zip(
            records
                .iter()
                .map(|record| record["how"].as_str().unwrap().to_owned()),
        )
        .collect()
}

fn one(key: &str, how: &str) -> Vec<(String, String)> {
    vec![(key.to_owned(), how.to_owned())]
}

#[tokio::test]
async fn a_pack_that_is_deleted_clears_its_failures() {
    let stage = told().await;
    stage.world.remove_pack(OWN, REGION, "baseline");
    stage.run().await;
    assert_eq!(
        how(&stage.digests()[1]),
        one("baseline/222233334444", "pack_removed")
    );
}

#[tokio::test]
async fn a_pack_that_says_it_is_deleted_is_as_good_as_not_there() {
    let stage = told().await;
    stage.pack("baseline", "DELETE_SUCCESSFUL");
    let answer = stage.run().await;
    assert_eq!(answer["totals"]["packs"], 0);
    assert_eq!(
        how(&stage.digests()[1]),
        one("baseline/222233334444", "pack_removed")
    );
}

#[tokio::test]
async fn a_deleted_pack_is_proven_by_name_where_the_listing_has_pages() {
    let stage = told().await;
    stage.pack("another", "UPDATE_SUCCESSFUL");
    stage.pack("a-third", "UPDATE_SUCCESSFUL");
    stage.world.remove_pack(OWN, REGION, "baseline");
    stage.world.page_size(Some(1));
    stage.world.forget_calls();
    stage.run().await;
    assert!(
        stage
            .world
            .calls()
            .iter()
            .any(|call| call.target == "baseline" && call.code.is_some()),
        "asked by name"
    );
    assert_eq!(
        how(&stage.digests()[1]),
        one("baseline/222233334444", "pack_removed")
    );
}

#[tokio::test]
async fn an_account_that_leaves_a_pack_that_stands_still_is_removed() {
    for gone in [None, Some("DELETE_SUCCESSFUL")] {
        let stage = told().await;
        match gone {
            None => stage.world.remove_member(OWN, REGION, "baseline", ACCOUNT),
            Some(status) => stage.member("baseline", ACCOUNT, status),
        }
        stage.run().await;
        assert_eq!(
            how(&stage.digests()[1]),
            one("baseline/222233334444", "account_removed")
        );
    }
}

#[tokio::test]
async fn rows_that_are_missing_while_a_pack_is_rewritten_close_nothing_for_an_hour() {
    let stage = told().await;
    stage.pack("baseline", "UPDATE_IN_PROGRESS");
    stage.world.remove_member(OWN, REGION, "baseline", ACCOUNT);
    for _ in 0..4 {
        assert_eq!(stage.run().await["totals"]["failures"], 1);
    }
    assert_eq!(stage.digests().len(), 1);
    stage.run().await;
    assert_eq!(
        how(&stage.digests()[1]),
        one("baseline/222233334444", "account_removed")
    );
}

#[tokio::test]
async fn an_account_that_comes_back_while_a_pack_is_rewritten_was_never_gone() {
    let stage = told().await;
    stage.pack("baseline", "UPDATE_IN_PROGRESS");
    for _ in 0..3 {
        stage.world.remove_member(OWN, REGION, "baseline", ACCOUNT);
        stage.run().await;
        stage.run().await;
        stage.member("baseline", ACCOUNT, "UPDATE_IN_PROGRESS");
        stage.run().await;
    }
    assert_eq!(stage.digests().len(), 1, "never absent for an hour on end");
}

#[tokio::test]
async fn a_pack_recreated_under_its_name_goes_on_as_the_same() {
    let stage = told().await;
    let row = StatusRecord::new("CREATE_FAILED").pack_name("OrgConformsPack-baseline-zzzzzzzz");
    stage
        .world
        .put_member(OWN, REGION, "baseline", ACCOUNT, row);
    let answer = stage.run().await;
    assert_eq!(answer["digest"]["status"], "none");
    let account = &stage.latest()["packs"][0]["failing_accounts"][0];
    assert_eq!(account["change"], "ongoing");
    assert_eq!(
        account["conformance_pack_name"],
        "OrgConformsPack-baseline-zzzzzzzz"
    );
}

#[tokio::test]
async fn unknown_statuses_are_kept_and_read_by_their_ending() {
    let stage = told().await;
    stage.member("baseline", "444455556666", "ROLLBACK_FAILED");
    stage.member("baseline", ACCOUNT, "WONDERING");
    let answer = stage.run().await;
    assert_eq!(
        answer["totals"]["failures"], 2,
        "an unknown failing one, and one that moves"
    );
    let accounts = stage.latest()["packs"][0]["failing_accounts"].clone();
    assert_eq!(
        (&accounts[0]["status"], &accounts[1]["status"]),
        (&json!("WONDERING"), &json!("ROLLBACK_FAILED"))
    );
    stage.member("baseline", ACCOUNT, "IMPORT_SUCCESSFUL");
    stage.run().await;
    assert_eq!(
        how(&stage.digests()[2]),
        one("baseline/222233334444", "recovered")
    );
}

#[tokio::test]
async fn optional_fields_may_be_missing() {
    let stage = TestEnv::new().await;
    stage.pack("baseline", "CREATE_FAILED");
    stage.member("baseline", ACCOUNT, "CREATE_FAILED");
    stage.run().await;
    let account = &stage.latest()["packs"][0]["failing_accounts"][0];
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
async fn a_failure_is_as_old_as_its_row_says_at_first_sight() {
    let mut stage = TestEnv::new().await;
    stage.set("ANNOUNCE_AFTER_MINUTES", "60");
    stage.pack("baseline", "CREATE_SUCCESSFUL");
    let row = |time: &str| StatusRecord::new("CREATE_FAILED").updated(time);
    stage.world.put_member(
        OWN,
        REGION,
        "baseline",
        ACCOUNT,
        row("2026-03-01T06:30:00Z"),
    );
    stage.world.put_member(
        OWN,
        REGION,
        "baseline",
        "333344445555",
        row("2026-03-02T00:00:00Z"),
    );
    stage.run().await;
    assert_eq!(
        keys(&stage.digests()[0]["appeared"]),
        ["baseline/222233334444"],
        "one is old enough"
    );
    let accounts = stage.latest()["packs"][0]["failing_accounts"].clone();
    assert_eq!(accounts[0]["failing_since"], "2026-03-01T06:30:00Z");
    assert_eq!(
        accounts[1]["failing_since"], "2026-03-01T08:00:00Z",
        "a time to come is not believed"
    );
}

#[tokio::test]
async fn a_failing_pack_that_moves_is_cleared_by_two_whole_readings_an_hour_apart() {
    let stage = TestEnv::new().await;
    stage.pack("baseline", "CREATE_FAILED");
    stage.member("baseline", ACCOUNT, "CREATE_SUCCESSFUL");
    stage.run().await;
    stage.run().await;
    assert_eq!(keys(&stage.digests()[0]["appeared"]), ["baseline/-"]);
    stage.pack("baseline", "UPDATE_IN_PROGRESS");
    for _ in 0..4 {
        assert_eq!(stage.run().await["totals"]["failures"], 1);
    }
    stage.run().await;
    assert_eq!(how(&stage.digests()[1]), one("baseline/-", "recovered"));
}

#[tokio::test]
async fn a_failing_pack_that_moves_is_not_cleared_by_the_members_before_a_gap() {
    let stage = TestEnv::new().await;
    stage.pack("baseline", "CREATE_FAILED");
    stage.member("baseline", ACCOUNT, "CREATE_SUCCESSFUL");
    stage.member("baseline", "333344445555", "CREATE_SUCCESSFUL");
    stage.run().await;
    stage.run().await;
    stage.pack("baseline", "UPDATE_IN_PROGRESS");
    stage.run().await;
    stage.pass(60);
    stage.world.page_size(Some(1));
    let members = "GetOrganizationConformancePackDetailedStatus";
    stage
        .world
        .fault(Fault::new(Effect::Denied).operation(members).nth(2));
    assert_eq!(stage.run().await["totals"]["unconfirmed"], 1);
    assert_eq!(stage.digests().len(), 1, "only what was read is settled");
    stage.world.clear_faults();
    stage.run().await;
    assert_eq!(how(&stage.digests()[1]), one("baseline/-", "recovered"));
}

#[tokio::test]
async fn a_failing_pack_is_cleared_by_its_own_settled_status() {
    let stage = TestEnv::new().await;
    stage.pack("baseline", "CREATE_FAILED");
    stage.run().await;
    stage.run().await;
    stage.pack("baseline", "UPDATE_SUCCESSFUL");
    stage.run().await;
    assert_eq!(how(&stage.digests()[1]), one("baseline/-", "recovered"));
}

#[tokio::test]
async fn a_failing_pack_that_is_settled_while_a_member_fails_is_explained_and_has_not_recovered() {
    let stage = TestEnv::new().await;
    stage.pack("baseline", "CREATE_FAILED");
    stage.run().await;
    stage.run().await;
    stage.pack("baseline", "UPDATE_SUCCESSFUL");
    stage.member("baseline", ACCOUNT, "CREATE_FAILED");
    stage.run().await;
    assert_eq!(how(&stage.digests()[1]), one("baseline/-", "explained"));
}

#[tokio::test]
async fn a_failure_that_comes_back_before_its_end_was_told_is_never_told_to_have_ended() {
    let stage = told().await;
    stage
        .world
        .fault(Fault::error(403, "AuthorizationError", "no").service(Service::Sns));
    stage.member("baseline", "444455556666", "UPDATE_FAILED");
    let error = stage.invoke(json!({})).await.unwrap_err();
    assert_eq!(error.kind(), "PublishFailed");
    stage.pass(15);
    stage.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    stage.invoke(json!({})).await.unwrap_err();
    stage.pass(15);
    stage.member("baseline", ACCOUNT, "UPDATE_FAILED");
    stage.invoke(json!({})).await.unwrap_err();
    stage.pass(15);
    stage.world.clear_faults();
    stage.run().await;
    stage.run().await;
    let digests = stage.digests();
    assert_eq!(digests.len(), 2);
    assert_eq!(keys(&digests[1]["appeared"]), ["baseline/444455556666"]);
    assert_eq!(digests[1]["cleared"], json!([]));
}
