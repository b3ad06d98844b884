//! Two functions at once, and one run id twice.

use futures_util::future::{join, join_all};
use packwatch::report::RunResponse;
use packwatch::run::RunError;
use packwatch_simulation::{Call, Fault, Service};
use serde_json::{Value, json};

use crate::support::harness::{BUCKET, TestEnv};

const ACCOUNT: &str = "222233334444";

#[tokio::test]
async fn two_functions_at_once_give_one_digest_for_one_change() {
    for same_run in [false, true] {
        let stage = TestEnv::failing().await;
        let (one, other) = (stage.function().await, stage.function().await);
        let ids = if same_run {
            ["run", "run"]
        } else {
            ["one", "other"]
        };
        let (one, other) = join(
            one.invoke("{}", stage.context_of(ids[0])),
            other.invoke("{}", stage.context_of(ids[1])),
        )
        .await;
        let outcomes = [one, other]
            .map(|report| serde_json::to_value(report.expect("both end well")).unwrap());
        assert_eq!(
            stage.digests().len(),
            1,
            "same run: {same_run}: {outcomes:?}"
        );
        let committed = outcomes
            .iter()
            .filter(|report| report["outcome"] == "committed")
            .count();
        assert!(
            if same_run {
                committed == 1
            } else {
                committed >= 1
            },
            "{outcomes:?}"
        );
        stage.pass(15);
        stage.run().await;
        assert_eq!(stage.digests().len(), 1);
    }
}

#[tokio::test]
async fn many_functions_at_once_tell_one_change_once_and_leave_one_chain_of_snapshots() {
    let stage = TestEnv::failing().await;
    let mut functions = Vec::new();
    for _ in 0..5 {
        functions.push(stage.function().await);
    }
    let runs = functions
        .iter()
        .map(|function| function.invoke("{}", stage.context()));
    let reports = join_all(runs).await;
    assert_eq!(stage.digests().len(), 1);
    assert!(reports.iter().any(Result::is_ok));
    let mut key = stage.document("ledger.json")["snapshot"]
        .as_str()
        .map(str::to_owned);
    let mut length = stage.document("ledger.json")["sequence"].as_u64().unwrap();
    while let Some(name) = key {
        let snapshot = stage.document(&name);
        assert_eq!(snapshot["run"]["sequence"], length);
        length -= 1;
        key = snapshot["run"]["previous"].as_str().map(str::to_owned);
    }
    assert_eq!(length, 0, "every commit is in the chain");
}

/// What of the older run comes late: its listing, so that it recalls the ledger before the newer
/// run and commits after it, or the ledger itself, so that it finds the newer run in it at once.
#[derive(Debug, Clone, Copy)]
enum Late {
    Listing,
    Ledger,
}

const EITHER: [Late; 2] = [Late::Listing, Late::Ledger];

/// An older run with something late, and a newer one that commits meanwhile, `seconds` later by the
/// clock.
async fn overtaken(
    late: Late,
    seconds: i64,
    older: Value,
    newer: Value,
) -> (TestEnv, Result<RunResponse, RunError>, RunResponse) {
    let stage = TestEnv::failing().await;
    stage.run().await;
    let (first, second) = (stage.function().await, stage.function().await);
    let slow = Fault::new(packwatch_simulation::Effect::Hold(
        std::time::Duration::from_millis(400),
    ))
    .first(1);
    stage.world.forget_calls();
    stage.world.fault(match late {
        Late::Listing => slow
            .service(Service::Config)
            .operation("DescribeOrganizationConformancePackStatuses"),
        Late::Ledger => slow
            .service(Service::S3)
            .operation("GetObject")
            .target("ledger"),
    });
    let (older, newer) = (older.to_string(), newer.to_string());
    let late = first.invoke(&older, stage.context_of("older"));
    let soon = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        stage.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
        stage.pass_seconds(seconds);
        second.invoke(&newer, stage.context_of("newer")).await
    };
    let (late, soon) = join(late, soon).await;
    (stage, late, soon.expect("the newer run"))
}

#[tokio::test]
async fn an_older_reading_is_read_again_when_a_newer_one_was_committed_first() {
    for what in EITHER {
        let (stage, late, soon) = overtaken(what, 1, json!({}), json!({})).await;
        let sequences = (soon.sequence, late.expect("the older run").sequence);
        assert_eq!(
            sequences,
            (2, 3),
            "it read again and committed after, {what:?}"
        );
        assert_eq!(stage.digests().len(), 2, "appeared, and cleared once");
    }
}

#[tokio::test]
async fn an_older_reading_without_time_to_read_again_is_superseded_by_one_that_covers_it() {
    for what in EITHER {
        let (stage, late, soon) = overtaken(what, 90, json!({}), json!({})).await;
        let late = serde_json::to_value(late.expect("no failure")).unwrap();
        let expected = (&json!("superseded"), &json!(soon.sequence));
        assert_eq!((&late["outcome"], &late["sequence"]), expected, "{what:?}");
        assert_eq!(late["digest"]["status"], "none");
        assert_eq!(stage.digests().len(), 2);
    }
}

#[tokio::test]
async fn an_older_reading_without_time_to_read_again_fails_where_a_narrower_one_was_first() {
    for what in EITHER {
        let (stage, late, soon) = overtaken(what, 90, json!({}), json!({"packs": ["base*"]})).await;
        let refusal = late.expect_err("a part of it was not read by the other");
        assert_eq!(refusal.kind(), "StoreFailed", "{what:?}");
        assert_eq!(stage.document("ledger.json")["sequence"], soon.sequence);
    }
}

/// The stage gives 120 seconds, of which a run keeps 20: what took 49 can be done again, what took
/// 50 cannot.
#[tokio::test]
async fn time_to_read_again_is_as_much_as_the_reading_took() {
    for (seconds, outcome) in [(49, "committed"), (50, "superseded")] {
        let (_, late, _) = overtaken(Late::Listing, seconds, json!({}), json!({})).await;
        assert_eq!(
            serde_json::to_value(late.expect("no failure")).unwrap()["outcome"],
            outcome,
            "{seconds} seconds"
        );
    }
}

/// Its clock is behind: whatever it reads began before the reading that is committed ended.
#[tokio::test]
async fn a_reading_is_read_again_once_and_not_for_ever() {
    let stage = TestEnv::failing().await;
    stage.pass(10);
    stage.run().await;
    stage.pass(-20);
    let answer = stage.invoke(json!({})).await.expect("no failure");
    assert_eq!(answer["outcome"], "superseded");
}

#[tokio::test]
async fn the_same_run_id_later_is_resumed_and_reads_nothing_into_the_ledger() {
    let stage = TestEnv::failing().await;
    let function = stage.function().await;
    function
        .invoke("{}", stage.context_of("one"))
        .await
        .unwrap();
    stage.pass(2);
    stage.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    let before = stage.world.object(BUCKET, "ledger.json");
    let again = function
        .invoke("{}", stage.context_of("one"))
        .await
        .unwrap();
    let again: Value = serde_json::to_value(again).unwrap();
    assert_eq!(
        (&again["outcome"], &again["totals"]["failures"]),
        (&json!("resumed"), &json!(1))
    );
    assert_eq!(stage.world.object(BUCKET, "ledger.json"), before);
    let snapshots = stage
        .world
        .objects(BUCKET)
        .into_keys()
        .filter(|key| key.starts_with("snapshots/"))
        .count();
    assert_eq!(snapshots, 1);
}

#[tokio::test]
async fn a_run_that_is_resumed_makes_latest_good_and_a_narrowed_one_leaves_it() {
    for (event, latest) in [(json!({}), 2), (json!({"packs": ["base*"]}), 1)] {
        let stage = TestEnv::failing().await;
        stage.run().await;
        stage.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
        let function = stage.function().await;
        stage
            .world
            .fault(Fault::error(403, "AuthorizationError", "no").service(Service::Sns));
        stage.world.fault(
            Fault::error(403, "AccessDenied", "no")
                .service(Service::S3)
                .target("latest"),
        );
        function
            .invoke(&event.to_string(), stage.context_of("one"))
            .await
            .expect_err("SNS refuses");
        assert_eq!(stage.latest()["run"]["sequence"], 1);
        stage.world.clear_faults();
        let again = function
            .invoke(&event.to_string(), stage.context_of("one"))
            .await
            .expect("a run");
        assert_eq!(serde_json::to_value(again).unwrap()["outcome"], "resumed");
        assert_eq!(stage.latest()["run"]["sequence"], latest, "{event}");
    }
}

#[tokio::test]
async fn a_dry_run_under_the_id_of_a_committed_run_sends_nothing_that_is_left_of_it() {
    let stage = TestEnv::failing().await;
    let function = stage.function().await;
    stage
        .world
        .fault(Fault::error(403, "AuthorizationError", "no").service(Service::Sns));
    function
        .invoke("{}", stage.context_of("one"))
        .await
        .expect_err("SNS refuses");
    stage.world.clear_faults();
    let before = stage.world.objects(BUCKET);
    let dry = function
        .invoke(r#"{"dry_run": true}"#, stage.context_of("one"))
        .await
        .unwrap();
    assert_eq!(serde_json::to_value(dry).unwrap()["outcome"], "dry_run");
    assert!(stage.world.objects(BUCKET) == before && stage.digests().is_empty());
}

#[tokio::test]
async fn a_run_id_is_known_for_a_day() {
    for (minutes, known) in [(24 * 60 - 1, 2), (24 * 60, 1)] {
        let stage = TestEnv::failing().await;
        stage.run().await;
        stage.pass(minutes - 15);
        stage.run().await;
        assert_eq!(
            stage.document("ledger.json")["runs"]
                .as_array()
                .map(Vec::len),
            Some(known),
            "after {minutes} minutes"
        );
    }
}

#[tokio::test]
async fn a_commit_whose_answer_was_lost_is_found_and_told_once() {
    use packwatch_simulation::Effect;
    let stage = TestEnv::failing().await;
    // The ledger's first write lands and is not answered, three times over, as often as the SDK
    // tries.
    stage.world.fault(
        Fault::new(Effect::ResetAfter)
            .service(Service::S3)
            .operation("PutObject")
            .target("ledger")
            .first(3),
    );
    let answer = stage.run().await;
    assert_eq!(
        (&answer["outcome"], &answer["sequence"]),
        (&json!("committed"), &json!(1))
    );
    assert_eq!(stage.digests().len(), 1);
    let read_back =
        |call: &Call| call.operation == "GetObject" && call.target.contains("/snapshots/");
    assert!(
        !stage.world.calls().iter().any(read_back),
        "the snapshot is at hand for latest.json"
    );
    let named = stage.document("ledger.json")["snapshot"]
        .as_str()
        .map(|key| format!("s3://{BUCKET}/{key}"));
    assert_eq!(answer["snapshot"].as_str(), named.as_deref());
    assert_eq!(
        stage.world.versions(BUCKET, "ledger.json").len(),
        2,
        "the commit once, and its settle"
    );
}

#[tokio::test]
async fn crossing_writes_are_tried_again() {
    let stage = TestEnv::failing().await;
    let conflict = Fault::error(409, "ConditionalRequestConflict", "crossed")
        .service(Service::S3)
        .operation("PutObject");
    stage.world.fault(conflict.target("ledger").first(2));
    let answer = stage.run().await;
    assert_eq!(answer["outcome"], "committed");
    assert_eq!(stage.digests().len(), 1);
}

#[tokio::test]
async fn a_commit_that_is_always_beaten_is_tried_five_times() {
    let stage = TestEnv::failing().await;
    let conflict = Fault::error(409, "ConditionalRequestConflict", "crossed")
        .service(Service::S3)
        .operation("PutObject");
    stage.world.fault(conflict.target("ledger"));
    let refusal = stage
        .invoke(json!({}))
        .await
        .expect_err("nobody gets through");
    assert!(
        refusal
            .to_report()
            .contains("was changed by other runs 5 times in a row"),
        "{}",
        refusal.to_report()
    );
    let writes = |call: &&Call| call.operation == "PutObject" && call.target.contains("ledger");
    assert_eq!(stage.world.calls().iter().filter(writes).count(), 5);
}
