//! Real statuses of packs and their members, and the paginated AWS Config responses about them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use packwatch::model::{Account, AccountId, ApiError, PackName, SourceTarget, StatusRecord};
use packwatch::ports::{BoxError, Clock, ConfigApi, Filter, MembersError, Page};

use crate::support::harness::OWN;
use crate::support::scheduler::{InMemoryServices, yield_now};

pub const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];
pub const PACKS: [&str; 3] = ["baseline", "guardrails", "perimeter"];
pub const ACCOUNTS: [&str; 5] = [
    "222233334444",
    "333344445555",
    "444455556666",
    "555566667777",
    "666677778888",
];
/// Account whose failures are never reported.
pub const IGNORED: &str = ACCOUNTS[4];

/// A region and a pack name.
pub type PackId = (&'static str, &'static str);
/// A member account of a pack, or the pack itself with `None`.
pub type Key = (&'static str, &'static str, Option<&'static str>);

/// A status and the time of its last change, in milliseconds.
pub type DatedStatus = (&'static str, i64);

pub struct Pack {
    pub status: DatedStatus,
    pub members: BTreeMap<&'static str, DatedStatus>,
}

/// Change of the organization.
#[derive(Debug, Clone)]
pub enum Change {
    /// The pack is created or replaced, with these member statuses.
    Create(PackId, &'static str, Vec<&'static str>),
    Delete(PackId),
    /// The status of the pack itself changes. Its members stay unchanged.
    Status(PackId, &'static str),
    /// A member joins, or its status changes.
    Member(PackId, &'static str, &'static str),
    Leave(PackId, &'static str),
    /// All members of a pack become successful.
    Recover(PackId),
    /// The page size of AWS Config changes. Zero means a single page.
    Pages(usize),
}

/// Fault of the next call to AWS Config.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ReadFault {
    Denied,
    RepeatedToken,
}

#[derive(Default)]
pub struct World {
    pub packs: RefCell<BTreeMap<PackId, Pack>>,
    page: Cell<usize>,
    /// Whether status records carry the time of their last change.
    pub with_timestamps: Cell<bool>,
    /// Region in which AWS Config denies all calls.
    pub denied: Cell<Option<&'static str>>,
    pub read_fault: Cell<Option<ReadFault>>,
    /// Whether a call was denied or received a repeated page token.
    pub read_disturbed: Cell<bool>,
}

impl World {
    /// Applies a change at time `now`.
    pub fn change(&self, change: &Change, now: i64) {
        let mut packs = self.packs.borrow_mut();
        match change {
            Change::Create(pack_id, status, members) => {
                let members = ACCOUNTS
                    .into_iter()
                    .zip(members)
                    .map(|(account, status)| (account, (*status, now)));
                packs.insert(
                    *pack_id,
                    Pack {
                        status: (status, now),
                        members: members.collect(),
                    },
                );
            }
            Change::Delete(pack_id) => {
                packs.remove(pack_id);
            }
            Change::Status(pack_id, status) => {
                if let Some(pack) = packs.get_mut(pack_id) {
                    pack.status = (status, now);
                }
            }
            Change::Member(pack_id, account, status) => {
                if let Some(pack) = packs.get_mut(pack_id) {
                    pack.members.insert(account, (status, now));
                }
            }
            Change::Leave(pack_id, account) => {
                if let Some(pack) = packs.get_mut(pack_id) {
                    pack.members.remove(account);
                }
            }
            Change::Recover(pack_id) => {
                if let Some(pack) = packs.get_mut(pack_id) {
                    pack.members
                        .values_mut()
                        .for_each(|status| *status = ("UPDATE_SUCCESSFUL", now));
                }
            }
            Change::Pages(size) => self.page.set(*size),
        }
    }

    fn page_size(&self) -> usize {
        if self.page.get() == 0 {
            usize::MAX
        } else {
            self.page.get()
        }
    }

    /// Returns the packs whose members need several pages.
    pub fn multi_page_packs(&self) -> Vec<PackId> {
        let packs = self.packs.borrow();
        let large = packs
            .iter()
            .filter(|(_, pack)| pack.members.len() > self.page_size());
        large.map(|(pack, _)| *pack).collect()
    }

    /// Returns one page of a list that may have changed since the previous page.
    fn page<T>(&self, records: Vec<T>, token: Option<&str>) -> Page<T> {
        let size = self.page_size();
        let from: usize =
            token.map_or(0, |token| token.parse().expect("a page token of this test"));
        let next = from.saturating_add(size);
        let more = next < records.len();
        let repeated = token.filter(|_| self.read_fault.get() == Some(ReadFault::RepeatedToken));
        if repeated.is_some() {
            self.read_fault.set(None);
            self.read_disturbed.set(true);
        }
        Page {
            rows: records.into_iter().skip(from).take(size).collect(),
            next: repeated
                .map(str::to_owned)
                .or_else(|| more.then(|| next.to_string())),
        }
    }
}

#[derive(Clone)]
pub struct Statuses {
    pub services: InMemoryServices,
    pub world: Rc<World>,
}

impl Statuses {
    fn record(&self, (status, since): DatedStatus) -> StatusRecord {
        let start =
            self.services.now() - jiff::SignedDuration::from_millis(self.services.now.get());
        let updated = self
            .world
            .with_timestamps
            .get()
            .then(|| start + jiff::SignedDuration::from_millis(since));
        StatusRecord {
            last_update_time: updated,
            ..StatusRecord::new(status)
        }
    }

    async fn respond(&self, target: &SourceTarget) -> Result<&World, ApiError> {
        yield_now().await;
        let denied = self.world.read_fault.get() == Some(ReadFault::Denied);
        if denied {
            self.world.read_fault.set(None);
        }
        if denied || self.world.denied.get() == Some(target.source.region.as_str()) {
            self.world.read_disturbed.set(true);
            return Err(ApiError {
                operation: "Describe".into(),
                code: "AccessDenied".into(),
                message: "denied".into(),
            });
        }
        Ok(&self.world)
    }
}

impl ConfigApi for Statuses {
    async fn identify(&self) -> Result<AccountId, ApiError> {
        Ok(OWN.into())
    }

    async fn account(&self, _: &AccountId) -> Result<Option<Account>, BoxError> {
        Ok(None)
    }

    fn throttle_count(&self) -> u64 {
        0
    }

    async fn packs(
        &self,
        target: &SourceTarget,
        token: Option<&str>,
    ) -> Result<Page<(PackName, StatusRecord)>, ApiError> {
        let world = self.respond(target).await?;
        let packs = world.packs.borrow();
        let in_region = packs
            .iter()
            .filter(|((region, _), _)| *region == target.source.region.as_str());
        Ok(world.page(
            in_region
                .map(|((_, name), pack)| ((*name).into(), self.record(pack.status)))
                .collect(),
            token,
        ))
    }

    async fn pack(
        &self,
        target: &SourceTarget,
        name: &PackName,
    ) -> Result<Option<StatusRecord>, ApiError> {
        let world = self.respond(target).await?;
        let packs = world.packs.borrow();
        Ok(packs
            .get(&(target.source.region.as_str(), name.as_str()))
            .map(|pack| self.record(pack.status)))
    }

    async fn members(
        &self,
        target: &SourceTarget,
        name: &PackName,
        filter: Option<Filter<'_>>,
        token: Option<&str>,
    ) -> Result<Page<(AccountId, StatusRecord)>, MembersError> {
        let world = self.respond(target).await.map_err(MembersError::Api)?;
        let packs = world.packs.borrow();
        let pack = packs
            .get(&(target.source.region.as_str(), name.as_str()))
            .ok_or(MembersError::NoSuchPack)?;
        let members = pack
            .members
            .iter()
            .filter(|(id, (status, _))| match filter {
                None => true,
                Some(Filter::Account(account)) => account.as_str() == **id,
                Some(Filter::Status(wanted)) => wanted.as_str() == *status,
            });
        Ok(world.page(
            members
                .map(|(id, status)| ((*id).into(), self.record(*status)))
                .collect(),
            token,
        ))
    }
}
