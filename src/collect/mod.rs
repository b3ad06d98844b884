//! The reader: asks AWS Config page by page and hands every answer to the observation's builder. It
//! decides what is asked, in which order and how often; what the answers mean is decided elsewhere.

pub mod account_names;
mod builder;
mod collector;
mod observation;

mod pack;
mod pagination;
mod strategy;
use crate::ledger::Ledger;
use crate::model::SourceTarget;
use crate::model::{GapKey, PackKey, StatusKind};
use crate::ports::{ConfigApi, DESCRIBE_STATUSES};
use futures_util::future::{self, LocalBoxFuture, MaybeDone, maybe_done};
use futures_util::{FutureExt, StreamExt, stream};
use jiff::Timestamp;
use pagination::PageTokens;
use std::collections::BTreeSet;
use std::pin::pin;

pub use builder::ObservationBuilder;
pub use collector::Collector;
pub use observation::{Coverage, Listing, Observation, PackObservation};

/// Listings that may still be under way.
pub struct PendingListings<'a>(Vec<(&'a SourceTarget, MaybeDone<LocalBoxFuture<'a, ()>>)>);

impl<'a, S: ConfigApi> Collector<'a, S> {
    /// Begins to list the packs of every source, side by side, and goes on until `meanwhile` is
    /// done.
    pub async fn list<'s, T>(
        &'s self,
        target: &'s [SourceTarget],
        meanwhile: impl Future<Output = T>,
    ) -> (T, PendingListings<'s>) {
        let listing = |target| (target, maybe_done(self.list_source(target).boxed_local()));
        let mut listings: Vec<_> = target.iter().map(listing).collect();
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
        (result, PendingListings(listings))
    }

    /// Reads the members of every pack that is listed, and asks for what the ledger needs proof of.
    /// A source is read as soon as it is listed: one that is slow keeps no other waiting.
    pub async fn read(
        &self,
        listings: PendingListings<'_>,
        ledger: &Ledger,
        now: impl Fn() -> Timestamp,
    ) -> Observation {
        let sources = listings.0.into_iter().map(|(target, listing)| async move {
            listing.await;
            self.read_source(target, ledger).await;
        });
        future::join_all(sources).await;
        let nothing = ObservationBuilder::new(self.builder.borrow().so_far().started_at);
        self.builder.replace(nothing).build(now())
    }

    async fn list_source(&self, target: &SourceTarget) {
        let mut tokens = PageTokens::default();
        let mut pages = 0;
        loop {
            let answer = self
                .call(
                    target,
                    DESCRIBE_STATUSES,
                    self.source.packs(target, tokens.next()),
                )
                .await;
            let page = match answer.and_then(|page| page) {
                Ok(page) => page,
                Err(cause) => {
                    let mut builder = self.builder.borrow_mut();
                    builder.found_gap(GapKey::source(&target.source), cause);
                    if pages > 0 {
                        builder.found_listing(
                            &target.source,
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
                    source: target.source.clone(),
                    pack,
                };
                if self.scope.covers_pack(&key) {
                    self.builder.borrow_mut().found_pack(&key, row);
                }
            }
            match tokens.follow(page.next, DESCRIBE_STATUSES) {
                Ok(true) => {}
                Ok(false) => {
                    let listing = Listing {
                        pages,
                        complete: true,
                    };
                    self.builder
                        .borrow_mut()
                        .found_listing(&target.source, listing);
                    return;
                }
                Err(cause) => {
                    let mut builder = self.builder.borrow_mut();
                    builder.found_gap(GapKey::source(&target.source), cause);
                    builder.found_listing(
                        &target.source,
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

    async fn read_source(&self, target: &SourceTarget, ledger: &Ledger) {
        self.get_missing_packs(target, ledger).await;
        let mut packs: Vec<PackKey> = {
            let builder = self.builder.borrow();
            builder
                .so_far()
                .packs
                .keys()
                .filter(|key| key.source == target.source)
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
            .map(|pack| self.read_pack(target, pack, ledger))
            .buffer_unordered(self.concurrency + self.concurrency / 4)
            .collect::<Vec<()>>()
            .await;
        self.run_full_scans(target, ledger).await;
    }

    /// Pages shift while packs change, so a pack with something open that a listing of several
    /// pages lacks is asked for by name.
    async fn get_missing_packs(&self, target: &SourceTarget, ledger: &Ledger) {
        let missing: BTreeSet<PackKey> = {
            let builder = self.builder.borrow();
            let Some(listing) = builder.so_far().listings.get(&target.source) else {
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
                key.source == target.source
                    && self.scope.covers_pack(key)
                    && !builder.so_far().packs.contains_key(key)
            };
            known.filter(missing).collect()
        };
        stream::iter(&missing)
            .map(|key| async move {
                match self.get_pack(target, &key.pack).await {
                    Ok(Some(row)) if row.kind() != StatusKind::Deleted => {
                        self.builder.borrow_mut().found_pack(key, row)
                    }
                    Ok(_) => self.builder.borrow_mut().found_no_pack(key),
                    Err(cause) => self
                        .builder
                        .borrow_mut()
                        .found_gap(GapKey::pack(key), cause),
                }
            })
            .buffer_unordered(self.concurrency)
            .collect::<Vec<()>>()
            .await;
    }
}
