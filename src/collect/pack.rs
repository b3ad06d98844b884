//! Reading of one pack: its failing members, and the evidence for every open failure that is not
//! among them.

use futures_util::{StreamExt, future, stream};

use super::collector::Collector;
use super::observation::Coverage;
use super::pagination::MemberPages;
use super::strategy::{self, FAILING, ReadStrategy};
use crate::ledger::{LargePack, Ledger};
use crate::model::{AccountId, FailureKey, GapKey, PackKey, SourceTarget, Status, StatusKind};
use crate::ports::{ConfigApi, DEADLINE_EXCEEDED, Filter, MembersError, PAGE_SIZE};

impl<S: ConfigApi> Collector<'_, S> {
    /// Reads the members of a pack, and records the coverage or the error.
    pub(super) async fn read_pack(&self, target: &SourceTarget, pack: &PackKey, ledger: &Ledger) {
        match self.read_members(target, pack, ledger).await {
            Ok(coverage) => self.record_coverage(pack, ledger, coverage),
            Err(error) => self.record_error(pack, error),
        }
    }

    /// Reads the members of a pack with the fewest calls, and confirms absences. Returns how far
    /// the members were read.
    async fn read_members(
        &self,
        target: &SourceTarget,
        pack: &PackKey,
        ledger: &Ledger,
    ) -> Result<Coverage, MembersError> {
        let large = large_pack(pack, ledger);
        let members = ledger.open_in(pack).filter(|(key, _)| !key.is_pack());
        let read_strategy = strategy::choose(large, members.map(|(_, open)| &open.row.status));
        let mut all_members = MemberPages::default();
        if read_strategy == ReadStrategy::FirstPage {
            self.next_page(target, pack, &mut all_members).await?;
        }
        let filters_save_calls = read_strategy != ReadStrategy::Full
            && !all_members.ended
            && self.read_failing(target, pack).await?;
        let pages = if filters_save_calls {
            strategy::pages_worth_scanning(self.unseen_open_accounts(pack, ledger).len(), large)
        } else {
            usize::MAX
        };
        self.read_pages(target, pack, &mut all_members, pages)
            .await?;
        self.confirm_absences(target, pack, ledger, all_members.coverage())
            .await?;
        Ok(all_members.coverage())
    }

    /// Reads the failing members, all failing statuses concurrently. Returns false, and stops, if
    /// the filter saves no calls.
    async fn read_failing(
        &self,
        target: &SourceTarget,
        pack: &PackKey,
    ) -> Result<bool, MembersError> {
        let statuses = FAILING.map(Status::from);
        let mut requests = statuses
            .each_ref()
            .map(|status| MemberPages::filtered(Filter::Status(status)));
        let first = future::join_all(
            requests
                .iter_mut()
                .map(|request| self.next_page(target, pack, request)),
        )
        .await;
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
            self.builder.borrow_mut().found_ineffective_filters(pack);
            return Ok(false);
        }
        let rest = requests
            .iter_mut()
            .map(|request| self.read_pages(target, pack, request, usize::MAX));
        future::join_all(rest)
            .await
            .into_iter()
            .collect::<Result<(), MembersError>>()?;
        Ok(true)
    }

    /// Requests by account every open failure whose account was not seen. If one is absent, also
    /// requests the pack, because the pack's own status shows whether its records are being
    /// rewritten.
    async fn confirm_absences(
        &self,
        target: &SourceTarget,
        pack: &PackKey,
        ledger: &Ledger,
        coverage: Coverage,
    ) -> Result<(), MembersError> {
        if coverage != Coverage::SinglePage {
            stream::iter(&self.unseen_open_accounts(pack, ledger))
                .map(|account| self.get_member(target, pack, account))
                .buffer_unordered(self.concurrency)
                .collect::<Vec<_>>()
                .await
                .into_iter()
                .collect::<Result<(), MembersError>>()?;
        }
        if !self.unseen_open_accounts(pack, ledger).is_empty() {
            match self
                .get_pack(target, &pack.pack)
                .await
                .map_err(MembersError::Api)?
            {
                Some(row) if row.kind() != StatusKind::Deleted => {
                    self.builder
                        .borrow_mut()
                        .found_recheck_status(pack, row.status);
                }
                _ => return Err(MembersError::NoSuchPack),
            }
        }
        Ok(())
    }

    /// Returns the accounts with an open failure in scope that this run has not seen in the pack.
    fn unseen_open_accounts(&self, pack: &PackKey, ledger: &Ledger) -> Vec<AccountId> {
        let builder = self.builder.borrow();
        let Some(observed) = builder.so_far().packs.get(pack) else {
            return Vec::new();
        };
        let open = ledger
            .open_in(pack)
            .filter(|(key, _)| self.scope.covers(key));
        open.filter_map(|(key, _)| key.account_id.clone())
            .filter(|account| !observed.contains(account))
            .collect()
    }

    /// Requests one member of a pack, and records it as absent if AWS Config does not have it.
    async fn get_member(
        &self,
        target: &SourceTarget,
        pack: &PackKey,
        account: &AccountId,
    ) -> Result<(), MembersError> {
        self.read_pages(
            target,
            pack,
            &mut MemberPages::filtered(Filter::Account(account)),
            usize::MAX,
        )
        .await?;
        let mut builder = self.builder.borrow_mut();
        if builder
            .so_far()
            .packs
            .get(pack)
            .is_some_and(|observed| !observed.contains(account))
        {
            builder.found_no_member(pack, account);
        }
        Ok(())
    }

    /// Reads all members of the packs for which a full read is due. There are few at a time. They
    /// take turns page by page, so a pack that is too large for the time left does not prevent the
    /// others from finishing.
    pub(super) async fn run_full_scans(&self, target: &SourceTarget, ledger: &Ledger) {
        let due: Vec<PackKey> = {
            let builder = self.builder.borrow();
            let now = builder.so_far().started_at;
            let packs = builder.so_far().packs.iter().filter(|(pack, observed)| {
                pack.source == target.source
                    && observed.coverage == Coverage::FailingOnly
                    && self.full_scan_due(pack, observed.row.kind(), ledger, now)
            });
            packs.map(|(pack, _)| pack.clone()).collect()
        };
        future::join_all(due.iter().map(|pack| self.full_scan(target, pack, ledger))).await;
    }

    fn full_scan_due(
        &self,
        pack: &PackKey,
        kind: StatusKind,
        ledger: &Ledger,
        now: jiff::Timestamp,
    ) -> bool {
        let (large, key) = (large_pack(pack, ledger), FailureKey::pack_itself(pack));
        let in_progress = ledger
            .open
            .get(&key)
            .filter(|_| kind == StatusKind::InProgress);
        self.scope.covers(&key)
            && (large.is_some_and(|large| strategy::daily_scan_due(pack, large, now))
                || in_progress.is_some_and(|open| strategy::in_progress_scan_due(open, large, now)))
    }

    async fn full_scan(&self, target: &SourceTarget, pack: &PackKey, ledger: &Ledger) {
        let mut all_members = MemberPages::default();
        match self
            .read_pages(target, pack, &mut all_members, usize::MAX)
            .await
        {
            Ok(()) => self.record_coverage(pack, ledger, all_members.coverage()),
            // The failing members are known already, so this is not a gap.
            Err(MembersError::Api(cause)) if cause.code == DEADLINE_EXCEEDED => {}
            Err(error) => self.record_error(pack, error),
        }
    }

    fn record_coverage(&self, pack: &PackKey, ledger: &Ledger, coverage: Coverage) {
        let is_open =
            |account: &AccountId| ledger.open.contains_key(&FailureKey::member(pack, account));
        self.builder
            .borrow_mut()
            .found_coverage(pack, coverage, is_open);
    }

    fn record_error(&self, pack: &PackKey, error: MembersError) {
        let mut builder = self.builder.borrow_mut();
        match error {
            MembersError::NoSuchPack => builder.found_no_pack(pack),
            MembersError::Api(cause) => builder.found_gap(GapKey::pack(pack), cause),
        }
    }
}

fn large_pack<'a>(pack: &PackKey, ledger: &'a Ledger) -> Option<&'a LargePack> {
    ledger.pack_hints.get(pack)?.large.as_ref()
}
