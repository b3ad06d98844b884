//! What a run found, and its totals.

use super::records::{EmptySourceRecord, EmptySourceState};
use crate::collect::Observation;
use crate::evaluate::Evaluation;
use crate::input::plan::RunPlan;
use crate::ledger::PendingChanges;
use crate::ledger::{EmptySource, Ledger};
use crate::model::RunTotals;
use crate::model::Scope;
use crate::model::{FailureKey, PackName, Source, StatusKind};
use std::collections::BTreeSet;

/// All that a run found out, before it is told to anybody.
#[derive(Debug, Clone, Copy)]
pub struct RunFindings<'a> {
    /// The run.
    pub plan: &'a RunPlan,
    /// What it looked at.
    pub scope: &'a Scope,
    /// What it saw.
    pub observation: &'a Observation,
    /// What that changed.
    pub evaluation: &'a Evaluation,
    /// What the digest topic is to be told.
    pub changes: &'a PendingChanges,
}

/// How many of a difference's endings got better.
pub(crate) fn count_cleared(ledger: &Ledger, changes: &PendingChanges) -> usize {
    let better = |key: &&FailureKey| {
        ledger
            .closed
            .get(*key)
            .is_some_and(|closed| closed.how.is_clearing())
    };
    changes.cleared.iter().filter(better).count()
}

/// The sources of a difference that list no packs any more, or some again, in the order of the
/// sources.
pub(crate) fn empty_source_records(
    ledger: &Ledger,
    changes: &PendingChanges,
) -> Vec<EmptySourceRecord> {
    let record = |source: &Source| {
        let EmptySource {
            packs_before,
            since,
            ended,
            told: _,
        } = *ledger.emptied.get(source)?;
        let state = if ended {
            EmptySourceState::Ended
        } else {
            EmptySourceState::Began
        };
        Some(EmptySourceRecord {
            source: source.clone(),
            packs_before,
            since,
            state,
        })
    };
    (&changes.emptied | &changes.repopulated)
        .iter()
        .filter_map(record)
        .collect()
}

/// How many packs these failures are in.
pub(crate) fn count_packs<'a>(failures: impl IntoIterator<Item = &'a FailureKey>) -> usize {
    failures
        .into_iter()
        .map(|key| &key.pack)
        .collect::<BTreeSet<_>>()
        .len()
}

/// The names of the packs that these failures are in.
pub(crate) fn pack_names<'a>(
    failures: impl IntoIterator<Item = &'a FailureKey>,
) -> BTreeSet<&'a PackName> {
    failures.into_iter().map(|key| &key.pack.pack).collect()
}

impl RunFindings<'_> {
    /// Whether everything in scope was read.
    pub fn is_complete(&self) -> bool {
        self.observation.gaps.is_empty()
    }

    /// The numbers of the run.
    pub fn totals(&self) -> RunTotals {
        let ledger = &self.evaluation.ledger;
        let policy = &self.plan.policy;
        let told_of = |key: &&FailureKey| !policy.ignores(key);
        let open: Vec<&FailureKey> = ledger
            .open
            .keys()
            .filter(|key| self.scope.covers(key))
            .collect();
        let failing: Vec<&FailureKey> = open.iter().copied().filter(told_of).collect();
        let packs = || {
            self.observation
                .packs
                .iter()
                .filter(|(pack, _)| self.scope.covers_pack(pack))
        };
        RunTotals {
            packs: packs().count(),
            packs_failing: count_packs(failing.iter().copied()),
            packs_moving: packs()
                .filter(|(_, reading)| reading.row.kind() == StatusKind::InProgress)
                .count(),
            accounts_failing: failing.iter().filter(|key| !key.is_pack()).count(),
            failures: failing.len(),
            ignored: open.len() - failing.len(),
            appeared: self.changes.appeared.len(),
            cleared: count_cleared(ledger, self.changes),
            unconfirmed: self.evaluation.unconfirmed.len(),
            gaps: self.evaluation.gaps.len(),
            open_all: ledger.open.keys().filter(told_of).count(),
        }
    }
}
