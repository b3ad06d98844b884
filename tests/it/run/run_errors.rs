//! How an invocation fails: each error type, and what is left as it was.

use packwatch_simulation::{Effect, Fault, Service};
use serde_json::json;

use crate::support::harness::{BUCKET, TestEnv};

async fn fails_with(stage: &TestEnv, kind: &str) -> String {
    let error = stage.invoke(json!({})).await.expect_err(kind);
    assert_eq!(error.kind(), kind, "{}", error.to_report());
    stage.pass(15);
    error.to_report()
}

#[tokio::test]
async fn a_ledger_that_is_no_ledger_is_left_byte_for_byte() {
    for (bytes, said) in [
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
        let stage = TestEnv::failing().await;
        stage.world.set_object(BUCKET, "ledger.json", bytes);
        let to_report = fails_with(&stage, "LedgerUnreadable").await;
        assert!(
            to_report.contains(said) && to_report.contains("list-object-versions"),
            "{bytes}: {to_report}"
        );
        assert_eq!(
            stage.world.object(BUCKET, "ledger.json").unwrap(),
            bytes.as_bytes()
        );
        assert_eq!(stage.world.objects(BUCKET).len(), 1, "no snapshot");
        assert_eq!(stage.digests().len(), 0);
    }
}

#[tokio::test]
async fn a_newer_ledger_is_left_to_the_newer_version() {
    let stage = TestEnv::failing().await;
    let newer =
        "{\"format\": \"packwatch.ledger\", \"schema_version\": 2, \"sequence\": \"seven\"}";
    stage.world.set_object(BUCKET, "ledger.json", newer);
    let to_report = fails_with(&stage, "LedgerNewer").await;
    assert!(to_report.contains("schema is version 2"), "{to_report}");
    assert_eq!(stage.world.objects(BUCKET).len(), 1);
}

#[tokio::test]
async fn a_denied_ledger_is_no_first_run() {
    let stage = TestEnv::failing().await;
    stage.world.deny_listing(crate::support::harness::OWN);
    let to_report = fails_with(&stage, "LedgerUnreadable").await;
    assert!(
        to_report.contains("AccessDenied") && to_report.contains("s3:ListBucket"),
        "{to_report}"
    );
    assert_eq!(stage.world.objects(BUCKET).len(), 0);
}

#[tokio::test]
async fn a_refused_snapshot_or_commit_tells_nothing_and_the_next_run_sees_the_same() {
    for target in ["snapshots/", "ledger.json"] {
        let stage = TestEnv::failing().await;
        let refused = Fault::error(403, "AccessDenied", "no")
            .service(Service::S3)
            .operation("PutObject")
            .target(target);
        stage.world.fault(refused);
        let to_report = fails_with(&stage, "StoreFailed").await;
        assert!(
            to_report.contains("s3://packwatch-snapshots/") && to_report.contains("AccessDenied"),
            "{to_report}"
        );
        assert_eq!(stage.digests().len(), 0);
        stage.world.clear_faults();
        assert_eq!(stage.run().await["totals"]["appeared"], 1);
        assert_eq!(stage.digests().len(), 1);
    }
}

#[tokio::test]
async fn a_snapshot_whose_write_is_not_answered_is_stored_under_another_name() {
    let stage = TestEnv::failing().await;
    // As often as the SDK tries.
    let unanswered = Fault::new(Effect::InternalError)
        .service(Service::S3)
        .operation("PutObject");
    stage.world.fault(unanswered.target("/snapshots/").first(3));
    let answer = stage.run().await;
    assert_eq!(answer["outcome"], "committed");
    let name = answer["snapshot"].as_str().expect("a name");
    let planned = "s3://packwatch-snapshots/snapshots/dt=2026-03-01/20260301T080000Z_run-1";
    let token = name
        .strip_prefix(planned)
        .and_then(|rest| rest.strip_suffix(".json"));
    assert!(token.is_some_and(|token| token.len() > 1), "{name}");
}

#[tokio::test]
async fn a_bucket_where_every_name_is_taken_is_tried_sixteen_times() {
    let stage = TestEnv::failing().await;
    let taken = Fault::error(412, "PreconditionFailed", "there is one")
        .service(Service::S3)
        .operation("PutObject");
    stage.world.fault(taken.target("/snapshots/"));
    fails_with(&stage, "StoreFailed").await;
    let mut names: Vec<_> = stage
        .world
        .calls()
        .into_iter()
        .filter(|call| call.operation == "PutObject")
        .collect();
    assert_eq!(names.len(), 16);
    names.dedup_by(|one, other| one.target == other.target);
    assert_eq!(names.len(), 16, "each under another name");
}

#[tokio::test]
async fn a_digest_that_could_not_be_noted_as_sent_is_sent_again_under_its_id() {
    let stage = TestEnv::failing().await;
    let refused = Fault::error(403, "AccessDenied", "no")
        .service(Service::S3)
        .operation("PutObject")
        .target("ledger");
    stage.world.fault(refused.nth(2));
    fails_with(&stage, "SettleFailed").await;
    stage.run().await;
    let digests = stage.digests();
    assert_eq!(digests.len(), 2, "once its owner's time is over");
    assert_eq!(digests[0]["digest_id"], digests[1]["digest_id"]);
    stage.run().await;
    assert_eq!(stage.digests().len(), 2);
}

#[tokio::test]
async fn a_head_that_another_execution_may_still_send_is_waited_for() {
    let stage = TestEnv::failing().await;
    let refused = Fault::error(403, "AccessDenied", "no")
        .service(Service::S3)
        .operation("PutObject")
        .target("ledger");
    stage.world.fault(refused.nth(2));
    stage
        .invoke(json!({}))
        .await
        .expect_err("the settle is refused");
    stage.pass(1);
    stage.member("baseline", "333344445555", "UPDATE_FAILED");
    let answer = stage.run().await;
    assert_eq!(answer["digest"]["status"], "waiting");
    assert_eq!(stage.digests().len(), 1);
    stage.run().await;
    assert_eq!(
        stage.digests().len(),
        3,
        "the earlier again, then the later"
    );
    assert_ne!(
        stage.digests()[1]["digest_id"],
        stage.digests()[2]["digest_id"]
    );
}

#[tokio::test]
async fn a_lost_ledger_goes_on_from_the_latest_snapshot() {
    let stage = TestEnv::failing().await;
    stage.run().await;
    stage.run().await;
    stage.world.remove_object(BUCKET, "ledger.json");
    let answer = stage.run().await;
    assert_eq!(answer["sequence"], 3);
    assert_eq!(stage.latest()["run"]["sequence"], 3);
    assert_eq!(stage.digests()[1]["first_run"], true);
}

#[tokio::test]
async fn latest_is_never_older_than_it_was_and_a_narrowed_run_leaves_it() {
    let stage = TestEnv::failing().await;
    stage.run().await;
    let narrowed = stage
        .invoke(json!({"packs": ["baseline"]}))
        .await
        .expect("a run");
    assert_eq!(narrowed["sequence"], 2);
    assert_eq!(stage.latest()["run"]["sequence"], 1);
    stage
        .world
        .set_object(BUCKET, "latest.json", "{\"run\": {\"sequence\": 99}}");
    stage.run().await;
    assert_eq!(stage.latest(), json!({"run": {"sequence": 99}}));
}

#[tokio::test]
async fn a_latest_that_cannot_be_written_is_made_good_by_the_next_run() {
    let stage = TestEnv::failing().await;
    let refused = Fault::error(403, "AccessDenied", "no")
        .service(Service::S3)
        .operation("PutObject")
        .target("latest");
    stage.world.fault(refused.first(1));
    assert_eq!(stage.run().await["outcome"], "committed");
    assert_eq!(stage.world.object(BUCKET, "latest.json"), None);
    stage.run().await;
    assert_eq!(stage.latest()["run"]["sequence"], 2);
}

#[tokio::test]
async fn throttling_past_the_retries_is_a_gap() {
    let stage = TestEnv::failing().await;
    stage.run().await;
    let call = "GetOrganizationConformancePackDetailedStatus";
    stage.world.fault(
        Fault::new(Effect::Malformed)
            .service(Service::Config)
            .operation(call),
    );
    let answer = stage.run().await;
    assert_eq!(
        (&answer["complete"], &answer["totals"]["unconfirmed"]),
        (&json!(false), &json!(1))
    );
    assert_eq!(stage.digests().len(), 1);
}

#[tokio::test]
async fn what_is_not_read_in_time_is_a_gap_and_the_rest_is_stored() {
    let stage = TestEnv::failing().await;
    stage.pack("silent", "UPDATE_SUCCESSFUL");
    stage.world.fault(
        Fault::new(Effect::Silence)
            .service(Service::Config)
            .target("silent"),
    );
    let function = stage.function().await;
    let mut context = stage.context();
    context.deadline = u64::try_from(stage.now().as_millisecond()).unwrap() + 2_000;
    let report = function.invoke("{}", context).await.expect("a run");
    assert!(!report.complete);
    assert_eq!(stage.latest()["gaps"][0]["code"], "OutOfTime");
    assert_eq!(stage.latest()["gaps"][0]["pack"], "silent");
    assert_eq!(stage.digests().len(), 1, "the other pack is told");
}
