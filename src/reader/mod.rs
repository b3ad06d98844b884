//! The reader: asks AWS Config page by page and hands every answer to the observation's builder. It
//! decides what is asked, in which order and how often; what the answers mean is decided elsewhere.

mod calls;
mod choice;
mod pack;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use futures_util::future::{self, LocalBoxFuture, MaybeDone, maybe_done};
use futures_util::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::ledger::Ledger;
use crate::model::Scope;
use crate::model::Watched;
use crate::model::{ApiError, GapKey, PackKey, Source, StatusKind};
use crate::observation::{Builder, Listing, Observation};
use crate::ports::ConfigApi;

use calls::Tokens;
pub(crate) use calls::{LIST, MEMBERS};

/// One reading of everything in scope.
pub struct Reader<'a, S> {
    source: &'a S,
    scope: &'a Scope,
    until: Instant,
    concurrency: usize,
    each: BTreeMap<Source, Semaphore>,
    found: RefCell<Builder>,
}

/// Listings that may still be under way.
pub struct Listings<'a>(Vec<(&'a Watched, MaybeDone<LocalBoxFuture<'a, ()>>)>);

impl<'a, S: ConfigApi> Reader<'a, S> {
    /// A reading that begins now, has so many calls in flight for each source, and makes none after
    /// `until`.
    pub fn new(
        source: &'a S,
        scope: &'a Scope,
        watched: &[Watched],
        concurrency: usize,
        started_at: Timestamp,
        until: Instant,
    ) -> Self {
        let each = watched
            .iter()
            .map(|watched| (watched.source.clone(), Semaphore::new(concurrency)))
            .collect();
        Self {
            source,
            scope,
            until,
            concurrency,
            each,
            found: RefCell::new(Builder::new(started_at)),
        }
    }

    /// Notes calls that were made before this reading.
    pub fn called_before(&self, config_calls: u64) {
        self.found.borrow_mut().called(config_calls);
    }

    /// Notes a source that cannot be called at all.
    pub fn cannot_call(&self, source: &Source, cause: ApiError) {
        self.found
            .borrow_mut()
            .found_gap(GapKey::source(source), cause);
    }

    /// Calls so far, retries not counted.
    pub fn config_calls(&self) -> u64 {
        self.found.borrow().so_far().config_calls
    }

    /// Begins to list the packs of every source, side by side, and goes on until `meanwhile` is
    /// done.
    pub async fn list<'s, T>(
        &'s self,
        watched: &'s [Watched],
        meanwhile: impl Future<Output = T>,
    ) -> (T, Listings<'s>) {
        let listing = |watched| (watched, maybe_done(self.list_source(watched).boxed_local()));
        let mut listings: Vec<_> = watched.iter().map(listing).collect();
        let mut meanwhile = pin!(meanwhile);
        let result = future::poll_fn(|task| {
            let result = meanwhile.as_mut().poll(task);
            if result.is_pending() {
                for (_, listing) in &mut listings {
                    let _ = listing.poll_unpin(task);
                }
            }
            result
        })
        .await;
        (result, Listings(listings))
    }

    /// Reads the members of every pack that is listed, and asks for what the ledger needs proof of.
    /// A source is read as soon as it is listed: one that is slow keeps no other waiting.
    pub async fn read(
        &self,
        listings: Listings<'_>,
        ledger: &Ledger,
        now: impl Fn() -> Timestamp,
    ) -> Observation {
        let sources = listings.0.into_iter().map(|(watched, listing)| async move {
            listing.await;
            self.read_source(watched, ledger).await;
        });
        future::join_all(sources).await;
        let nothing = Builder::new(self.found.borrow().so_far().started_at);
        self.found.replace(nothing).build(now())
    }

    async fn list_source(&self, watched: &Watched) {
        let mut tokens = Tokens::default();
        let mut pages = 0;
        loop {
            let answer = self
                .call(watched, LIST, self.source.packs(watched, tokens.next()))
                .await;
            let page = match answer.and_then(|page| page) {
                Ok(page) => page,
                Err(cause) => {
                    let mut found = self.found.borrow_mut();
                    found.found_gap(GapKey::source(&watched.source), cause);
                    if pages > 0 {
                        found.found_listing(
                            &watched.source,
                            Listing {
                                pages,
                                complete: false,
                            },
                        );
                    }
                    return;
                }
            };
            pages += 1;
            for (pack, row) in page.rows {
                let key = PackKey {
                    source: watched.source.clone(),
                    pack,
                };
                if self.scope.covers_pack(&key) {
                    self.found.borrow_mut().found_pack(&key, row);
                }
            }
            match tokens.follow(page.next, LIST) {
                Ok(true) => {}
                Ok(false) => {
                    let listing = Listing {
                        pages,
                        complete: true,
                    };
                    self.found
                        .borrow_mut()
                        .found_listing(&watched.source, listing);
                    return;
                }
                Err(cause) => {
                    let mut found = self.found.borrow_mut();
                    found.found_gap(GapKey::source(&watched.source), cause);
                    found.found_listing(
                        &watched.source,
                        Listing {
                            pages,
                            complete: false,
                        },
                    );
                    return;
                }
            }
        }
    }

    async fn read_source(&self, watched: &Watched, ledger: &Ledger) {
        self.ask_for_missing_packs(watched, ledger).await;
        let mut packs: Vec<PackKey> = {
            let found = self.found.borrow();
            found
                .so_far()
                .packs
                .keys()
                .filter(|key| key.source == watched.source)
                .cloned()
                .collect()
        };
        // Oldest attempt first, so that a run short of time starves none.
        packs.sort_by_cached_key(|key| {
            (
                ledger.packs.get(key).map(|hint| hint.attempted_at),
                key.clone(),
            )
        });
        // A quarter more packs than calls: the last to begin are read in two steps, and would leave
        // calls unused beside them.
        stream::iter(&packs)
            .map(|pack| self.read_pack(watched, pack, ledger))
            .buffer_unordered(self.concurrency + self.concurrency / 4)
            .collect::<Vec<()>>()
            .await;
        self.read_besides(watched, ledger).await;
    }

    /// Pages shift while packs change, so a pack with something open that a listing of several
    /// pages lacks is asked for by name.
    async fn ask_for_missing_packs(&self, watched: &Watched, ledger: &Ledger) {
        let missing: BTreeSet<PackKey> = {
            let found = self.found.borrow();
            let Some(listing) = found.so_far().listings.get(&watched.source) else {
                return;
            };
            if !listing.complete || listing.pages == 1 {
                return;
            }
            let unread = ledger.gaps.keys().filter_map(GapKey::pack_key);
            let known = ledger
                .open
                .keys()
                .map(|key| key.pack.clone())
                .chain(ledger.packs.keys().cloned())
                .chain(unread);
            let missing = |key: &PackKey| {
                key.source == watched.source
                    && self.scope.covers_pack(key)
                    && !found.so_far().packs.contains_key(key)
            };
            known.filter(missing).collect()
        };
        stream::iter(&missing)
            .map(|key| async move {
                match self.ask_for_pack(watched, &key.pack).await {
                    Ok(Some(row)) if row.kind() != StatusKind::Deleted => {
                        self.found.borrow_mut().found_pack(key, row)
                    }
                    Ok(_) => self.found.borrow_mut().found_no_pack(key),
                    Err(cause) => self.found.borrow_mut().found_gap(GapKey::pack(key), cause),
                }
            })
            .buffer_unordered(self.concurrency)
            .collect::<Vec<()>>()
            .await;
    }
}
