//! One kind of call answers anything at all, in a whole run over the real SDK: the run ends in
//! time, as a clear error or with a gap; nothing closes that no whole answer proves; and once the
//! answers are whole again, what was told is what is open.

use std::collections::BTreeSet;
use std::time::Duration;

use packwatch::aws::Timeouts;
use packwatch_simulation::{Effect, Fault};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::aws::malformed_responses::{body, rows, status};
use crate::run::fuzzed_inputs::{document, mutated, stored_ledger};
use crate::support::harness::{BUCKET, RealFunction, TOPIC, TestEnv, keys};

const KEPT: &str = "222233334444";
const BETTER: &str = "333344445555";
const LIST: &str = "DescribeOrganizationConformancePackStatuses";
const MEMBERS: &str = "GetOrganizationConformancePackDetailedStatus";

/// Two failures that were told, one of which is about to end.
async fn told() -> (TestEnv, RealFunction) {
    let mut stage = TestEnv::new().await;
    stage.timeouts = Timeouts {
        connect: Duration::from_millis(500),
        attempt: Duration::from_millis(500),
        initial_backoff: Duration::from_millis(1),
        max_backoff: Duration::from_millis(2),
    };
    // Three attempts, in the SDK's standard mode: its limiter would wait for seconds after an
    // answer that says "throttled".
    stage.set("AWS_MAX_ATTEMPTS", "3");
    stage.set("AWS_RETRY_MODE", "standard");
    stage.pack("baseline", "UPDATE_SUCCESSFUL");
    stage.pack("guardrails", "UPDATE_SUCCESSFUL");
    for account in [KEPT, BETTER] {
        stage.member("baseline", account, "UPDATE_FAILED");
    }
    let function = stage.function().await;
    stage.invoke_in(&function, json!({})).await.expect("a run");
    stage.pass(15);
    stage.member("baseline", BETTER, "UPDATE_SUCCESSFUL");
    (stage, function)
}

fn open(stage: &TestEnv) -> BTreeSet<String> {
    let ledger = stage.document("ledger.json");
    let open = ledger["open"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|pair| pair[0].clone());
    keys(&open.collect()).into_iter().collect()
}

/// What the readers of the topic believe.
fn believed(stage: &TestEnv) -> BTreeSet<String> {
    let mut believed = BTreeSet::new();
    for digest in stage.digests() {
        believed.extend(keys(&digest["appeared"]));
        for key in keys(&digest["cleared"]) {
            believed.remove(&key);
        }
    }
    believed
}

/// Runs with whole answers until two in a row had nothing to say.
async fn falls_silent(stage: &TestEnv, function: &RealFunction) {
    let mut quiet = 0;
    for _ in 0..6 {
        let before = stage.publishes(TOPIC).len();
        stage.pass(60);
        let run = stage.invoke_in(function, json!({})).await;
        run.unwrap_or_else(|error| panic!("a run with whole answers: {}", error.to_report()));
        quiet = if stage.publishes(TOPIC).len() == before {
            quiet + 1
        } else {
            0
        };
        if quiet == 2 {
            return;
        }
    }
    panic!("it does not fall silent");
}

/// The run of a lie: its error type, if it failed.
async fn lied_to(stage: &TestEnv, function: &RealFunction) -> Option<&'static str> {
    let run = tokio::time::timeout(
        Duration::from_secs(20),
        stage.invoke_in(function, json!({})),
    );
    let error = run.await.expect("it does not hang").err()?;
    let to_report = error.to_report();
    let names_it = match error.kind() {
        "NothingRead" => to_report.contains(LIST) || to_report.contains("GetCallerIdentity"),
        "LedgerUnreadable" | "LedgerNewer" | "StoreFailed" | "SettleFailed" => {
            to_report.contains("s3://packwatch-snapshots/")
        }
        "PublishFailed" => to_report.contains(TOPIC),
        other => panic!("{other}: {to_report}"),
    };
    assert!(names_it, "{to_report}");
    Some(error.kind())
}

/// Which call answers what, and whether a whole answer could prove that something ended.
#[derive(Clone)]
struct Lie {
    operation: &'static str,
    target: &'static str,
    status: u16,
    body: String,
}

impl std::fmt::Debug for Lie {
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

fn lie() -> impl Strategy<Value = Lie> {
    let call = select(vec![
        (LIST, ""),
        (LIST, ""),
        (MEMBERS, ""),
        (MEMBERS, "baseline"),
        ("GetCallerIdentity", ""),
        ("GetObject", "ledger.json"),
        ("GetObject", "latest.json"),
        ("PutObject", "snapshots/"),
        ("PutObject", "ledger.json"),
        ("PutObject", "latest.json"),
        ("Publish", ""),
    ]);
    (call, status(), body()).prop_map(|((operation, target), status, body)| {
        // What SNS says it took is told.
        let status = if operation == "Publish" && status < 300 {
            500
        } else {
            status
        };
        // The simulation answers in text.
        Lie {
            operation,
            target,
            status,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    })
}

impl Lie {
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

    /// Whether it may be the truth: a list in which every row has a name, or the word that a pack
    /// is gone.
    fn may_be_true(&self) -> bool {
        let body = self.body.as_bytes();
        match self.operation {
            LIST => rows(
                body,
                "OrganizationConformancePackStatuses",
                "OrganizationConformancePackName",
            )
            .is_some(),
            MEMBERS => {
                rows(
                    body,
                    "OrganizationConformancePackDetailedStatuses",
                    "AccountId",
                )
                .is_some()
                    || self
                        .body
                        .contains("NoSuchOrganizationConformancePackException")
            }
            // Whatever it is, AWS Config is asked all the same.
            _ => true,
        }
    }
}

async fn a_lie_and_then_the_truth(lie: Lie) {
    let (stage, function) = told().await;
    let (before, ledger) = (open(&stage), stage.world.object(BUCKET, "ledger.json"));
    stage.world.fault(lie.fault());
    let outcome = lied_to(&stage, &function).await;
    if outcome.is_some_and(|kind| kind.starts_with("Ledger")) {
        assert_eq!(
            stage.world.object(BUCKET, "ledger.json"),
            ledger,
            "the ledger is left as it was"
        );
        assert_eq!(
            (stage.world.objects(BUCKET).len(), stage.digests().len()),
            (3, 1),
            "nothing is written or told"
        );
    }
    let closed: Vec<String> = before.difference(&open(&stage)).cloned().collect();
    assert!(
        closed.is_empty() || lie.may_be_true(),
        "a lie closes nothing: {closed:?}"
    );
    stage.world.clear_faults();
    falls_silent(&stage, &function).await;
    let truth = BTreeSet::from([format!("baseline/{KEPT}")]);
    assert_eq!(
        (open(&stage), believed(&stage)),
        (truth.clone(), truth),
        "what was told is what is open"
    );
    let ledger = stage.document("ledger.json");
    assert!(
        ledger["audiences"][TOPIC].get("head").is_none(),
        "nothing is left to be sent"
    );
    assert_eq!(stage.latest()["run"]["sequence"], ledger["sequence"]);
}

fn scenario(case: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(case);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_one_kind_of_call_answers_nothing_is_lost_and_nothing_ends_without_proof(lie in lie()) {
        scenario(a_lie_and_then_the_truth(lie));
    }

    #[test]
    fn a_damaged_ledger_is_left_as_it_is_or_gone_on_from(path in proptest::collection::vec(0..8_usize, 0..6), part in document()) {
        let bytes = mutated(&stored_ledger(), &path, part).to_string().into_bytes();
        scenario(async move {
            let stage = TestEnv::failing().await;
            let function = stage.function().await;
            stage.world.set_object(BUCKET, "ledger.json", bytes.clone());
            if lied_to(&stage, &function).await.is_some_and(|kind| kind.starts_with("Ledger")) {
                assert_eq!(stage.world.objects(BUCKET).into_values().collect::<Vec<_>>(), [bytes]);
                assert_eq!(stage.digests().len(), 0, "nothing is written or told");
            }
        });
    }
}
