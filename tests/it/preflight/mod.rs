//! The preflight: whole runs against the simulated organization, with each part of the setup
//! broken once.

mod actions;
mod broken;
mod limits;
mod odd_answers;
mod result;

use serde_json::{Value, json};

use crate::support::harness::{BUCKET, OWN, TOPIC, TestEnv};

/// An account that is a delegated administrator in some tests.
const ADMIN: &str = "999988887777";
const ROLE: &str = "arn:aws:iam::999988887777:role/packwatch-reader";
/// The function's role.
const OWN_ROLE: &str = "arn:aws:iam::111122223333:role/packwatch-function";

/// Returns an organization with one pack, and a setup in order. The function's role is
/// [`OWN_ROLE`].
async fn in_order() -> TestEnv {
    let mut env = TestEnv::failing().await;
    env.timeouts.initial_backoff = std::time::Duration::from_millis(1);
    env.timeouts.max_backoff = std::time::Duration::from_millis(1);
    env.world.use_role("AKIDOWN", "packwatch-function");
    env.world.subscriptions(TOPIC, 1, 0);
    env
}

/// Checks the setup, which must write nothing but `preflight.json`, and publish nothing.
async fn check(env: &TestEnv) -> Value {
    let before = env.world.objects(BUCKET);
    let response = env
        .invoke(json!({"check": true}))
        .await
        .unwrap_or_else(|error| panic!("{}", error.to_report()));
    let mut after = env.world.objects(BUCKET);
    let key = format!(
        "{}preflight.json",
        env.env.get("SNAPSHOT_PREFIX").map_or("", String::as_str)
    );
    let mut expected = before;
    expected.remove(&key);
    after.remove(&key);
    assert!(after == expected, "another object was written");
    let calls = env.world.calls();
    assert!(
        !calls.iter().any(|call| call.operation == "Publish"),
        "something was published"
    );
    assert_eq!(response["outcome"], "checked");
    response
}

/// Returns the checks of a name.
fn named<'r>(response: &'r Value, name: &str) -> Vec<&'r Value> {
    let checks = response["checks"].as_array().expect("a list of checks");
    checks
        .iter()
        .filter(|check| check["name"] == name)
        .collect()
}

/// Returns name and status of each check.
fn statuses(response: &Value) -> Vec<String> {
    let checks = response["checks"].as_array().expect("a list of checks");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    checks
        .iter()
        .map(|check| format!("{} {}", text(&check["name"]), text(&check["status"])))
        .collect()
}

/// Returns a text of a check.
fn text<'v>(check: &'v Value, key: &str) -> &'v str {
    check[key].as_str().unwrap_or_default()
}

fn own_arn(name: &str) -> String {
    format!("arn:aws:sns:eu-west-1:{OWN}:{name}")
}
