//! Measurements of one invocation.

use jiff::SignedDuration;

use super::gauges::Gauges;

/// Measurements of one invocation, as far as it got. A value that is `None` is `null` in the log,
/// and is not a CloudWatch metric: unknown is not zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunMetrics {
    /// Whether the run is committed, by this or an earlier execution.
    pub committed: bool,
    /// Whether everything in scope was read; `None` for a narrowed run, and for one that did not
    /// get that far or was not to commit.
    pub complete: Option<bool>,
    /// Changes of this run; zero unless this execution committed it.
    pub changes: ChangeCounts,
    /// Gauges of the stored ledger.
    pub gauges: Option<Gauges>,
    /// Calls to AWS Config, not counting retries.
    pub config_calls: u64,
    /// Attempts that AWS Config throttled.
    pub config_throttles: u64,
    /// Time spent reading AWS Config.
    pub read_time: SignedDuration,
    /// Duration of the invocation.
    pub run_time: SignedDuration,
}

/// Number of changes that a run makes towards the digest topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChangeCounts {
    /// Failures that became due and were not notified before.
    pub appeared: usize,
    /// Notified failures that cleared.
    pub cleared: usize,
}
