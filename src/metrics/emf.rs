//! The EMF record: the metrics of one invocation as one line of JSON.
//!
//! The line always has a field for every metric, so that CloudWatch Logs Insights can query it. The
//! fields that the record *declares* also become CloudWatch metrics, each of which costs money.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::gauges::Gauges;
use super::names::{ALARM_METRICS, DIMENSION, METRICS, NAMESPACE};
use super::run_metrics::RunMetrics;
use crate::input::settings::MetricSet;

/// Returns the metrics of one invocation as one line of JSON, with its newline.
pub(super) fn to_json_line(
    metrics: &RunMetrics,
    set: MetricSet,
    function: &str,
    level: &str,
    now: Timestamp,
) -> String {
    let values = values(metrics);
    let declared: Vec<_> = METRICS
        .iter()
        .filter(|(name, _)| is_declared(set, name) && values.get(name).is_some_and(Option::is_some))
        .map(|(name, unit)| json!({"Name": name, "Unit": unit}))
        .collect();
    let mut record = json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [[DIMENSION]],
                "Metrics": declared,
            }],
        },
        // Lambda treats a JSON log line without `level` and `timestamp` as `INFO` ([log-level
        // filtering](https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html)).
        "level": level,
        "timestamp": now.to_string(),
    });
    record[DIMENSION] = function.into();
    for (name, value) in values {
        record[name] = value.map_or(Value::Null, Value::from);
    }
    format!("{record}\n")
}

fn is_declared(set: MetricSet, name: &str) -> bool {
    match set {
        MetricSet::Alarms => ALARM_METRICS.contains(&name),
        MetricSet::All => true,
    }
}

/// Returns the value of every metric; `None` is an unknown value, which is not zero.
fn values(metrics: &RunMetrics) -> BTreeMap<&'static str, Option<u64>> {
    let RunMetrics {
        committed,
        complete,
        changes,
        gauges,
        config_calls,
        config_throttles,
        read_time,
        run_time,
    } = metrics;
    let gauge = |value: fn(&Gauges) -> usize| gauges.as_ref().map(value).map(count);
    let age = |value: fn(&Gauges) -> SignedDuration| {
        gauges
            .as_ref()
            .map(value)
            .map(|age| age.as_secs().unsigned_abs())
    };
    BTreeMap::from([
        ("RunCommitted", Some(u64::from(*committed))),
        (
            "RunIncomplete",
            complete.map(|complete| u64::from(!complete)),
        ),
        ("PacksFailing", gauge(|gauges| gauges.packs_failing)),
        ("AccountsFailing", gauge(|gauges| gauges.accounts_failing)),
        ("FailuresOpen", gauge(|gauges| gauges.failures_open)),
        ("Appeared", Some(count(changes.appeared))),
        ("Cleared", Some(count(changes.cleared))),
        ("Gaps", gauge(|gauges| gauges.gaps)),
        ("OldestFailureAge", age(|gauges| gauges.oldest_failure_age)),
        (
            "OldestUndeliveredDigestAge",
            age(|gauges| gauges.oldest_undelivered_digest_age),
        ),
        ("ConfigCalls", Some(*config_calls)),
        ("ConfigThrottles", Some(*config_throttles)),
        ("ReadTime", Some(milliseconds(*read_time))),
        ("RunTime", Some(milliseconds(*run_time))),
    ])
}

fn count(number: usize) -> u64 {
    number.try_into().unwrap_or(u64::MAX)
}

fn milliseconds(duration: SignedDuration) -> u64 {
    duration.as_millis().try_into().unwrap_or_default()
}
