//! AWS Config as it is read, with its progress on the terminal, if there is one.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use packwatch::model::SourceTarget;
use packwatch::model::{Account, AccountId, ApiError, PackName, StatusRecord};
use packwatch::ports::{BoxError, ConfigApi, Filter, MembersError, Page};

/// A source that shows how far it is read.
#[derive(Debug)]
pub(crate) struct ProgressConfigApi<S> {
    source: S,
    bar: ProgressBar,
    seen: RefCell<ProgressStats>,
}

/// What was seen on the way.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProgressStats {
    listed: BTreeSet<(SourceTarget, PackName)>,
    read: BTreeSet<(SourceTarget, PackName)>,
    /// Calls to AWS Config, retries not counted.
    pub(crate) calls: u64,
    /// Attempts that AWS Config throttled.
    pub(crate) throttles: u64,
    /// What was not read, and why.
    pub(crate) failures: BTreeSet<String>,
}

impl<S: ConfigApi> ProgressConfigApi<S> {
    pub(crate) fn new(source: S) -> Self {
        let bar = ProgressBar::new(0);
        let style =
            ProgressStyle::with_template("{spinner} {pos} of {len} packs read, {msg} ({elapsed})");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self {
            source,
            bar,
            seen: RefCell::default(),
        }
    }

    /// Takes the progress from the terminal; gives what was seen.
    pub(crate) fn finish(&self) -> ProgressStats {
        self.bar.finish_and_clear();
        let throttles = self.source.throttles();
        ProgressStats {
            throttles,
            ..self.seen.borrow().clone()
        }
    }

    /// Notes an answer, whatever it was, and shows how far it is.
    fn note(&self, change: impl FnOnce(&mut ProgressStats)) {
        let mut seen = self.seen.borrow_mut();
        change(&mut seen);
        seen.calls += 1;
        let throttles = match self.source.throttles() {
            0 => String::new(),
            throttles => format!(", {throttles} throttled"),
        };
        self.bar
            .set_length(seen.listed.union(&seen.read).count() as u64);
        self.bar.set_position(seen.read.len() as u64);
        self.bar
            .set_message(format!("{} calls{throttles}", seen.calls));
    }
}

fn failure(source: &SourceTarget, pack: Option<&PackName>, cause: &ApiError) -> String {
    let pack = pack.map_or_else(String::new, |pack| format!(", pack {pack}"));
    let ApiError {
        operation,
        code,
        message,
    } = cause;
    format!(
        "{}{pack} is not read: {operation}: {code}: {message}",
        source.source
    )
}

impl<S: ConfigApi> ConfigApi for ProgressConfigApi<S> {
    async fn identify(&self) -> Result<AccountId, ApiError> {
        self.source.identify().await
    }

    async fn packs(
        &self,
        source: &SourceTarget,
        token: Option<&str>,
    ) -> Result<Page<(PackName, StatusRecord)>, ApiError> {
        let answer = self.source.packs(source, token).await;
        self.note(|seen| match &answer {
            Ok(page) => seen.listed.extend(
                page.rows
                    .iter()
                    .map(|(pack, _)| (source.clone(), pack.clone())),
            ),
            Err(cause) => {
                seen.failures.insert(failure(source, None, cause));
            }
        });
        answer
    }

    async fn pack(
        &self,
        source: &SourceTarget,
        pack: &PackName,
    ) -> Result<Option<StatusRecord>, ApiError> {
        let answer = self.source.pack(source, pack).await;
        self.note(|seen| {
            if let Err(cause) = &answer {
                seen.failures.insert(failure(source, Some(pack), cause));
            }
        });
        answer
    }

    async fn members(
        &self,
        source: &SourceTarget,
        pack: &PackName,
        filter: Option<Filter<'_>>,
        token: Option<&str>,
    ) -> Result<Page<(AccountId, StatusRecord)>, MembersError> {
        let answer = self.source.members(source, pack, filter, token).await;
        self.note(|seen| match &answer {
            Ok(_) | Err(MembersError::NoSuchPack) => {
                seen.read.insert((source.clone(), pack.clone()));
            }
            Err(MembersError::Api(cause)) => {
                seen.failures.insert(failure(source, Some(pack), cause));
            }
        });
        answer
    }

    async fn account(&self, account: &AccountId) -> Result<Option<Account>, BoxError> {
        self.source.account(account).await
    }

    fn throttles(&self) -> u64 {
        self.source.throttles()
    }
}
