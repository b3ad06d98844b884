//! What an audience is to be told: the difference between what it was told and what is open.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::ledger::{AudienceId, Ledger, Open};
use crate::model::{FailureKey, GapKey, Resolution, Source};
use crate::plan::Policy;
use crate::scope::Scope;

/// The changes that one digest tells, by their keys in the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Due and not told.
    pub appeared: BTreeSet<FailureKey>,
    /// Told, and no longer open; those that were explained are among them.
    pub cleared: BTreeSet<FailureKey>,
    /// Told, and no longer watched.
    pub unwatched: BTreeSet<FailureKey>,
    /// Told long ago, and still open.
    pub reminded: BTreeSet<FailureKey>,
    /// Not read in two runs, and not told.
    pub gaps_lasting: BTreeSet<GapKey>,
    /// Told as not read, and no longer so: read again, gone, or no longer watched.
    pub gaps_ended: BTreeSet<GapKey>,
    /// Had packs and list none, and not told.
    pub emptied: BTreeSet<Source>,
    /// Told to list no packs, and list some again.
    pub listed_again: BTreeSet<Source>,
}

impl Difference {
    /// What `audience` is to be told of the state at the time `at`; with `scope`, only of what is
    /// in it.
    pub fn of(
        ledger: &Ledger,
        audience: AudienceId,
        policy: &Policy,
        scope: Option<&Scope>,
        at: Timestamp,
    ) -> Self {
        let mut difference = Self::default();
        let in_scope = |key: &FailureKey| scope.is_none_or(|scope| scope.covers(key));
        for (key, open) in ledger.open.iter().filter(|(key, _)| in_scope(key)) {
            match open.told.get(&audience) {
                None if open.is_due(key, policy, at) => difference.appeared.insert(key.clone()),
                Some(told) if !policy.ignores(key) && policy.reminder_is_due(*told, at) => {
                    difference.reminded.insert(key.clone())
                }
                _ => false,
            };
        }
        for (key, closed) in ledger.closed.iter().filter(|(key, _)| in_scope(key)) {
            if closed.owed.contains_key(&audience) {
                let list = match closed.how {
                    Resolution::Unwatched => &mut difference.unwatched,
                    _ => &mut difference.cleared,
                };
                list.insert(key.clone());
            }
        }
        for (key, gap) in &ledger.gaps {
            let (covered, ends) = scope.map_or((true, true), |scope| {
                (scope.covers_gap(key), scope.sees_the_end_of(key))
            });
            match (gap.told.contains(&audience), gap.ended) {
                (true, Some(_)) if ends => difference.gaps_ended.insert(key.clone()),
                (false, None) if covered && gap.met_again => {
                    difference.gaps_lasting.insert(key.clone())
                }
                _ => false,
            };
        }
        let sees = |source: &Source| scope.is_none_or(|scope| scope.covers_source(source));
        for (source, emptied) in ledger.emptied.iter().filter(|(source, _)| sees(source)) {
            match (emptied.told.contains(&audience), emptied.ended) {
                (true, true) => difference.listed_again.insert(source.clone()),
                (false, false) => difference.emptied.insert(source.clone()),
                _ => false,
            };
        }
        difference
    }

    /// What of it was not to be told before.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            appeared: &self.appeared - &before.appeared,
            cleared: &self.cleared - &before.cleared,
            unwatched: &self.unwatched - &before.unwatched,
            reminded: &self.reminded - &before.reminded,
            gaps_lasting: &self.gaps_lasting - &before.gaps_lasting,
            gaps_ended: &self.gaps_ended - &before.gaps_ended,
            emptied: &self.emptied - &before.emptied,
            listed_again: &self.listed_again - &before.listed_again,
        }
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Notes in the ledger that `audience` is told all of this at the time `at`.
    pub fn note_told(&self, ledger: &mut Ledger, audience: AudienceId, at: Timestamp) {
        for key in self.appeared.iter().chain(&self.reminded) {
            if let Some(open) = ledger.open.get_mut(key) {
                Open::revise(open, |open| open.told.insert(audience, at));
            }
        }
        for key in self.cleared.iter().chain(&self.unwatched) {
            if let Some(closed) = ledger.closed.get_mut(key) {
                closed.told |= closed.owed.remove(&audience).is_some();
            }
        }
        for key in &self.gaps_lasting {
            if let Some(gap) = ledger.gaps.get_mut(key) {
                gap.told.insert(audience);
            }
        }
        for key in &self.gaps_ended {
            if let Some(gap) = ledger.gaps.get_mut(key) {
                gap.told.remove(&audience);
            }
        }
        for source in &self.emptied {
            if let Some(emptied) = ledger.emptied.get_mut(source) {
                emptied.told.insert(audience);
            }
        }
        for source in &self.listed_again {
            if let Some(emptied) = ledger.emptied.get_mut(source) {
                emptied.told.remove(&audience);
            }
        }
        ledger.drop_what_nobody_waits_for();
    }
}

impl Policy {
    fn reminder_is_due(&self, told: Timestamp, at: Timestamp) -> bool {
        self.remind_after
            .is_some_and(|after| at.duration_since(told) >= after)
    }
}
