//! What an audience is to be told: the difference between what it was told and what is open.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::state::{Ledger, OpenFailure, ReceiverId};
use crate::model::NotificationPolicy;
use crate::model::Scope;
use crate::model::{FailureKey, GapKey, Resolution, Source};

/// The changes that one digest tells, by their keys in the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PendingChanges {
    /// Due and not told.
    pub appeared: BTreeSet<FailureKey>,
    /// Told, and no longer open; those that were explained are among them.
    pub cleared: BTreeSet<FailureKey>,
    /// Told, and no longer watched.
    pub unwatched: BTreeSet<FailureKey>,
    /// Told long ago, and still open.
    pub reminders: BTreeSet<FailureKey>,
    /// Not read in two runs, and not told.
    pub gaps_persisting: BTreeSet<GapKey>,
    /// Told as not read, and no longer so: read again, gone, or no longer watched.
    pub gaps_ended: BTreeSet<GapKey>,
    /// Had packs and list none, and not told.
    pub emptied: BTreeSet<Source>,
    /// Told to list no packs, and list some again.
    pub repopulated: BTreeSet<Source>,
}

impl PendingChanges {
    /// What `receiver` is to be told of the state at the time `at`; with `scope`, only of what is
    /// in it.
    pub fn compute(
        ledger: &Ledger,
        receiver: ReceiverId,
        policy: &NotificationPolicy,
        scope: Option<&Scope>,
        at: Timestamp,
    ) -> Self {
        let mut changes = Self::default();
        let in_scope = |key: &FailureKey| scope.is_none_or(|scope| scope.covers(key));
        for (key, open) in ledger.open.iter().filter(|(key, _)| in_scope(key)) {
            match open.told.get(&receiver) {
                None if open.is_due(key, policy, at) => changes.appeared.insert(key.clone()),
                Some(told) if !policy.ignores(key) && policy.reminder_is_due(*told, at) => {
                    changes.reminders.insert(key.clone())
                }
                _ => false,
            };
        }
        for (key, closed) in ledger.closed.iter().filter(|(key, _)| in_scope(key)) {
            if closed.owed.contains_key(&receiver) {
                let list = match closed.how {
                    Resolution::Unwatched => &mut changes.unwatched,
                    _ => &mut changes.cleared,
                };
                list.insert(key.clone());
            }
        }
        for (key, gap) in &ledger.gaps {
            let (covered, ends) = scope.map_or((true, true), |scope| {
                (scope.covers_gap(key), scope.can_close_gap(key))
            });
            match (gap.told.contains(&receiver), gap.ended) {
                (true, Some(_)) if ends => changes.gaps_ended.insert(key.clone()),
                (false, None) if covered && gap.met_again => {
                    changes.gaps_persisting.insert(key.clone())
                }
                _ => false,
            };
        }
        let sees = |source: &Source| scope.is_none_or(|scope| scope.covers_source(source));
        for (source, emptied) in ledger.emptied.iter().filter(|(source, _)| sees(source)) {
            match (emptied.told.contains(&receiver), emptied.ended) {
                (true, true) => changes.repopulated.insert(source.clone()),
                (false, false) => changes.emptied.insert(source.clone()),
                _ => false,
            };
        }
        changes
    }

    /// What of it was not to be told before.
    #[must_use]
    pub fn minus(&self, before: &Self) -> Self {
        Self {
            appeared: &self.appeared - &before.appeared,
            cleared: &self.cleared - &before.cleared,
            unwatched: &self.unwatched - &before.unwatched,
            reminders: &self.reminders - &before.reminders,
            gaps_persisting: &self.gaps_persisting - &before.gaps_persisting,
            gaps_ended: &self.gaps_ended - &before.gaps_ended,
            emptied: &self.emptied - &before.emptied,
            repopulated: &self.repopulated - &before.repopulated,
        }
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Notes in the ledger that `receiver` is told all of this at the time `at`.
    pub fn mark_notified(&self, ledger: &mut Ledger, receiver: ReceiverId, at: Timestamp) {
        for key in self.appeared.iter().chain(&self.reminders) {
            if let Some(open) = ledger.open.get_mut(key) {
                OpenFailure::update(open, |open| open.told.insert(receiver, at));
            }
        }
        for key in self.cleared.iter().chain(&self.unwatched) {
            if let Some(closed) = ledger.closed.get_mut(key) {
                closed.told |= closed.owed.remove(&receiver).is_some();
            }
        }
        for key in &self.gaps_persisting {
            if let Some(gap) = ledger.gaps.get_mut(key) {
                gap.told.insert(receiver);
            }
        }
        for key in &self.gaps_ended {
            if let Some(gap) = ledger.gaps.get_mut(key) {
                gap.told.remove(&receiver);
            }
        }
        for source in &self.emptied {
            if let Some(emptied) = ledger.emptied.get_mut(source) {
                emptied.told.insert(receiver);
            }
        }
        for source in &self.repopulated {
            if let Some(emptied) = ledger.emptied.get_mut(source) {
                emptied.told.remove(&receiver);
            }
        }
        ledger.prune_delivered();
    }
}
