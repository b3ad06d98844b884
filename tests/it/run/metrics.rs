//! The metrics: one line an invocation, which says what was measured and nothing that was not.

use std::cell::RefCell;
use std::collections::BTreeMap;

use packwatch::lambda::Handler;
use packwatch::metrics::{DIMENSION, METRICS, MetricsEmitter, NAMESPACE};
use packwatch::run::RunError;
use packwatch_simulation::{Fault, RateLimit, Service};
use serde_json::{Value, json};

use crate::support::harness::{CHAT, OWN, TOPIC, TestEnv, token};

thread_local! {
    static LINES: RefCell<String> = RefCell::default();
}

fn write(line: &str) {
    LINES.with_borrow_mut(|lines| lines.push_str(line));
}

/// One invocation in a fresh process: its answer, and its line.
async fn measured(stage: &TestEnv, event: Value) -> (Result<Value, RunError>, Value) {
    measured_at(stage, event, "INFO").await
}

async fn measured_at(
    stage: &TestEnv,
    event: Value,
    level: &str,
) -> (Result<Value, RunError>, Value) {
    let (settings, services) = stage.connected().await;
    let meter = MetricsEmitter::new(
        |name| match name {
            "AWS_LAMBDA_FUNCTION_NAME" => Some("watch".to_owned()),
            "AWS_LAMBDA_LOG_LEVEL" => Some(level.to_owned()),
            _ => None,
        },
        write,
    );
    let function = Handler::new(settings, services, token, Some(meter));
    let result = function.invoke(&event.to_string(), stage.context()).await;
    let lines = LINES.take();
    assert_eq!(
        lines.matches('\n').count(),
        1,
        "one line, which ends: {lines:?}"
    );
    let line: Value = serde_json::from_str(&lines).expect("the line is JSON");
    for (name, unit) in &declared(&line) {
        assert!(
            METRICS.contains(&(name.as_str(), unit.as_str())),
            "{name} in {unit} is a metric"
        );
        assert!(line[name].is_u64(), "{name} has a value");
    }
    (
        result.map(|report| serde_json::to_value(report).expect("JSON")),
        line,
    )
}

/// The metrics that a line declares, with their units.
fn declared(line: &Value) -> BTreeMap<String, String> {
    let directives = line["_aws"]["CloudWatchMetrics"]
        .as_array()
        .expect("directives");
    assert_eq!(directives.len(), 1);
    assert_eq!(directives[0]["Namespace"], NAMESPACE);
    assert_eq!(directives[0]["Dimensions"], json!([[DIMENSION]]));
    assert_eq!(line[DIMENSION], "watch");
    let word = |value: &Value| value.as_str().expect("a word").to_owned();
    let metrics = directives[0]["Metrics"].as_array().expect("metrics");
    metrics
        .iter()
        .map(|metric| (word(&metric["Name"]), word(&metric["Unit"])))
        .collect()
}

/// What every invocation measures.
const ALWAYS: [&str; 4] = ["ConfigCalls", "ConfigThrottles", "ReadTime", "RunTime"];

#[tokio::test]
async fn a_committed_run_measures_everything() {
    let stage = TestEnv::failing().await;
    stage.member("baseline", "333344445555", "CREATE_FAILED");
    stage.pack("guardrails", "CREATE_SUCCESSFUL");
    let (answer, line) = measured(&stage, json!({})).await;
    assert_eq!(answer.expect("a run")["outcome"], "committed");
    let all: BTreeMap<_, _> = METRICS
        .iter()
        .map(|(name, unit)| ((*name).to_owned(), (*unit).to_owned()))
        .collect();
    assert_eq!(declared(&line), all);
    let expected = json!({
        "RunCommitted": 1, "RunIncomplete": 0, "PacksFailing": 1, "AccountsFailing": 2, "FailuresOpen": 2, "Appeared": 2, "Cleared": 0,
        "Gaps": 0, "OldestFailureAge": 0, "OldestUntoldAge": 0, "ConfigCalls": 3, "ConfigThrottles": 0, "ReadTime": 0, "RunTime": 0,
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&line[name], value, "{name}");
    }
    assert_eq!(line["_aws"]["Timestamp"], stage.now().as_millisecond());
    assert_eq!(
        (&line["level"], &line["timestamp"]),
        (&json!("INFO"), &json!(stage.now().to_string()))
    );
    stage.pass(90);
    stage.member("baseline", "333344445555", "CREATE_SUCCESSFUL");
    let (_, line) = measured(&stage, json!({})).await;
    let values = [
        "Appeared",
        "Cleared",
        "FailuresOpen",
        "OldestFailureAge",
        "OldestUntoldAge",
    ]
    .map(|name| line[name].clone());
    assert_eq!(values, [0, 1, 1, 90 * 60, 0].map(|value| json!(value)));
}

#[tokio::test]
async fn what_lambda_lets_through_is_the_level_of_the_line() {
    let stage = TestEnv::failing().await;
    for level in ["DEBUG", "WARN", "FATAL"] {
        let (_, line) = measured_at(&stage, json!({}), level).await;
        assert_eq!(line["level"], level);
    }
}

#[tokio::test]
async fn ignored_failures_are_not_counted_and_gaps_are() {
    let mut stage = TestEnv::failing().await;
    stage.set("IGNORE_ACCOUNTS", "222233334444");
    stage.set("REGIONS", "eu-west-1,us-east-1");
    stage.world.fault(
        Fault::error(400, "AccessDeniedException", "no")
            .service(Service::Config)
            .region("us-east-1"),
    );
    let (_, line) = measured(&stage, json!({})).await;
    let values = [
        "FailuresOpen",
        "PacksFailing",
        "RunIncomplete",
        "Gaps",
        "RunCommitted",
    ]
    .map(|name| line[name].clone());
    assert_eq!(values, [0, 0, 1, 1, 1].map(|value| json!(value)));
}

#[tokio::test]
async fn a_narrowed_run_measures_everything_that_is_watched() {
    let stage = TestEnv::failing().await;
    measured(&stage, json!({})).await.0.expect("a run");
    stage.pass(15);
    stage.pack("other", "CREATE_SUCCESSFUL");
    let (_, line) = measured(&stage, json!({"packs": ["other"]})).await;
    assert_eq!(
        (&line["FailuresOpen"], &line["PacksFailing"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        line.get("RunIncomplete"),
        None,
        "it says nothing of what it did not look at"
    );
}

#[tokio::test]
async fn a_change_is_counted_by_the_run_that_finds_it_while_a_digest_waits() {
    let stage = TestEnv::failing().await;
    stage.world.remove_topic(TOPIC);
    let mut counted = Vec::new();
    for run in 0..4 {
        if run == 1 {
            stage.member("baseline", "333344445555", "CREATE_FAILED");
        }
        if run == 3 {
            stage.world.create_topic(TOPIC);
        }
        let (_, line) = measured(&stage, json!({})).await;
        counted.push(line["Appeared"].clone());
        stage.pass(15);
    }
    assert_eq!(counted, [1, 1, 0, 0].map(|value| json!(value)));
}

#[tokio::test]
async fn calls_are_counted_where_the_ledger_cannot_be_read() {
    let stage = TestEnv::failing().await;
    let late = packwatch_simulation::Effect::Hold(std::time::Duration::from_millis(200));
    for fault in [Fault::new(late), Fault::error(403, "AccessDenied", "no")] {
        stage
            .world
            .fault(fault.service(Service::S3).operation("GetObject"));
    }
    let (answer, line) = measured(&stage, json!({})).await;
    assert_eq!(
        answer.expect_err("the ledger is denied").kind(),
        "LedgerUnreadable"
    );
    assert_eq!(line["ConfigCalls"], 1);
}

#[tokio::test]
async fn a_dry_run_measures_its_cost_alone() {
    let stage = TestEnv::failing().await;
    let (answer, line) = measured(&stage, json!({"dry_run": true})).await;
    assert_eq!(answer.expect("a run")["outcome"], "dry_run");
    assert_eq!(declared(&line).into_keys().collect::<Vec<_>>(), ALWAYS);
    assert_eq!(line["ConfigCalls"], 2);
}

#[tokio::test]
async fn a_refused_event_has_its_line_too() {
    let stage = TestEnv::failing().await;
    let (answer, line) = measured(&stage, json!({"pack": "baseline"})).await;
    assert_eq!(answer.expect_err("refused").kind(), "InvalidEvent");
    assert_eq!(declared(&line).into_keys().collect::<Vec<_>>(), ALWAYS);
    assert_eq!(line["ConfigCalls"], 0);
}

#[tokio::test]
async fn a_run_that_read_nothing_is_incomplete_and_not_committed() {
    let stage = TestEnv::failing().await;
    measured(&stage, json!({})).await.0.expect("a run");
    stage.world.deny_caller(OWN);
    let (answer, line) = measured(&stage, json!({})).await;
    assert_eq!(answer.expect_err("nothing is read").kind(), "NothingRead");
    assert_eq!(line.get("RunCommitted"), None);
    let values = ["RunIncomplete", "Gaps", "FailuresOpen"].map(|name| line[name].clone());
    assert_eq!(values, [1, 1, 1].map(|value| json!(value)));
}

#[tokio::test]
async fn a_digest_that_is_not_taken_grows_older_until_it_is() {
    let mut stage = TestEnv::failing().await;
    stage.set("CHAT_TOPIC_ARN", CHAT);
    stage.world.create_topic(CHAT);
    stage.world.remove_topic(TOPIC);
    let (answer, line) = measured(&stage, json!({})).await;
    assert_eq!(answer.expect_err("SNS refuses").kind(), "PublishFailed");
    assert_eq!(
        (&line["RunCommitted"], &line["Appeared"]),
        (&json!(1), &json!(1)),
        "it is stored all the same"
    );
    stage.pass(45);
    let (_, line) = measured(&stage, json!({})).await;
    assert_eq!(line["OldestUntoldAge"], 45 * 60);
    stage.world.create_topic(TOPIC);
    stage.pass(45);
    let (answer, line) = measured(&stage, json!({})).await;
    answer.expect("a run");
    assert_eq!(line["OldestUntoldAge"], 0);
}

#[tokio::test]
async fn a_run_that_is_resumed_counts_its_changes_no_second_time() {
    let stage = TestEnv::failing().await;
    stage.world.remove_topic(TOPIC);
    let (_, line) = measured(&stage, json!({})).await;
    assert_eq!(line["Appeared"], 1);
    stage.world.create_topic(TOPIC);
    stage.again();
    let (answer, line) = measured(&stage, json!({})).await;
    assert_eq!(answer.expect("a run")["outcome"], "resumed");
    assert_eq!((line.get("Appeared"), line.get("Cleared")), (None, None));
    assert_eq!(
        (&line["RunCommitted"], &line["OldestUntoldAge"]),
        (&json!(1), &json!(0))
    );
}

#[tokio::test]
async fn throttled_attempts_are_counted() {
    let stage = TestEnv::new().await;
    stage.world.fill(OWN, "eu-west-1", 6, 3, 0);
    stage.world.rate_limit(Some(RateLimit {
        per_second: 20.0,
        burst: 2.0,
    }));
    let (answer, line) = measured(&stage, json!({})).await;
    assert_eq!(answer.expect("a run")["complete"], true);
    let throttled = stage
        .world
        .calls()
        .iter()
        .filter(|call| call.code.as_deref() == Some("ThrottlingException"))
        .count();
    assert!(throttled > 0, "the limit was met");
    assert_eq!(line["ConfigThrottles"], throttled);
    assert_eq!(line["ConfigCalls"], 7, "retries are not calls");
}
