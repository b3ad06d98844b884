//! Causes: to which group a failure belongs when its error changes, and how the ledger keeps it.

use packwatch_simulation::StatusRecord;
use serde_json::Value;

use crate::support::harness::{OWN, REGION, TestEnv};

const ACCOUNT: &str = "222233334444";

/// Makes the member account fail with this error code.
fn fail_with(env: &TestEnv, code: &str, message: &str) {
    let record = StatusRecord::new("UPDATE_FAILED")
        .code(code)
        .message(message);
    env.world
        .put_member(OWN, REGION, "baseline", ACCOUNT, record);
}

/// Returns the open failure of the ledger.
fn open_failure(env: &TestEnv) -> Value {
    env.document("ledger.json")["open"][0][1].clone()
}

#[tokio::test]
async fn notified_failure_stays_in_its_group() {
    let env = TestEnv::failing().await;
    fail_with(&env, "AccessDenied", "denied");
    env.run().await;
    let notified = open_failure(&env);
    assert_eq!(notified["changed_group_id"], Value::Null);

    fail_with(&env, "NoAvailableConfigurationRecorder", "no recorder");
    env.run().await;
    let changed = open_failure(&env);
    assert_eq!(changed["group_id"], notified["group_id"]);
    assert_ne!(changed["changed_group_id"], Value::Null);
    assert_ne!(changed["changed_group_id"], notified["group_id"]);

    fail_with(&env, "AccessDenied", "denied");
    env.run().await;
    let back = open_failure(&env);
    assert_eq!(back["group_id"], notified["group_id"]);
    assert_eq!(back["changed_group_id"], Value::Null);
}

#[tokio::test]
async fn failure_that_was_not_notified_changes_its_group() {
    let mut env = TestEnv::failing().await;
    env.set("ANNOUNCE_AFTER_MINUTES", "60");
    fail_with(&env, "AccessDenied", "denied");
    env.run().await;
    let before = open_failure(&env);
    fail_with(&env, "NoAvailableConfigurationRecorder", "no recorder");
    env.run().await;
    let after = open_failure(&env);
    assert_ne!(after["group_id"], before["group_id"]);
    assert_eq!(after["changed_group_id"], Value::Null);
}

#[tokio::test]
async fn ledger_keeps_both_ends_of_long_message() {
    let env = TestEnv::failing().await;
    let message = format!("begins{}ends", " and goes on".repeat(60));
    for code in ["AccessDenied", "NoAvailableConfigurationRecorder"] {
        fail_with(&env, code, &message);
        env.run().await;
        let stored = open_failure(&env)["row"]["error_message"].clone();
        let stored = stored.as_str().expect("a message");
        assert!(stored.starts_with("begins and"), "{stored}");
        assert!(stored.ends_with("onends"), "{stored}");
        assert!(stored.chars().count() <= 405, "{stored}");
        let snapshot = &env.latest()["packs"][0]["failing_accounts"][0];
        assert_eq!(snapshot["error_message"], message);
    }
}
