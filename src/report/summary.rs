//! The findings of a run, and the totals computed from them.

use std::collections::BTreeSet;

use super::records::{EmptySourceRecord, EmptySourceState, NotificationState};
use super::warnings::warnings;
use crate::collect::{Observation, PackObservation};
use crate::evaluate::Evaluation;
use crate::input::plan::RunPlan;
use crate::ledger::{Ledger, PendingChanges};
use crate::model::{PackKey, RunTotals, Scope, StatusKind, Warning};

/// The findings of a run, before they are committed.
#[derive(Debug, Clone)]
pub struct RunFindings<'a> {
    /// The plan of the run.
    pub plan: &'a RunPlan,
    /// The scope of the run.
    pub scope: &'a Scope,
    /// The observation.
    pub observation: &'a Observation,
    /// The evaluation of the observation.
    pub evaluation: &'a Evaluation,
    /// The pending changes of the digest topic.
    pub changes: &'a PendingChanges,
    /// The totals of the run.
    pub totals: RunTotals,
    /// The warnings of the run.
    pub warnings: Vec<Warning>,
}

impl<'a> RunFindings<'a> {
    /// Combines the results of a run, and computes its totals and warnings.
    pub fn new(
        plan: &'a RunPlan,
        scope: &'a Scope,
        observation: &'a Observation,
        evaluation: &'a Evaluation,
        changes: &'a PendingChanges,
    ) -> Self {
        Self {
            plan,
            scope,
            observation,
            evaluation,
            changes,
            totals: totals(plan, scope, observation, evaluation, changes),
            warnings: warnings(plan, scope, observation, &evaluation.ledger),
        }
    }

    /// Returns the records of the sources in scope that list no packs now, ordered by source.
    pub(super) fn empty_sources(&self) -> Vec<EmptySourceRecord> {
        let sources = self.evaluation.ledger.empty_sources.iter();
        let current = sources.filter(|(source, empty_source)| {
            empty_source.ended.is_none() && self.scope.sources.contains(*source)
        });
        current
            .map(|(source, empty_source)| {
                let state = if empty_source.since == self.observation.ended_at {
                    EmptySourceState::Began
                } else {
                    EmptySourceState::Lasting
                };
                EmptySourceRecord::of(source, empty_source, state)
            })
            .collect()
    }

    /// Returns whether everything in scope was read, by this run or later by a narrowed run.
    pub fn is_complete(&self) -> bool {
        self.evaluation.gaps.is_empty()
    }
}

/// Computes the totals of a run.
fn totals(
    plan: &RunPlan,
    scope: &Scope,
    observation: &Observation,
    evaluation: &Evaluation,
    changes: &PendingChanges,
) -> RunTotals {
    let ledger = &evaluation.ledger;
    let receiver = ledger.receiver_id(&plan.settings.topic);
    let in_progress = |(pack, observed): &(&PackKey, &PackObservation)| {
        scope.covers_pack(pack) && observed.row.kind() == StatusKind::InProgress
    };
    let mut totals = RunTotals {
        packs: known_packs(scope, observation, ledger).len(),
        packs_in_progress: observation.packs.iter().filter(in_progress).count(),
        appeared: changes.appeared.len(),
        cleared: changes.cleared.len(),
        gaps: evaluation.gaps.len(),
        open_total: ledger.open.len(),
        ..RunTotals::default()
    };
    let mut accounts = BTreeSet::new();
    let mut packs = BTreeSet::new();
    for (key, open) in ledger.open.iter().filter(|(key, _)| scope.covers(key)) {
        let at = observation.ended_at;
        match NotificationState::of(key, open, &plan.settings.policy, receiver, at) {
            NotificationState::Ignored => totals.ignored += 1,
            NotificationState::Muted => totals.muted += 1,
            state => {
                totals.failures += 1;
                totals.pending += usize::from(state == NotificationState::Pending);
                totals.stuck += usize::from(open.is_stuck());
                totals.unconfirmed += usize::from(evaluation.unconfirmed.contains(key));
                accounts.extend(&key.account_id);
                packs.insert(&key.pack);
            }
        }
    }
    totals.accounts_failing = accounts.len();
    totals.packs_failing = packs.len();
    totals
}

/// Returns the packs that are known in scope: those that were read, and where something was not
/// read, those that the ledger knows from before.
fn known_packs<'a>(
    scope: &Scope,
    observation: &'a Observation,
    ledger: &'a Ledger,
) -> BTreeSet<&'a PackKey> {
    observation
        .packs
        .keys()
        .chain(ledger.known_packs())
        .filter(|pack| scope.covers_pack(pack) && !observation.proves_absent(pack))
        .collect()
}
