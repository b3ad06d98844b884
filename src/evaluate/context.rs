//! [`EvaluationContext`]: the input of an evaluation besides the ledger and the observation.

use crate::model::{FailureKey, GapKey, NotificationPolicy, PackKey, Scope, Source};

/// The run for which an evaluation is made.
#[derive(Debug, Clone, Copy)]
pub struct EvaluationContext<'a> {
    /// What the run looks at.
    pub scope: &'a Scope,
    /// What narrowed runs have read later and committed first. The run leaves these parts of its
    /// scope as they are.
    pub later_reads: &'a [Scope],
    /// Which failures are notified, and when.
    pub policy: &'a NotificationPolicy,
    /// The id of the run.
    pub run_id: &'a str,
}

impl EvaluationContext<'_> {
    /// Returns whether the run decides about this failure.
    pub(super) fn covers(&self, key: &FailureKey) -> bool {
        self.scope.covers(key) && !self.read_later(|scope| scope.covers(key))
    }

    /// Returns whether the run decides about this pack.
    pub(super) fn covers_pack(&self, key: &PackKey) -> bool {
        let covers = |scope: &Scope| scope.accounts.is_none() && scope.covers_pack(key);
        self.scope.covers_pack(key) && !self.read_later(covers)
    }

    /// Returns whether a narrowed run has read later anything of this pack, for example one account.
    pub(super) fn pack_read_later(&self, key: &PackKey) -> bool {
        self.read_later(|scope| scope.covers_pack(key))
    }

    /// Returns whether the run decides whether this source is empty.
    pub(super) fn covers_source(&self, source: &Source) -> bool {
        self.scope.covers_source(source) && !self.read_later(|scope| scope.covers_source(source))
    }

    /// Returns whether a narrowed run has read later what this gap is about.
    pub(super) fn gap_read_later(&self, key: &GapKey) -> bool {
        self.read_later(|scope| scope.can_close_gap(key))
    }

    fn read_later(&self, covers: impl Fn(&Scope) -> bool) -> bool {
        self.later_reads.iter().any(covers)
    }
}
