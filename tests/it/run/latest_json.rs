//! `latest.json`, the copy of the newest snapshot: a run reads only its metadata and writes it
//! while the digest is sent.

use std::collections::BTreeMap;

use packwatch_simulation::{Call, Change, Fault, Service};
use serde_json::json;

use crate::support::harness::{BUCKET, TestEnv};
use crate::support::logs::LogCapture;

#[tokio::test]
async fn only_latest_json_has_sequence_in_its_metadata() {
    let env = TestEnv::failing().await;
    for run in 1..=2 {
        let response = env.run().await;
        let snapshot = response["snapshot"].as_str().expect("a snapshot");
        let snapshot = snapshot.rsplit_once("/snapshots/").expect("a key").1;
        let sequence = BTreeMap::from([("sequence".to_owned(), run.to_string())]);
        for key in ["latest.json", "ledger.json"] {
            assert_eq!(metadata(&env, key), sequence, "{key}");
        }
        let key = format!("snapshots/{snapshot}");
        assert_eq!(metadata(&env, &key), BTreeMap::new());
    }
}

#[tokio::test]
async fn latest_json_with_same_sequence_is_kept() {
    let env = TestEnv::failing().await;
    env.run().await;
    env.world.apply(latest_json("not JSON", Some("2")));
    env.run().await;
    let kept = env.world.object(BUCKET, "latest.json");
    assert_eq!(kept.as_deref(), Some(&b"not JSON"[..]));
}

/// The ledger was restored to an older version.
#[tokio::test]
async fn latest_json_ahead_of_ledger_is_overwritten() {
    for sequence in ["3", "99", "18446744073709551615"] {
        let env = TestEnv::failing().await;
        env.run().await;
        env.world.apply(latest_json("not JSON", Some(sequence)));
        env.run().await;
        assert_eq!(env.latest()["run"]["sequence"], 2, "{sequence}");
        assert_eq!(metadata(&env, "latest.json")["sequence"], "2");
    }
}

#[tokio::test]
async fn restored_ledger_overwrites_latest_json_with_warning() {
    let env = TestEnv::failing().await;
    env.run().await;
    let stored = env.world.versions(BUCKET, "ledger.json");
    let stored = stored.last().expect("a ledger").clone();
    env.run().await;
    env.run().await;
    env.world.apply(Change::SetObject {
        bucket: BUCKET.to_owned(),
        key: "ledger.json".to_owned(),
        body: String::from_utf8(stored.body).expect("a ledger is text"),
        metadata: stored.metadata,
    });
    let logs = LogCapture::start();
    // One for latest.json and one for report.html.
    for (sequence, warnings) in [(2, 2), (3, 0)] {
        let response = env.run().await;
        assert_eq!(response["sequence"], sequence);
        assert_eq!(env.latest(), env.snapshot(&response));
        let logged = logs.take("newer than the ledger");
        assert_eq!(logged.len(), warnings);
        for warning in logged {
            assert_eq!(
                (&warning["sequence"], &warning["ledger_sequence"]),
                (&json!(3), &json!(2))
            );
        }
    }
}

#[tokio::test]
async fn latest_json_without_valid_sequence_is_overwritten() {
    for sequence in [None, Some("1"), Some("seven"), Some("-7"), Some("7.0")] {
        let env = TestEnv::failing().await;
        env.run().await;
        env.world
            .apply(latest_json("{\"run\": {\"sequence\": 99}}", sequence));
        env.run().await;
        assert_eq!(env.latest()["run"]["sequence"], 2, "{sequence:?}");
    }
}

#[tokio::test]
async fn run_reads_metadata_of_latest_json_once_and_not_its_content() {
    let env = TestEnv::failing().await;
    env.run().await;
    env.world.forget_calls();
    env.run().await;
    assert_eq!(
        calls_for_latest_json(&env),
        [
            ("HeadObject".to_owned(), 200),
            ("PutObject".to_owned(), 200)
        ]
    );
}

#[tokio::test]
async fn lost_race_for_latest_json_is_looked_at_once_more() {
    let env = TestEnv::failing().await;
    env.run().await;
    for (conflicts, written) in [(1, true), (2, false)] {
        env.world.forget_calls();
        let conflict = Fault::error(412, "PreconditionFailed", "conflict")
            .service(Service::S3)
            .operation("PutObject");
        env.world.fault(conflict.target("latest").first(conflicts));
        let response = env.run().await;
        assert_eq!(response["outcome"], "committed");
        assert_eq!(
            calls_for_latest_json(&env),
            [
                ("HeadObject".to_owned(), 200),
                ("PutObject".to_owned(), 412),
                ("HeadObject".to_owned(), 200),
                ("PutObject".to_owned(), if written { 200 } else { 412 }),
            ]
        );
        assert_eq!(
            env.latest()["run"]["sequence"] == response["sequence"],
            written
        );
        env.world.clear_faults();
    }
}

#[tokio::test]
async fn race_lost_to_newer_run_keeps_its_latest_json() {
    let env = TestEnv::failing().await;
    env.run().await;
    env.world.forget_calls();
    let mut ledger = env.document("ledger.json");
    ledger["sequence"] = json!(99);
    let newer_ledger = Change::SetObject {
        bucket: BUCKET.to_owned(),
        key: "ledger.json".to_owned(),
        body: ledger.to_string(),
        metadata: BTreeMap::from([("sequence".to_owned(), "99".to_owned())]),
    };
    let newer = Fault::then([latest_json("{\"newer\": true}", Some("99")), newer_ledger])
        .service(Service::S3)
        .operation("HeadObject");
    env.world.fault(newer.first(1));
    assert_eq!(env.run().await["outcome"], "committed");
    assert_eq!(env.latest(), json!({"newer": true}));
    assert_eq!(
        calls_for_latest_json(&env),
        [
            ("HeadObject".to_owned(), 200),
            ("PutObject".to_owned(), 412),
            ("HeadObject".to_owned(), 200),
        ]
    );
}

#[tokio::test]
async fn denied_read_of_latest_json_fails_no_run() {
    let env = TestEnv::failing().await;
    env.run().await;
    let denied = Fault::error(403, "AccessDenied", "no")
        .service(Service::S3)
        .operation("HeadObject");
    env.world.fault(denied.first(1));
    assert_eq!(env.run().await["outcome"], "committed");
    assert_eq!(env.latest()["run"]["sequence"], 1);
    env.run().await;
    assert_eq!(env.latest()["run"]["sequence"], 3);
}

#[tokio::test]
async fn digest_and_latest_json_are_written_concurrently() {
    let env = TestEnv::failing().await;
    env.world.latency(std::time::Duration::from_millis(100));
    env.run().await;
    let calls = env.world.calls();
    let committed = calls
        .iter()
        .rposition(|call| is_call(call, "PutObject", "/snapshots/"))
        .expect("a snapshot")
        + 1;
    assert!(
        is_call(&calls[committed], "PutObject", "ledger.json"),
        "{calls:?}"
    );
    let after: Vec<&str> = calls[committed + 1..]
        .iter()
        .map(|call| call.operation.as_str())
        .collect();
    let (mut first, rest) = ([after[0], after[1], after[2]], &after[3..]);
    first.sort_unstable();
    assert_eq!(
        (first, rest),
        (
            ["HeadObject", "HeadObject", "Publish"],
            &["PutObject"; 3][..]
        ),
        "latest.json and report.html beside the digest, then the ledger"
    );
}

#[tokio::test]
async fn report_links_to_failing_account_through_portal() {
    let mut env = TestEnv::failing().await;
    env.set("ACCESS_PORTAL_URL", "https://example.awsapps.com/start");
    env.run().await;
    let report = env.world.object(BUCKET, "report.html").expect("a report");
    let report = String::from_utf8_lossy(&report);
    assert!(
        report.contains("https://example.awsapps.com/start/#/console?account_id=222233334444"),
        "{report}"
    );
}

/// Returns the write of `latest.json` by another run, or by hand if it has no sequence.
fn latest_json(body: &str, sequence: Option<&str>) -> Change {
    Change::SetObject {
        bucket: BUCKET.to_owned(),
        key: "latest.json".to_owned(),
        body: body.to_owned(),
        metadata: sequence
            .map(|sequence| ("sequence".to_owned(), sequence.to_owned()))
            .into_iter()
            .collect(),
    }
}

/// Returns the user metadata of an object.
fn metadata(env: &TestEnv, key: &str) -> BTreeMap<String, String> {
    let versions = env.world.versions(BUCKET, key);
    versions.last().expect("an object").metadata.clone()
}

/// Returns the operation and the HTTP status of each call for `latest.json`.
fn calls_for_latest_json(env: &TestEnv) -> Vec<(String, u16)> {
    let calls = env.world.calls().into_iter();
    calls
        .filter(|call| call.target.ends_with("/latest.json"))
        .map(|call| (call.operation, call.status.expect("a response")))
        .collect()
}

fn is_call(call: &Call, operation: &str, target: &str) -> bool {
    call.operation == operation && call.target.contains(target)
}
