//! Which metrics the function sends to CloudWatch.

/// The metrics that become CloudWatch metrics, which are billed one by one. The log has the values
/// of all metrics in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MetricSet {
    /// Only the metrics that have an alarm.
    #[default]
    Alarms,
    /// All metrics.
    All,
}
