//! Corrupted responses to one operation, in a complete run over the real AWS SDK.
//!
//! The run must end in time, with a gap or with an error that names the operation. No failure may
//! clear without a valid response that proves it. Once the responses are valid again, the digests
//! must report the open failures.

use std::collections::BTreeSet;
use std::time::Duration;

use packwatch::aws::Timeouts;
use packwatch_simulation::{Effect, Fault};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::aws::malformed_responses::{body, rows, status};
use crate::run::fuzzed_inputs::{document, mutated, stored_ledger};
use crate::support::harness::{BUCKET, RealHandler, TOPIC, TestEnv, keys};

/// Account that stays failing.
const ONGOING: &str = "222233334444";
/// Account that recovers after the first digest.
const RECOVERED: &str = "333344445555";
const LIST: &str = "DescribeOrganizationConformancePackStatuses";
const MEMBERS: &str = "GetOrganizationConformancePackDetailedStatus";

/// Creates an environment with two notified failures, one of which has recovered since.
async fn env_after_first_digest() -> (TestEnv, RealHandler) {
    let mut env = TestEnv::new().await;
    env.timeouts = Timeouts {
        connect: Duration::from_millis(500),
        attempt: Duration::from_millis(500),
        initial_backoff: Duration::from_millis(1),
        max_backoff: Duration::from_millis(2),
    };
    // The response is corrupted in every attempt, so three attempts fail as ten do, but sooner.
    env.set("AWS_MAX_ATTEMPTS", "3");
    env.pack("baseline", "UPDATE_SUCCESSFUL");
    env.pack("guardrails", "UPDATE_SUCCESSFUL");
    for account in [ONGOING, RECOVERED] {
        env.member("baseline", account, "UPDATE_FAILED");
    }
    let function = env.function().await;
    env.invoke_in(&function, json!({}))
        .await
        .expect("the run succeeds");
    env.advance_minutes(15);
    env.member("baseline", RECOVERED, "UPDATE_SUCCESSFUL");
    (env, function)
}

/// Returns the failures that are open in the ledger.
fn open(env: &TestEnv) -> BTreeSet<String> {
    let ledger = env.document("ledger.json");
    let open = ledger["open"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|pair| pair[0].clone());
    keys(&open.collect()).into_iter().collect()
}

/// Returns the failures that the digests report as open.
fn reported_open(env: &TestEnv) -> BTreeSet<String> {
    let mut reported = BTreeSet::new();
    for digest in env.digests() {
        reported.extend(keys(&digest["appeared"]));
        for key in keys(&digest["cleared"]) {
            reported.remove(&key);
        }
    }
    reported
}

/// Makes runs with valid responses until two in a row send no digest. Panics after six runs.
async fn run_until_quiescent(env: &TestEnv, function: &RealHandler) {
    let mut quiescent_runs = 0;
    for _ in 0..6 {
        let before = env.publishes(TOPIC).len();
        env.advance_minutes(60);
        let run = env.invoke_in(function, json!({})).await;
        run.unwrap_or_else(|error| {
            panic!("a run with valid responses failed: {}", error.to_report())
        });
        quiescent_runs = if env.publishes(TOPIC).len() == before {
            quiescent_runs + 1
        } else {
            0
        };
        if quiescent_runs == 2 {
            return;
        }
    }
    panic!("runs with valid responses keep sending digests");
}

/// Makes a run with a corrupted response. Returns its error type if it failed.
///
/// Panics if the run hangs, or if its error does not name the failed operation or object.
async fn run_with_corruption(env: &TestEnv, function: &RealHandler) -> Option<&'static str> {
    let run = tokio::time::timeout(Duration::from_secs(20), env.invoke_in(function, json!({})));
    let error = run.await.expect("the run ends in time").err()?;
    let report = error.to_report();
    let names_origin = match error.kind() {
        "AllSourcesFailed" => report.contains(LIST) || report.contains("GetCallerIdentity"),
        "LedgerUnreadable"
        | "LedgerVersionUnsupported"
        | "LedgerOwnedByAnother"
        | "StoreFailed"
        | "SettleFailed" => report.contains("s3://packwatch-snapshots/"),
        "PublishFailed" => report.contains(TOPIC),
        // The error code that AWS returned.
        "CredentialsUnavailable" => report.contains("Token") || report.contains("AccessKeyId"),
        other => panic!("{other}: {report}"),
    };
    assert!(names_origin, "{report}");
    Some(error.kind())
}

/// A corrupted response, and the calls that receive it.
#[derive(Clone)]
struct CorruptedResponse {
    operation: &'static str,
    target: &'static str,
    status: u16,
    body: String,
}

impl std::fmt::Debug for CorruptedResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {} {}: {}",
            self.operation,
            self.target,
            self.status,
            self.body.escape_debug()
        )
    }
}

fn corrupted_response() -> impl Strategy<Value = CorruptedResponse> {
    let call = select(vec![
        (LIST, ""),
        (LIST, ""),
        (MEMBERS, ""),
        (MEMBERS, "baseline"),
        ("GetCallerIdentity", ""),
        ("GetObject", "ledger.json"),
        ("HeadObject", "latest.json"),
        ("PutObject", "snapshots/"),
        ("PutObject", "ledger.json"),
        ("PutObject", "latest.json"),
        ("Publish", ""),
    ]);
    (call, status(), body()).prop_map(|((operation, target), status, body)| {
        // A publish that SNS reports as successful counts as sent.
        let status = if operation == "Publish" && status < 300 {
            500
        } else {
            status
        };
        // The simulation accepts bodies as text only.
        CorruptedResponse {
            operation,
            target,
            status,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    })
}

impl CorruptedResponse {
    fn fault(&self) -> Fault {
        let content_type = if self.operation == LIST || self.operation == MEMBERS {
            "application/x-amz-json-1.1"
        } else {
            "text/xml"
        };
        let effect = Effect::Raw {
            status: self.status,
            content_type: content_type.into(),
            body: self.body.clone(),
        };
        Fault::new(effect)
            .operation(self.operation)
            .target(self.target)
    }

    /// Returns whether the response can prove that a failure ended: a list in which every record
    /// has a name. A listing without packs proves nothing, nor does an error.
    fn is_valid(&self) -> bool {
        let body = self.body.as_bytes();
        match self.operation {
            LIST => rows(
                body,
                "OrganizationConformancePackStatuses",
                "OrganizationConformancePackName",
            )
            .is_some_and(|rows| rows > 0),
            MEMBERS => rows(
                body,
                "OrganizationConformancePackDetailedStatuses",
                "AccountId",
            )
            .is_some(),
            // The run still reads AWS Config, so failures may clear.
            _ => true,
        }
    }
}

async fn corrupt_then_recover(response: CorruptedResponse) {
    let (env, function) = env_after_first_digest().await;
    let (before, ledger) = (open(&env), env.world.object(BUCKET, "ledger.json"));
    env.world.fault(response.fault());
    let error = run_with_corruption(&env, &function).await;
    if error.is_some_and(|kind| kind.starts_with("Ledger")) {
        assert_eq!(
            env.world.object(BUCKET, "ledger.json"),
            ledger,
            "the run changed an unreadable ledger"
        );
        assert_eq!(
            (env.world.objects(BUCKET).len(), env.digests().len()),
            (4, 1),
            "the run wrote or sent something"
        );
    }
    let resolved: Vec<String> = before.difference(&open(&env)).cloned().collect();
    assert!(
        resolved.is_empty() || response.is_valid(),
        "cleared without proof: {resolved:?}"
    );
    env.world.clear_faults();
    run_until_quiescent(&env, &function).await;
    let expected = BTreeSet::from([format!("baseline/{ONGOING}")]);
    assert_eq!(
        (open(&env), reported_open(&env)),
        (expected.clone(), expected),
        "the digests do not report what is open"
    );
    let ledger = env.document("ledger.json");
    assert!(
        ledger["receivers"][TOPIC].get("outgoing").is_none(),
        "a digest is still outgoing"
    );
    assert_eq!(env.latest()["run"]["sequence"], ledger["sequence"]);
}

/// Runs one test case.
fn scenario(case: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the runtime builds")
        .block_on(case);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn corrupted_response_loses_and_clears_nothing(response in corrupted_response()) {
        scenario(corrupt_then_recover(response));
    }

    #[test]
    fn corrupted_ledger_is_accepted_or_left_unchanged(path in proptest::collection::vec(0..8_usize, 0..6), part in document()) {
        let bytes = mutated(&stored_ledger(), &path, part).to_string().into_bytes();
        scenario(async move {
            let env = TestEnv::failing().await;
            let function = env.function().await;
            env.world.set_object(BUCKET, "ledger.json", bytes.clone());
            if run_with_corruption(&env, &function).await.is_some_and(|kind| kind.starts_with("Ledger")) {
                assert_eq!(env.world.objects(BUCKET).into_values().collect::<Vec<_>>(), [bytes]);
                assert_eq!(env.digests().len(), 0, "the run sent a digest");
            }
        });
    }
}
