//! One pack: who fails in it, and proof for whoever was open and does not.

use futures_util::{StreamExt, future, stream};

use super::Reader;
use super::calls::{Chain, OUT_OF_TIME};
use super::choice::{self, FAILING, Reading};
use crate::ledger::{LargePack, Ledger};
use crate::model::Watched;
use crate::model::{AccountId, FailureKey, GapKey, PackKey, Status, StatusKind};
use crate::observation::Coverage;
use crate::ports::{ConfigApi, Filter, MembersError, PAGE_SIZE};

impl<S: ConfigApi> Reader<'_, S> {
    pub(super) async fn read_pack(&self, watched: &Watched, pack: &PackKey, ledger: &Ledger) {
        match self.read_members(watched, pack, ledger).await {
            Ok(coverage) => self.found_coverage(pack, ledger, coverage),
            Err(unread) => self.found_unread(pack, unread),
        }
    }

    async fn read_members(
        &self,
        watched: &Watched,
        pack: &PackKey,
        ledger: &Ledger,
    ) -> Result<Coverage, MembersError> {
        let large = large(pack, ledger);
        let members = ledger.open_in(pack).filter(|(key, _)| !key.is_pack());
        let reading = choice::reading(large, members.map(|(_, open)| &open.row.status));
        let mut all = Chain::default();
        if reading == Reading::Page {
            self.next_page(watched, pack, &mut all).await?;
        }
        let filters_save_calls =
            reading != Reading::Whole && !all.ended && self.read_failing(watched, pack).await?;
        let pages = if filters_save_calls {
            choice::pages_instead_of_names(self.unseen(pack, ledger).len(), large)
        } else {
            usize::MAX
        };
        self.read_on(watched, pack, &mut all, pages).await?;
        self.prove_absences(watched, pack, ledger, all.coverage())
            .await?;
        Ok(all.coverage())
    }

    /// Reads the failing members by their statuses, side by side; or finds that this saves nothing,
    /// and stops.
    async fn read_failing(&self, watched: &Watched, pack: &PackKey) -> Result<bool, MembersError> {
        let statuses = FAILING.map(Status::from);
        let mut chains = statuses
            .each_ref()
            .map(|status| Chain::of(Filter::Status(status)));
        let first = future::join_all(
            chains
                .iter_mut()
                .map(|chain| self.next_page(watched, pack, chain)),
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
            self.found.borrow_mut().found_sparse(pack);
            return Ok(false);
        }
        let rest = chains
            .iter_mut()
            .map(|chain| self.read_on(watched, pack, chain, usize::MAX));
        future::join_all(rest)
            .await
            .into_iter()
            .collect::<Result<(), MembersError>>()?;
        Ok(true)
    }

    /// Asks by name for every open failure whose account was not seen, and, where one is absent,
    /// for the pack, whose own status says whether its rows are being rewritten.
    async fn prove_absences(
        &self,
        watched: &Watched,
        pack: &PackKey,
        ledger: &Ledger,
        coverage: Coverage,
    ) -> Result<(), MembersError> {
        if coverage != Coverage::OnePage {
            stream::iter(&self.unseen(pack, ledger))
                .map(|account| self.ask_for_member(watched, pack, account))
                .buffer_unordered(self.concurrency)
                .collect::<Vec<_>>()
                .await
                .into_iter()
                .collect::<Result<(), MembersError>>()?;
        }
        if !self.unseen(pack, ledger).is_empty() {
            match self
                .ask_for_pack(watched, &pack.pack)
                .await
                .map_err(MembersError::Api)?
            {
                Some(row) if row.kind() != StatusKind::Deleted => {
                    self.found.borrow_mut().found_status_after(pack, row.status);
                }
                _ => return Err(MembersError::NoSuchPack),
            }
        }
        Ok(())
    }

    /// Whose failure is open, and who was not seen in this run.
    fn unseen(&self, pack: &PackKey, ledger: &Ledger) -> Vec<AccountId> {
        let found = self.found.borrow();
        let Some(reading) = found.so_far().packs.get(pack) else {
            return Vec::new();
        };
        let open = ledger
            .open_in(pack)
            .filter(|(key, _)| self.scope.covers(key));
        open.filter_map(|(key, _)| key.account_id.clone())
            .filter(|account| !reading.has(account))
            .collect()
    }

    async fn ask_for_member(
        &self,
        watched: &Watched,
        pack: &PackKey,
        account: &AccountId,
    ) -> Result<(), MembersError> {
        self.read_on(
            watched,
            pack,
            &mut Chain::of(Filter::Account(account)),
            usize::MAX,
        )
        .await?;
        let mut found = self.found.borrow_mut();
        if found
            .so_far()
            .packs
            .get(pack)
            .is_some_and(|reading| !reading.has(account))
        {
            found.found_no_member(pack, account);
        }
        Ok(())
    }

    /// Reads whole, besides, the packs for which that is due. There are few at a time; they share
    /// the calls page by page, so that one that is too large for the time left keeps no other from
    /// its end.
    pub(super) async fn read_besides(&self, watched: &Watched, ledger: &Ledger) {
        let due: Vec<PackKey> = {
            let found = self.found.borrow();
            let now = found.so_far().started_at;
            let packs = found.so_far().packs.iter().filter(|(pack, reading)| {
                pack.source == watched.source
                    && reading.coverage == Coverage::Failing
                    && self.is_due_besides(pack, reading.row.kind(), ledger, now)
            });
            packs.map(|(pack, _)| pack.clone()).collect()
        };
        future::join_all(
            due.iter()
                .map(|pack| self.read_besides_pack(watched, pack, ledger)),
        )
        .await;
    }

    fn is_due_besides(
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
            && (large.is_some_and(|large| choice::is_daily_due(pack, large, now))
                || moving.is_some_and(|itself| choice::is_moving_due(itself, large, now)))
    }

    async fn read_besides_pack(&self, watched: &Watched, pack: &PackKey, ledger: &Ledger) {
        let mut all = Chain::default();
        match self.read_on(watched, pack, &mut all, usize::MAX).await {
            Ok(()) => self.found_coverage(pack, ledger, all.coverage()),
            // What must be known of the pack in every run is known.
            Err(MembersError::Api(cause)) if cause.code == OUT_OF_TIME => {}
            Err(unread) => self.found_unread(pack, unread),
        }
    }

    fn found_coverage(&self, pack: &PackKey, ledger: &Ledger, coverage: Coverage) {
        let is_open =
            |account: &AccountId| ledger.open.contains_key(&FailureKey::member(pack, account));
        self.found
            .borrow_mut()
            .found_coverage(pack, coverage, is_open);
    }

    fn found_unread(&self, pack: &PackKey, unread: MembersError) {
        let mut found = self.found.borrow_mut();
        match unread {
            MembersError::NoSuchPack => found.found_no_pack(pack),
            MembersError::Api(cause) => found.found_gap(GapKey::pack(pack), cause),
        }
    }
}

fn large<'a>(pack: &PackKey, ledger: &'a Ledger) -> Option<&'a LargePack> {
    ledger.packs.get(pack)?.large.as_ref()
}
