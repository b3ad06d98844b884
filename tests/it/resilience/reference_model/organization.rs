//! What is true: packs that come and go, their members, and AWS Config's answers about them, in
//! pages.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use packwatch::model::SourceTarget;
use packwatch::model::{Account, AccountId, ApiError, PackName, StatusRecord};
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
/// The account whose failures are never told.
pub const IGNORED: &str = ACCOUNTS[4];

/// A pack in its region.
pub type Place = (&'static str, &'static str);
/// A member of a pack, or with `None` the pack itself.
pub type Key = (&'static str, &'static str, Option<&'static str>);

/// A status, and since when.
pub type Said = (&'static str, i64);

pub struct Pack {
    pub status: Said,
    pub members: BTreeMap<&'static str, Said>,
}

/// What happens in the world.
#[derive(Debug, Clone)]
pub enum Change {
    /// The pack is there, with these members.
    Create(Place, &'static str, Vec<&'static str>),
    Delete(Place),
    /// The pack's own status, which says nothing about its members.
    Status(Place, &'static str),
    /// A member joins, or its status changes.
    Member(Place, &'static str, &'static str),
    Leave(Place, &'static str),
    /// All goes well in a pack.
    Recover(Place),
    /// AWS Config answers in pages of another size.
    Pages(usize),
}

/// What goes wrong with the next call to AWS Config.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ReadFault {
    Refused,
    RepeatedToken,
}

#[derive(Default)]
pub struct World {
    pub packs: RefCell<BTreeMap<Place, Pack>>,
    page: Cell<usize>,
    /// Whether rows say when they last changed.
    pub dated: Cell<bool>,
    pub denied: Cell<Option<&'static str>>,
    pub read_fault: Cell<Option<ReadFault>>,
    /// Whether an answer was not what it should have been.
    pub misread: Cell<bool>,
}

impl World {
    pub fn change(&self, change: &Change, now: i64) {
        let mut packs = self.packs.borrow_mut();
        match change {
            Change::Create(place, status, members) => {
                let members = ACCOUNTS
                    .into_iter()
                    .zip(members)
                    .map(|(account, status)| (account, (*status, now)));
                packs.insert(
                    *place,
                    Pack {
                        status: (status, now),
                        members: members.collect(),
                    },
                );
            }
            Change::Delete(place) => {
                packs.remove(place);
            }
            Change::Status(place, status) => {
                if let Some(pack) = packs.get_mut(place) {
                    pack.status = (status, now);
                }
            }
            Change::Member(place, account, status) => {
                if let Some(pack) = packs.get_mut(place) {
                    pack.members.insert(account, (status, now));
                }
            }
            Change::Leave(place, account) => {
                if let Some(pack) = packs.get_mut(place) {
                    pack.members.remove(account);
                }
            }
            Change::Recover(place) => {
                if let Some(pack) = packs.get_mut(place) {
                    pack.members
                        .values_mut()
                        .for_each(|said| *said = ("UPDATE_SUCCESSFUL", now));
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

    /// The packs whose members come in several pages.
    pub fn larger_than_a_page(&self) -> Vec<Place> {
        let packs = self.packs.borrow();
        let large = packs
            .iter()
            .filter(|(_, pack)| pack.members.len() > self.page_size());
        large.map(|(place, _)| *place).collect()
    }

    /// Some rows of a list that may have changed since the page before.
    fn page<T>(&self, rows: Vec<T>, token: Option<&str>) -> Page<T> {
        let size = self.page_size();
        let from: usize = token.map_or(0, |token| token.parse().expect("a token of ours"));
        let next = from.saturating_add(size);
        let more = next < rows.len();
        let repeated = token.filter(|_| self.read_fault.get() == Some(ReadFault::RepeatedToken));
        if repeated.is_some() {
            self.read_fault.set(None);
            self.misread.set(true);
        }
        Page {
            rows: rows.into_iter().skip(from).take(size).collect(),
            next: repeated
                .map(str::to_owned)
                .or_else(|| more.then(|| next.to_string())),
        }
    }
}

#[derive(Clone)]
pub struct Statuses {
    pub house: InMemoryServices,
    pub world: Rc<World>,
}

impl Statuses {
    fn row(&self, (status, since): Said) -> StatusRecord {
        let began = self.house.now() - jiff::SignedDuration::from_millis(self.house.now.get());
        let updated = self
            .world
            .dated
            .get()
            .then(|| began + jiff::SignedDuration::from_millis(since));
        StatusRecord {
            last_update_time: updated,
            ..StatusRecord::new(status)
        }
    }

    async fn answer(&self, watched: &SourceTarget) -> Result<&World, ApiError> {
        yield_now().await;
        let refused = self.world.read_fault.get() == Some(ReadFault::Refused);
        if refused {
            self.world.read_fault.set(None);
        }
        if refused || self.world.denied.get() == Some(watched.source.region.as_str()) {
            self.world.misread.set(true);
            return Err(ApiError {
                operation: "Describe".into(),
                code: "AccessDenied".into(),
                message: "no".into(),
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

    fn throttles(&self) -> u64 {
        0
    }

    async fn packs(
        &self,
        watched: &SourceTarget,
        token: Option<&str>,
    ) -> Result<Page<(PackName, StatusRecord)>, ApiError> {
        let world = self.answer(watched).await?;
        let packs = world.packs.borrow();
        let here = packs
            .iter()
            .filter(|((region, _), _)| *region == watched.source.region.as_str());
        Ok(world.page(
            here.map(|((_, name), pack)| ((*name).into(), self.row(pack.status)))
                .collect(),
            token,
        ))
    }

    async fn pack(
        &self,
        watched: &SourceTarget,
        name: &PackName,
    ) -> Result<Option<StatusRecord>, ApiError> {
        let world = self.answer(watched).await?;
        let packs = world.packs.borrow();
        Ok(packs
            .get(&(watched.source.region.as_str(), name.as_str()))
            .map(|pack| self.row(pack.status)))
    }

    async fn members(
        &self,
        watched: &SourceTarget,
        name: &PackName,
        filter: Option<Filter<'_>>,
        token: Option<&str>,
    ) -> Result<Page<(AccountId, StatusRecord)>, MembersError> {
        let world = self.answer(watched).await.map_err(MembersError::Api)?;
        let packs = world.packs.borrow();
        let pack = packs
            .get(&(watched.source.region.as_str(), name.as_str()))
            .ok_or(MembersError::NoSuchPack)?;
        let asked = pack
            .members
            .iter()
            .filter(|(id, (status, _))| match filter {
                None => true,
                Some(Filter::Account(account)) => account.as_str() == **id,
                Some(Filter::Status(asked)) => asked.as_str() == *status,
            });
        Ok(world.page(
            asked
                .map(|(id, said)| ((*id).into(), self.row(*said)))
                .collect(),
            token,
        ))
    }
}
