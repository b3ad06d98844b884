//! Reading of one pack: its failing members, and the evidence for every open failure that is not
//! among them.

use futures_util::{StreamExt, future, stream};
use jiff::Timestamp;

use super::observation::{Coverage, PackObservation, StatusFilters};
use super::pagination::MemberPages;
use super::source_client::SourceClient;
use super::strategy::{self, FAILING, ReadStrategy};
use crate::ledger::{LargePack, Ledger};
use crate::model::{
    AccountId, ApiError, FailureKey, PackKey, Scope, Status, StatusKind, StatusRecord,
};
use crate::ports::{
    ConfigApi, DEADLINE_EXCEEDED, DESCRIBE_STATUSES, Filter, GET_DETAILED_STATUS, MembersError,
};

/// Error code with which AWS Config reports that a pack does not exist.
const NO_SUCH_PACK: &str = "NoSuchOrganizationConformancePackException";

/// Why a pack was not read.
pub(super) enum PackError {
    /// AWS Config, asked for the pack by name after all other calls for it, does not have it.
    Gone,
    /// Something could not be read.
    Gap(ApiError),
}

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
    pub(super) async fn read(mut self, now: Timestamp) -> Result<(), PackError> {
        let large = self.large();
        let members = self.ledger.open_in(self.pack);
        let members = members.filter(|(key, _)| !key.is_pack());
        let read_strategy = strategy::choose(
            large,
            members.map(|(_, open)| &open.row.status),
            self.daily_scan_due(now),
        );
        let mut all_members = MemberPages::default();
        if read_strategy == ReadStrategy::FirstPage {
            self.read_pages(&mut all_members, 1).await?;
        }
        let by_status = match read_strategy {
            ReadStrategy::FirstPage if all_members.ended => Ok(true),
            ReadStrategy::FirstPage | ReadStrategy::FailingOnly => {
                self.read_failing(usize::MAX).await
            }
            ReadStrategy::FilterTrialAndFull => match self.read_failing(1).await {
                // All members are read next, so a failed trial leaves no gap.
                Err(MembersError::Api(_)) => Ok(false),
                result => result.map(|_| false),
            },
            ReadStrategy::Full => Ok(false),
        };
        let pages = match by_status {
            Ok(true) => strategy::pages_worth_scanning(self.unseen_open_accounts().len(), large),
            Ok(false) => usize::MAX,
            Err(MembersError::NoSuchPack) => {
                self.get_pack().await?;
                usize::MAX
            }
            Err(MembersError::Api(cause)) => return Err(PackError::Gap(cause)),
        };
        self.read_pages(&mut all_members, pages).await?;
        self.confirm_absences(&mut all_members).await?;
        self.set_coverage(all_members.coverage());
        Ok(())
    }

    /// Reads all members of the pack.
    pub(super) async fn full_scan(mut self) -> Result<(), PackError> {
        let mut all_members = MemberPages::default();
        match self.read_pages(&mut all_members, usize::MAX).await {
            Ok(()) => self.set_coverage(all_members.coverage()),
            // The failing members are known already, so this is not a gap.
            Err(PackError::Gap(cause)) if cause.code == DEADLINE_EXCEEDED => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Returns whether a full read of the pack is due, once its failing members are read.
    pub(super) fn full_scan_due(&self, now: Timestamp) -> bool {
        let key = FailureKey::pack_itself(self.pack);
        let in_progress = self
            .ledger
            .open
            .get(&key)
            .filter(|_| self.observed.row.kind() == StatusKind::InProgress);
        self.observed.coverage == Coverage::FailingOnly
            && self.scope.covers(&key)
            && (self.daily_scan_due(now)
                || in_progress
                    .is_some_and(|open| strategy::in_progress_scan_due(open, self.large(), now)))
    }

    /// Returns whether the daily full read of the pack is due. Every full read counts as one.
    fn daily_scan_due(&self, now: Timestamp) -> bool {
        self.large()
            .is_some_and(|large| strategy::daily_scan_due(self.pack, large, now))
    }

    /// Reads the following pages of an unfiltered request, at most `max_pages`. Each page is added
    /// to the observation at once, because all pages together can be very large.
    async fn read_pages(
        &mut self,
        pages: &mut MemberPages<'_>,
        max_pages: usize,
    ) -> Result<(), PackError> {
        let mut read = 0;
        while !pages.ended && read < max_pages {
            let result = self.client.next_page(&self.pack.pack, pages).await;
            pages.move_rows_to(self.observed);
            if let Err(error) = result {
                return Err(self.pack_error(error).await);
            }
            read += 1;
        }
        Ok(())
    }

    /// Reads the failing members, all failing statuses concurrently, at most `max_pages` of each.
    /// Returns false, and stops, if the filters save no calls.
    async fn read_failing(&mut self, max_pages: usize) -> Result<bool, MembersError> {
        let (client, pack) = (self.client, &self.pack.pack);
        let statuses = FAILING.map(Status::from);
        let mut requests = statuses
            .each_ref()
            .map(|status| MemberPages::filtered(Filter::Status(status)));
        // The first pages alone, because they show in most cases whether filters save calls.
        for max_pages in [1, max_pages - 1] {
            let pages = requests
                .iter_mut()
                .map(|request| client.full_pages(pack, request, max_pages));
            let results = future::join_all(pages).await;
            for request in &mut requests {
                request.move_rows_to(self.observed);
            }
            // A page that is not full and not the last shows that AWS Config filters the records of
            // a page, so that there are as many pages as without a filter.
            if requests.iter().any(|request| request.short) {
                self.observed.status_filters = StatusFilters::Ineffective;
            }
            all_answered(results)?;
            if self.observed.status_filters == StatusFilters::Ineffective {
                return Ok(false);
            }
            self.observed.status_filters = StatusFilters::Effective;
        }
        Ok(true)
    }

    /// Requests by account every open failure whose account was not seen. If one is absent, also
    /// requests the pack, because the pack's own status shows whether its records are being
    /// rewritten.
    async fn confirm_absences(
        &mut self,
        all_members: &mut MemberPages<'_>,
    ) -> Result<(), PackError> {
        let mut result = self.get_unseen_members(all_members.coverage(), false).await;
        if result == Err(MembersError::NoSuchPack) {
            self.get_pack().await?;
            // The pack is there, so the responses by account contradict it. Only those that follow
            // a read of all members count.
            self.observed.absent.clear();
            self.read_pages(all_members, usize::MAX).await?;
            let confirmed = self.get_unseen_members(all_members.coverage(), true).await;
            if confirmed == Err(MembersError::NoSuchPack) {
                // Without the status of the pack, only an absence that lasts clears a failure.
                self.get_pack().await?;
                return Ok(());
            }
            result = confirmed;
        }
        if let Err(error) = result {
            return Err(self.pack_error(error).await);
        }
        if !self.unseen_open_accounts().is_empty() {
            self.observed.recheck_status = Some(self.get_pack().await?.status);
        }
        Ok(())
    }

    /// Requests the pack by name. Returns [`PackError::Gone`] if AWS Config does not have it.
    async fn get_pack(&self) -> Result<StatusRecord, PackError> {
        match self.client.get_pack(&self.pack.pack).await {
            Ok(Some(row)) if row.kind() != StatusKind::Deleted => Ok(row),
            Ok(_) => Err(PackError::Gone),
            Err(cause) => Err(PackError::Gap(cause)),
        }
    }

    /// Returns what an error of a request for members means, after which the pack is not read any
    /// further. Requests the pack by name if AWS Config reports that it does not exist.
    async fn pack_error(&self, error: MembersError) -> PackError {
        match error {
            MembersError::NoSuchPack => match self.get_pack().await {
                Ok(_) => PackError::Gap(contradiction()),
                Err(error) => error,
            },
            MembersError::Api(cause) => PackError::Gap(cause),
        }
    }

    /// Requests by account every open failure whose account was not seen, unless all members were
    /// read in one page. Records as absent the accounts that AWS Config does not have.
    ///
    /// It is not documented how AWS Config answers for an account that is not in the pack. After a
    /// read of all members, `missing_is_absent` says that the report of a missing pack is such an
    /// answer; the result is then [`MembersError::NoSuchPack`] only if no other error occurred.
    async fn get_unseen_members(
        &mut self,
        coverage: Coverage,
        missing_is_absent: bool,
    ) -> Result<(), MembersError> {
        if coverage == Coverage::SinglePage {
            return Ok(());
        }
        let (client, pack) = (self.client, &self.pack.pack);
        let accounts = self.unseen_open_accounts();
        let responses: Vec<_> = stream::iter(&accounts)
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
            let missing = missing_is_absent && result == Err(MembersError::NoSuchPack);
            if (result.is_ok() || missing) && !self.observed.contains(account) {
                self.observed.absent.insert(account.clone());
            }
            results.push(result);
        }
        if missing_is_absent {
            let other_error = |result: &Result<(), MembersError>| matches!(result, Err(error) if *error != MembersError::NoSuchPack);
            if let Some(position) = results.iter().position(other_error) {
                return results.swap_remove(position);
            }
        }
        all_answered(results)
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

    /// Sets how far the members were read. Of many successful members, the accounts with an open
    /// failure are kept as evidence, and those that the run is narrowed to as found.
    fn set_coverage(&mut self, coverage: Coverage) {
        let (ledger, scope, pack) = (self.ledger, self.scope, self.pack);
        let requested = |account: &AccountId| {
            let accounts = scope.accounts.as_ref();
            accounts.is_some_and(|accounts| accounts.contains(account))
        };
        self.observed.set_coverage(coverage, |account| {
            requested(account) || ledger.open.contains_key(&FailureKey::member(pack, account))
        });
    }

    fn large(&self) -> Option<&'a LargePack> {
        self.ledger.pack_hints.get(self.pack)?.large.as_ref()
    }
}

/// Returns the error of concurrent requests for the members of one pack: that the pack does not
/// exist, which must then be confirmed by name, or else the first one.
fn all_answered(results: Vec<Result<(), MembersError>>) -> Result<(), MembersError> {
    if results.contains(&Err(MembersError::NoSuchPack)) {
        return Err(MembersError::NoSuchPack);
    }
    results.into_iter().collect()
}

/// Returns the cause of the gap of a pack that AWS Config returns only if requested by name.
fn contradiction() -> ApiError {
    ApiError {
        operation: GET_DETAILED_STATUS.to_owned(),
        code: NO_SUCH_PACK.to_owned(),
        message: format!(
            "AWS Config contradicts itself: it reports that the pack does not exist, but {DESCRIBE_STATUSES} returns it by name"
        ),
    }
}
