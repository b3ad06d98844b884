//! [`Observation`]: what a run read, and what it could not read.
//!
//! An observation is not a consistent snapshot: each status record was true at some time during the
//! run, and nothing more is claimed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::model::{
    Account, AccountId, ApiError, GapKey, PackKey, Source, Status, StatusKind, StatusRecord,
};

/// Everything that a run read.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// When reading started.
    pub started_at: Timestamp,
    /// When reading ended.
    pub ended_at: Timestamp,
    /// The sources that returned at least one page, and how complete their listings are.
    pub listings: BTreeMap<Source, Listing>,
    /// The packs that exist, and their members.
    pub packs: BTreeMap<PackKey, PackObservation>,
    /// The listed packs that are outside the scope of the run. Nothing more is read of them.
    pub out_of_scope: BTreeSet<PackKey>,
    /// Packs that AWS Config, asked by name after everything else that was read of them, does not
    /// have.
    pub gone: BTreeSet<PackKey>,
    /// What should have been read and was not, and why.
    pub gaps: BTreeMap<GapKey, ApiError>,
    /// Number of AWS Config calls, without retries.
    pub config_calls: u64,
    /// Accounts that were looked up in AWS Organizations; `None` means that there is no such
    /// account.
    pub accounts: BTreeMap<AccountId, Option<Account>>,
}

/// How the packs of a source were listed. No listing proves that a pack is absent: a listing can be
/// wrong, and its pages shift while packs change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing {
    /// Number of pages that were read.
    pub pages: u32,
    /// Whether the last page was read.
    pub complete: bool,
}

/// A pack and what was read of its members.
#[derive(Debug, Clone, PartialEq)]
pub struct PackObservation {
    /// The pack's own status record. It proves nothing about the members.
    pub row: Arc<StatusRecord>,
    /// The successful members whose accounts are kept. Their status records have no further
    /// information.
    pub successful: BTreeSet<AccountId>,
    /// Number of further successful members. There can be very many, and only the accounts of open
    /// failures are needed.
    pub other_successful: usize,
    /// Status records of the other members.
    pub not_successful: BTreeMap<AccountId, Arc<StatusRecord>>,
    /// How far the members were read.
    pub coverage: Coverage,
    /// Whether this run found that status filters save calls.
    pub status_filters: StatusFilters,
    /// Members that AWS Config, asked by account, does not have in this pack.
    pub absent: BTreeSet<AccountId>,
    /// The pack's own status, requested by name after the members were read.
    pub recheck_status: Option<Status>,
}

/// How far the members of a pack were read, in ascending order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Coverage {
    /// No call was made, because there was no time.
    NotRead,
    /// Reading stopped before the end.
    Partial,
    /// The failing members, and by account the open failures that are not among them.
    FailingOnly,
    /// All of several pages. A missing member may have been missed, because pages shift while
    /// members change.
    AllPages,
    /// All members in one page, so a missing member is absent.
    SinglePage,
}

/// Whether status filters save calls in a pack. They do not if AWS Config filters the records of a
/// page after paging: pages are then short, and as many as without a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusFilters {
    /// The run requested no page by status, or got no answer.
    NotTried,
    /// Every page but the last was full.
    Effective,
    /// A page was not full and not the last.
    Ineffective,
}

impl PackObservation {
    /// Creates the observation of a pack whose members are not read yet.
    pub fn of(row: StatusRecord) -> Self {
        Self {
            row: Arc::new(row),
            successful: BTreeSet::new(),
            other_successful: 0,
            not_successful: BTreeMap::new(),
            coverage: Coverage::NotRead,
            status_filters: StatusFilters::NotTried,
            absent: BTreeSet::new(),
            recheck_status: None,
        }
    }

    /// Returns whether the failing members are known. The read can only have missed a member that
    /// changed from one failing status to another in the meantime, or that has a status without a
    /// filter.
    pub fn failing_known(&self) -> bool {
        self.coverage >= Coverage::FailingOnly
    }

    /// Returns whether the status records of all members were read.
    pub fn is_complete(&self) -> bool {
        self.coverage >= Coverage::AllPages
    }

    /// Returns whether a member is in the pack.
    pub fn contains(&self, account: &AccountId) -> bool {
        self.successful.contains(account) || self.not_successful_row(account).is_some()
    }

    /// Returns the status record of a member that is in the pack and not successful.
    pub fn not_successful_row(&self, account: &AccountId) -> Option<&Arc<StatusRecord>> {
        self.not_successful
            .get(account)
            .filter(|row| row.kind() != StatusKind::Deleted)
    }

    /// Returns whether it is proven that a member is absent, and not only missing from shifting
    /// pages.
    pub fn proves_absent(&self, account: &AccountId) -> bool {
        !self.contains(account)
            && (self.coverage == Coverage::SinglePage || self.absent.contains(account))
    }

    /// Returns the number of members with this status kind.
    pub fn count(&self, kind: StatusKind) -> usize {
        match kind {
            StatusKind::Successful => self.successful.len() + self.other_successful,
            _ => self
                .not_successful
                .values()
                .filter(|row| row.kind() == kind)
                .count(),
        }
    }

    /// Returns the number of members that are in the pack.
    pub fn present(&self) -> usize {
        self.count(StatusKind::Successful) + self.not_successful.len()
            - self.count(StatusKind::Deleted)
    }
}

impl Observation {
    /// Returns whether no source could be listed.
    pub fn no_source_listed(&self) -> bool {
        self.listings.is_empty()
    }

    /// Returns whether it is proven that a pack does not exist. Only a request for the pack by name
    /// proves that.
    pub fn proves_absent(&self, pack: &PackKey) -> bool {
        self.gone.contains(pack)
    }
}
