//! Reading of one pack: its failing members, and the evidence for every open failure that is not
//! among them.

use futures_util::{StreamExt, future, stream};
use jiff::Timestamp;

use super::observation::{Coverage, PackObservation};
use super::pagination::MemberPages;
use super::source_client::SourceClient;
use super::strategy::{self, FAILING, ReadStrategy};
use crate::ledger::{LargePack, Ledger};
use crate::model::{AccountId, FailureKey, PackKey, Scope, Status, StatusKind};
use crate::ports::{ConfigApi, DEADLINE_EXCEEDED, Filter, MembersError, PAGE_SIZE};

/// Reads one pack into its observation. After an error the observation keeps the records that were
/// read before.
pub(super) struct PackReader<'a, S> {
    client: &'a SourceClient<'a, S>,
    scope: &'a Scope,
    ledger: &'a Ledger,
    pub(super) pack: &'a PackKey,
    observed: &'a mut PackObservation,
}

impl<'a, S: ConfigApi> PackReader<'a, S> {
    /// Creates a reader of a pack that was found.
    pub(super) fn new(
        client: &'a SourceClient<'a, S>,
        scope: &'a Scope,
        ledger: &'a Ledger,
        pack: &'a PackKey,
        observed: &'a mut PackObservation,
    ) -> Self {
        Self {
            client,
            scope,
            ledger,
            pack,
            observed,
        }
    }

    /// Reads the members of the pack with the fewest calls, and confirms absences.
    pub(super) async fn read(mut self) -> Result<(), MembersError> {
        let large = self.large();
        let members = self.ledger.open_in(self.pack);
        let members = members.filter(|(key, _)| !key.is_pack());
        let read_strategy = strategy::choose(large, members.map(|(_, open)| &open.row.status));
        let mut all_members = MemberPages::default();
        if read_strategy == ReadStrategy::FirstPage {
            self.read_pages(&mut all_members, 1).await?;
        }
        let filters_save_calls = read_strategy != ReadStrategy::Full
            && !all_members.ended
            && self.read_failing().await?;
        let pages = if filters_save_calls {
            strategy::pages_worth_scanning(self.unseen_open_accounts().len(), large)
        } else {
            usize::MAX
        };
        self.read_pages(&mut all_members, pages).await?;
        self.confirm_absences(all_members.coverage()).await?;
        self.set_coverage(all_members.coverage());
        Ok(())
    }

    /// Reads all members of the pack.
    pub(super) async fn full_scan(mut self) -> Result<(), MembersError> {
        let mut all_members = MemberPages::default();
        match self.read_pages(&mut all_members, usize::MAX).await {
            Ok(()) => self.set_coverage(all_members.coverage()),
            // The failing members are known already, so this is not a gap.
            Err(MembersError::Api(cause)) if cause.code == DEADLINE_EXCEEDED => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Returns whether a full read is due of a pack whose failing members are read.
    pub(super) fn full_scan_due(&self, now: Timestamp) -> bool {
        let (large, key) = (self.large(), FailureKey::pack_itself(self.pack));
        let in_progress = self
            .ledger
            .open
            .get(&key)
            .filter(|_| self.observed.row.kind() == StatusKind::InProgress);
        self.observed.coverage == Coverage::FailingOnly
            && self.scope.covers(&key)
            && (large.is_some_and(|large| strategy::daily_scan_due(self.pack, large, now))
                || in_progress.is_some_and(|open| strategy::in_progress_scan_due(open, large, now)))
    }

    /// Reads the following pages of an unfiltered request, at most `max_pages`. Each page is added
    /// to the observation at once, because all pages together can be very large.
    async fn read_pages(
        &mut self,
        pages: &mut MemberPages<'_>,
        max_pages: usize,
    ) -> Result<(), MembersError> {
        let mut read = 0;
        while !pages.ended && read < max_pages {
            let result = self.client.next_page(&self.pack.pack, pages).await;
            pages.move_rows_to(self.observed);
            result?;
            read += 1;
        }
        Ok(())
    }

    /// Reads the failing members, all failing statuses concurrently. Returns false, and stops, if
    /// the filter saves no calls.
    async fn read_failing(&mut self) -> Result<bool, MembersError> {
        let (client, pack) = (self.client, &self.pack.pack);
        let statuses = FAILING.map(Status::from);
        let mut requests = statuses
            .each_ref()
            .map(|status| MemberPages::filtered(Filter::Status(status)));
        let first = requests
            .iter_mut()
            .map(|request| client.next_page(pack, request));
        let first = future::join_all(first).await;
        self.add_rows(&mut requests);
        let rows = first
            .into_iter()
            .collect::<Result<Vec<usize>, MembersError>>()?;
        // A page that is not full and not the last shows that AWS Config filters the records of a
        // page, so that there are as many pages as without a filter.
        if requests
            .iter()
            .zip(rows)
            .any(|(request, rows)| !request.ended && rows < PAGE_SIZE.into())
        {
            self.observed.filters_ineffective = true;
            return Ok(false);
        }
        let rest = requests
            .iter_mut()
            .map(|request| client.remaining_pages(pack, request));
        let rest = future::join_all(rest).await;
        self.add_rows(&mut requests);
        rest.into_iter().collect::<Result<(), MembersError>>()?;
        Ok(true)
    }

    /// Requests by account every open failure whose account was not seen. If one is absent, also
    /// requests the pack, because the pack's own status shows whether its records are being
    /// rewritten.
    async fn confirm_absences(&mut self, coverage: Coverage) -> Result<(), MembersError> {
        if coverage != Coverage::SinglePage {
            self.get_members(&self.unseen_open_accounts()).await?;
        }
        if !self.unseen_open_accounts().is_empty() {
            let row = self.client.get_pack(&self.pack.pack).await;
            match row.map_err(MembersError::Api)? {
                Some(row) if row.kind() != StatusKind::Deleted => {
                    self.observed.recheck_status = Some(row.status);
                }
                _ => return Err(MembersError::NoSuchPack),
            }
        }
        Ok(())
    }

    /// Requests these members by account, and records as absent those that AWS Config does not
    /// have.
    async fn get_members(&mut self, accounts: &[AccountId]) -> Result<(), MembersError> {
        let (client, pack) = (self.client, &self.pack.pack);
        let responses: Vec<_> = stream::iter(accounts)
            .map(|account| async move {
                let mut request = MemberPages::filtered(Filter::Account(account));
                let result = client.remaining_pages(pack, &mut request).await;
                (account, request, result)
            })
            .buffer_unordered(client.concurrency)
            .collect()
            .await;
        let mut results = Vec::new();
        for (account, mut request, result) in responses {
            request.move_rows_to(self.observed);
            if result.is_ok() && !self.observed.contains(account) {
                self.observed.absent.insert(account.clone());
            }
            results.push(result);
        }
        results.into_iter().collect()
    }

    /// Returns the accounts with an open failure in scope that this run has not seen in the pack.
    fn unseen_open_accounts(&self) -> Vec<AccountId> {
        let open = self
            .ledger
            .open_in(self.pack)
            .filter(|(key, _)| self.scope.covers(key));
        open.filter_map(|(key, _)| key.account_id.clone())
            .filter(|account| !self.observed.contains(account))
            .collect()
    }

    fn add_rows(&mut self, requests: &mut [MemberPages<'_>]) {
        for request in requests {
            request.move_rows_to(self.observed);
        }
    }

    fn set_coverage(&mut self, coverage: Coverage) {
        let (ledger, pack) = (self.ledger, self.pack);
        self.observed.set_coverage(coverage, |account| {
            ledger.open.contains_key(&FailureKey::member(pack, account))
        });
    }

    fn large(&self) -> Option<&'a LargePack> {
        self.ledger.pack_hints.get(self.pack)?.large.as_ref()
    }
}
