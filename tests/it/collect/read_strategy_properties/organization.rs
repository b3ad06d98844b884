//! In-memory packs behind the AWS Config API. Pages shift when the packs change between two calls.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use packwatch::model::{
    Account, AccountId, ApiError, PackName, SourceTarget, Status, StatusKind, StatusRecord,
};
use packwatch::ports::{BoxError, ConfigApi, Filter, MembersError, Page};
use tokio::time::sleep;

use crate::support::harness::OWN;

pub const PACKS: [&str; 2] = ["baseline", "guardrails"];

pub type StatusName = &'static str;

#[derive(Debug, Clone)]
pub struct Pack {
    pub status: StatusName,
    pub members: BTreeMap<u32, StatusName>,
}

/// The packs at one instant.
pub type Packs = BTreeMap<&'static str, Pack>;

#[derive(Debug, Clone)]
pub enum Change {
    /// Sets the status of a member; `None` removes the member.
    Member(&'static str, u32, Option<StatusName>),
    /// Sets the status of the pack itself; `None` deletes the pack.
    Pack(&'static str, Option<StatusName>),
}

pub fn account(number: u32) -> AccountId {
    (200_000_000_000_u64 + u64::from(number)).to_string().into()
}

/// An organization that counts the calls, and changes right before it responds to some of them.
pub struct Organization {
    /// Every state so far; the last one is the current state.
    pub instants: RefCell<Vec<Packs>>,
    /// Changes by the number of the call that they precede.
    pub changes: BTreeMap<usize, Vec<Change>>,
    /// Number of calls so far.
    pub calls: Cell<usize>,
    /// Durations of the calls in milliseconds, used in turn.
    pub delays: Vec<u64>,
    pub packs_per_page: usize,
    /// Whether filters apply after paging, so that filtered pages come short.
    pub sparse: bool,
    pub contradictions: Contradictions,
    /// Numbers of requests by account and by status so far.
    pub filtered_requests: [Cell<usize>; 2],
    /// By pack, how many calls had started when the last response had the pack.
    pub last_seen: RefCell<BTreeMap<String, usize>>,
    /// By pack, the number of the last call by name to which the response was that the pack does
    /// not exist.
    pub denied_by_name: RefCell<BTreeMap<String, usize>>,
}

/// Responses that contradict the other responses of the organization.
#[derive(Debug, Clone, Default)]
pub struct Contradictions {
    /// The requests by account, counted from 0, to which the response is that the pack does not
    /// exist.
    pub denied_accounts: BTreeSet<usize>,
    /// Whether listings are empty.
    pub empty_listing: bool,
    /// The request by status, counted from 0, whose page is short and not the last.
    pub short_page: Option<usize>,
}

impl Organization {
    /// Returns an organization that does not change.
    pub fn unchanging(packs: Packs) -> Self {
        Self {
            instants: RefCell::new(vec![packs]),
            changes: BTreeMap::new(),
            calls: Cell::new(0),
            delays: vec![1],
            packs_per_page: 100,
            sparse: false,
            contradictions: Contradictions::default(),
            filtered_requests: Default::default(),
            last_seen: RefCell::default(),
            denied_by_name: RefCell::default(),
        }
    }

    /// Returns whether a condition was true at every instant.
    pub fn always(&self, holds: impl FnMut(&Packs) -> bool) -> bool {
        self.instants.borrow().iter().all(holds)
    }

    /// Returns whether a condition was true at some instant.
    pub fn once(&self, holds: impl FnMut(&Packs) -> bool) -> bool {
        self.instants.borrow().iter().any(holds)
    }

    /// Records that a response has a pack.
    fn saw(&self, pack: &str) {
        let mut last_seen = self.last_seen.borrow_mut();
        last_seen.insert(pack.to_owned(), self.calls.get());
    }

    async fn call(&self) -> Packs {
        let number = self.calls.get();
        self.calls.set(number + 1);
        sleep(Duration::from_millis(
            self.delays[number % self.delays.len()],
        ))
        .await;
        for change in self.changes.get(&number).into_iter().flatten() {
            let mut packs = self.now();
            match change {
                Change::Member(pack, number, status) => {
                    if let Some(pack) = packs.get_mut(pack) {
                        match status {
                            Some(status) => pack.members.insert(*number, status),
                            None => pack.members.remove(number),
                        };
                    }
                }
                Change::Pack(pack, None) => drop(packs.remove(pack)),
                Change::Pack(pack, Some(status)) => {
                    packs
                        .entry(pack)
                        .or_insert_with(|| Pack {
                            status,
                            members: BTreeMap::new(),
                        })
                        .status = status;
                }
            }
            self.instants.borrow_mut().push(packs);
        }
        self.now()
    }

    pub fn now(&self) -> Packs {
        self.instants
            .borrow()
            .last()
            .expect("there is at least one instant")
            .clone()
    }
}

/// Returns the kept rows of a page, and the token of the next page. A short page has one in any
/// case.
fn page<T>(
    rows: Vec<T>,
    size: usize,
    token: Option<&str>,
    short: bool,
    sparse: bool,
    keep: impl Fn(&T) -> bool,
) -> Page<T> {
    let from: usize = token.map_or(0, |token| token.parse().expect("the token is an offset"));
    let rows: Vec<T> = rows.into_iter().filter(|row| sparse || keep(row)).collect();
    let size = if short { size / 2 } else { size };
    let end = rows.len().min(from + size);
    let next = (short || end < rows.len()).then(|| end.to_string());
    Page {
        rows: rows
            .into_iter()
            .skip(from)
            .take(size)
            .filter(|row| keep(row))
            .collect(),
        next,
    }
}

impl ConfigApi for Organization {
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
        _: &SourceTarget,
        token: Option<&str>,
    ) -> Result<Page<(PackName, StatusRecord)>, ApiError> {
        let packs = self.call().await;
        let listed = packs.iter().filter(|_| !self.contradictions.empty_listing);
        let rows = listed
            .map(|(name, pack)| ((*name).into(), StatusRecord::new(pack.status)))
            .collect();
        let page = page(rows, self.packs_per_page, token, false, false, |_| true);
        let rows: &[(PackName, StatusRecord)] = &page.rows;
        for (name, row) in rows {
            if row.status.kind() != StatusKind::Deleted {
                self.saw(name.as_str());
            }
        }
        Ok(page)
    }

    async fn pack(
        &self,
        _: &SourceTarget,
        name: &PackName,
    ) -> Result<Option<StatusRecord>, ApiError> {
        let number = self.calls.get();
        let row = self
            .call()
            .await
            .get(name.as_str())
            .map(|pack| StatusRecord::new(pack.status));
        if row
            .as_ref()
            .is_none_or(|row| row.status.kind() == StatusKind::Deleted)
        {
            let mut denied = self.denied_by_name.borrow_mut();
            denied.insert(name.as_str().to_owned(), number);
        } else {
            self.saw(name.as_str());
        }
        Ok(row)
    }

    async fn members(
        &self,
        _: &SourceTarget,
        name: &PackName,
        filter: Option<Filter<'_>>,
        token: Option<&str>,
    ) -> Result<Page<(AccountId, StatusRecord)>, MembersError> {
        let packs = self.call().await;
        let [by_account, by_status] = &self.filtered_requests;
        let next = |count: &Cell<usize>| count.replace(count.get() + 1);
        let Contradictions {
            denied_accounts,
            short_page,
            ..
        } = &self.contradictions;
        let (denied, short) = match filter {
            Some(Filter::Account(_)) => (denied_accounts.contains(&next(by_account)), false),
            Some(Filter::Status(_)) => (false, *short_page == Some(next(by_status))),
            None => (false, false),
        };
        let pack = packs.get(name.as_str()).filter(|_| !denied);
        let pack = pack.ok_or(MembersError::NoSuchPack)?;
        self.saw(name.as_str());
        let rows = pack
            .members
            .iter()
            .map(|(number, status)| (account(*number), StatusRecord::new(status)))
            .collect();
        Ok(page(
            rows,
            100,
            token,
            short,
            self.sparse,
            |(account, row): &(AccountId, StatusRecord)| match filter {
                None => true,
                Some(Filter::Account(wanted)) => account == wanted,
                Some(Filter::Status(wanted)) => row.status == *wanted,
            },
        ))
    }
}

/// Returns the status of a member, or of the pack itself with `None`.
pub fn row(packs: &Packs, pack: &str, member: Option<&AccountId>) -> Option<Status> {
    let pack = packs.get(pack)?;
    let status = match member {
        None => pack.status,
        Some(id) => {
            let number =
                id.as_str().parse::<u64>().expect("account ids are numbers") - 200_000_000_000;
            pack.members.get(
                &u32::try_from(number).expect("the number is one of those that the tests use"),
            )?
        }
    };
    Some(status.into())
}

/// Returns the status kind of a member, or of the pack itself with `None`. A pack with a deleted
/// status has no members.
pub fn kind(packs: &Packs, pack: &str, member: Option<&AccountId>) -> StatusKind {
    let of = |member| row(packs, pack, member).map_or(StatusKind::Deleted, |status| status.kind());
    if of(None) == StatusKind::Deleted {
        StatusKind::Deleted
    } else {
        of(member)
    }
}
