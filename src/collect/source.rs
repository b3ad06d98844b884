//! Reading of one source: its listing, then its packs.

use std::collections::BTreeSet;

use futures_util::{StreamExt, future, stream};
use jiff::Timestamp;
use tokio::sync::SetOnce;

use super::builder::ObservationBuilder;
use super::observation::Listing;
use super::pack::{PackError, PackReader};
use super::pagination::PageTokens;
use super::source_client::SourceClient;
use crate::ledger::Ledger;
use crate::model::{ApiError, GapKey, PackKey, Scope, StatusKind};
use crate::ports::{ConfigApi, DESCRIBE_STATUSES};

/// Reads one source.
pub(super) struct SourceReader<'a, S> {
    client: SourceClient<'a, S>,
    scope: &'a Scope,
    found: ObservationBuilder,
}

impl<'a, S: ConfigApi> SourceReader<'a, S> {
    /// Creates a reader of the source of `client`.
    pub(super) fn new(
        client: SourceClient<'a, S>,
        scope: &'a Scope,
        started_at: Timestamp,
    ) -> Self {
        Self {
            client,
            scope,
            found: ObservationBuilder::new(started_at),
        }
    }

    /// Lists the packs of the source, and reads them once the ledger is loaded. Returns the
    /// observation of this source.
    pub(super) async fn read<L: AsRef<Ledger>>(
        mut self,
        ledger: &SetOnce<L>,
    ) -> ObservationBuilder {
        self.list().await;
        let ledger = ledger.wait().await.as_ref();
        self.get_missing_packs(ledger).await;
        self.read_packs(ledger).await;
        self.run_full_scans(ledger).await;
        self.found
    }

    /// Lists the packs, and records a gap if a page cannot be read.
    async fn list(&mut self) {
        let source = &self.client.target.source;
        let mut listing = Listing {
            pages: 0,
            complete: false,
        };
        match self.list_pages(&mut listing).await {
            Ok(()) => listing.complete = true,
            Err(cause) => self.found.found_gap(GapKey::source(source), cause),
        }
        if listing.pages > 0 {
            self.found.found_listing(source, listing);
        }
    }

    async fn list_pages(&mut self, listing: &mut Listing) -> Result<(), ApiError> {
        let SourceClient { api, target, .. } = self.client;
        let mut tokens = PageTokens::default();
        loop {
            let response = api.packs(target, tokens.next());
            let page = self.client.call(DESCRIBE_STATUSES, response).await??;
            listing.pages += 1;
            for (pack, row) in page.rows {
                let key = PackKey {
                    source: target.source.clone(),
                    pack,
                };
                if self.scope.covers_pack(&key) {
                    self.found.found_pack(&key, row);
                } else {
                    self.found.found_out_of_scope(key, &row);
                }
            }
            if !tokens.follow(page.next, DESCRIBE_STATUSES)? {
                return Ok(());
            }
        }
    }

    /// Requests by name the packs that are in the ledger and not in a complete listing. A listing
    /// alone does not prove that a pack is gone.
    async fn get_missing_packs(&mut self, ledger: &Ledger) {
        let (client, missing) = (&self.client, self.missing_packs(ledger));
        let responses: Vec<_> = stream::iter(&missing)
            .map(|key| async move { (key, client.get_pack(&key.pack).await) })
            .buffer_unordered(client.concurrency)
            .collect()
            .await;
        for (key, response) in responses {
            match response {
                Ok(Some(row)) if row.kind() != StatusKind::Deleted => {
                    self.found.found_pack(key, row);
                }
                Ok(_) => self.found.found_no_pack(key),
                Err(cause) => self.found.found_gap(GapKey::pack(key), cause),
            }
        }
    }

    fn missing_packs(&self, ledger: &Ledger) -> BTreeSet<PackKey> {
        let (source, so_far) = (&self.client.target.source, self.found.so_far());
        let listed = so_far
            .listings
            .get(source)
            .is_some_and(|listing| listing.complete);
        if !listed {
            return BTreeSet::new();
        }
        let missing = |key: &PackKey| {
            key.source == *source && self.scope.covers_pack(key) && !so_far.packs.contains_key(key)
        };
        ledger.known_packs_with_gaps().filter(missing).collect()
    }

    /// Reads the failing members of every pack, and the evidence that its open failures need.
    async fn read_packs(&mut self, ledger: &Ledger) {
        let (client, scope) = (&self.client, self.scope);
        let now = self.found.so_far().started_at;
        let mut packs: Vec<_> = self.found.packs_mut().collect();
        // Oldest attempt first, so that runs short of time do not leave out the same pack every
        // time.
        packs.sort_by_cached_key(|(pack, _)| {
            ledger.pack_hints.get(*pack).map(|hint| hint.attempted_at)
        });
        // A quarter more packs than calls, because the last packs to start are read in two steps
        // and would leave permits unused.
        let results: Vec<_> = stream::iter(packs)
            .map(|(pack, observed)| async move {
                let reader = PackReader::new(client, scope, ledger, pack, observed);
                (pack.clone(), reader.read(now).await)
            })
            .buffer_unordered(client.concurrency + client.concurrency / 4)
            .collect()
            .await;
        self.record_errors(results);
    }

    /// Reads all members of the packs for which a full read is due. There are few at a time. They
    /// take turns page by page, so a pack that is too large for the time left does not prevent the
    /// others from finishing.
    async fn run_full_scans(&mut self, ledger: &Ledger) {
        let (client, scope) = (&self.client, self.scope);
        let now = self.found.so_far().started_at;
        let due = self
            .found
            .packs_mut()
            .map(|(pack, observed)| PackReader::new(client, scope, ledger, pack, observed))
            .filter(|reader| reader.full_scan_due(now))
            .map(|reader| async { (reader.pack.clone(), reader.full_scan().await) });
        let results = future::join_all(due).await;
        self.record_errors(results);
    }

    fn record_errors(&mut self, results: Vec<(PackKey, Result<(), PackError>)>) {
        for (pack, result) in results {
            match result {
                Ok(()) => {}
                Err(PackError::Gone) => self.found.found_no_pack(&pack),
                Err(PackError::Gap(cause)) => self.found.found_gap(GapKey::pack(&pack), cause),
            }
        }
    }
}
