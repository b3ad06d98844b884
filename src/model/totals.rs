//! The numbers of a run, as the snapshot, the ledger, the digest and the answer give them.

use serde::{Deserialize, Serialize};

/// The numbers of a run. Ignored failures count only in `ignored` and, where they could not be
/// read, in `unconfirmed`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunTotals {
    /// Packs that are there.
    pub packs: usize,
    /// Packs with an open failure.
    pub packs_failing: usize,
    /// Packs whose own status is moving.
    pub packs_moving: usize,
    /// Open failures of member accounts.
    pub accounts_failing: usize,
    /// Open failures in scope, unconfirmed ones included.
    pub failures: usize,
    /// Open failures that are never told.
    pub ignored: usize,
    /// Due and not told to the digest topic before this run.
    pub appeared: usize,
    /// Told to the digest topic, and better now.
    pub cleared: usize,
    /// Open failures that could not be read.
    pub unconfirmed: usize,
    /// What could not be read.
    pub gaps: usize,
    /// Open failures, in scope or not.
    pub open_all: usize,
}
