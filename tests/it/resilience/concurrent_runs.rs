//! Concurrent runs, and runs that share a request ID.

use futures_util::future::{join, join_all};
use packwatch::report::{Outcome, Response, RunResponse};
use packwatch::run::RunError;
use packwatch_simulation::{Call, Fault, Service};
use serde_json::{Value, json};

use crate::support::harness::{BUCKET, OWN, TestEnv};

const ACCOUNT: &str = "222233334444";

#[tokio::test]
async fn concurrent_runs_send_one_digest_per_change() {
    for same_run in [false, true] {
        let env = TestEnv::failing().await;
        let (one, other) = (env.function().await, env.function().await);
        let ids = if same_run {
            ["run", "run"]
        } else {
            ["one", "other"]
        };
        let (one, other) = join(
            one.invoke("{}", env.context_of(ids[0])),
            other.invoke("{}", env.context_of(ids[1])),
        )
        .await;
        let outcomes = [one, other]
            .map(|report| serde_json::to_value(report.expect("both runs succeed")).unwrap());
        assert_eq!(env.digests().len(), 1, "same run: {same_run}: {outcomes:?}");
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
        env.advance_minutes(15);
        env.run().await;
        assert_eq!(env.digests().len(), 1);
    }
}

#[tokio::test]
async fn five_concurrent_runs_send_one_digest_and_keep_one_chain() {
    let env = TestEnv::failing().await;
    let mut functions = Vec::new();
    for _ in 0..5 {
        functions.push(env.function().await);
    }
    let runs = functions
        .iter()
        .map(|function| function.invoke("{}", env.context()));
    let reports = join_all(runs).await;
    assert_eq!(env.digests().len(), 1);
    assert!(reports.iter().any(Result::is_ok));
    let mut key = env.document("ledger.json")["snapshot"]
        .as_str()
        .map(str::to_owned);
    let mut length = env.document("ledger.json")["sequence"].as_u64().unwrap();
    while let Some(name) = key {
        let snapshot = env.document(&name);
        assert_eq!(snapshot["run"]["sequence"], length);
        length -= 1;
        key = snapshot["run"]["previous"].as_str().map(str::to_owned);
    }
    assert_eq!(
        length, 0,
        "the snapshot chain does not contain every commit"
    );
}

/// The delayed response of the older run.
///
/// With a delayed listing, the older run loads the ledger before the newer run commits. With a
/// delayed ledger, it loads the ledger after the newer run has committed.
#[derive(Debug, Clone, Copy)]
enum Delayed {
    Listing,
    Ledger,
}

const DELAYED: [Delayed; 2] = [Delayed::Listing, Delayed::Ledger];

/// Runs an older run with a delayed response, and a newer run that starts `seconds` later and
/// commits first.
async fn overtaken_run(
    delayed: Delayed,
    seconds: i64,
    older: Value,
    newer: Value,
) -> (TestEnv, Result<RunResponse, RunError>, RunResponse) {
    let env = TestEnv::failing().await;
    env.run().await;
    let (first, second) = (env.function().await, env.function().await);
    let delay = Fault::new(packwatch_simulation::Effect::Hold(
        std::time::Duration::from_millis(400),
    ))
    .first(1);
    env.world.forget_calls();
    env.world.fault(match delayed {
        Delayed::Listing => delay
            .service(Service::Config)
            .operation("DescribeOrganizationConformancePackStatuses"),
        Delayed::Ledger => delay
            .service(Service::S3)
            .operation("GetObject")
            .target("ledger"),
    });
    let (older, newer) = (older.to_string(), newer.to_string());
    let older = first.invoke(&older, env.context_of("older"));
    let newer = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        env.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
        env.advance_seconds(seconds);
        second.invoke(&newer, env.context_of("newer")).await
    };
    let (older, newer) = join(older, newer).await;
    let run = |response: Response| response.into_run().expect("a run");
    (
        env,
        older.map(run),
        run(newer.expect("the newer run succeeds")),
    )
}

#[tokio::test]
async fn older_read_is_repeated_after_newer_commit() {
    for delayed in DELAYED {
        let (env, older, newer) = overtaken_run(delayed, 1, json!({}), json!({})).await;
        let sequences = (
            newer.sequence,
            older.expect("the older run succeeds").sequence,
        );
        assert_eq!(
            sequences,
            (2, 3),
            "the older run did not read again and commit second, {delayed:?}"
        );
        assert_eq!(env.digests().len(), 2, "expected one appeared, one cleared");
    }
}

#[tokio::test]
async fn older_read_without_time_left_is_superseded() {
    for delayed in DELAYED {
        let (env, older, newer) = overtaken_run(delayed, 90, json!({}), json!({})).await;
        let older = serde_json::to_value(older.expect("the older run succeeds")).unwrap();
        let expected = (&json!("superseded"), &json!(newer.sequence));
        assert_eq!(
            (&older["outcome"], &older["sequence"]),
            expected,
            "{delayed:?}"
        );
        assert_eq!(older["digest"]["status"], "none");
        assert_eq!(env.digests().len(), 2);
    }
}

#[tokio::test]
async fn full_run_commits_after_narrowed_run_without_reading_again() {
    for delayed in DELAYED {
        let narrowed = json!({"packs": ["base*"]});
        let (env, older, newer) = overtaken_run(delayed, 90, json!({}), narrowed).await;
        let older = older.expect("the full run commits the rest");
        assert_eq!(
            (older.outcome, older.sequence),
            (Outcome::Committed, newer.sequence + 1),
            "{delayed:?}"
        );
        assert_eq!(env.document("ledger.json")["open"], json!([]));
        let digests = env.digests();
        assert_eq!(digests.len(), 2, "one appeared, one cleared");
    }
}

/// The full run began to read before the narrowed run ended, so it leaves that part out, although
/// its own answer is newer.
#[tokio::test]
async fn full_run_leaves_what_a_later_narrowed_run_has_committed() {
    let env = TestEnv::failing().await;
    env.run().await;
    let (full, narrowed) = (env.function().await, env.function().await);
    let held = packwatch_simulation::Effect::Hold(std::time::Duration::from_millis(1_500));
    let ledger = Fault::new(held).service(Service::S3).target("ledger");
    env.world.fault(ledger.operation("GetObject").first(1));
    let full = full.invoke("{}", env.context_of("full"));
    let narrowed = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        env.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
        env.advance_seconds(90);
        let event = json!({"packs": ["base*"]}).to_string();
        let result = narrowed.invoke(&event, env.context_of("narrowed")).await;
        env.member("baseline", ACCOUNT, "UPDATE_FAILED");
        result
    };
    let (full, narrowed) = join(full, narrowed).await;
    narrowed.expect("the narrowed run succeeds");
    full.expect("the full run succeeds");
    assert_eq!(env.document("ledger.json")["sequence"], 3);
    assert_eq!(env.document("ledger.json")["open"], json!([]));
    env.advance_minutes(15);
    env.run().await;
    assert_eq!(
        env.document("ledger.json")["open"][0][0]["account_id"],
        ACCOUNT
    );
}

/// A digest that the event asks for is sent from the ledger that superseded the run.
#[tokio::test]
async fn superseded_run_sends_the_digest_that_was_asked_for() {
    for delayed in DELAYED {
        for event in [
            json!({"announce": "always"}),
            json!({"announce": "always", "packs": ["base*"]}),
        ] {
            let (env, older, _) = overtaken_run(delayed, 90, event, json!({})).await;
            let older = serde_json::to_value(older.expect("the digest is sent")).unwrap();
            assert_eq!(
                (&older["outcome"], &older["digest"]["status"]),
                (&json!("superseded"), &json!("published")),
                "{delayed:?}"
            );
            let digests = env.digests();
            assert_eq!(digests.len(), 3, "appeared, cleared, and the status");
            assert_eq!(
                (&digests[2]["digest_id"], &digests[2]["kind"]),
                (&older["digest"]["id"], &json!("status"))
            );
            assert_eq!(digests[2]["totals"]["open_total"], 0, "the newer ledger");
            assert_eq!(digests[2]["sequence"], older["sequence"]);
            env.run().await;
            assert_eq!(env.digests().len(), 3);
        }
    }
}

/// Returns the failures in the ledger as `region/pack/account`, sorted.
fn open(env: &TestEnv) -> Vec<String> {
    let ledger = env.document("ledger.json");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let open = ledger["open"].as_array().expect("a list").iter();
    open.map(|pair| {
        let key = &pair[0];
        ["region", "pack", "account_id"]
            .map(|part| text(&key[part]))
            .join("/")
    })
    .collect()
}

/// A full run has read the members when they recover. A narrowed run reads them again and commits
/// before it.
#[tokio::test]
async fn full_run_commits_what_narrowed_run_did_not_read() {
    const OTHER: &str = "333344445555";
    let all = [
        ("eu-west-1", "baseline", ACCOUNT),
        ("eu-west-1", "baseline", OTHER),
        ("eu-west-1", "guardrails", ACCOUNT),
        ("us-east-1", "far", ACCOUNT),
    ];
    for (event, covered) in [
        (json!({"packs": ["base*"]}), [true, true, false, false]),
        (json!({"accounts": [ACCOUNT]}), [true, false, true, true]),
        (
            json!({"regions": ["us-east-1"]}),
            [false, false, false, true],
        ),
        (
            json!({"accounts": [ACCOUNT], "packs": ["base*"], "regions": ["eu-west-1"]}),
            [true, false, false, false],
        ),
    ] {
        let mut env = TestEnv::new().await;
        env.set("REGIONS", "eu-west-1,us-east-1");
        let put = |status: &str| {
            for (region, pack, account) in all {
                let record = packwatch_simulation::StatusRecord::new(status);
                env.world.put_member(OWN, region, pack, account, record);
            }
        };
        put("UPDATE_FAILED");
        env.run().await;
        // The full run is the first to see this one.
        env.member("guardrails", "444455556666", "UPDATE_FAILED");
        let (full, narrowed) = (env.function().await, env.function().await);
        let late = packwatch_simulation::Effect::Delay(std::time::Duration::from_millis(400));
        let members = "GetOrganizationConformancePackDetailedStatus";
        env.world
            .fault(Fault::new(late).operation(members).first(3));
        env.world.forget_calls();
        let full = full.invoke("{}", env.context_of("full"));
        let narrowed_run = async {
            let reads = || {
                let calls = env.world.calls();
                calls
                    .iter()
                    .filter(|call| call.operation == members)
                    .count()
            };
            while reads() < 3 {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            put("UPDATE_SUCCESSFUL");
            env.advance_seconds(90);
            let context = env.context_of("narrowed");
            narrowed.invoke(&event.to_string(), context).await
        };
        let (full, narrowed) = join(full, narrowed_run).await;
        narrowed.expect("the narrowed run commits");
        let full = full.expect("the full run commits").into_run().unwrap();
        assert_eq!(
            (full.outcome, full.sequence),
            (Outcome::Committed, 3),
            "{event}"
        );
        assert_eq!(env.latest()["run"]["sequence"], 3, "{event}");
        let name =
            |(region, pack, account): &(&str, &str, &str)| format!("{region}/{pack}/{account}");
        let mut expected: Vec<_> = all
            .iter()
            .zip(covered)
            .filter(|(_, covered)| !covered)
            .map(|(key, _)| name(key))
            .collect();
        expected.push("eu-west-1/guardrails/444455556666".to_owned());
        expected.sort();
        assert_eq!(open(&env), expected, "{event}");
        env.advance_minutes(15);
        env.run().await;
        assert_eq!(open(&env), ["eu-west-1/guardrails/444455556666"], "{event}");
        let digests = env.digests();
        let count = |list: &str| -> usize {
            let lists = digests.iter().map(|digest| digest[list].as_array());
            lists.map(|list| list.map_or(0, Vec::len)).sum()
        };
        assert_eq!(
            (count("appeared"), count("cleared")),
            (5, 4),
            "{event}: each change is notified once"
        );
    }
}

#[tokio::test]
async fn full_run_keeps_end_of_gap_that_narrowed_run_read() {
    let mut env = TestEnv::failing().await;
    env.set("REGIONS", "eu-west-1,us-east-1");
    let far = packwatch_simulation::StatusRecord::new("UPDATE_SUCCESSFUL");
    env.world.put_pack(OWN, "us-east-1", "far", far);
    let denied = || {
        Fault::error(400, "AccessDeniedException", "no")
            .service(Service::Config)
            .region("us-east-1")
    };
    env.world.fault(denied());
    env.run().await;
    env.run().await;
    env.world.clear_faults();
    env.world.fault(denied().first(1));
    let late = packwatch_simulation::Effect::Delay(std::time::Duration::from_millis(400));
    let members = "GetOrganizationConformancePackDetailedStatus";
    env.world
        .fault(Fault::new(late).operation(members).first(1));
    let (full, narrowed) = (env.function().await, env.function().await);
    let narrowed_run = async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        env.advance_seconds(90);
        let context = env.context_of("narrowed");
        narrowed
            .invoke(r#"{"regions": ["us-east-1"]}"#, context)
            .await
    };
    let (full, narrowed) = join(full.invoke("{}", env.context_of("full")), narrowed_run).await;
    narrowed.expect("the narrowed run commits");
    let full = full.expect("the full run commits").into_run().unwrap();
    assert_eq!((full.outcome, full.sequence), (Outcome::Committed, 4));
    assert_eq!(env.document("ledger.json")["gaps"], json!([]));
    assert_eq!((full.totals.gaps, full.complete), (0, true));
    env.advance_minutes(15);
    env.run().await;
    let digests = env.digests();
    assert_eq!(digests.len(), 3, "the failure, the gap, and its end");
    assert_eq!(digests[2]["gaps"][0]["state"], "ended");
}

/// Of the 120 seconds of an invocation, a run reserves 20. A read of 49 seconds can be repeated, a
/// read of 50 seconds cannot.
#[tokio::test]
async fn read_is_repeated_only_if_its_duration_remains() {
    for (seconds, outcome) in [(49, "committed"), (50, "superseded")] {
        let (_, older, _) = overtaken_run(Delayed::Listing, seconds, json!({}), json!({})).await;
        assert_eq!(
            serde_json::to_value(older.expect("the older run succeeds")).unwrap()["outcome"],
            outcome,
            "{seconds} seconds"
        );
    }
}

/// The clock of the run is behind: each of its reads starts before the committed read ended.
#[tokio::test]
async fn older_read_is_repeated_only_once() {
    let env = TestEnv::failing().await;
    env.advance_minutes(10);
    env.run().await;
    env.advance_minutes(-20);
    let response = env.invoke(json!({})).await.expect("the run succeeds");
    assert_eq!(response["outcome"], "superseded");
}

#[tokio::test]
async fn repeated_run_id_is_resumed_without_new_commit() {
    let env = TestEnv::failing().await;
    let function = env.function().await;
    function.invoke("{}", env.context_of("one")).await.unwrap();
    env.advance_minutes(2);
    env.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
    let before = env.world.object(BUCKET, "ledger.json");
    let again = function.invoke("{}", env.context_of("one")).await.unwrap();
    let again: Value = serde_json::to_value(again).unwrap();
    assert_eq!(
        (&again["outcome"], &again["totals"]["failures"]),
        (&json!("resumed"), &json!(1))
    );
    assert_eq!(env.world.object(BUCKET, "ledger.json"), before);
    let snapshots = env
        .world
        .objects(BUCKET)
        .into_keys()
        .filter(|key| key.starts_with("snapshots/"))
        .count();
    assert_eq!(snapshots, 1);
}

#[tokio::test]
async fn resumed_full_run_updates_latest_and_narrowed_one_does_not() {
    for (event, latest) in [(json!({}), 2), (json!({"packs": ["base*"]}), 1)] {
        let env = TestEnv::failing().await;
        env.run().await;
        env.member("baseline", ACCOUNT, "UPDATE_SUCCESSFUL");
        let function = env.function().await;
        env.world
            .fault(Fault::error(403, "AuthorizationError", "no").service(Service::Sns));
        env.world.fault(
            Fault::error(403, "AccessDenied", "no")
                .service(Service::S3)
                .target("latest"),
        );
        function
            .invoke(&event.to_string(), env.context_of("one"))
            .await
            .expect_err("SNS rejects the digest");
        assert_eq!(env.latest()["run"]["sequence"], 1);
        env.world.clear_faults();
        let again = function
            .invoke(&event.to_string(), env.context_of("one"))
            .await
            .expect("the resumed run succeeds");
        assert_eq!(serde_json::to_value(again).unwrap()["outcome"], "resumed");
        assert_eq!(env.latest()["run"]["sequence"], latest, "{event}");
    }
}

#[tokio::test]
async fn dry_run_with_committed_run_id_sends_no_outgoing_digest() {
    let env = TestEnv::failing().await;
    let function = env.function().await;
    env.world
        .fault(Fault::error(403, "AuthorizationError", "no").service(Service::Sns));
    function
        .invoke("{}", env.context_of("one"))
        .await
        .expect_err("SNS rejects the digest");
    env.world.clear_faults();
    let before = env.world.objects(BUCKET);
    let dry = function
        .invoke(r#"{"dry_run": true}"#, env.context_of("one"))
        .await
        .unwrap();
    assert_eq!(serde_json::to_value(dry).unwrap()["outcome"], "dry_run");
    assert!(env.world.objects(BUCKET) == before && env.digests().is_empty());
}

#[tokio::test]
async fn run_id_is_kept_for_six_and_a_half_hours() {
    for (minutes, kept) in [(6 * 60 + 29, 2), (6 * 60 + 30, 1)] {
        let env = TestEnv::failing().await;
        env.run().await;
        env.advance_minutes(minutes - 15);
        env.run().await;
        assert_eq!(
            env.document("ledger.json")["recent_runs"]
                .as_array()
                .map(Vec::len),
            Some(kept),
            "after {minutes} minutes"
        );
    }
}

#[tokio::test]
async fn commit_with_lost_response_is_detected_and_notified_once() {
    use packwatch_simulation::Effect;
    let env = TestEnv::failing().await;
    // The first write of the ledger succeeds, but all three SDK attempts lose their response.
    env.world.fault(
        Fault::new(Effect::ResetAfter)
            .service(Service::S3)
            .operation("PutObject")
            .target("ledger")
            .first(3),
    );
    let response = env.run().await;
    assert_eq!(
        (&response["outcome"], &response["sequence"]),
        (&json!("committed"), &json!(1))
    );
    assert_eq!(env.digests().len(), 1);
    let read_back =
        |call: &Call| call.operation == "GetObject" && call.target.contains("/snapshots/");
    assert!(
        !env.world.calls().iter().any(read_back),
        "the run read its own snapshot back for latest.json"
    );
    let named = env.document("ledger.json")["snapshot"]
        .as_str()
        .map(|key| format!("s3://{BUCKET}/{key}"));
    assert_eq!(response["snapshot"].as_str(), named.as_deref());
    assert_eq!(
        env.world.versions(BUCKET, "ledger.json").len(),
        2,
        "expected one commit and one settle"
    );
}

#[tokio::test]
async fn conflicting_ledger_writes_are_retried() {
    let env = TestEnv::failing().await;
    let conflict = Fault::error(409, "ConditionalRequestConflict", "conflict")
        .service(Service::S3)
        .operation("PutObject");
    env.world.fault(conflict.target("ledger").first(2));
    let response = env.run().await;
    assert_eq!(response["outcome"], "committed");
    assert_eq!(env.digests().len(), 1);
}

#[tokio::test]
async fn commit_with_permanent_conflict_stops_after_five_attempts() {
    let env = TestEnv::failing().await;
    let conflict = Fault::error(409, "ConditionalRequestConflict", "conflict")
        .service(Service::S3)
        .operation("PutObject");
    env.world.fault(conflict.target("ledger"));
    let error = env
        .invoke(json!({}))
        .await
        .expect_err("every commit conflicts");
    assert!(
        error
            .to_report()
            .contains("was changed by other runs 5 times in a row"),
        "{}",
        error.to_report()
    );
    let writes = |call: &&Call| call.operation == "PutObject" && call.target.contains("ledger");
    assert_eq!(env.world.calls().iter().filter(writes).count(), 5);
}
