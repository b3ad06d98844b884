//! Responses that contradict other responses of the same run: an answer that a pack does not exist,
//! or a listing without it, while AWS Config has the pack by name. Only the request by name, made
//! last, shows that a pack is gone.

use packwatch_simulation::{Change, Effect, Fault};
use serde_json::{Value, json};

use crate::support::harness::{OWN, REGION, TestEnv, keys};

const LIST: &str = "DescribeOrganizationConformancePackStatuses";
const MEMBERS: &str = "GetOrganizationConformancePackDetailedStatus";
const NO_SUCH_PACK: &str = "NoSuchOrganizationConformancePackException";

fn account(number: u64) -> String {
    (200_000_000_001 + number).to_string()
}

/// Returns an organization with one pack of `members` members, of which the first three fail, after
/// the run that notified of them.
async fn env_with_pack(members: u64) -> TestEnv {
    let env = TestEnv::new().await;
    env.pack("baseline", "CREATE_SUCCESSFUL");
    for number in 0..members {
        let failing = number < 3;
        let status = if failing {
            "CREATE_FAILED"
        } else {
            "CREATE_SUCCESSFUL"
        };
        env.member("baseline", &account(number), status);
    }
    env.run().await;
    assert_eq!(keys(&env.digests()[0]["appeared"]).len(), 3);
    env
}

/// Returns a fault of requests for members, with the error for a pack that does not exist.
fn no_such_pack() -> Fault {
    Fault::error(400, NO_SUCH_PACK, "no such pack").operation(MEMBERS)
}

/// Returns a fault that makes a listing come empty.
fn empty_listing() -> Fault {
    let effect = Effect::Raw {
        status: 200,
        content_type: "application/x-amz-json-1.1".into(),
        body: "{\"OrganizationConformancePackStatuses\":[]}".into(),
    };
    Fault::new(effect).operation(LIST)
}

/// Returns the key and the resolution of every failure that the last digest cleared.
fn cleared(env: &TestEnv) -> Vec<(String, Value)> {
    let digest = env.digests().pop().expect("a digest was published");
    let records = digest["cleared"].as_array().expect("a list").clone();
    keys(&digest["cleared"])
        .into_iter()
        .zip(records.iter().map(|record| record["resolution"].clone()))
        .collect()
}

/// Asserts that a run cleared nothing, and that its only gap says that AWS Config contradicts
/// itself about the pack.
fn assert_contradiction(env: &TestEnv, response: &Value) {
    assert_eq!(
        (&response["complete"], &response["totals"]["failures"]),
        (&json!(false), &json!(3))
    );
    let gaps = env.snapshot(response)["gaps"].clone();
    assert_eq!(gaps.as_array().expect("a list").len(), 1, "{gaps}");
    let gap = (&gaps[0]["pack"], &gaps[0]["operation"], &gaps[0]["code"]);
    assert_eq!(
        gap,
        (&json!("baseline"), &json!(MEMBERS), &json!(NO_SUCH_PACK))
    );
    let message = gaps[0]["message"].as_str().expect("the gap has a message");
    assert!(message.contains("contradicts itself"), "{message}");
    assert!(
        env.digests()
            .iter()
            .all(|digest| digest["cleared"] == json!([]))
    );
}

/// One answer to a request by account must not outweigh the listing, the failing rows and the
/// request by name.
#[tokio::test]
async fn pack_denied_for_one_account_is_read_in_full() {
    let env = env_with_pack(450).await;
    env.member("baseline", &account(1), "CREATE_SUCCESSFUL");
    env.world.fault(no_such_pack().filter("AccountId"));
    let response = env.run().await;
    assert_eq!(
        response["config_calls"],
        1 + 3 + 1 + 1 + 5,
        "listing, failing members, account, pack by name, pages of all members"
    );
    let totals = (&response["complete"], &response["totals"]["failures"]);
    assert_eq!(totals, (&json!(true), &json!(2)));
    assert_eq!(env.snapshot(&response)["packs"][0]["coverage"], "full");
    let key = format!("baseline/{}", account(1));
    assert_eq!(cleared(&env), [(key, json!("recovered"))]);
}

/// The first answer does not count: the account is absent because a later request says so.
#[tokio::test]
async fn account_missing_from_full_read_is_requested_again() {
    let env = env_with_pack(450).await;
    env.world
        .remove_member(OWN, REGION, "baseline", &account(1));
    env.world.fault(no_such_pack().filter("AccountId").nth(1));
    let response = env.run().await;
    assert_eq!(
        response["config_calls"],
        1 + 3 + 1 + 1 + 5 + 1 + 1,
        "a full read as above, then the account again and the status of the pack"
    );
    assert_eq!(response["complete"], true);
    let key = format!("baseline/{}", account(1));
    assert_eq!(cleared(&env), [(key, json!("account_removed"))]);
}

/// A second contradiction ends the read: it is a gap, not evidence, and there is no third attempt.
#[tokio::test]
async fn account_denied_after_full_read_clears_only_if_absence_lasts() {
    let env = env_with_pack(450).await;
    env.world
        .remove_member(OWN, REGION, "baseline", &account(1));
    env.world.fault(no_such_pack().filter("AccountId"));
    for _ in 0..4 {
        let response = env.run().await;
        assert_eq!(response["config_calls"], 1 + 3 + 1 + 1 + 5 + 1 + 1);
        assert_eq!(
            (&response["complete"], &response["totals"]["failures"]),
            (&json!(true), &json!(3))
        );
    }
    assert_eq!(cleared(&env), []);
    env.run().await;
    let key = format!("baseline/{}", account(1));
    assert_eq!(cleared(&env), [(key, json!("account_removed"))]);
}

/// In a pack that was already read in full, only the account is requested again.
#[tokio::test]
async fn pack_read_in_full_is_not_read_again() {
    let env = env_with_pack(450).await;
    env.world.sparse_filters(true);
    env.run().await;
    env.world.sparse_filters(false);
    env.world
        .remove_member(OWN, REGION, "baseline", &account(1));
    env.world.fault(no_such_pack().filter("AccountId").nth(1));
    let response = env.run().await;
    assert_eq!(
        response["config_calls"],
        1 + 5 + 1 + 1 + 1 + 1,
        "listing, pages of all members, account, pack by name, account, status of the pack"
    );
    let key = format!("baseline/{}", account(1));
    assert_eq!(cleared(&env), [(key, json!("account_removed"))]);
}

/// The answers by account that came before the contradiction do not count either: the account that
/// they miss is requested again.
#[tokio::test]
async fn absence_before_contradiction_is_not_evidence() {
    let env = env_with_pack(450).await;
    for number in [0, 1] {
        env.world
            .remove_member(OWN, REGION, "baseline", &account(number));
    }
    let asked_first = format!("AccountId={}", account(0));
    env.world
        .fault(no_such_pack().filter(&format!("AccountId={}", account(1))));
    env.world.forget_calls();
    let response = env.run().await;
    assert_eq!(response["totals"]["failures"], 3, "nothing clears at once");
    let requests = env.world.calls().into_iter();
    let requests = requests.filter(|call| call.filter.as_ref() == Some(&asked_first));
    assert_eq!(
        requests.count(),
        2,
        "{asked_first} is asked after the full read too"
    );
}

/// A request by status that is answered so is no evidence either, and needs no gap: the full read
/// has the same rows.
#[tokio::test]
async fn pack_denied_for_one_status_is_read_in_full() {
    let env = env_with_pack(450).await;
    env.world
        .fault(no_such_pack().filter("Status=UPDATE_FAILED"));
    let response = env.run().await;
    assert_eq!(
        response["config_calls"],
        1 + 3 + 1 + 5,
        "listing, failing members, pack by name, pages of all members"
    );
    let totals = (&response["complete"], &response["totals"]["failures"]);
    assert_eq!(totals, (&json!(true), &json!(3)));
    assert_eq!(response["totals"]["unconfirmed"], 0);
    assert_eq!(env.digests().len(), 1);
}

#[tokio::test]
async fn pack_denied_for_unfiltered_page_is_gap() {
    let env = env_with_pack(10).await;
    env.world.fault(no_such_pack());
    let response = env.run().await;
    assert_eq!(
        response["config_calls"],
        1 + 1 + 1,
        "listing, members, pack by name"
    );
    assert_contradiction(&env, &response);
    assert_eq!(response["totals"]["unconfirmed"], 3);
}

/// What was read of the pack before stays: its failing members are confirmed.
#[tokio::test]
async fn pack_denied_during_daily_scan_keeps_failing_rows() {
    let env = env_with_pack(450).await;
    env.advance_minutes(24 * 60);
    env.world.fault(no_such_pack().nth(5));
    let response = env.run().await;
    assert_eq!(
        response["config_calls"],
        1 + 3 + 2 + 1,
        "listing, failing members, two pages of the daily scan, pack by name"
    );
    assert_contradiction(&env, &response);
    assert_eq!(response["totals"]["unconfirmed"], 0);
}

/// The error is a reason to ask. Without an answer to that question nothing is known.
#[tokio::test]
async fn denied_request_by_name_after_contradiction_is_gap() {
    let env = env_with_pack(10).await;
    env.world.fault(no_such_pack());
    env.world.fault(
        Fault::new(Effect::Denied)
            .operation(LIST)
            .target("baseline"),
    );
    let response = env.run().await;
    let gaps = env.snapshot(&response)["gaps"].clone();
    assert_eq!(
        (&gaps[0]["operation"], &gaps[0]["code"]),
        (&json!(LIST), &json!("AccessDeniedException"))
    );
    assert_eq!(response["totals"]["unconfirmed"], 3);
    assert_eq!(env.digests().len(), 1);
}

/// The pack is removed after its failing members were read. The request by name was made last, so
/// the rows do not matter.
#[tokio::test]
async fn pack_removed_while_read_clears_rows_of_same_run() {
    let env = env_with_pack(450).await;
    env.member("baseline", &account(1), "CREATE_SUCCESSFUL");
    let removal = Change::RemovePack {
        caller: OWN.into(),
        region: REGION.into(),
        pack: "baseline".into(),
    };
    env.world
        .fault(Fault::then([removal]).operation(MEMBERS).nth(3));
    let response = env.run().await;
    assert_eq!(
        response["config_calls"],
        1 + 3 + 1 + 1,
        "listing, failing members, account, pack by name"
    );
    assert_eq!(response["complete"], true);
    let cleared = cleared(&env);
    assert_eq!(cleared.len(), 3, "{cleared:?}");
    assert!(
        cleared
            .iter()
            .all(|(_, resolution)| resolution == "pack_removed")
    );
}

/// A complete listing of one page proves nothing: the packs of the ledger are there by name.
#[tokio::test]
async fn empty_listing_of_one_page_clears_nothing() {
    let env = env_with_pack(10).await;
    env.pack("guardrails", "CREATE_SUCCESSFUL");
    env.run().await;
    env.world.fault(empty_listing().nth(1));
    let response = env.run().await;
    assert_eq!(
        response["config_calls"],
        1 + 2 + 2,
        "listing, both packs by name, their members"
    );
    let totals = response["totals"].clone();
    assert_eq!(
        (
            &totals["packs"],
            &totals["failures"],
            &totals["unconfirmed"]
        ),
        (&json!(2), &json!(3), &json!(0))
    );
    assert_eq!(env.digests().len(), 1);
}

/// A pack that is gone costs one request, in the run that finds it, with failures or without.
#[tokio::test]
async fn removed_packs_are_requested_by_name_once() {
    let env = env_with_pack(10).await;
    env.pack("guardrails", "CREATE_SUCCESSFUL");
    env.pack("operations", "CREATE_SUCCESSFUL");
    env.run().await;
    for pack in ["baseline", "guardrails"] {
        env.world.remove_pack(OWN, REGION, pack);
    }
    assert_eq!(env.run().await["config_calls"], 1 + 2 + 1);
    assert_eq!(cleared(&env).len(), 3);
    assert_eq!(env.run().await["config_calls"], 1 + 1);
}
