//! `latest.json`: a copy of the newest snapshot, kept beside everything else and at the cost of its
//! beginning.

use packwatch::report::sequence_of;
use packwatch_simulation::{Call, Fault, Service};
use serde_json::json;

use crate::support::harness::{BUCKET, TestEnv};

#[tokio::test]
async fn wherever_a_snapshot_is_cut_off_its_number_is_right_or_not_there() {
    let stage = TestEnv::failing().await;
    stage.run().await;
    let written = stage
        .world
        .object(BUCKET, "latest.json")
        .expect("the latest");
    let text = String::from_utf8(written).expect("JSON is UTF-8");
    let text = text.replacen("\"sequence\":1,", "\"sequence\":123456,", 1);
    let end = text.find("\"previous\"").expect("what follows the number") + "\"previous\"".len();
    assert!(end < 512, "the beginning that is read holds it");
    for cut in 0..=text.len() {
        let known = (cut >= end).then_some(123_456);
        assert_eq!(
            sequence_of(&text.as_bytes()[..cut]),
            known,
            "{cut} bytes of {text}"
        );
    }
}

#[test]
fn a_number_is_found_where_it_is_and_nowhere_else() {
    for (text, number) in [
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
        assert_eq!(sequence_of(text.as_bytes()), number, "{text}");
    }
}

#[tokio::test]
async fn a_newer_latest_stays_in_whatever_order_its_keys_are() {
    let stage = TestEnv::failing().await;
    stage.run().await;
    let newer = json!({"about": "a".repeat(2_000), "run": {"sequence": 99}});
    stage
        .world
        .set_object(BUCKET, "latest.json", newer.to_string());
    stage.run().await;
    assert_eq!(stage.latest(), newer);
}

#[tokio::test]
async fn a_latest_that_is_none_is_written_over() {
    for bytes in ["", "{", "not JSON", "{\"run\":{}}"] {
        let stage = TestEnv::failing().await;
        stage.run().await;
        stage.world.set_object(BUCKET, "latest.json", bytes);
        stage.run().await;
        assert_eq!(stage.latest()["run"]["sequence"], 2, "{bytes:?}");
    }
}

#[tokio::test]
async fn where_no_parts_are_given_the_whole_is_read() {
    let stage = TestEnv::failing().await;
    stage.run().await;
    stage.world.forget_calls();
    let refused = Fault::error(501, "NotImplemented", "no ranges here")
        .service(Service::S3)
        .operation("GetObject");
    stage.world.fault(refused.target("latest").first(1));
    stage.run().await;
    let read = stage
        .world
        .calls()
        .into_iter()
        .filter(|call| is(call, "GetObject", "latest.json"));
    let ranges: Vec<bool> = read.map(|call| call.condition.is_some()).collect();
    assert_eq!(
        (ranges.as_slice(), &stage.latest()["run"]["sequence"]),
        ([true, false].as_slice(), &json!(2))
    );
}

#[tokio::test]
async fn of_a_large_latest_only_the_beginning_is_asked_for() {
    let stage = TestEnv::failing().await;
    for member in 0..40 {
        stage.member(
            "baseline",
            &format!("{}", 300_000_000_000_u64 + member),
            "UPDATE_FAILED",
        );
    }
    stage.run().await;
    stage.world.forget_calls();
    stage.run().await;
    let read: Vec<_> = stage
        .world
        .calls()
        .into_iter()
        .filter(|call| call.operation == "GetObject")
        .collect();
    let of_latest: Vec<_> = read
        .iter()
        .filter(|call| call.target.ends_with("latest.json"))
        .collect();
    assert!(
        stage
            .world
            .object(BUCKET, "latest.json")
            .expect("the latest")
            .len()
            > 10_000
    );
    assert_eq!(of_latest.len(), 1);
    assert_eq!(
        of_latest[0].condition.as_deref(),
        Some("Range: bytes=0-511")
    );
}

#[tokio::test]
async fn the_digest_and_the_latest_do_not_wait_for_each_other() {
    let stage = TestEnv::failing().await;
    stage.world.latency(std::time::Duration::from_millis(100));
    stage.run().await;
    let calls = stage.world.calls();
    let committed = calls
        .iter()
        .rposition(|call| is(call, "PutObject", "/snapshots/"))
        .expect("a snapshot")
        + 1;
    assert!(
        is(&calls[committed], "PutObject", "ledger.json"),
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

fn is(call: &Call, operation: &str, target: &str) -> bool {
    call.operation == operation && call.target.contains(target)
}
