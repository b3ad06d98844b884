//! Metrics of an invocation, written as one log line in CloudWatch [embedded metric
//! format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
//! CloudWatch extracts the metrics from the log, so they need no API call and no permission.

mod emf;
mod gauges;
mod names;
mod run_metrics;

use jiff::Timestamp;

use crate::input::settings::MetricSet;

pub use gauges::Gauges;
pub use names::{ALARM_METRICS, DIMENSION, METRICS, NAMESPACE};
pub use run_metrics::{ChangeCounts, RunMetrics};

/// Writes one metrics record for each invocation.
#[derive(Debug)]
pub struct MetricsEmitter {
    set: MetricSet,
    function: String,
    level: String,
    write: fn(&str),
}

impl MetricsEmitter {
    /// Creates an emitter of the metrics in `set`. `lookup` reads an environment variable (the name
    /// and log level of the function), and `write` receives one line at a time.
    pub fn new(set: MetricSet, lookup: impl Fn(&str) -> Option<String>, write: fn(&str)) -> Self {
        let read = |name| lookup(name).filter(|value| !value.is_empty());
        Self {
            set,
            function: read("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| NAMESPACE.to_owned()),
            // Lambda drops lines below the function's log level, and treats a line without a level
            // as INFO. A record at the function's own level is never dropped.
            level: read("AWS_LAMBDA_LOG_LEVEL").unwrap_or_else(|| "INFO".to_owned()),
            write,
        }
    }

    /// Writes the metrics of one invocation that ended at `now`.
    pub fn emit(&self, metrics: &RunMetrics, now: Timestamp) {
        let line = emf::to_json_line(metrics, self.set, &self.function, &self.level, now);
        (self.write)(&line);
    }
}
