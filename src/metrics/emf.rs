//! The EMF record: the metrics of one invocation as one line of JSON, which `metrique` formats.

#![expect(
    unused_qualifications,
    reason = "the `metrics` macro generates qualified paths"
)]

use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};
use metrique::emf::Emf;
use metrique::unit::{Count, Millisecond, Second};
use metrique::unit_of_work::metrics;
use metrique::{CloseValue, RootEntry};
use metrique_writer::format::Format;

use super::gauges::Gauges;
use super::names::{DIMENSION, NAMESPACE};
use super::run_metrics::RunMetrics;

/// Returns the metrics of one invocation as one line of JSON, with its newline.
pub(super) fn to_json_line(
    metrics: &RunMetrics,
    function: &str,
    level: &str,
    now: Timestamp,
) -> Result<String, String> {
    let mut format = Emf::builder(NAMESPACE.to_owned(), vec![vec![DIMENSION.to_owned()]]).build();
    let mut bytes = Vec::new();
    let record = EmfRecord::of(metrics, function, level, now);
    format
        .format(&RootEntry::new(record.close()), &mut bytes)
        .map_err(|error| format!("{error:?}"))?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// The EMF record. A field that is `None` is left out.
#[metrics(rename_all = "PascalCase")]
struct EmfRecord {
    #[metrics(timestamp)]
    at: SystemTime,
    function_name: String,
    #[metrics(unit = Count)]
    run_committed: Option<u64>,
    #[metrics(unit = Count)]
    run_incomplete: Option<u64>,
    #[metrics(unit = Count)]
    packs_failing: Option<u64>,
    #[metrics(unit = Count)]
    accounts_failing: Option<u64>,
    #[metrics(unit = Count)]
    failures_open: Option<u64>,
    #[metrics(unit = Count)]
    appeared: Option<u64>,
    #[metrics(unit = Count)]
    cleared: Option<u64>,
    #[metrics(unit = Count)]
    gaps: Option<u64>,
    #[metrics(unit = Second)]
    oldest_failure_age: Option<u64>,
    #[metrics(unit = Second)]
    oldest_undelivered_digest_age: Option<u64>,
    #[metrics(unit = Count)]
    config_calls: u64,
    #[metrics(unit = Count)]
    config_throttles: u64,
    #[metrics(unit = Millisecond)]
    read_time: u64,
    #[metrics(unit = Millisecond)]
    run_time: u64,
    /// Lambda treats a JSON log line without `level` and `timestamp` as `INFO` ([log-level
    /// filtering](https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html)).
    #[metrics(name = "level")]
    level: String,
    #[metrics(name = "timestamp")]
    timestamp: String,
}

impl EmfRecord {
    fn of(metrics: &RunMetrics, function: &str, level: &str, now: Timestamp) -> Self {
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
        Self {
            at: now.into(),
            function_name: function.to_owned(),
            run_committed: committed.then_some(1),
            run_incomplete: complete.map(|complete| u64::from(!complete)),
            packs_failing: gauge(|gauges| gauges.packs_failing),
            accounts_failing: gauge(|gauges| gauges.accounts_failing),
            failures_open: gauge(|gauges| gauges.failures_open),
            appeared: changes.map(|changes| count(changes.appeared)),
            cleared: changes.map(|changes| count(changes.cleared)),
            gaps: gauge(|gauges| gauges.gaps),
            oldest_failure_age: age(|gauges| gauges.oldest_failure_age),
            oldest_undelivered_digest_age: age(|gauges| gauges.oldest_undelivered_digest_age),
            config_calls: *config_calls,
            config_throttles: *config_throttles,
            read_time: milliseconds(*read_time),
            run_time: milliseconds(*run_time),
            level: level.to_owned(),
            timestamp: now.to_string(),
        }
    }
}

fn count(number: usize) -> u64 {
    number.try_into().unwrap_or(u64::MAX)
}

fn milliseconds(duration: SignedDuration) -> u64 {
    duration.as_millis().try_into().unwrap_or_default()
}
