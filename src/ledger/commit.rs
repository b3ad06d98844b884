//! Commit check: decides from the ledger whether an execution may commit its observation.
//!
//! A run stores a changed ledger only over the version that it read (compare-and-swap), so every
//! change is applied completely or not at all.

use jiff::{SignedDuration, Timestamp};

use super::state::{LastRead, Ledger, RecentRun};
use crate::model::Scope;

/// Whether an execution may commit, given the stored ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitCheck {
    /// The observation is newer than the last committed read: commit it.
    Proceed,
    /// This execution has already committed: an earlier write succeeded although its response was
    /// lost.
    AlreadyCommitted(RecentRun),
    /// Another execution has committed this run id: only deliver the digests left in the outbox.
    Resume(RecentRun),
    /// Another run committed a read that ended after this run's read had started.
    Superseded {
        /// Whether the scope of that read covers the scope of this run.
        covered: bool,
    },
}

/// Maximum clock skew between executions. A timestamp in the ledger that is further ahead than this
/// is wrong and is ignored.
pub(super) const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(15);

impl Ledger {
    /// Checks whether `execution` may commit the run `run_id`. `read_started_at` is the start of
    /// the read that is to be committed.
    pub fn check_commit(
        &self,
        run_id: &str,
        execution: &str,
        read_started_at: Timestamp,
        scope: &Scope,
        now: Timestamp,
    ) -> CommitCheck {
        if let Some(run) = self.recent_runs.iter().find(|run| run.run_id == run_id) {
            let run = run.clone();
            return if run.execution == execution {
                CommitCheck::AlreadyCommitted(run)
            } else {
                CommitCheck::Resume(run)
            };
        }
        match self.newer_read(read_started_at, now) {
            Some(read) => CommitCheck::Superseded {
                covered: read.scope.contains(scope),
            },
            None => CommitCheck::Proceed,
        }
    }

    /// Returns the last committed read if it ended after `read_started_at`.
    ///
    /// A read whose end is more than 15 minutes in the future is not returned, so that one wrong
    /// clock cannot block all later commits.
    pub fn newer_read(&self, read_started_at: Timestamp, now: Timestamp) -> Option<&LastRead> {
        let newer =
            |read: &&LastRead| read.until > read_started_at && read.until <= now + MAX_CLOCK_SKEW;
        self.last_read.as_ref().filter(newer)
    }
}
