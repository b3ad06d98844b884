//! The commit check of the commit protocol, as a pure function of the ledger: may this execution
//! commit, has it already, or is its read too old?
//!
//! A run stores a changed ledger only over the version that it read (compare-and-swap), so each
//! change happens whole or not at all.

use jiff::{SignedDuration, Timestamp};

use super::state::{LastRead, Ledger, RecentRun};
use crate::model::Scope;

/// What a ledger that was just recalled means for an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitCheck {
    /// Its observation is newer than all that is committed.
    Proceed,
    /// This execution has committed, though it had no answer.
    AlreadyCommitted(RecentRun),
    /// Another execution has committed this run id: only what is left is to be sent.
    Resume(RecentRun),
    /// A reading that ended after ours began was committed first.
    Superseded {
        /// Whether it looked at everything that ours looks at.
        covered: bool,
    },
}

/// A clock that is this far ahead of ours is wrong, and what it says is not waited for.
pub(super) const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(15);

impl Ledger {
    /// Whose turn it is. `reading_started` is the start of the reading that is to be committed.
    pub fn check_commit(
        &self,
        run_id: &str,
        execution: &str,
        reading_started: Timestamp,
        scope: &Scope,
        now: Timestamp,
    ) -> CommitCheck {
        if let Some(run) = self.runs.iter().find(|run| run.run_id == run_id) {
            let check_commit = if run.execution == execution {
                CommitCheck::AlreadyCommitted
            } else {
                CommitCheck::Resume
            };
            return check_commit(run.clone());
        }
        match self.newer_read(reading_started, now) {
            Some(reading) => CommitCheck::Superseded {
                covered: reading.scope.contains(scope),
            },
            None => CommitCheck::Proceed,
        }
    }

    /// The last committed reading, if it ended after one that began at `reading_started`.
    pub fn newer_read(&self, reading_started: Timestamp, now: Timestamp) -> Option<&LastRead> {
        let newer = |reading: &&LastRead| {
            reading.until > reading_started && reading.until <= now + MAX_CLOCK_SKEW
        };
        self.reading.as_ref().filter(newer)
    }
}
