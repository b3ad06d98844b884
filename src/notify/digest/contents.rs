//! What one digest contains, before it is worded.

use super::sanitize::sanitize;
use super::sanitized::Sanitized;
use super::snapshot_address::SnapshotAddress;
use crate::input::plan::RunPlan;
use crate::ledger::PendingChanges;
use crate::ledger::{LastCommit, Ledger, Receiver};
use crate::model::RunTotals;
use crate::model::{FailureKey, GapKey, PackName, Region, Source, StatusRecord};
use crate::report::{
    EmptySourceRecord, FailureDetails, FailureRecord, GapRecord, GapState, ResolvedRecord,
    count_cleared, count_packs, empty_source_records, pack_names,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// One digest for one audience, before it is worded.
#[derive(Debug, Clone, PartialEq)]
pub struct Digest {
    /// The id, the same however often it is sent.
    pub id: String,
    /// The last committed run, if any.
    pub run_id: Option<String>,
    /// Its number.
    pub sequence: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the reading ended whose state it tells.
    pub as_of: Timestamp,
    /// A short word for subjects and texts.
    pub label: Option<String>,
    /// Whether the run was the first.
    pub first_run: bool,
    /// The totals of the run; appeared and cleared are those of this digest.
    pub totals: RunTotals,
    /// Packs with an open failure.
    pub packs_open: BTreeSet<PackName>,
    /// How many packs that is, the same name in two sources counted twice.
    pub packs_failing: usize,
    /// Due and not told before.
    pub appeared: Vec<FailureRecord>,
    /// Told and no longer open; those that were explained are among them.
    pub cleared: Vec<ResolvedRecord>,
    /// Told, and no longer watched.
    pub unwatched: Vec<ResolvedRecord>,
    /// Told long ago, and still open.
    pub reminded: Vec<FailureRecord>,
    /// Gaps to tell.
    pub gaps: Vec<GapRecord>,
    /// Sources that list no packs any more, or some again.
    pub emptied: Vec<EmptySourceRecord>,
    /// Open besides what appeared, as counts.
    pub still_open: BTreeMap<PackName, usize>,
    /// Open and not due yet.
    pub pending: usize,
    /// Sources that are watched since the last digest.
    pub newly_watched: BTreeSet<Source>,
    /// The bucket and key of the snapshot, and the region for the link.
    pub snapshot: Option<SnapshotAddress>,
}

impl Digest {
    /// The digest that tells `changes` to `receiver`. `ledger` is the state before it is told,
    /// as of the time `at`.
    pub fn of(
        ledger: &Ledger,
        receiver: &Receiver,
        changes: &PendingChanges,
        plan: &RunPlan,
        at: Timestamp,
        now: Timestamp,
    ) -> Self {
        let policy = &plan.policy;
        let failures = |keys: &BTreeSet<FailureKey>| -> Vec<FailureRecord> {
            let record = |key: &FailureKey| {
                let open = ledger.open.get(key)?;
                let state = FailureDetails::of(ledger, key, open, policy, Some(receiver.id), at)
                    .sanitized();
                Some(FailureRecord {
                    key: key.clone(),
                    state,
                    cause: StatusRecord::clone(open.cause()).sanitized(),
                })
            };
            keys.iter().filter_map(record).collect()
        };
        let endings = |keys: &BTreeSet<FailureKey>| -> Vec<ResolvedRecord> {
            let record = |key: &FailureKey| {
                Some(ResolvedRecord::of(ledger, key, ledger.closed.get(key)?).sanitized())
            };
            keys.iter().filter_map(record).collect()
        };
        let told_of: Vec<&FailureKey> = ledger
            .open
            .keys()
            .filter(|key| !policy.ignores(key))
            .collect();
        let mut still_open = BTreeMap::new();
        let mut pending = 0;
        let besides = |key: &FailureKey| !policy.ignores(key) && !changes.appeared.contains(key);
        for (key, open) in ledger.open.iter().filter(|(key, _)| besides(key)) {
            if open.told.contains_key(&receiver.id) || open.is_due(key, policy, at) {
                *still_open.entry(key.pack.pack.clone()).or_default() += 1;
            } else {
                pending += 1;
            }
        }
        let last = ledger.last.as_ref();
        Self {
            id: format!("{}.{}.{}", plan.run_id, receiver.id, receiver.digests + 1),
            run_id: last.map(|last| last.run_id.clone()),
            sequence: ledger.sequence,
            created_at: now,
            as_of: at,
            label: plan.label.clone(),
            first_run: last.is_some_and(|last| last.first && last.run_id == plan.run_id)
                && receiver.digests == 0,
            totals: RunTotals {
                appeared: changes.appeared.len(),
                cleared: count_cleared(ledger, changes),
                open_all: told_of.len(),
                ..last.map(|last| last.totals).unwrap_or_default()
            },
            packs_open: pack_names(told_of.iter().copied())
                .into_iter()
                .cloned()
                .collect(),
            packs_failing: count_packs(told_of.iter().copied()),
            appeared: failures(&changes.appeared),
            cleared: endings(&changes.cleared),
            unwatched: endings(&changes.unwatched),
            reminded: failures(&changes.reminders),
            gaps: gap_records(ledger, changes),
            emptied: empty_source_records(ledger, changes),
            still_open,
            pending,
            newly_watched: receiver.newly_watched.clone(),
            snapshot: last.map(|LastCommit { snapshot, .. }| SnapshotAddress {
                bucket: plan.bucket.clone(),
                key: snapshot.clone(),
                region: plan.home_region.clone(),
            }),
        }
    }

    /// Every failure that the digest is about.
    pub(super) fn failures(&self) -> impl Iterator<Item = &FailureKey> {
        let open = self
            .appeared
            .iter()
            .chain(&self.reminded)
            .map(|record| &record.key);
        open.chain(
            self.cleared
                .iter()
                .chain(&self.unwatched)
                .map(|record| &record.key),
        )
    }

    /// The packs that the digest is about.
    pub(super) fn packs(&self) -> BTreeSet<&PackName> {
        let mut packs = pack_names(self.failures());
        packs.extend(self.gaps.iter().filter_map(|gap| gap.key.pack.as_ref()));
        packs
    }

    /// The regions that the digest is about.
    pub(super) fn regions(&self) -> BTreeSet<&Region> {
        let mut regions: BTreeSet<_> = self.failures().map(|key| &key.pack.source.region).collect();
        regions.extend(self.gaps.iter().map(|gap| &gap.key.source.region));
        regions.extend(self.emptied.iter().map(|emptied| &emptied.source.region));
        regions
    }
}

fn gap_records(ledger: &Ledger, changes: &PendingChanges) -> Vec<GapRecord> {
    let record = |key: &GapKey, state: GapState| {
        let gap = ledger.gaps.get(key)?;
        let mut cause = gap.cause.clone();
        cause.code = sanitize(&cause.code);
        cause.message = sanitize(&cause.message);
        Some(GapRecord {
            key: key.clone(),
            cause,
            since: gap.since,
            state,
            end: gap.ended,
        })
    };
    let lasting = changes
        .gaps_persisting
        .iter()
        .filter_map(|key| record(key, GapState::Persisting));
    let ended = changes
        .gaps_ended
        .iter()
        .filter_map(|key| record(key, GapState::Ended));
    let mut gaps: Vec<_> = lasting.chain(ended).collect();
    gaps.sort_by(|one, other| one.key.cmp(&other.key));
    gaps
}
