//! What a run saw, and what it could not see: the reader hands every answer to a builder, which
//! only sorts.
//!
//! A run's readings are not one instant. Each row was true at some instant of the run, and nothing
//! more is claimed.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::model::{
    Account, AccountId, ApiError, GapKey, PackKey, Source, Status, StatusKind, StatusRecord,
};

/// Everything that one run read. Immutable once made.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// When the reading began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The sources that answered, with what their listing proves.
    pub listings: BTreeMap<Source, Listing>,
    /// The packs that are there, and their members.
    pub packs: BTreeMap<PackKey, PackReading>,
    /// Packs that AWS Config, asked by name, does not have.
    pub gone: BTreeSet<PackKey>,
    /// What should have been read and was not.
    pub gaps: BTreeMap<GapKey, ApiError>,
    /// Calls to AWS Config, retries not counted.
    pub config_calls: u64,
    /// Accounts that AWS Organizations was asked about; `None` is that there is no such account.
    pub accounts: BTreeMap<AccountId, Option<Account>>,
}

/// A listing of a source's packs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing {
    /// Its pages. Pages shift while packs change, so only a listing of one page proves an absence.
    pub pages: u32,
    /// Whether the last page was reached.
    pub complete: bool,
}

/// A pack and what was read of its members.
#[derive(Debug, Clone, PartialEq)]
pub struct PackReading {
    /// The pack's own row. It proves nothing about the members.
    pub row: Arc<StatusRecord>,
    /// The members that are settled, as far as they are remembered one by one. Their rows say
    /// nothing more.
    pub settled: BTreeSet<AccountId>,
    /// How many more are settled. There can be very many, and only those that were failing matter.
    pub settled_besides: usize,
    /// The rows of the others.
    pub unsettled: BTreeMap<AccountId, Arc<StatusRecord>>,
    /// How far the members were read.
    pub coverage: Coverage,
    /// Whether pages of the failing ones came short and went on: the filter saved nothing.
    pub sparse: bool,
    /// Members that AWS Config, asked by name, does not have in this pack.
    pub absent: BTreeSet<AccountId>,
    /// The pack's own status, asked for by name after the members were read.
    pub status_after: Option<Status>,
}

/// How far the members of a pack were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coverage {
    /// Not tried: there was no time.
    Untried,
    /// Not to the end.
    Partial,
    /// The failing ones, and by name whoever was open and is not among them.
    Failing,
    /// Every page. Who is missing may have been missed, because pages shift while members change.
    Pages,
    /// Everything in one page: who is missing is absent.
    OnePage,
}

impl PackReading {
    /// A pack with this row, before its members are read.
    pub fn of(row: StatusRecord) -> Self {
        Self {
            row: Arc::new(row),
            settled: BTreeSet::new(),
            settled_besides: 0,
            unsettled: BTreeMap::new(),
            coverage: Coverage::Untried,
            sparse: false,
            absent: BTreeSet::new(),
            status_after: None,
        }
    }

    /// Whether it is known who fails. Passed over is at most who changed from one failing status to
    /// another meanwhile, or has one that no filter names.
    pub fn is_answered(&self) -> bool {
        self.coverage >= Coverage::Failing
    }

    /// Whether every member's row was seen.
    pub fn is_whole(&self) -> bool {
        self.coverage >= Coverage::Pages
    }

    /// Whether a member is there.
    pub fn has(&self, account: &AccountId) -> bool {
        self.settled.contains(account) || self.unsettled_row(account).is_some()
    }

    /// The row of a member that is there and is not settled.
    pub fn unsettled_row(&self, account: &AccountId) -> Option<&Arc<StatusRecord>> {
        self.unsettled
            .get(account)
            .filter(|row| row.kind() != StatusKind::Deleted)
    }

    /// Whether a member is absent beyond the shifting of pages.
    pub fn lacks(&self, account: &AccountId) -> bool {
        !self.has(account) && (self.coverage == Coverage::OnePage || self.absent.contains(account))
    }

    /// How many members have this standing.
    pub fn count(&self, kind: StatusKind) -> usize {
        match kind {
            StatusKind::Successful => self.settled.len() + self.settled_besides,
            _ => self
                .unsettled
                .values()
                .filter(|row| row.kind() == kind)
                .count(),
        }
    }

    /// How many members are there.
    pub fn present(&self) -> usize {
        self.count(StatusKind::Successful) + self.unsettled.len() - self.count(StatusKind::Deleted)
    }

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

impl Observation {
    /// Whether no source could be listed.
    pub fn is_nothing(&self) -> bool {
        self.listings.is_empty()
    }

    /// Whether a pack is proven not to be there.
    pub fn lacks(&self, pack: &PackKey) -> bool {
        let listed_whole = || {
            self.listings
                .get(&pack.source)
                .is_some_and(|listing| listing.complete && listing.pages == 1)
                && !self.packs.contains_key(pack)
        };
        self.gone.contains(pack) || listed_whole()
    }
}

/// Takes what is found, in any order.
#[derive(Debug, Clone)]
pub struct Builder {
    observation: Observation,
}

impl Builder {
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
                new.insert(PackReading::of(row));
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
    pub fn found_sparse(&mut self, pack: &PackKey) {
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
            if coverage == Coverage::Pages {
                let all = reading.settled.len();
                reading.settled.retain(is_asked_for);
                reading.settled_besides += all - reading.settled.len();
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
    pub fn found_status_after(&mut self, pack: &PackKey, status: Status) {
        if let Some(reading) = self.observation.packs.get_mut(pack) {
            reading.status_after = Some(status);
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

/// Of two rows of one thing the worse is kept, whichever came first: a failing one is closed only
/// by a run that does not see it failing.
fn keep_worse(known: &mut Arc<StatusRecord>, row: StatusRecord) {
    let rank = |row: &StatusRecord| (row.kind(), row.last_update_time);
    if (rank(&row), &row) > (rank(known), &**known) {
        *known = Arc::new(row);
    }
}
