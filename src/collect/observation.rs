//! What a run saw, and what it could not see: the reader hands every answer to a builder, which
//! only sorts.
//!
//! A run's readings are not one instant. Each row was true at some instant of the run, and nothing
//! more is claimed.

use crate::model::{
    Account, AccountId, ApiError, GapKey, PackKey, Source, Status, StatusKind, StatusRecord,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
    pub packs: BTreeMap<PackKey, PackObservation>,
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
pub struct PackObservation {
    /// The pack's own row. It proves nothing about the members.
    pub row: Arc<StatusRecord>,
    /// The members that are settled, as far as they are remembered one by one. Their rows say
    /// nothing more.
    pub settled: BTreeSet<AccountId>,
    /// How many more are settled. There can be very many, and only those that were failing matter.
    pub other_successful: usize,
    /// The rows of the others.
    pub unsettled: BTreeMap<AccountId, Arc<StatusRecord>>,
    /// How far the members were read.
    pub coverage: Coverage,
    /// Whether pages of the failing ones came short and went on: the filter saved nothing.
    pub sparse: bool,
    /// Members that AWS Config, asked by name, does not have in this pack.
    pub absent: BTreeSet<AccountId>,
    /// The pack's own status, asked for by name after the members were read.
    pub recheck_status: Option<Status>,
}

/// How far the members of a pack were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coverage {
    /// Not tried: there was no time.
    NotRead,
    /// Not to the end.
    Partial,
    /// The failing ones, and by name whoever was open and is not among them.
    FailingOnly,
    /// Every page. Who is missing may have been missed, because pages shift while members change.
    AllPages,
    /// Everything in one page: who is missing is absent.
    SinglePage,
}

impl PackObservation {
    /// A pack with this row, before its members are read.
    pub fn of(row: StatusRecord) -> Self {
        Self {
            row: Arc::new(row),
            settled: BTreeSet::new(),
            other_successful: 0,
            unsettled: BTreeMap::new(),
            coverage: Coverage::NotRead,
            sparse: false,
            absent: BTreeSet::new(),
            recheck_status: None,
        }
    }

    /// Whether it is known who fails. Passed over is at most who changed from one failing status to
    /// another meanwhile, or has one that no filter names.
    pub fn failing_known(&self) -> bool {
        self.coverage >= Coverage::FailingOnly
    }

    /// Whether every member's row was seen.
    pub fn is_complete(&self) -> bool {
        self.coverage >= Coverage::AllPages
    }

    /// Whether a member is there.
    pub fn contains(&self, account: &AccountId) -> bool {
        self.settled.contains(account) || self.unsettled_row(account).is_some()
    }

    /// The row of a member that is there and is not settled.
    pub fn unsettled_row(&self, account: &AccountId) -> Option<&Arc<StatusRecord>> {
        self.unsettled
            .get(account)
            .filter(|row| row.kind() != StatusKind::Deleted)
    }

    /// Whether a member is absent beyond the shifting of pages.
    pub fn proves_absent(&self, account: &AccountId) -> bool {
        !self.contains(account)
            && (self.coverage == Coverage::SinglePage || self.absent.contains(account))
    }

    /// How many members have this standing.
    pub fn count(&self, kind: StatusKind) -> usize {
        match kind {
            StatusKind::Successful => self.settled.len() + self.other_successful,
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
}

impl Observation {
    /// Whether no source could be listed.
    pub fn no_source_listed(&self) -> bool {
        self.listings.is_empty()
    }

    /// Whether a pack is proven not to be there.
    pub fn proves_absent(&self, pack: &PackKey) -> bool {
        let listed_whole = || {
            self.listings
                .get(&pack.source)
                .is_some_and(|listing| listing.complete && listing.pages == 1)
                && !self.packs.contains_key(pack)
        };
        self.gone.contains(pack) || listed_whole()
    }
}
