//! Run totals: the counts of a run, shared by the snapshot, the ledger, the digest and the
//! response.

use serde::{Deserialize, Serialize};

/// The counts of a run.
///
/// Each open failure in scope counts in exactly one of `ignored`, `muted` and `failures`. The other
/// counts of failures are of those in `failures`.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(default)]
pub struct RunTotals {
    /// Packs that are known in scope, whether this run read them or not.
    pub packs: usize,
    /// Packs in scope with an open failure.
    pub packs_failing: usize,
    /// Packs in scope whose own status is in progress.
    pub packs_in_progress: usize,
    /// Member accounts with an open failure in scope.
    pub accounts_failing: usize,
    /// Open failures in scope that are neither ignored nor muted.
    pub failures: usize,
    /// Those that are open because their member account is in progress for too long.
    pub stuck: usize,
    /// Those that the digest topic is not notified of, because they are not due.
    pub pending: usize,
    /// Those that could not be read.
    pub unconfirmed: usize,
    /// Open failures in scope that are muted and not ignored.
    pub muted: usize,
    /// Open failures in scope that are ignored.
    pub ignored: usize,
    /// Failures that are due and that the digest topic was not notified of before this run.
    pub appeared: usize,
    /// Failures that the digest topic was notified of and that are cleared.
    pub cleared: usize,
    /// Gaps of this run.
    pub gaps: usize,
    /// All open failures, in scope or not, ignored and muted ones included.
    pub open_total: usize,
}
