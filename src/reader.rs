//! The reader: asks AWS Config page by page and hands every answer to the observation's builder. It decides what is asked,
//! in which order and how often; what the answers mean is decided elsewhere.
//!
//! Paging is our own loop. The SDK's paginator ends without an error on a repeated token, which would make a cut list look
//! whole; here any token that was seen before in its chain is a gap.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, future, stream};
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::ledger::Ledger;
use crate::model::{AccountId, GapCause, GapKey, PackKey, PackName, Row, Source, Standing};
use crate::observation::{Builder, Coverage, Listing, Observation};
use crate::plan::Watched;
use crate::ports::{Page, StatusSource, Unread};
use crate::scope::Scope;

/// Config calls in flight, over all sources.
const IN_FLIGHT: usize = 64;

/// The calls, as they are named to people.
pub(crate) const LIST: &str = "DescribeOrganizationConformancePackStatuses";
/// See [`LIST`].
pub(crate) const MEMBERS: &str = "GetOrganizationConformancePackDetailedStatus";

/// One reading of everything in scope.
pub struct Reader<'a, S> {
    source: &'a S,
    scope: &'a Scope,
    until: Instant,
    all: Semaphore,
    each: BTreeMap<Source, Semaphore>,
    found: RefCell<Builder>,
}

impl<'a, S: StatusSource> Reader<'a, S> {
    /// A reading that begins now and makes no call after `until`.
    pub fn new(
        source: &'a S,
        scope: &'a Scope,
        watched: &[Watched],
        concurrency: usize,
        started_at: Timestamp,
        until: Instant,
    ) -> Self {
        let each = watched.iter().map(|watched| (watched.source.clone(), Semaphore::new(concurrency))).collect();
        Self {
            source,
            scope,
            until,
            all: Semaphore::new(IN_FLIGHT),
            each,
            found: RefCell::new(Builder::new(started_at)),
        }
    }

    /// Notes calls that were made before this reading.
    pub fn called_before(&self, config_calls: u64) {
        self.found.borrow_mut().called(config_calls);
    }

    /// Notes a source that cannot be called at all.
    pub fn cannot_call(&self, source: &Source, cause: GapCause) {
        self.found.borrow_mut().found_gap(GapKey::source(source), cause);
    }

    /// Calls so far, retries not counted.
    pub fn config_calls(&self) -> u64 {
        self.found.borrow().so_far().config_calls
    }

    /// Lists the packs of every source, side by side.
    pub async fn list(&self, watched: &[Watched]) {
        future::join_all(watched.iter().map(|watched| self.list_source(watched))).await;
    }

    /// Reads the members of every pack that was listed, and asks for what the ledger needs proof of.
    pub async fn read(self, watched: &[Watched], ledger: &Ledger, now: impl Fn() -> Timestamp) -> Observation {
        future::join_all(watched.iter().map(|watched| self.read_source(watched, ledger))).await;
        self.found.into_inner().build(now())
    }

    async fn list_source(&self, watched: &Watched) {
        let mut tokens = Tokens::default();
        let mut pages = 0;
        loop {
            let answer = self.call(watched, LIST, self.source.packs(watched, tokens.next())).await;
            let page = match answer.and_then(|page| page) {
                Ok(page) => page,
                Err(cause) => {
                    let mut found = self.found.borrow_mut();
                    found.found_gap(GapKey::source(&watched.source), cause);
                    if pages > 0 {
                        found.found_listing(&watched.source, Listing { pages, complete: false });
                    }
                    return;
                }
            };
            pages += 1;
            for (pack, row) in page.rows {
                let key = PackKey { source: watched.source.clone(), pack };
                if self.scope.covers_pack(&key) {
                    self.found.borrow_mut().found_pack(&key, row);
                }
            }
            match tokens.follow(page.next, LIST) {
                Ok(true) => {}
                Ok(false) => {
                    let listing = Listing { pages, complete: true };
                    self.found.borrow_mut().found_listing(&watched.source, listing);
                    return;
                }
                Err(cause) => {
                    let mut found = self.found.borrow_mut();
                    found.found_gap(GapKey::source(&watched.source), cause);
                    found.found_listing(&watched.source, Listing { pages, complete: false });
                    return;
                }
            }
        }
    }

    async fn read_source(&self, watched: &Watched, ledger: &Ledger) {
        self.ask_for_missing_packs(watched, ledger).await;
        let mut packs: Vec<PackKey> = {
            let found = self.found.borrow();
            found.so_far().packs.keys().filter(|key| key.source == watched.source).cloned().collect()
        };
        // Oldest attempt first, so that a run short of time starves none.
        packs.sort_by_cached_key(|key| (ledger.packs.get(key).map(|hint| hint.attempted_at), key.clone()));
        stream::iter(&packs)
            .map(|pack| self.read_pack(watched, pack, ledger))
            .buffer_unordered(self.each.get(&watched.source).map_or(1, Semaphore::available_permits).max(1))
            .collect::<Vec<()>>()
            .await;
    }

    /// Pages shift while packs change, so a pack with something open that a listing of several pages lacks is asked for by
    /// name.
    async fn ask_for_missing_packs(&self, watched: &Watched, ledger: &Ledger) {
        let missing: BTreeSet<PackKey> = {
            let found = self.found.borrow();
            let Some(listing) = found.so_far().listings.get(&watched.source) else {
                return;
            };
            if !listing.complete || listing.pages == 1 {
                return;
            }
            let unread = ledger.gaps.keys().filter_map(GapKey::unread_pack);
            let known =
                ledger.open.keys().map(|key| key.pack.clone()).chain(ledger.packs.keys().cloned()).chain(unread);
            let missing = |key: &PackKey| {
                key.source == watched.source && self.scope.covers_pack(key) && !found.so_far().packs.contains_key(key)
            };
            known.filter(missing).collect()
        };
        stream::iter(&missing)
            .map(|key| async move {
                match self.ask_for_pack(watched, &key.pack).await {
                    Ok(Some(row)) if row.standing() != Standing::Absent => self.found.borrow_mut().found_pack(key, row),
                    Ok(_) => self.found.borrow_mut().found_no_pack(key),
                    Err(cause) => self.found.borrow_mut().found_gap(GapKey::pack(key), cause),
                }
            })
            .buffer_unordered(IN_FLIGHT)
            .collect::<Vec<()>>()
            .await;
    }

    async fn read_pack(&self, watched: &Watched, pack: &PackKey, ledger: &Ledger) {
        match self.read_members(watched, pack).await {
            Ok(coverage) => self.found.borrow_mut().found_coverage(pack, coverage),
            Err(Unread::NoSuchPack) => return self.found.borrow_mut().found_no_pack(pack),
            Err(Unread::Failed(cause)) => {
                return self.found.borrow_mut().found_gap(GapKey::pack(pack), cause);
            }
        }
        if let Err(cause) = self.prove_absences(watched, pack, ledger).await {
            let mut found = self.found.borrow_mut();
            found.found_coverage(pack, Coverage::Partial);
            found.found_gap(GapKey::pack(pack), cause);
        }
    }

    /// Every page of a pack's members.
    async fn read_members(&self, watched: &Watched, pack: &PackKey) -> Result<Coverage, Unread> {
        let mut tokens = Tokens::default();
        let mut pages = 0;
        loop {
            let page = self.members(watched, pack, None, tokens.next()).await?;
            pages += 1;
            for (account, row) in page.rows {
                self.found.borrow_mut().found_member(pack, &account, row);
            }
            if !tokens.follow(page.next, MEMBERS).map_err(Unread::Failed)? {
                return Ok(if pages == 1 { Coverage::OnePage } else { Coverage::Pages });
            }
        }
    }

    /// Asks by name for every open failure whose account was not seen, and then for the pack, whose own status says
    /// whether its rows are being rewritten.
    async fn prove_absences(&self, watched: &Watched, pack: &PackKey, ledger: &Ledger) -> Result<(), GapCause> {
        let unseen: Vec<AccountId> = {
            let found = self.found.borrow();
            let Some(reading) = found.so_far().packs.get(pack) else {
                return Ok(());
            };
            let open = ledger.open.keys().filter(|key| key.pack == *pack && self.scope.covers(key));
            open.filter_map(|key| key.account_id.clone()).filter(|account| !reading.has(account)).collect()
        };
        if unseen.is_empty() {
            return Ok(());
        }
        let one_page =
            self.found.borrow().so_far().packs.get(pack).map(|reading| reading.coverage) == Some(Coverage::OnePage);
        if !one_page {
            let asked = stream::iter(&unseen)
                .map(|account| self.ask_for_member(watched, pack, account))
                .buffer_unordered(IN_FLIGHT)
                .collect::<Vec<_>>()
                .await;
            for answer in asked {
                match answer {
                    Ok(()) => {}
                    Err(Unread::NoSuchPack) => {
                        self.found.borrow_mut().found_no_pack(pack);
                        return Ok(());
                    }
                    Err(Unread::Failed(cause)) => return Err(cause),
                }
            }
        }
        match self.ask_for_pack(watched, &pack.pack).await? {
            Some(row) if row.standing() != Standing::Absent => {
                self.found.borrow_mut().found_status_after(pack, row.status);
            }
            _ => self.found.borrow_mut().found_no_pack(pack),
        }
        Ok(())
    }

    async fn ask_for_member(&self, watched: &Watched, pack: &PackKey, account: &AccountId) -> Result<(), Unread> {
        let mut tokens = Tokens::default();
        let mut there = false;
        loop {
            let page = self.members(watched, pack, Some(account), tokens.next()).await?;
            for (_, row) in page.rows.into_iter().filter(|(found, _)| found == account) {
                there |= row.standing() != Standing::Absent;
                self.found.borrow_mut().found_member(pack, account, row);
            }
            if !tokens.follow(page.next, MEMBERS).map_err(Unread::Failed)? {
                if !there {
                    self.found.borrow_mut().found_no_member(pack, account);
                }
                return Ok(());
            }
        }
    }

    async fn ask_for_pack(&self, watched: &Watched, pack: &PackName) -> Result<Option<Row>, GapCause> {
        self.call(watched, LIST, self.source.pack(watched, pack)).await?
    }

    async fn members(
        &self,
        watched: &Watched,
        pack: &PackKey,
        account: Option<&AccountId>,
        token: Option<&str>,
    ) -> Result<Page<(AccountId, Row)>, Unread> {
        let answer = async {
            // From here on the pack was tried.
            if token.is_none() && account.is_none() {
                self.found.borrow_mut().found_coverage(pack, Coverage::Partial);
            }
            self.source.members(watched, &pack.pack, account, token).await
        };
        self.call(watched, MEMBERS, answer).await.map_err(Unread::Failed)?
    }

    /// Makes one call: not too many at once, and none that ends too late to be of use.
    async fn call<T>(&self, watched: &Watched, operation: &str, call: impl Future<Output = T>) -> Result<T, GapCause> {
        let limited = async {
            let _each = match self.each.get(&watched.source) {
                Some(each) => each.acquire().await.ok(),
                None => None,
            };
            let _all = self.all.acquire().await.ok();
            self.found.borrow_mut().called(1);
            call.await
        };
        let out_of_time = || GapCause {
            operation: operation.to_owned(),
            code: "OutOfTime".to_owned(),
            message: "there was no time left to read this before the run had to store what it knew".to_owned(),
        };
        if Instant::now() >= self.until {
            return Err(out_of_time());
        }
        timeout_at(self.until, limited).await.map_err(|_| out_of_time())
    }
}

/// The tokens of one chain of pages.
#[derive(Default)]
struct Tokens {
    seen: BTreeSet<String>,
    next: Option<String>,
}

impl Tokens {
    fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// Goes on to the next page, if there is one; refuses a token that was seen before.
    fn follow(&mut self, next: Option<String>, operation: &str) -> Result<bool, GapCause> {
        let Some(token) = next else { return Ok(false) };
        if !self.seen.insert(token.clone()) {
            return Err(GapCause {
                operation: operation.to_owned(),
                code: "RepeatedPageToken".to_owned(),
                message: format!(
                    "AWS Config repeated a page token after {} pages, so the list cannot be trusted",
                    self.seen.len()
                ),
            });
        }
        self.next = Some(token);
        Ok(true)
    }
}
