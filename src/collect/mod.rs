//! Collection: reads AWS Config into an [`Observation`], page by page. This module decides which
//! calls are made, in which order and how many; [`evaluate`](crate::evaluate) decides what the
//! results mean.

pub mod account_names;
mod builder;
mod collector;
mod observation;
mod pack;
mod pagination;
mod strategy;

use std::collections::BTreeSet;
use std::pin::pin;

use futures_util::future::{self, LocalBoxFuture, MaybeDone, maybe_done};
use futures_util::{FutureExt, StreamExt, stream};
use jiff::Timestamp;

use crate::ledger::Ledger;
use crate::model::{GapKey, PackKey, SourceTarget, StatusKind};
use crate::ports::{ConfigApi, DESCRIBE_STATUSES};

use pagination::PageTokens;

pub use builder::ObservationBuilder;
pub use collector::Collector;
pub use observation::{Coverage, Listing, Observation, PackObservation};

/// Listings that may still be in progress.
pub struct PendingListings<'a>(Vec<(&'a SourceTarget, MaybeDone<LocalBoxFuture<'a, ()>>)>);

impl<S: ConfigApi> Collector<'_, S> {
    /// Starts to list the packs of every source concurrently, and drives the listings until
    /// `meanwhile` completes. Returns its output and the listings, which [`read`](Self::read)
    /// finishes.
    pub async fn list<'s, T>(
        &'s self,
        targets: &'s [SourceTarget],
        meanwhile: impl Future<Output = T>,
    ) -> (T, PendingListings<'s>) {
        let listing = |target| (target, maybe_done(self.list_source(target).boxed_local()));
        let mut listings: Vec<_> = targets.iter().map(listing).collect();
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

    /// Reads the members of every listed pack, and requests the evidence that the open failures of
    /// the ledger need. Each source is read as soon as it is listed, so a slow source does not
    /// delay the others.
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
        let empty = ObservationBuilder::new(self.builder.borrow().so_far().started_at);
        self.builder.replace(empty).build(now())
    }

    /// Lists the packs of a source, and records a gap if a page cannot be read.
    async fn list_source(&self, target: &SourceTarget) {
        let mut tokens = PageTokens::default();
        let mut pages = 0;
        loop {
            let response = self
                .call(
                    target,
                    DESCRIBE_STATUSES,
                    self.api.packs(target, tokens.next()),
                )
                .await;
            let page = match response.and_then(|page| page) {
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

    /// Reads the packs of a source that was listed.
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
        // Oldest attempt first, so that runs short of time do not leave out the same pack every
        // time.
        packs.sort_by_cached_key(|key| {
            (
                ledger.pack_hints.get(key).map(|hint| hint.attempted_at),
                key.clone(),
            )
        });
        // A quarter more packs than calls, because the last packs to start are read in two steps
        // and would leave permits unused.
        stream::iter(&packs)
            .map(|pack| self.read_pack(target, pack, ledger))
            .buffer_unordered(self.concurrency + self.concurrency / 4)
            .collect::<Vec<()>>()
            .await;
        self.run_full_scans(target, ledger).await;
    }

    /// Requests by name the packs that are in the ledger and not in a listing of several pages.
    /// Pages shift while packs change, so such a listing can miss a pack.
    async fn get_missing_packs(&self, target: &SourceTarget, ledger: &Ledger) {
        let missing: BTreeSet<PackKey> = {
            let builder = self.builder.borrow();
            let Some(listing) = builder.so_far().listings.get(&target.source) else {
                return;
            };
            if !listing.complete || listing.pages == 1 {
                return;
            }
            let with_gap = ledger.gaps.keys().filter_map(GapKey::pack_key);
            let known = ledger
                .open
                .keys()
                .map(|key| key.pack.clone())
                .chain(ledger.pack_hints.keys().cloned())
                .chain(with_gap);
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
                        self.builder.borrow_mut().found_pack(key, row);
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
