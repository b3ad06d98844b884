//! Commit check: decides from the ledger whether an execution may commit its observation.
//!
//! A run stores a changed ledger only over the version that it read (compare-and-swap), so every
//! change is applied completely or not at all.

use jiff::Timestamp;

use super::outbox::{MAX_CLOCK_SKEW, MAX_INVOCATION};
use super::owner::ForeignLedger;
use super::state::{CommittedRead, Ledger, RecentRun};
use crate::model::{Deployment, Scope, Watched};

/// Whether an execution may commit, given the stored ledger.
#[derive(Debug, Clone, PartialEq)]
pub enum CommitCheck {
    /// Commit the observation. Narrowed runs that read later have committed the parts in
    /// `later_reads`, which this run leaves as they are.
    Proceed {
        /// The scopes of those runs.
        later_reads: Vec<Scope>,
    },
    /// This execution has already committed: an earlier write succeeded although its response was
    /// lost.
    AlreadyCommitted(RecentRun),
    /// Another execution has committed this run id: only deliver the digests left in the outbox.
    Resume(RecentRun),
    /// A full run committed a read that ended after this run's read had started.
    Superseded {
        /// Whether the scope of that read covers the scope of this run.
        covered: bool,
    },
    /// The ledger belongs to another function.
    Foreign(ForeignLedger),
}

/// Who wants to commit, and what.
#[derive(Debug, Clone, Copy)]
pub struct CommitRequest<'a> {
    /// The id of the run.
    pub run_id: &'a str,
    /// The id of the execution.
    pub execution: &'a str,
    /// Where it executes.
    pub deployment: &'a Deployment,
    /// What its settings watch.
    pub watched: &'a Watched,
    /// The scope of the run.
    pub scope: &'a Scope,
    /// Start of the read that is to be committed.
    pub read_started_at: Timestamp,
}

impl Ledger {
    /// Checks whether an execution may commit.
    pub fn check_commit(&self, request: CommitRequest<'_>, now: Timestamp) -> CommitCheck {
        if let Err(foreign) = self.check_owner(request.deployment, request.watched) {
            return CommitCheck::Foreign(foreign);
        }
        if let Some(run) = self
            .recent_runs
            .iter()
            .find(|run| run.run_id == request.run_id)
        {
            let run = run.clone();
            return if run.execution == request.execution {
                CommitCheck::AlreadyCommitted(run)
            } else {
                CommitCheck::Resume(run)
            };
        }
        let later: Vec<_> = self.later_reads(request.read_started_at, now).collect();
        let covered = later
            .iter()
            .any(|read| !read.partial && read.scope.contains(request.scope));
        if covered || later.iter().any(|read| !read.scope.narrowed) {
            return CommitCheck::Superseded { covered };
        }
        CommitCheck::Proceed {
            later_reads: later.into_iter().map(|read| read.scope.clone()).collect(),
        }
    }

    /// Returns the committed reads that ended after `read_started_at`.
    ///
    /// A read whose end is more than 15 minutes in the future is not returned, so that one wrong
    /// clock cannot block all later commits.
    pub fn later_reads(
        &self,
        read_started_at: Timestamp,
        now: Timestamp,
    ) -> impl Iterator<Item = &CommittedRead> {
        self.recent_reads
            .iter()
            .filter(move |read| read.until > read_started_at && read.until <= now + MAX_CLOCK_SKEW)
    }

    /// Records a committed read, and forgets those that no run in progress can have missed. The
    /// last full read is kept.
    pub fn record_read(&mut self, read: CommittedRead) {
        let oldest = read.until - MAX_INVOCATION - MAX_CLOCK_SKEW;
        let replaces_full_reads = !read.scope.narrowed;
        self.recent_reads.retain(|earlier| {
            if earlier.scope.narrowed {
                earlier.until > oldest
            } else {
                !replaces_full_reads
            }
        });
        self.recent_reads.push(read);
    }
}
