//! Errors of an invocation: the error kind of each failure, and the objects that stay unchanged.

use packwatch::model::{ApiError, GapKey, Source};
use packwatch::run::RunError;
use packwatch_simulation::{Effect, Fault, Service};
use serde_json::json;

use crate::support::harness::{BUCKET, OWN, TestEnv};

/// Invokes the function, which must fail with an error of `kind`, and returns the error report.
async fn invoke_error_report(env: &TestEnv, kind: &str) -> String {
    let error = env.invoke(json!({})).await.expect_err(kind);
    assert_eq!(error.kind(), kind, "{}", error.to_report());
    env.advance_minutes(15);
    error.to_report()
}

#[tokio::test]
async fn invalid_ledger_fails_run_and_stays_unchanged() {
    for (bytes, expected) in [
        ("", "does not parse"),
        ("{\"format\": \"packwatch.led", "does not parse"),
        ("{}", "no format mark"),
        (
            "{\"format\": \"other\", \"schema_version\": 1}",
            "no format mark",
        ),
        (
            "{\"format\": \"packwatch.ledger\", \"schema_version\": 1}",
            "does not parse",
        ),
        ("[]", "no format mark"),
    ] {
        let env = TestEnv::failing().await;
        env.world.set_object(BUCKET, "ledger.json", bytes);
        let report = invoke_error_report(&env, "LedgerUnreadable").await;
        assert!(
            report.contains(expected) && report.contains("list-object-versions"),
            "{bytes}: {report}"
        );
        assert_eq!(
            env.world.object(BUCKET, "ledger.json").unwrap(),
            bytes.as_bytes()
        );
        assert_eq!(env.world.objects(BUCKET).len(), 1, "no snapshot is written");
        assert_eq!(env.digests().len(), 0);
    }
}

#[tokio::test]
async fn newer_ledger_version_fails_run_and_is_not_overwritten() {
    let env = TestEnv::failing().await;
    let newer =
        "{\"format\": \"packwatch.ledger\", \"schema_version\": 2, \"sequence\": \"seven\"}";
    env.world.set_object(BUCKET, "ledger.json", newer);
    let report = invoke_error_report(&env, "LedgerVersionUnsupported").await;
    assert!(report.contains("schema version is 2"), "{report}");
    assert_eq!(env.world.objects(BUCKET).len(), 1);
}

#[tokio::test]
async fn denied_ledger_read_is_not_treated_as_first_run() {
    let env = TestEnv::failing().await;
    env.world.deny_listing(OWN);
    let report = invoke_error_report(&env, "LedgerUnreadable").await;
    assert!(
        report.contains("AccessDenied") && report.contains("s3:ListBucket"),
        "{report}"
    );
    assert_eq!(env.world.objects(BUCKET).len(), 0);
}

#[tokio::test]
async fn rejected_write_sends_nothing_and_next_run_reports_it() {
    for target in ["snapshots/", "ledger.json"] {
        let env = TestEnv::failing().await;
        let rejected = Fault::error(403, "AccessDenied", "no")
            .service(Service::S3)
            .operation("PutObject")
            .target(target);
        env.world.fault(rejected);
        let report = invoke_error_report(&env, "StoreFailed").await;
        assert!(
            report.contains("s3://packwatch-snapshots/") && report.contains("AccessDenied"),
            "{report}"
        );
        assert_eq!(env.digests().len(), 0);
        env.world.clear_faults();
        assert_eq!(env.run().await["totals"]["appeared"], 1);
        assert_eq!(env.digests().len(), 1);
    }
}

#[tokio::test]
async fn indeterminate_snapshot_write_uses_another_key() {
    let env = TestEnv::failing().await;
    // All three attempts of the SDK fail, so the outcome of the write is unknown.
    let indeterminate = Fault::new(Effect::InternalError)
        .service(Service::S3)
        .operation("PutObject");
    env.world
        .fault(indeterminate.target("/snapshots/").first(3));
    let response = env.run().await;
    assert_eq!(response["outcome"], "committed");
    let key = response["snapshot"].as_str().expect("a snapshot address");
    let planned = "s3://packwatch-snapshots/snapshots/dt=2026-03-01/20260301T080000Z_run-1";
    let suffix = key
        .strip_prefix(planned)
        .and_then(|rest| rest.strip_suffix(".json"));
    assert!(suffix.is_some_and(|suffix| suffix.len() > 1), "{key}");
}

#[tokio::test]
async fn snapshot_write_stops_after_two_taken_keys() {
    let env = TestEnv::failing().await;
    let taken = Fault::error(412, "PreconditionFailed", "the key exists")
        .service(Service::S3)
        .operation("PutObject");
    env.world.fault(taken.target("/snapshots/"));
    invoke_error_report(&env, "StoreFailed").await;
    let mut writes: Vec<_> = env
        .world
        .calls()
        .into_iter()
        .filter(|call| call.operation == "PutObject")
        .collect();
    assert_eq!(writes.len(), 2);
    writes.dedup_by(|one, other| one.target == other.target);
    assert_eq!(writes.len(), 2, "each attempt uses a different key");
}

#[tokio::test]
async fn digest_with_failed_settle_is_resent_under_same_id() {
    let env = TestEnv::failing().await;
    let rejected = Fault::error(403, "AccessDenied", "no")
        .service(Service::S3)
        .operation("PutObject")
        .target("ledger");
    env.world.fault(rejected.nth(2));
    invoke_error_report(&env, "SettleFailed").await;
    env.run().await;
    let digests = env.digests();
    assert_eq!(
        digests.len(),
        2,
        "the digest is sent again after its lease expires"
    );
    assert_eq!(digests[0]["digest_id"], digests[1]["digest_id"]);
    env.run().await;
    assert_eq!(env.digests().len(), 2);
}

#[tokio::test]
async fn digest_leased_to_another_execution_is_not_sent() {
    let env = TestEnv::failing().await;
    let rejected = Fault::error(403, "AccessDenied", "no")
        .service(Service::S3)
        .operation("PutObject")
        .target("ledger");
    env.world.fault(rejected.nth(2));
    env.invoke(json!({}))
        .await
        .expect_err("the settle is rejected");
    env.advance_minutes(1);
    env.member("baseline", "333344445555", "UPDATE_FAILED");
    let response = env.run().await;
    assert_eq!(response["digest"]["status"], "waiting");
    assert_eq!(env.digests().len(), 1);
    env.run().await;
    assert_eq!(
        env.digests().len(),
        3,
        "the outgoing digest is sent again, then the new digest"
    );
    assert_ne!(env.digests()[1]["digest_id"], env.digests()[2]["digest_id"]);
}

#[tokio::test]
async fn missing_ledger_continues_sequence_of_latest_snapshot() {
    let env = TestEnv::failing().await;
    env.run().await;
    env.run().await;
    env.world.remove_object(BUCKET, "ledger.json");
    let response = env.run().await;
    assert_eq!(response["sequence"], 3);
    assert_eq!(env.latest()["run"]["sequence"], 3);
    assert_eq!(env.digests()[1]["first_run"], true);
}

#[tokio::test]
async fn missing_ledger_and_denied_latest_json_fail_run() {
    let env = TestEnv::failing().await;
    env.run().await;
    env.world.remove_object(BUCKET, "ledger.json");
    let denied = Fault::error(403, "AccessDenied", "no")
        .service(Service::S3)
        .operation("HeadObject");
    env.world.fault(denied);
    let report = invoke_error_report(&env, "LedgerUnreadable").await;
    // A response to HEAD has no error code.
    assert!(
        report.contains("latest.json") && report.contains("HTTP status 403"),
        "{report}"
    );
    assert_eq!(env.world.object(BUCKET, "ledger.json"), None);
    assert_eq!(env.digests().len(), 1);
}

#[tokio::test]
async fn narrowed_run_keeps_latest_json() {
    let env = TestEnv::failing().await;
    env.run().await;
    let narrowed = env
        .invoke(json!({"packs": ["baseline"]}))
        .await
        .expect("the run succeeds");
    assert_eq!(narrowed["sequence"], 2);
    assert_eq!(env.latest()["run"]["sequence"], 1);
}

#[tokio::test]
async fn latest_json_is_written_by_next_run_after_rejected_write() {
    let env = TestEnv::failing().await;
    let rejected = Fault::error(403, "AccessDenied", "no")
        .service(Service::S3)
        .operation("PutObject")
        .target("latest");
    env.world.fault(rejected.first(1));
    assert_eq!(env.run().await["outcome"], "committed");
    assert_eq!(env.world.object(BUCKET, "latest.json"), None);
    env.run().await;
    assert_eq!(env.latest()["run"]["sequence"], 2);
}

#[tokio::test]
async fn malformed_member_response_becomes_gap() {
    let env = TestEnv::failing().await;
    env.run().await;
    let call = "GetOrganizationConformancePackDetailedStatus";
    env.world.fault(
        Fault::new(Effect::Malformed)
            .service(Service::Config)
            .operation(call),
    );
    let response = env.run().await;
    assert_eq!(
        (&response["complete"], &response["totals"]["unconfirmed"]),
        (&json!(false), &json!(1))
    );
    assert_eq!(env.digests().len(), 1);
}

#[tokio::test]
async fn pack_not_read_before_deadline_becomes_gap() {
    let env = TestEnv::failing().await;
    env.pack("unresponsive", "UPDATE_SUCCESSFUL");
    env.world.fault(
        Fault::new(Effect::NoResponse)
            .service(Service::Config)
            .target("unresponsive"),
    );
    let function = env.function().await;
    let mut context = env.context();
    context.deadline = u64::try_from(env.now().as_millisecond()).unwrap() + 2_000;
    let response = function
        .invoke("{}", context)
        .await
        .expect("the run succeeds")
        .into_run()
        .expect("a run");
    assert!(!response.complete);
    assert_eq!(env.latest()["gaps"][0]["code"], "DeadlineExceeded");
    assert_eq!(env.latest()["gaps"][0]["pack"], "unresponsive");
    assert_eq!(env.digests().len(), 1, "the digest reports the other pack");
}

#[test]
fn advice_names_at_most_three_causes() {
    let codes = [
        "AccessDeniedException",
        "NoResponse",
        "ThrottlingException",
        "OptInRequired",
        "Teapot",
    ];
    let hint = "The log has a line for each of the other sources.";
    for count in 1..=codes.len() {
        let gaps = codes.iter().take(count).enumerate().map(|(index, code)| {
            let source = Source {
                caller: OWN.into(),
                region: format!("region-{index}").as_str().into(),
            };
            let cause = ApiError {
                operation: "DescribeOrganizationConformancePackStatuses".to_owned(),
                code: (*code).to_owned(),
                message: String::new(),
            };
            (GapKey { source, pack: None }, cause)
        });
        let error = RunError::AllSourcesFailed(gaps.collect());
        let report = error.to_report();
        assert_eq!(report.contains(hint), count > 3, "{report}");
    }
}
