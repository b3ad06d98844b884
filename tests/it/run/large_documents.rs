//! Snapshots and ledgers that are too large to stay in memory, and are sent from a file.

use std::collections::BTreeMap;

use packwatch::object_body::MAX_IN_MEMORY;
use packwatch_simulation::{Change, Effect, Fault, Service};
use serde_json::Value;

use crate::support::harness::{BUCKET, OWN, REGION, TestEnv};

/// 10 packs, in each of which 1,500 members fail with messages that differ.
async fn environment() -> TestEnv {
    let env = TestEnv::new().await;
    env.world.apply(Change::Fill {
        caller: OWN.to_owned(),
        region: REGION.to_owned(),
        packs: 10,
        members: 2_000,
        failing: 1_500,
        message_length: 1_024,
    });
    env
}

/// Asserts that the ledger and the snapshot of a run are large, and that `latest.json` is the
/// snapshot.
fn assert_stored(env: &TestEnv, response: &Value) {
    let snapshot = response["snapshot"].as_str().expect("a snapshot");
    let key = snapshot.strip_prefix(&format!("s3://{BUCKET}/"));
    let [snapshot, latest, ledger] = [key.expect("a key"), "latest.json", "ledger.json"]
        .map(|key| env.world.object(BUCKET, key).expect("an object"));
    assert!(snapshot.len() > MAX_IN_MEMORY && ledger.len() > MAX_IN_MEMORY);
    assert!(snapshot == latest, "latest.json is not the snapshot");
    let [snapshot, ledger] =
        [snapshot, ledger].map(|body| serde_json::from_slice::<Value>(&body).expect("JSON"));
    let listed: usize = snapshot["packs"]
        .as_array()
        .expect("packs")
        .iter()
        .map(|pack| pack["failing_accounts"].as_array().expect("accounts").len())
        .sum();
    assert_eq!(listed, 15_000);
    assert_eq!(ledger["open"].as_array().expect("failures").len(), 15_000);
}

fn s3_calls(env: &TestEnv) -> BTreeMap<(String, String), usize> {
    let mut calls = BTreeMap::new();
    for call in env.world.calls() {
        if call.service == Service::S3 {
            let key = call.target.rsplit('/').next().unwrap_or_default();
            let name = if key.ends_with("_run-1.json") || key.ends_with("_run-2.json") {
                "snapshot"
            } else {
                key
            };
            *calls.entry((call.operation, name.to_owned())).or_default() += 1;
        }
    }
    calls
}

#[tokio::test]
async fn large_documents_are_sent_whole_at_every_attempt() {
    let env = environment().await;
    env.world.demand_signed_payloads(BUCKET);
    // One of each: the snapshot, the ledger and latest.json.
    for target in ["/snapshots/", "/ledger.json", "/latest.json"] {
        let unavailable = Fault::new(Effect::InternalError)
            .service(Service::S3)
            .operation("PutObject");
        env.world.fault(unavailable.target(target).first(1));
    }
    let response = env.run().await;
    assert_eq!(response["totals"]["failures"], 15_000);
    assert_stored(&env, &response);
    let calls = s3_calls(&env);
    let puts = |name: &str| calls[&("PutObject".to_owned(), name.to_owned())];
    assert_eq!((puts("snapshot"), puts("latest.json")), (2, 2), "{calls:?}");

    // The ledger is read back, and the snapshot is not read again.
    env.world.forget_calls();
    let response = env.run().await;
    assert_eq!(response["totals"]["appeared"], 0);
    assert_stored(&env, &response);
    let calls = s3_calls(&env);
    let reads: Vec<_> = calls
        .iter()
        .filter(|((operation, _), _)| operation == "GetObject")
        .collect();
    assert_eq!(
        reads,
        [(&("GetObject".to_owned(), "ledger.json".to_owned()), &1)]
    );
}

#[tokio::test]
async fn large_ledger_that_lost_a_race_is_written_over_the_newer_one() {
    let env = environment().await;
    env.run().await;
    let conflict = Fault::error(412, "PreconditionFailed", "conflict")
        .service(Service::S3)
        .operation("PutObject");
    env.world.fault(conflict.target("/ledger.json").first(1));
    let response = env.run().await;
    assert_eq!(response["outcome"], "committed");
    assert_stored(&env, &response);
}
