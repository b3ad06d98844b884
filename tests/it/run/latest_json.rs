//! `latest.json`, the copy of the newest snapshot: a run reads only its first bytes and writes it
//! while the digest is sent.

use packwatch::report::sequence_of;
use packwatch_simulation::{Call, Fault, Service};
use serde_json::json;

use crate::support::harness::{BUCKET, TestEnv};

#[tokio::test]
async fn truncated_snapshot_yields_correct_sequence_or_none() {
    let env = TestEnv::failing().await;
    env.run().await;
    let written = env
        .world
        .object(BUCKET, "latest.json")
        .expect("latest.json");
    let text = String::from_utf8(written).expect("JSON is UTF-8");
    let text = text.replacen("\"sequence\":1,", "\"sequence\":123456,", 1);
    let end = text
        .find("\"previous\"")
        .expect("the key after the sequence")
        + "\"previous\"".len();
    assert!(
        end < 512,
        "the bytes of the range request include the sequence"
    );
    for length in 0..=text.len() {
        let expected = (length >= end).then_some(123_456);
        assert_eq!(
            sequence_of(&text.as_bytes()[..length]),
            expected,
            "{length} bytes of {text}"
        );
    }
}

#[test]
fn sequence_is_read_only_from_run_object() {
    for (text, sequence) in [
        (r#"{"run":{"sequence":7}}"#, Some(7)),
        (
            r#"{"totals":{"sequence":1},"sequence":2,"run":{"id":{"run":{"sequence":3}},"sequence":7,"previous":nu"#,
            Some(7),
        ),
        (
            r#"{"run":{"id":"\"run\":{\"sequence\":3}","sequence":7,"previous":"#,
            Some(7),
        ),
        (r#"{"run":{"id":"7"},"totals":{}}"#, None),
        (r#"{"run":{"sequence":-7}}"#, None),
        (r#"{"run":{"sequence":"7"}}"#, None),
        (r#"{"run":7}"#, None),
        (r#"[{"run":{"sequence":7}}]"#, None),
        ("", None),
    ] {
        assert_eq!(sequence_of(text.as_bytes()), sequence, "{text}");
    }
}

#[tokio::test]
async fn newer_latest_json_is_kept_for_any_key_order() {
    let env = TestEnv::failing().await;
    env.run().await;
    let newer = json!({"about": "a".repeat(2_000), "run": {"sequence": 99}});
    env.world
        .set_object(BUCKET, "latest.json", newer.to_string());
    env.run().await;
    assert_eq!(env.latest(), newer);
}

#[tokio::test]
async fn invalid_latest_json_is_overwritten() {
    for bytes in ["", "{", "not JSON", "{\"run\":{}}"] {
        let env = TestEnv::failing().await;
        env.run().await;
        env.world.set_object(BUCKET, "latest.json", bytes);
        env.run().await;
        assert_eq!(env.latest()["run"]["sequence"], 2, "{bytes:?}");
    }
}

#[tokio::test]
async fn unsupported_range_request_falls_back_to_whole_object() {
    let env = TestEnv::failing().await;
    env.run().await;
    env.world.forget_calls();
    let unsupported = Fault::error(501, "NotImplemented", "ranges are not supported")
        .service(Service::S3)
        .operation("GetObject");
    env.world.fault(unsupported.target("latest").first(1));
    env.run().await;
    let reads = env
        .world
        .calls()
        .into_iter()
        .filter(|call| is_call(call, "GetObject", "latest.json"));
    let ranges: Vec<bool> = reads.map(|call| call.condition.is_some()).collect();
    assert_eq!(
        (ranges.as_slice(), &env.latest()["run"]["sequence"]),
        ([true, false].as_slice(), &json!(2))
    );
}

#[tokio::test]
async fn large_latest_json_is_read_with_one_range_request() {
    let env = TestEnv::failing().await;
    for member in 0..40 {
        env.member(
            "baseline",
            &format!("{}", 300_000_000_000_u64 + member),
            "UPDATE_FAILED",
        );
    }
    env.run().await;
    env.world.forget_calls();
    env.run().await;
    let reads: Vec<_> = env
        .world
        .calls()
        .into_iter()
        .filter(|call| call.operation == "GetObject")
        .collect();
    let latest_reads: Vec<_> = reads
        .iter()
        .filter(|call| call.target.ends_with("latest.json"))
        .collect();
    assert!(
        env.world
            .object(BUCKET, "latest.json")
            .expect("latest.json")
            .len()
            > 10_000
    );
    assert_eq!(latest_reads.len(), 1);
    assert_eq!(
        latest_reads[0].condition.as_deref(),
        Some("Range: bytes=0-511")
    );
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
    let mut first = [after[0], after[1]];
    first.sort_unstable();
    assert_eq!(
        (first, &after[2..]),
        (["GetObject", "Publish"], &["PutObject"; 2][..])
    );
}

fn is_call(call: &Call, operation: &str, target: &str) -> bool {
    call.operation == operation && call.target.contains(target)
}
