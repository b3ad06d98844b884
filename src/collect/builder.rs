//! The builder of an observation: takes answers in any order, and does no I/O.

use super::observation::{Coverage, Listing, Observation, PackObservation};
use crate::model::{
    AccountId, ApiError, GapKey, PackKey, Source, Status, StatusKind, StatusRecord,
};
use jiff::Timestamp;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Takes what is found, in any order.
#[derive(Debug, Clone)]
pub struct ObservationBuilder {
    observation: Observation,
}

impl ObservationBuilder {
    /// A reading that begins now.
    pub fn new(started_at: Timestamp) -> Self {
        Self {
            observation: Observation {
                started_at,
                ended_at: started_at,
                listings: BTreeMap::new(),
                packs: BTreeMap::new(),
                gone: BTreeSet::new(),
                gaps: BTreeMap::new(),
                config_calls: 0,
                accounts: BTreeMap::new(),
            },
        }
    }

    /// A source answered.
    pub fn found_listing(&mut self, source: &Source, listing: Listing) {
        self.observation.listings.insert(source.clone(), listing);
    }

    /// A pack's own row. One that is as good as not there is left out.
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

    /// A member's row. Pages shift, so a member can be seen twice in one reading.
    pub fn found_member(&mut self, pack: &PackKey, account: &AccountId, row: StatusRecord) {
        if let Some(reading) = self.observation.packs.get_mut(pack) {
            reading.found(account, row);
        }
    }

    /// A call for a pack's members is made: from here on the pack was tried.
    pub fn found_attempt(&mut self, pack: &PackKey) {
        if let Some(reading) = self.observation.packs.get_mut(pack) {
            reading.coverage = reading.coverage.max(Coverage::Partial);
        }
    }

    /// Pages of a pack's failing members came short and went on.
    pub fn found_ineffective_filters(&mut self, pack: &PackKey) {
        if let Some(reading) = self.observation.packs.get_mut(pack) {
            reading.sparse = true;
        }
    }

    /// How far a pack's members were read. Where that was all of them in several pages, only the
    /// settled ones that somebody will ask for are remembered, and the others counted.
    pub fn found_coverage(
        &mut self,
        pack: &PackKey,
        coverage: Coverage,
        is_asked_for: impl Fn(&AccountId) -> bool,
    ) {
        if let Some(reading) = self.observation.packs.get_mut(pack) {
            reading.coverage = coverage;
            // In one page they are few, and who is not remembered would be absent.
            if coverage == Coverage::AllPages {
                let all = reading.settled.len();
                reading.settled.retain(is_asked_for);
                reading.other_successful += all - reading.settled.len();
            }
        }
    }

    /// A member that is not in the pack, asked for by name.
    pub fn found_no_member(&mut self, pack: &PackKey, account: &AccountId) {
        if let Some(reading) = self.observation.packs.get_mut(pack) {
            reading.absent.insert(account.clone());
        }
    }

    /// The pack's own status after its members were read.
    pub fn found_recheck_status(&mut self, pack: &PackKey, status: Status) {
        if let Some(reading) = self.observation.packs.get_mut(pack) {
            reading.recheck_status = Some(status);
        }
    }

    /// A pack that is not there, asked for by name. What was read of it before is void.
    pub fn found_no_pack(&mut self, pack: &PackKey) {
        self.observation.packs.remove(pack);
        self.observation.gone.insert(pack.clone());
    }

    /// Something that was not read. The first cause is the one that is told.
    pub fn found_gap(&mut self, key: GapKey, cause: ApiError) {
        self.observation.gaps.entry(key).or_insert(cause);
    }

    /// Calls that were made.
    pub fn called(&mut self, config_calls: u64) {
        self.observation.config_calls += config_calls;
    }

    /// What is known so far.
    pub fn so_far(&self) -> &Observation {
        &self.observation
    }

    /// The observation, ended.
    pub fn build(mut self, ended_at: Timestamp) -> Observation {
        self.observation.ended_at = ended_at;
        self.observation
    }
}

impl PackObservation {
    /// Of two rows of one member the worse is kept.
    fn found(&mut self, account: &AccountId, row: StatusRecord) {
        let known = self.unsettled.get_mut(account);
        match (row.kind(), known) {
            (StatusKind::Successful, None) => {
                self.settled.insert(account.clone());
            }
            (StatusKind::Successful, Some(known)) => {
                if known.kind() < StatusKind::Successful {
                    self.unsettled.remove(account);
                    self.settled.insert(account.clone());
                }
            }
            (_, Some(known)) => keep_worse(known, row),
            (kind, None) => {
                if !self.settled.contains(account) || kind > StatusKind::Successful {
                    self.settled.remove(account);
                    self.unsettled.insert(account.clone(), Arc::new(row));
                }
            }
        }
    }
}

/// Of two rows of one thing the worse is kept, whichever came first: a failing one is closed only
/// by a run that does not see it failing.
fn keep_worse(known: &mut Arc<StatusRecord>, row: StatusRecord) {
    let rank = |row: &StatusRecord| (row.kind(), row.last_update_time);
    if (rank(&row), &row) > (rank(known), &**known) {
        *known = Arc::new(row);
    }
}
