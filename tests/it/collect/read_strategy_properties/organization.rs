//! In-memory packs behind the AWS Config API. Pages shift when the packs change between two calls.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
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

/// Returns the kept rows of a page, and the token of the next page.
fn page<T>(
    rows: Vec<T>,
    size: usize,
    token: Option<&str>,
    sparse: bool,
    keep: impl Fn(&T) -> bool,
) -> Page<T> {
    let from: usize = token.map_or(0, |token| token.parse().expect("the token is an offset"));
    let rows: Vec<T> = rows.into_iter().filter(|row| sparse || keep(row)).collect();
    let next = (from + size < rows.len()).then(|| (from + size).to_string());
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
        let rows = packs
            .iter()
            .map(|(name, pack)| ((*name).into(), StatusRecord::new(pack.status)))
            .collect();
        Ok(page(rows, self.packs_per_page, token, false, |_| true))
    }

    async fn pack(
        &self,
        _: &SourceTarget,
        name: &PackName,
    ) -> Result<Option<StatusRecord>, ApiError> {
        Ok(self
            .call()
            .await
            .get(name.as_str())
            .map(|pack| StatusRecord::new(pack.status)))
    }

    async fn members(
        &self,
        _: &SourceTarget,
        name: &PackName,
        filter: Option<Filter<'_>>,
        token: Option<&str>,
    ) -> Result<Page<(AccountId, StatusRecord)>, MembersError> {
        let packs = self.call().await;
        let pack = packs.get(name.as_str()).ok_or(MembersError::NoSuchPack)?;
        let rows = pack
            .members
            .iter()
            .map(|(number, status)| (account(*number), StatusRecord::new(status)))
            .collect();
        Ok(page(
            rows,
            100,
            token,
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
