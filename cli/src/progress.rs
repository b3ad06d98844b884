//! A [`ConfigApi`] that shows the progress of the calls on the terminal and counts them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use packwatch::model::{
    Account, AccountId, ApiError, GapKey, PackName, SourceTarget, StatusRecord,
};
use packwatch::ports::{BoxError, ConfigApi, Filter, MembersError, Page};

/// Wraps a [`ConfigApi`] with a progress bar.
#[derive(Debug)]
pub(crate) struct ProgressConfigApi<S> {
    inner: S,
    bar: ProgressBar,
    stats: RefCell<ProgressStats>,
}

/// Packs and calls so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProgressStats {
    listed: BTreeSet<(SourceTarget, PackName)>,
    read: BTreeSet<(SourceTarget, PackName)>,
    /// Calls to AWS Config, not counting retries.
    pub(crate) calls: u64,
    /// Attempts that AWS Config throttled.
    pub(crate) throttle_count: u64,
    /// What was not read, by the failed call.
    pub(crate) failures: BTreeMap<ApiError, BTreeSet<GapKey>>,
}

impl<S: ConfigApi> ProgressConfigApi<S> {
    /// Wraps `inner`. If `is_quiet`, there is no progress bar.
    pub(crate) fn new(inner: S, is_quiet: bool) -> Self {
        let bar = ProgressBar::new(0);
        if is_quiet {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style =
            ProgressStyle::with_template("{spinner} {pos} of {len} packs read, {msg} ({elapsed})");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self {
            inner,
            bar,
            stats: RefCell::default(),
        }
    }

    /// Removes the progress bar and returns the statistics.
    pub(crate) fn finish(&self) -> ProgressStats {
        self.bar.finish_and_clear();
        let throttle_count = self.inner.throttle_count();
        ProgressStats {
            throttle_count,
            ..self.stats.borrow().clone()
        }
    }

    /// Records the result of a call and updates the progress bar.
    fn record(&self, change: impl FnOnce(&mut ProgressStats)) {
        let mut stats = self.stats.borrow_mut();
        change(&mut stats);
        stats.calls += 1;
        let throttle_count = match self.inner.throttle_count() {
            0 => String::new(),
            throttle_count => format!(", {throttle_count} throttled"),
        };
        self.bar
            .set_length(stats.listed.union(&stats.read).count() as u64);
        self.bar.set_position(stats.read.len() as u64);
        self.bar
            .set_message(format!("{} calls{throttle_count}", stats.calls));
    }
}

impl ProgressStats {
    fn failed(&mut self, target: &SourceTarget, pack: Option<&PackName>, cause: &ApiError) {
        let key = GapKey {
            source: target.source.clone(),
            pack: pack.cloned(),
        };
        self.failures.entry(cause.clone()).or_default().insert(key);
    }
}

impl<S: ConfigApi> ConfigApi for ProgressConfigApi<S> {
    async fn identify(&self) -> Result<AccountId, ApiError> {
        self.inner.identify().await
    }

    async fn packs(
        &self,
        target: &SourceTarget,
        token: Option<&str>,
    ) -> Result<Page<(PackName, StatusRecord)>, ApiError> {
        let result = self.inner.packs(target, token).await;
        self.record(|stats| match &result {
            Ok(page) => stats.listed.extend(
                page.rows
                    .iter()
                    .map(|(pack, _)| (target.clone(), pack.clone())),
            ),
            Err(cause) => {
                stats.failed(target, None, cause);
            }
        });
        result
    }

    async fn pack(
        &self,
        target: &SourceTarget,
        pack: &PackName,
    ) -> Result<Option<StatusRecord>, ApiError> {
        let result = self.inner.pack(target, pack).await;
        self.record(|stats| {
            if let Err(cause) = &result {
                stats.failed(target, Some(pack), cause);
            }
        });
        result
    }

    async fn members(
        &self,
        target: &SourceTarget,
        pack: &PackName,
        filter: Option<Filter<'_>>,
        token: Option<&str>,
    ) -> Result<Page<(AccountId, StatusRecord)>, MembersError> {
        let result = self.inner.members(target, pack, filter, token).await;
        self.record(|stats| match &result {
            Ok(_) | Err(MembersError::NoSuchPack) => {
                stats.read.insert((target.clone(), pack.clone()));
            }
            Err(MembersError::Api(cause)) => {
                stats.failed(target, Some(pack), cause);
            }
        });
        result
    }

    async fn account(&self, account: &AccountId) -> Result<Option<Account>, BoxError> {
        self.inner.account(account).await
    }

    fn throttle_count(&self) -> u64 {
        self.inner.throttle_count()
    }
}
