//! What one invocation measures.

use super::gauges::Gauges;
use jiff::SignedDuration;

/// What one invocation measured, as far as it came. What it does not know it leaves out: a missing
/// value is no zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunMetrics {
    /// Whether its run is stored.
    pub committed: bool,
    /// Whether everything in scope was read, where that is recorded.
    pub complete: Option<bool>,
    /// What this run found to be due and not told, and what told and better, where it stored that.
    pub changes: Option<ChangeCounts>,
    /// The ledger as it is stored.
    pub gauges: Option<Gauges>,
    /// Calls to AWS Config, retries not counted.
    pub config_calls: u64,
    /// Attempts that AWS Config throttled.
    pub config_throttles: u64,
    /// How long AWS Config was read.
    pub read_time: SignedDuration,
    /// How long the invocation took.
    pub run_time: SignedDuration,
}

/// The changes of a run, towards the digest topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeCounts {
    /// Due and not told before.
    pub appeared: usize,
    /// Told, and better now.
    pub cleared: usize,
}
