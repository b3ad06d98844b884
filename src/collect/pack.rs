//! One pack: who fails in it, and proof for whoever was open and does not.

use futures_util::{StreamExt, future, stream};

use super::collector::Collector;
use super::observation::Coverage;
use super::pagination::MemberPages;
use super::strategy::{self, FAILING, ReadStrategy};
use crate::ledger::{LargePack, Ledger};
use crate::model::SourceTarget;
use crate::model::{AccountId, FailureKey, GapKey, PackKey, Status, StatusKind};
use crate::ports::DEADLINE_EXCEEDED;
use crate::ports::{ConfigApi, Filter, MembersError, PAGE_SIZE};

impl<S: ConfigApi> Collector<'_, S> {
    pub(super) async fn read_pack(&self, target: &SourceTarget, pack: &PackKey, ledger: &Ledger) {
        match self.read_members(target, pack, ledger).await {
            Ok(coverage) => self.found_coverage(pack, ledger, coverage),
            Err(unread) => self.found_unread(pack, unread),
        }
    }

    async fn read_members(
        &self,
        target: &SourceTarget,
        pack: &PackKey,
        ledger: &Ledger,
    ) -> Result<Coverage, MembersError> {
        let large = large(pack, ledger);
        let members = ledger.open_in(pack).filter(|(key, _)| !key.is_pack());
        let reading = strategy::reading(large, members.map(|(_, open)| &open.row.status));
        let mut all = MemberPages::default();
        if reading == ReadStrategy::FirstPage {
            self.next_page(target, pack, &mut all).await?;
        }
        let filters_save_calls =
            reading != ReadStrategy::Full && !all.ended && self.read_failing(target, pack).await?;
        let pages = if filters_save_calls {
            strategy::pages_worth_scanning(self.unseen_open_accounts(pack, ledger).len(), large)
        } else {
            usize::MAX
        };
        self.read_pages(target, pack, &mut all, pages).await?;
        self.confirm_absences(target, pack, ledger, all.coverage())
            .await?;
        Ok(all.coverage())
    }

    /// Reads the failing members by their statuses, side by side; or finds that this saves nothing,
    /// and stops.
    async fn read_failing(
        &self,
        target: &SourceTarget,
        pack: &PackKey,
    ) -> Result<bool, MembersError> {
        let statuses = FAILING.map(Status::from);
        let mut chains = statuses
            .each_ref()
            .map(|status| MemberPages::filtered(Filter::Status(status)));
        let first = future::join_all(
            chains
                .iter_mut()
                .map(|chain| self.next_page(target, pack, chain)),
        )
        .await;
        let rows = first
            .into_iter()
            .collect::<Result<Vec<usize>, MembersError>>()?;
        // Short of its limit, and goes on: AWS Config filtered the rows of a page, and the pages
        // are as many as without.
        if chains
            .iter()
            .zip(rows)
            .any(|(chain, rows)| !chain.ended && rows < PAGE_SIZE.into())
        {
            self.builder.borrow_mut().found_ineffective_filters(pack);
            return Ok(false);
        }
        let rest = chains
            .iter_mut()
            .map(|chain| self.read_pages(target, pack, chain, usize::MAX));
        future::join_all(rest)
            .await
            .into_iter()
            .collect::<Result<(), MembersError>>()?;
        Ok(true)
    }

    /// Asks by name for every open failure whose account was not seen, and, where one is absent,
    /// for the pack, whose own status says whether its rows are being rewritten.
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

    /// Whose failure is open, and who was not seen in this run.
    fn unseen_open_accounts(&self, pack: &PackKey, ledger: &Ledger) -> Vec<AccountId> {
        let builder = self.builder.borrow();
        let Some(reading) = builder.so_far().packs.get(pack) else {
            return Vec::new();
        };
        let open = ledger
            .open_in(pack)
            .filter(|(key, _)| self.scope.covers(key));
        open.filter_map(|(key, _)| key.account_id.clone())
            .filter(|account| !reading.contains(account))
            .collect()
    }

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
            .is_some_and(|reading| !reading.contains(account))
        {
            builder.found_no_member(pack, account);
        }
        Ok(())
    }

    /// Reads whole, besides, the packs for which that is due. There are few at a time; they share
    /// the calls page by page, so that one that is too large for the time left keeps no other from
    /// its end.
    pub(super) async fn run_full_scans(&self, target: &SourceTarget, ledger: &Ledger) {
        let due: Vec<PackKey> = {
            let builder = self.builder.borrow();
            let now = builder.so_far().started_at;
            let packs = builder.so_far().packs.iter().filter(|(pack, reading)| {
                pack.source == target.source
                    && reading.coverage == Coverage::FailingOnly
                    && self.full_scan_due(pack, reading.row.kind(), ledger, now)
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
        let (large, itself) = (large(pack, ledger), FailureKey::pack_itself(pack));
        let moving = ledger
            .open
            .get(&itself)
            .filter(|_| kind == StatusKind::InProgress);
        self.scope.covers(&itself)
            && (large.is_some_and(|large| strategy::daily_scan_due(pack, large, now))
                || moving.is_some_and(|itself| strategy::in_progress_scan_due(itself, large, now)))
    }

    async fn full_scan(&self, target: &SourceTarget, pack: &PackKey, ledger: &Ledger) {
        let mut all = MemberPages::default();
        match self.read_pages(target, pack, &mut all, usize::MAX).await {
            Ok(()) => self.found_coverage(pack, ledger, all.coverage()),
            // What must be known of the pack in every run is known.
            Err(MembersError::Api(cause)) if cause.code == DEADLINE_EXCEEDED => {}
            Err(unread) => self.found_unread(pack, unread),
        }
    }

    fn found_coverage(&self, pack: &PackKey, ledger: &Ledger, coverage: Coverage) {
        let is_open =
            |account: &AccountId| ledger.open.contains_key(&FailureKey::member(pack, account));
        self.builder
            .borrow_mut()
            .found_coverage(pack, coverage, is_open);
    }

    fn found_unread(&self, pack: &PackKey, unread: MembersError) {
        let mut builder = self.builder.borrow_mut();
        match unread {
            MembersError::NoSuchPack => builder.found_no_pack(pack),
            MembersError::Api(cause) => builder.found_gap(GapKey::pack(pack), cause),
        }
    }
}

fn large<'a>(pack: &PackKey, ledger: &'a Ledger) -> Option<&'a LargePack> {
    ledger.packs.get(pack)?.large.as_ref()
}
