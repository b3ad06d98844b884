//! Run totals: the counts of a run, shared by the snapshot, the ledger, the digest and the
//! response.

use serde::{Deserialize, Serialize};

/// The counts of a run.
///
/// Ignored failures count only in `ignored` and, if they could not be read, in `unconfirmed`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunTotals {
    /// Packs in scope that exist.
    pub packs: usize,
    /// Packs in scope with an open failure.
    pub packs_failing: usize,
    /// Packs in scope whose own status is in progress.
    pub packs_in_progress: usize,
    /// Open failures of member accounts in scope.
    pub accounts_failing: usize,
    /// Open failures in scope, including unconfirmed ones.
    pub failures: usize,
    /// Open failures in scope that are ignored.
    pub ignored: usize,
    /// Failures that are due and that the digest topic was not notified of before this run.
    pub appeared: usize,
    /// Failures that the digest topic was notified of and that are cleared.
    pub cleared: usize,
    /// Open failures in scope that could not be read.
    pub unconfirmed: usize,
    /// Gaps of this run.
    pub gaps: usize,
    /// Open failures, in scope or not.
    pub open_total: usize,
}
