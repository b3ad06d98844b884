//! The contents of a digest, from which each of its forms is rendered.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::sanitize::sanitize;
use super::sanitized::Sanitized;
use super::snapshot_address::SnapshotAddress;
use crate::input::event::NotifyMode;
use crate::input::plan::RunPlan;
use crate::ledger::{GapResolution, LastCommit, Ledger, PendingChanges, Receiver};
use crate::model::{FailureKey, GapKey, PackName, Region, RunTotals, Source, StatusRecord};
use crate::report::{
    EmptySourceRecord, FailureDetails, FailureRecord, GapRecord, GapState, ResolvedRecord,
    count_cleared, count_packs, empty_source_records, pack_names,
};

/// Contents of one digest for one receiver. Texts from AWS are sanitized; pack names
/// are not.
#[derive(Debug, Clone, PartialEq)]
pub struct Digest {
    /// The id, which stays the same when the digest is sent again.
    pub id: String,
    /// The id of the last committed run, if any.
    pub run_id: Option<String>,
    /// The sequence of the ledger.
    pub sequence: u64,
    /// When the digest was created.
    pub created_at: Timestamp,
    /// The end of the read that the digest describes.
    pub as_of: Timestamp,
    /// Label of the deployment, shown in the subject.
    pub label: Option<String>,
    /// Whether the event asked for a digest of everything open.
    pub status: bool,
    /// Whether this is the first digest of the first run.
    pub first_run: bool,
    /// Totals of the run; appeared, cleared and open are those of this digest.
    pub totals: RunTotals,
    /// Open failures that are neither ignored nor muted, in scope or not.
    pub open: usize,
    /// Names of the packs with such a failure.
    pub packs_open: BTreeSet<PackName>,
    /// Number of packs with an open failure; a name in two sources counts twice.
    pub packs_failing: usize,
    /// Failures that are due and were not notified before.
    pub appeared: Vec<FailureRecord>,
    /// Notified failures that are no longer open, attributed ones included.
    pub cleared: Vec<ResolvedRecord>,
    /// Notified failures that are no longer watched.
    pub unwatched: Vec<ResolvedRecord>,
    /// Failures that are still open and due for a reminder.
    pub reminders: Vec<FailureRecord>,
    /// Gaps that persist or ended.
    pub gaps: Vec<GapRecord>,
    /// Sources that list no packs any more, or no longer count as such.
    pub empty_sources: Vec<EmptySourceRecord>,
    /// Names of the packs that are known in the sources of `gaps` and `empty_sources`.
    pub packs_affected: BTreeSet<PackName>,
    /// Number of open failures besides `appeared` that are due or notified, by pack.
    pub still_open: BTreeMap<PackName, usize>,
    /// Number of open failures that are not due yet.
    pub pending: usize,
    /// Number of open failures that are muted.
    pub muted: usize,
    /// Sources that are watched since the last digest to this receiver.
    pub newly_watched: BTreeSet<Source>,
    /// Address of the snapshot, if there is one.
    pub snapshot: Option<SnapshotAddress>,
}

impl Digest {
    /// Returns the digest of `changes` for `receiver`. `ledger` is the state at `at`, before the
    /// changes are marked as notified; `now` is the creation time.
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
                let details = FailureDetails::of(ledger, key, open, policy, Some(receiver.id), at)
                    .sanitized();
                Some(FailureRecord {
                    key: key.clone(),
                    group_id: open.group_id,
                    details,
                    cause: StatusRecord::clone(open.failing_record()).sanitized(),
                })
            };
            keys.iter().filter_map(record).collect()
        };
        let resolved = |keys: &BTreeSet<FailureKey>| -> Vec<ResolvedRecord> {
            let record = |key: &FailureKey| {
                Some(ResolvedRecord::of(ledger, key, ledger.resolved.get(key)?).sanitized())
            };
            keys.iter().filter_map(record).collect()
        };
        let failing: Vec<&FailureKey> = ledger
            .open
            .iter()
            .filter(|(key, open)| !open.is_suppressed(key, policy, at))
            .map(|(key, _)| key)
            .collect();
        let mut still_open = BTreeMap::new();
        let mut pending = 0;
        let mut muted = 0;
        for (key, open) in &ledger.open {
            if policy.ignores(key) || changes.appeared.contains(key) {
                continue;
            }
            if open.is_muted(at) {
                muted += 1;
            } else if open.notified.contains(receiver.id) || open.is_due(key, policy, at) {
                *still_open.entry(key.pack.pack.clone()).or_default() += 1;
            } else {
                pending += 1;
            }
        }
        let last = ledger.last_commit.as_ref();
        Self {
            id: format!(
                "{}.{}.{}",
                plan.run.id,
                receiver.id,
                receiver.digest_count + 1
            ),
            run_id: last.map(|last| last.run_id.clone()),
            sequence: ledger.sequence,
            created_at: now,
            as_of: at,
            label: plan.settings.label.clone(),
            status: plan.mode.announce == NotifyMode::Always,
            first_run: last.is_some_and(|last| last.first && last.run_id == plan.run.id)
                && receiver.digest_count == 0,
            totals: RunTotals {
                appeared: changes.appeared.len(),
                cleared: count_cleared(ledger, changes),
                open_total: ledger.open.len(),
                ..last.map(|last| last.totals).unwrap_or_default()
            },
            open: failing.len(),
            packs_open: pack_names(failing.iter().copied())
                .into_iter()
                .cloned()
                .collect(),
            packs_failing: count_packs(failing.iter().copied()),
            appeared: failures(&changes.appeared),
            cleared: resolved(&changes.cleared),
            unwatched: resolved(&changes.unwatched),
            reminders: failures(&changes.reminders),
            gaps: gap_records(ledger, changes),
            empty_sources: empty_source_records(ledger, changes),
            packs_affected: packs_affected(ledger, changes),
            still_open,
            pending,
            muted,
            newly_watched: receiver.newly_watched.clone(),
            snapshot: last.map(|LastCommit { snapshot, .. }| SnapshotAddress {
                bucket: plan.settings.bucket.clone(),
                key: snapshot.clone(),
                region: plan.settings.home_region.clone(),
            }),
        }
    }

    /// Returns the kind of the digest, as the JSON for programs spells it.
    pub(super) fn kind(&self) -> &'static str {
        if self.status { "status" } else { "digest" }
    }

    /// Returns the keys of all failures in the digest: open and resolved ones.
    pub(super) fn failures(&self) -> impl Iterator<Item = &FailureKey> {
        let open = self
            .appeared
            .iter()
            .chain(&self.reminders)
            .map(|record| &record.key);
        open.chain(
            self.cleared
                .iter()
                .chain(&self.unwatched)
                .map(|record| &record.key),
        )
    }

    /// Returns the names of the packs in the digest.
    pub(super) fn packs(&self) -> BTreeSet<&PackName> {
        let mut packs = pack_names(self.failures());
        packs.extend(&self.packs_affected);
        packs
    }

    /// Returns the regions in the digest.
    pub(super) fn regions(&self) -> BTreeSet<&Region> {
        let mut regions: BTreeSet<_> = self.failures().map(|key| &key.pack.source.region).collect();
        regions.extend(self.gaps.iter().map(|gap| &gap.key.source.region));
        regions.extend(
            self.empty_sources
                .iter()
                .map(|record| &record.source.region),
        );
        regions
    }
}

/// Returns the names of the packs that the changed gaps and empty sources are about: for a whole
/// source, those that are known there.
fn packs_affected(ledger: &Ledger, changes: &PendingChanges) -> BTreeSet<PackName> {
    let gaps = || changes.gaps_lasting.iter().chain(&changes.gaps_ended);
    let empty_sources = || {
        changes
            .empty_sources
            .iter()
            .chain(&changes.empty_sources_ended)
    };
    let sources: BTreeSet<&Source> = gaps()
        .filter(|gap| gap.pack.is_none())
        .map(|gap| &gap.source)
        .chain(empty_sources())
        .collect();
    let hints = ledger.pack_hints.keys();
    let known = hints.chain(ledger.open.keys().map(|key| &key.pack));
    let mut packs: BTreeSet<PackName> = known
        .filter(|key| sources.contains(&key.source))
        .map(|key| key.pack.clone())
        .collect();
    packs.extend(gaps().filter_map(|gap| gap.pack.clone()));
    let before = empty_sources().filter_map(|source| ledger.empty_sources.get(source));
    packs.extend(before.flat_map(|source| source.packs.iter().cloned()));
    packs
}

/// Returns the records of the changed gaps, ordered by key.
fn gap_records(ledger: &Ledger, changes: &PendingChanges) -> Vec<GapRecord> {
    let record = |key: &GapKey| {
        let gap = ledger.gaps.get(key)?;
        let state = match gap.ended {
            None => GapState::Lasting,
            Some(GapResolution::Read | GapResolution::PackRemoved) => GapState::Ended,
            Some(GapResolution::OutOfScope) => GapState::Unwatched,
        };
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
    let keys = changes.gaps_lasting.iter().chain(&changes.gaps_ended);
    let mut gaps: Vec<_> = keys.filter_map(record).collect();
    gaps.sort_by(|one, other| one.key.cmp(&other.key));
    gaps
}
