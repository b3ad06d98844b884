//! Pending changes: the changes that a receiver is to be notified of.
//!
//! They are computed from the ledger and never stored: the difference between what the receiver was
//! notified of and what is open.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::failure::OpenFailure;
use super::notified_at::ReceiverId;
use super::state::Ledger;
use crate::model::{FailureKey, GapKey, NotificationPolicy, Resolution, Scope, Source};

/// Reminders that are due within this time join one that is due now.
const REMINDER_BATCH: SignedDuration = SignedDuration::from_hours(24);

/// The changes that a receiver is to be notified of, by their keys in the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PendingChanges {
    /// Failures that are due and not notified yet.
    pub appeared: BTreeSet<FailureKey>,
    /// Notified failures that are no longer open.
    pub cleared: BTreeSet<FailureKey>,
    /// Notified failures of packs themselves that are [`Attributed`](Resolution::Attributed) to
    /// member accounts. They join a digest that another change triggers.
    pub attributed: BTreeSet<FailureKey>,
    /// Notified failures that are no longer in the scope of the settings.
    pub unwatched: BTreeSet<FailureKey>,
    /// Notified failures that are still open and due for a reminder.
    pub reminders: BTreeSet<FailureKey>,
    /// Gaps that at least two runs encountered, and that triggered no digest yet.
    pub gaps_lasting: BTreeSet<GapKey>,
    /// Gaps that were shown and have ended, for any [`GapResolution`](super::GapResolution).
    pub gaps_ended: BTreeSet<GapKey>,
    /// Empty sources that had packs and are not notified yet.
    pub empty_sources: BTreeSet<Source>,
    /// Notified empty sources that list packs again, or are no longer in the scope of the settings.
    pub empty_sources_ended: BTreeSet<Source>,
    /// The same for sources that never had packs. They join a digest that another change triggers.
    pub first_packs: BTreeSet<Source>,
}

impl PendingChanges {
    /// Computes the pending changes of `receiver` at the time `at`, restricted to `scope` if it is
    /// given. `at` is the end of the last committed read.
    ///
    /// Reminders are due only for failures that the last run has read as failing. Those that are
    /// due within the next day join one that is due now, so that they are not sent one by one.
    pub fn compute(
        ledger: &Ledger,
        receiver: ReceiverId,
        policy: &NotificationPolicy,
        scope: Option<&Scope>,
        at: Timestamp,
    ) -> Self {
        let mut changes = Self::default();
        let mut due_soon = Vec::new();
        let in_scope = |key: &FailureKey| scope.is_none_or(|scope| scope.covers(key));
        for (key, open) in ledger.open.iter().filter(|(key, _)| in_scope(key)) {
            match open.notified.get(receiver) {
                None if open.is_due(key, policy, at) => changes.appeared.insert(key.clone()),
                Some(notified)
                    if !open.is_suppressed(key, policy, at) && open.was_read_failing() =>
                {
                    let (due, soon) = (at, at + REMINDER_BATCH);
                    if policy.reminder_is_due(notified, due) {
                        changes.reminders.insert(key.clone());
                    } else if policy.reminder_is_due(notified, soon) {
                        due_soon.push(key);
                    }
                    false
                }
                _ => false,
            };
        }
        if !changes.reminders.is_empty() {
            changes.reminders.extend(due_soon.into_iter().cloned());
        }
        for (key, resolved) in ledger.resolved.iter().filter(|(key, _)| in_scope(key)) {
            if resolved.unnotified.contains(receiver) {
                let list = match resolved.resolution {
                    Resolution::Unwatched => &mut changes.unwatched,
                    Resolution::Attributed => &mut changes.attributed,
                    _ => &mut changes.cleared,
                };
                list.insert(key.clone());
            }
        }
        for (key, gap) in &ledger.gaps {
            let (covered, can_close) = scope.map_or((true, true), |scope| {
                (scope.covers_gap(key), scope.can_close_gap(key))
            });
            if gap.ended.is_some() {
                if can_close && gap.notified.contains(&receiver) {
                    changes.gaps_ended.insert(key.clone());
                }
            } else if covered && gap.seen_again && !gap.announced.contains(&receiver) {
                changes.gaps_lasting.insert(key.clone());
            }
        }
        let source_covered =
            |source: &Source| scope.is_none_or(|scope| scope.covers_source(source));
        for (source, empty_source) in ledger
            .empty_sources
            .iter()
            .filter(|(source, _)| source_covered(source))
        {
            let notified = empty_source.notified.contains(&receiver);
            let had_packs = !empty_source.packs.is_empty();
            let list = match (notified, empty_source.ended) {
                (true, Some(_)) if had_packs => &mut changes.empty_sources_ended,
                (true, Some(_)) => &mut changes.first_packs,
                (false, None) if had_packs => &mut changes.empty_sources,
                _ => continue,
            };
            list.insert(source.clone());
        }
        changes
    }

    /// Returns the changes that are not in `before`.
    #[must_use]
    pub fn minus(&self, before: &Self) -> Self {
        Self {
            appeared: &self.appeared - &before.appeared,
            cleared: &self.cleared - &before.cleared,
            attributed: &self.attributed - &before.attributed,
            unwatched: &self.unwatched - &before.unwatched,
            reminders: &self.reminders - &before.reminders,
            gaps_lasting: &self.gaps_lasting - &before.gaps_lasting,
            gaps_ended: &self.gaps_ended - &before.gaps_ended,
            empty_sources: &self.empty_sources - &before.empty_sources,
            empty_sources_ended: &self.empty_sources_ended - &before.empty_sources_ended,
            first_packs: &self.first_packs - &before.first_packs,
        }
    }

    /// Returns the number of changes that trigger a digest.
    pub fn len(&self) -> usize {
        self.appeared.len()
            + self.cleared.len()
            + self.unwatched.len()
            + self.reminders.len()
            + self.gaps_lasting.len()
            + self.gaps_ended.len()
            + self.empty_sources.len()
            + self.empty_sources_ended.len()
    }

    /// Returns whether there is no change that triggers a digest.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the keys of the failures that are no longer open and were watched until then.
    pub fn ended(&self) -> impl Iterator<Item = &FailureKey> {
        self.cleared.union(&self.attributed)
    }

    /// Records in the ledger that `receiver` was notified of all changes at the time `at`.
    pub fn mark_notified(&self, ledger: &mut Ledger, receiver: ReceiverId, at: Timestamp) {
        for key in self.appeared.iter().chain(&self.reminders) {
            if let Some(open) = ledger.open.get_mut(key) {
                OpenFailure::update(open, |open| open.notified.insert(receiver, at));
            }
        }
        for key in self.ended().chain(&self.unwatched) {
            if let Some(resolved) = ledger.resolved.get_mut(key) {
                resolved.unnotified.remove(receiver);
            }
        }
        for key in &self.gaps_lasting {
            if let Some(gap) = ledger.gaps.get_mut(key) {
                gap.announced.insert(receiver);
            }
        }
        for key in &self.gaps_ended {
            if let Some(gap) = ledger.gaps.get_mut(key) {
                gap.notified.remove(&receiver);
                gap.announced.remove(&receiver);
            }
        }
        for source in &self.empty_sources {
            if let Some(empty_source) = ledger.empty_sources.get_mut(source) {
                empty_source.notified.insert(receiver);
            }
        }
        for source in self.empty_sources_ended.union(&self.first_packs) {
            if let Some(empty_source) = ledger.empty_sources.get_mut(source) {
                empty_source.notified.remove(&receiver);
            }
        }
        ledger.prune_delivered();
    }
}

impl Ledger {
    /// Records that `receiver` was shown every gap that lasts in the scope of a run: a digest shows
    /// all of them, whatever triggered it. `with_never_filled` is whether it shows the sources that
    /// never had packs too.
    pub fn mark_shown(&mut self, receiver: ReceiverId, scope: &Scope, with_never_filled: bool) {
        for (key, gap) in &mut self.gaps {
            if gap.ended.is_none() && scope.shows_gap(key) {
                gap.notified.insert(receiver);
            }
        }
        if with_never_filled {
            for (source, empty) in &mut self.empty_sources {
                if empty.ended.is_none() && scope.shows_source(source) {
                    empty.notified.insert(receiver);
                }
            }
        }
    }
}
