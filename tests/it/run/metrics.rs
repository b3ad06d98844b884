//! Metrics: each invocation writes one EMF record. It has a field for every metric, and declares
//! those of the setting `METRICS` whose value is known.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join;
use packwatch::lambda::Handler;
use packwatch::metrics::{ALARM_METRICS, DIMENSION, METRICS, MetricsEmitter, NAMESPACE};
use packwatch::run::RunError;
use packwatch_simulation::{Fault, RateLimit, Service};
use serde_json::{Value, json};

use crate::support::harness::{CHAT, OWN, TOPIC, TestEnv, token};

thread_local! {
    static OUTPUT: RefCell<String> = RefCell::default();
}

fn write(text: &str) {
    OUTPUT.with_borrow_mut(|output| output.push_str(text));
}

/// Invokes a new handler at log level INFO. Returns the response and the EMF record.
pub(super) async fn invoke(env: &TestEnv, event: Value) -> (Result<Value, RunError>, Value) {
    invoke_at_level(env, event, "INFO").await
}

/// Invokes a new handler at the log level `level`. Returns the response and the EMF record.
async fn invoke_at_level(
    env: &TestEnv,
    event: Value,
    level: &str,
) -> (Result<Value, RunError>, Value) {
    let (settings, services) = env.connected().await;
    let emitter = MetricsEmitter::new(
        settings.metrics,
        |name| match name {
            "AWS_LAMBDA_FUNCTION_NAME" => Some("watch".to_owned()),
            "AWS_LAMBDA_LOG_LEVEL" => Some(level.to_owned()),
            _ => None,
        },
        write,
    );
    let handler = Handler::new(settings, services, token, Some(emitter))
        .deployed_as(|name| env.env.get(name).cloned());
    let result = handler.invoke(&event.to_string(), env.context()).await;
    let output = OUTPUT.take();
    assert_eq!(
        output.matches('\n').count(),
        1,
        "the output is one complete line: {output:?}"
    );
    let record: Value = serde_json::from_str(&output).expect("the record is JSON");
    let declared = declared(&record);
    for (name, unit) in &declared {
        assert!(
            METRICS.contains(&(name.as_str(), unit.as_str())),
            "{name} in {unit} is not in METRICS"
        );
        assert!(record[name].is_u64(), "{name} has no value");
    }
    for (name, _) in METRICS {
        let field = record.get(name);
        let field = field.unwrap_or_else(|| panic!("the record has no field {name}"));
        assert!(
            field.is_u64() || field.is_null(),
            "{name} is {field}, neither a number nor unknown"
        );
    }
    (
        result.map(|response| serde_json::to_value(response).expect("JSON")),
        record,
    )
}

/// Returns the metrics that a record declares, with their units.
fn declared(record: &Value) -> BTreeMap<String, String> {
    let directives = record["_aws"]["CloudWatchMetrics"]
        .as_array()
        .expect("directives");
    assert_eq!(directives.len(), 1);
    assert_eq!(directives[0]["Namespace"], NAMESPACE);
    assert_eq!(directives[0]["Dimensions"], json!([[DIMENSION]]));
    assert_eq!(record[DIMENSION], "watch");
    let string = |value: &Value| value.as_str().expect("a string").to_owned();
    let metrics = directives[0]["Metrics"].as_array().expect("metrics");
    metrics
        .iter()
        .map(|metric| (string(&metric["Name"]), string(&metric["Unit"])))
        .collect()
}

/// The metrics whose value is known in every invocation, sorted.
const KNOWN_METRICS: [&str; 7] = [
    "Appeared",
    "Cleared",
    "ConfigCalls",
    "ConfigThrottles",
    "ReadTime",
    "RunCommitted",
    "RunTime",
];

/// Asserts that a record with all metrics declares only those that every invocation knows, and that
/// the other fields are `null`.
fn assert_only_known_metrics(record: &Value) {
    assert_eq!(
        declared(record).into_keys().collect::<Vec<_>>(),
        KNOWN_METRICS
    );
    for (name, _) in METRICS {
        assert_eq!(
            record[name].is_null(),
            !KNOWN_METRICS.contains(&name),
            "{name} is {}",
            record[name]
        );
    }
    let zero = ["Appeared", "Cleared", "RunCommitted"].map(|name| record[name].clone());
    assert_eq!(zero, [0, 0, 0].map(|value| json!(value)));
}

#[tokio::test]
async fn metrics_with_alarms_are_declared_by_default() {
    let mut env = TestEnv::failing().await;
    let mut records = Vec::new();
    for set in [None, Some("alarms"), Some("all")] {
        if let Some(set) = set {
            env.set("METRICS", set);
        }
        let (response, record) = invoke(&env, json!({})).await;
        response.expect("the run succeeds");
        records.push(record);
    }
    let mut alarms: Vec<_> = ALARM_METRICS.to_vec();
    alarms.sort_unstable();
    let [default, with_alarms, all] = records.as_slice() else {
        panic!("three records")
    };
    for record in [default, with_alarms] {
        assert_eq!(declared(record).into_keys().collect::<Vec<_>>(), alarms);
    }
    assert_eq!(declared(all).len(), METRICS.len());
    // What is not declared is in the log all the same.
    assert_eq!(with_alarms["FailuresOpen"], all["FailuresOpen"]);
    assert_eq!(with_alarms["FailuresOpen"], 1);
}

#[tokio::test]
async fn committed_run_emits_all_metrics() {
    let mut env = TestEnv::failing().await;
    env.set("METRICS", "all");
    env.member("baseline", "333344445555", "CREATE_FAILED");
    env.pack("guardrails", "CREATE_SUCCESSFUL");
    let (response, record) = invoke(&env, json!({})).await;
    assert_eq!(response.expect("the run succeeds")["outcome"], "committed");
    let all: BTreeMap<_, _> = METRICS
        .iter()
        .map(|(name, unit)| ((*name).to_owned(), (*unit).to_owned()))
        .collect();
    assert_eq!(declared(&record), all);
    let expected = json!({
        "RunCommitted": 1, "RunIncomplete": 0, "PacksFailing": 1, "AccountsFailing": 2, "FailuresOpen": 2, "Appeared": 2, "Cleared": 0,
        "Gaps": 0, "OldestFailureAge": 0, "OldestUndeliveredDigestAge": 0, "ConfigCalls": 3, "ConfigThrottles": 0, "ReadTime": 0, "RunTime": 0,
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&record[name], value, "{name}");
    }
    assert_eq!(record["_aws"]["Timestamp"], env.now().as_millisecond());
    assert_eq!(
        (&record["level"], &record["timestamp"]),
        (&json!("INFO"), &json!(env.now().to_string()))
    );
    env.advance_minutes(90);
    env.member("baseline", "333344445555", "CREATE_SUCCESSFUL");
    let (_, record) = invoke(&env, json!({})).await;
    let values = [
        "Appeared",
        "Cleared",
        "FailuresOpen",
        "OldestFailureAge",
        "OldestUndeliveredDigestAge",
    ]
    .map(|name| record[name].clone());
    assert_eq!(values, [0, 1, 1, 90 * 60, 0].map(|value| json!(value)));
}

#[tokio::test]
async fn read_time_is_that_of_the_read() {
    let env = TestEnv::failing().await;
    let held = packwatch_simulation::Effect::Hold(Duration::from_millis(1_500));
    env.world
        .fault(Fault::new(held).service(Service::Config).first(1));
    let three_seconds_pass = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        env.advance_seconds(3);
    };
    let ((response, record), ()) = join(invoke(&env, json!({})), three_seconds_pass).await;
    response.expect("the run succeeds");
    assert_eq!(
        (&record["ReadTime"], &record["RunTime"]),
        (&json!(3_000), &json!(3_000))
    );
}

#[tokio::test]
async fn check_counts_its_config_calls() {
    let env = TestEnv::failing().await;
    let (response, record) = invoke(&env, json!({"check": true})).await;
    assert_eq!(response.expect("a result")["outcome"], "checked");
    let calls = env.world.calls();
    let calls = calls.iter().filter(|call| call.service == Service::Config);
    assert_eq!(record["ConfigCalls"], calls.count());
    assert_ne!(record["ConfigCalls"], 0);
}

#[tokio::test]
async fn record_level_follows_lambda_log_level() {
    let env = TestEnv::failing().await;
    for level in ["DEBUG", "WARN", "FATAL"] {
        let (_, record) = invoke_at_level(&env, json!({}), level).await;
        assert_eq!(record["level"], level);
    }
}

#[tokio::test]
async fn ignored_failures_are_not_counted_but_gaps_are() {
    let mut env = TestEnv::failing().await;
    env.set("IGNORE_ACCOUNTS", "222233334444");
    env.set("REGIONS", "eu-west-1,us-east-1");
    env.world.fault(
        Fault::error(400, "AccessDeniedException", "no")
            .service(Service::Config)
            .region("us-east-1"),
    );
    let (_, record) = invoke(&env, json!({})).await;
    let values = [
        "FailuresOpen",
        "PacksFailing",
        "RunIncomplete",
        "Gaps",
        "RunCommitted",
    ]
    .map(|name| record[name].clone());
    assert_eq!(values, [0, 0, 1, 1, 1].map(|value| json!(value)));
}

#[tokio::test]
async fn narrowed_run_emits_gauges_of_full_scope() {
    let env = TestEnv::failing().await;
    invoke(&env, json!({})).await.0.expect("the run succeeds");
    env.advance_minutes(15);
    env.pack("other", "CREATE_SUCCESSFUL");
    let (_, record) = invoke(&env, json!({"packs": ["other"]})).await;
    assert_eq!(
        (&record["FailuresOpen"], &record["PacksFailing"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(
        record["RunIncomplete"],
        Value::Null,
        "a narrowed run does not know whether the full scope is complete"
    );
}

#[tokio::test]
async fn change_is_counted_once_while_digest_is_undelivered() {
    let env = TestEnv::failing().await;
    env.world.remove_topic(TOPIC);
    let mut counted = Vec::new();
    for run in 0..4 {
        if run == 1 {
            env.member("baseline", "333344445555", "CREATE_FAILED");
        }
        if run == 3 {
            env.world.create_topic(TOPIC);
        }
        let (_, record) = invoke(&env, json!({})).await;
        counted.push(record["Appeared"].clone());
        env.advance_minutes(15);
    }
    assert_eq!(counted, [1, 1, 0, 0].map(|value| json!(value)));
}

#[tokio::test]
async fn config_calls_are_counted_when_ledger_read_fails() {
    let env = TestEnv::failing().await;
    let late = packwatch_simulation::Effect::Hold(Duration::from_millis(200));
    for fault in [Fault::new(late), Fault::error(403, "AccessDenied", "no")] {
        env.world
            .fault(fault.service(Service::S3).operation("GetObject"));
    }
    let (response, record) = invoke(&env, json!({})).await;
    assert_eq!(
        response.expect_err("the ledger is denied").kind(),
        "LedgerUnreadable"
    );
    assert_eq!(record["ConfigCalls"], 1);
}

#[tokio::test]
async fn dry_run_knows_neither_gauges_nor_completeness() {
    let mut env = TestEnv::failing().await;
    env.set("METRICS", "all");
    let (response, record) = invoke(&env, json!({"dry_run": true})).await;
    assert_eq!(response.expect("the run succeeds")["outcome"], "dry_run");
    assert_only_known_metrics(&record);
    assert_eq!(record["ConfigCalls"], 2);
}

#[tokio::test]
async fn rejected_event_commits_and_reads_nothing() {
    let mut env = TestEnv::failing().await;
    env.set("METRICS", "all");
    let (response, record) = invoke(&env, json!({"pack": "baseline"})).await;
    assert_eq!(
        response.expect_err("the event is rejected").kind(),
        "InvalidEvent"
    );
    assert_only_known_metrics(&record);
    assert_eq!(record["ConfigCalls"], 0);
}

#[tokio::test]
async fn run_that_reads_nothing_is_incomplete_and_not_committed() {
    let env = TestEnv::failing().await;
    invoke(&env, json!({})).await.0.expect("the run succeeds");
    env.world.deny_caller(OWN);
    let (response, record) = invoke(&env, json!({})).await;
    assert_eq!(
        response.expect_err("nothing is read").kind(),
        "AllSourcesFailed"
    );
    assert_eq!(record["RunCommitted"], 0);
    let values = ["RunIncomplete", "Gaps", "FailuresOpen"].map(|name| record[name].clone());
    assert_eq!(values, [1, 1, 1].map(|value| json!(value)));
}

#[tokio::test]
async fn undelivered_digest_age_grows_until_delivery() {
    let mut env = TestEnv::failing().await;
    env.set("CHAT_TOPIC_ARN", CHAT);
    env.world.create_topic(CHAT);
    env.world.remove_topic(TOPIC);
    let (response, record) = invoke(&env, json!({})).await;
    assert_eq!(
        response.expect_err("SNS rejects the publish").kind(),
        "PublishFailed"
    );
    assert_eq!(
        (&record["RunCommitted"], &record["Appeared"]),
        (&json!(1), &json!(1)),
        "the run is committed despite the failed publish"
    );
    env.advance_minutes(45);
    let (_, record) = invoke(&env, json!({})).await;
    assert_eq!(record["OldestUndeliveredDigestAge"], 45 * 60);
    env.world.create_topic(TOPIC);
    env.advance_minutes(45);
    let (response, record) = invoke(&env, json!({})).await;
    response.expect("the run succeeds");
    assert_eq!(record["OldestUndeliveredDigestAge"], 0);
}

#[tokio::test]
async fn resumed_run_does_not_count_changes_again() {
    let env = TestEnv::failing().await;
    env.world.remove_topic(TOPIC);
    let (_, record) = invoke(&env, json!({})).await;
    assert_eq!(record["Appeared"], 1);
    env.world.create_topic(TOPIC);
    env.reuse_request_id();
    let (response, record) = invoke(&env, json!({})).await;
    assert_eq!(response.expect("the run succeeds")["outcome"], "resumed");
    assert_eq!(
        (&record["Appeared"], &record["Cleared"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(
        (
            &record["RunCommitted"],
            &record["OldestUndeliveredDigestAge"]
        ),
        (&json!(1), &json!(0))
    );
}

#[tokio::test]
async fn throttled_attempts_are_counted() {
    let env = TestEnv::new().await;
    env.world.fill(OWN, "eu-west-1", 6, 3, 0);
    env.world.rate_limit(Some(RateLimit {
        per_second: 20.0,
        burst: 2.0,
    }));
    let (response, record) = invoke(&env, json!({})).await;
    assert_eq!(response.expect("the run succeeds")["complete"], true);
    let throttled = env
        .world
        .calls()
        .iter()
        .filter(|call| call.code.as_deref() == Some("ThrottlingException"))
        .count();
    assert!(throttled > 0, "no call was throttled");
    assert_eq!(record["ConfigThrottles"], throttled);
    assert_eq!(record["ConfigCalls"], 7, "retries do not count as calls");
}
