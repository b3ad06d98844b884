//! [`ObservationBuilder`]: assembles an [`Observation`] from the results of calls, in any order,
//! without I/O. Each source has its own builder; the collector merges them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::observation::{Coverage, Listing, Observation, PackObservation};
use crate::model::{
    AccountId, ApiError, GapKey, PackKey, Source, Status, StatusKind, StatusRecord,
};

/// Assembles an [`Observation`]. Results can arrive in any order, except that results about the
/// members of a pack are ignored unless the pack itself was found before.
#[derive(Debug, Clone)]
pub struct ObservationBuilder {
    observation: Observation,
}

impl ObservationBuilder {
    /// Creates the builder of an observation that starts at `started_at`.
    pub fn new(started_at: Timestamp) -> Self {
        Self {
            observation: Observation {
                started_at,
                ended_at: started_at,
                listings: BTreeMap::new(),
                packs: BTreeMap::new(),
                out_of_scope: BTreeSet::new(),
                gone: BTreeSet::new(),
                gaps: BTreeMap::new(),
                config_calls: 0,
                accounts: BTreeMap::new(),
            },
        }
    }

    /// Records the listing of a source.
    pub fn found_listing(&mut self, source: &Source, listing: Listing) {
        self.observation.listings.insert(source.clone(), listing);
    }

    /// Records a pack with its own status record. A deleted pack is ignored.
    pub fn found_pack(&mut self, key: &PackKey, row: StatusRecord) {
        if row.kind() == StatusKind::Deleted {
            return;
        }
        match self.observation.packs.entry(key.clone()) {
            Entry::Occupied(mut known) => keep_worse(&mut known.get_mut().row, row),
            Entry::Vacant(new) => {
                new.insert(PackObservation::of(row));
            }
        }
    }

    /// Records a pack that is outside the scope of the run. A deleted pack is ignored.
    pub fn found_out_of_scope(&mut self, key: PackKey, row: &StatusRecord) {
        if row.kind() != StatusKind::Deleted {
            self.observation.out_of_scope.insert(key);
        }
    }

    /// Records the status record of a member account. Pages shift while members change, so the same
    /// member can arrive twice in one run; the worse record is kept.
    pub fn found_member(&mut self, pack: &PackKey, account: &AccountId, row: StatusRecord) {
        if let Some(observed) = self.observation.packs.get_mut(pack) {
            observed.add_member(account, row);
        }
    }

    /// Records how far the members of a pack were read. After a read of all members in several
    /// pages, the accounts of successful members are kept only where `keep` returns true, and the
    /// others are counted.
    pub fn found_coverage(
        &mut self,
        pack: &PackKey,
        coverage: Coverage,
        keep: impl Fn(&AccountId) -> bool,
    ) {
        if let Some(observed) = self.observation.packs.get_mut(pack) {
            observed.set_coverage(coverage, keep);
        }
    }

    /// Records that AWS Config, asked for one account, does not have it in the pack.
    pub fn found_no_member(&mut self, pack: &PackKey, account: &AccountId) {
        if let Some(observed) = self.observation.packs.get_mut(pack) {
            observed.absent.insert(account.clone());
        }
    }

    /// Records the pack's own status after its members were read.
    pub fn found_recheck_status(&mut self, pack: &PackKey, status: Status) {
        if let Some(observed) = self.observation.packs.get_mut(pack) {
            observed.recheck_status = Some(status);
        }
    }

    /// Records that AWS Config, asked for a pack by name, does not have it. What was read of the
    /// pack before is discarded.
    pub fn found_no_pack(&mut self, pack: &PackKey) {
        self.observation.packs.remove(pack);
        self.observation.gone.insert(pack.clone());
    }

    /// Records something that was not read. The first error is kept.
    pub fn found_gap(&mut self, key: GapKey, cause: ApiError) {
        self.observation.gaps.entry(key).or_insert(cause);
    }

    /// Adds the observation of another source.
    pub(super) fn merge(&mut self, source: Self) {
        let mut source = source.observation;
        self.observation.listings.append(&mut source.listings);
        self.observation.packs.append(&mut source.packs);
        self.observation
            .out_of_scope
            .append(&mut source.out_of_scope);
        self.observation.gone.append(&mut source.gone);
        self.observation.gaps.append(&mut source.gaps);
    }

    /// Returns the packs so far, to add what is read of each of them.
    pub(super) fn packs_mut(&mut self) -> impl Iterator<Item = (&PackKey, &mut PackObservation)> {
        self.observation.packs.iter_mut()
    }

    /// Returns the observation so far.
    pub fn so_far(&self) -> &Observation {
        &self.observation
    }

    /// Returns the observation, which ends at `ended_at`.
    pub fn build(mut self, ended_at: Timestamp) -> Observation {
        self.observation.ended_at = ended_at;
        self.observation
    }
}

impl PackObservation {
    /// Sets how far the members were read. After a read of all members in several pages, the
    /// accounts of successful members are kept only where `keep` returns true, and the others are
    /// counted.
    pub(super) fn set_coverage(&mut self, coverage: Coverage, keep: impl Fn(&AccountId) -> bool) {
        self.coverage = coverage;
        // A single page has few members and proves absence, so all its accounts are kept.
        if coverage == Coverage::AllPages {
            let all = self.successful.len();
            self.successful.retain(keep);
            self.other_successful += all - self.successful.len();
        }
    }

    /// Adds the status record of a member. Of two records of one member, the worse is kept, in
    /// whatever order they are added.
    pub(super) fn add_member(&mut self, account: &AccountId, row: StatusRecord) {
        let known = self.not_successful.get_mut(account);
        match (row.kind(), known) {
            (StatusKind::Successful, None) => {
                self.successful.insert(account.clone());
            }
            (StatusKind::Successful, Some(known)) => {
                if known.kind() < StatusKind::Successful {
                    self.not_successful.remove(account);
                    self.successful.insert(account.clone());
                }
            }
            (_, Some(known)) => keep_worse(known, row),
            (kind, None) => {
                if !self.successful.contains(account) || kind > StatusKind::Successful {
                    self.successful.remove(account);
                    self.not_successful.insert(account.clone(), Arc::new(row));
                }
            }
        }
    }
}

/// Keeps the worse of two status records of the same pack or member, or the newer of two of the
/// same kind, in whatever order they arrive. A failure must close only in a run that does not see
/// it failing.
fn keep_worse(known: &mut Arc<StatusRecord>, row: StatusRecord) {
    let rank = |row: &StatusRecord| (row.kind(), row.last_update_time);
    if (rank(&row), &row) > (rank(known), &**known) {
        *known = Arc::new(row);
    }
}
