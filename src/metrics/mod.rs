//! What an invocation measured: the names and units of the metrics, and the one line of [embedded
//! metric
//! format](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html)
//! that CloudWatch makes them of. No call and no permission is needed for that.

mod emf;
mod gauges;
mod names;
mod run_metrics;

pub use gauges::Gauges;
use jiff::Timestamp;
pub use names::{DIMENSION, METRICS, NAMESPACE};
pub use run_metrics::{ChangeCounts, RunMetrics};

/// Writes the metrics of every invocation.
#[derive(Debug)]
pub struct MetricsEmitter {
    function: String,
    level: String,
    write: fn(&str),
}

impl MetricsEmitter {
    /// Metrics of the function that `lookup`, which answers like the environment, names. `write` is
    /// given one line at a time.
    pub fn new(lookup: impl Fn(&str) -> Option<String>, write: fn(&str)) -> Self {
        let set = |name| lookup(name).filter(|value| !value.is_empty());
        Self {
            function: set("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| NAMESPACE.to_owned()),
            // A line without a level counts as INFO, and Lambda drops what is below the function's
            // level.
            level: set("AWS_LAMBDA_LOG_LEVEL").unwrap_or_else(|| "INFO".to_owned()),
            write,
        }
    }

    /// Writes the line of one invocation, which ended at `now`.
    pub fn emit(&self, measures: &RunMetrics, now: Timestamp) {
        match emf::write(measures, &self.function, &self.level, now) {
            Ok(line) => (self.write)(&line),
            Err(error) => tracing::warn!(error, "the metrics of this run could not be written"),
        }
    }
}
