//! One call, and chains of pages: not too many at once, none that ends too late, and no token
//! twice.
//!
//! Paging is our own loop. The SDK's paginator ends without an error on a repeated token, which
//! would make a cut list look whole; here any token that was seen before in its chain is a gap.

use std::collections::BTreeSet;

use tokio::time::{Instant, timeout_at};

use super::Reader;
use crate::model::Watched;
use crate::model::{AccountId, ApiError, PackKey, PackName, StatusRecord};
use crate::observation::Coverage;
use crate::ports::{ConfigApi, Filter, MembersError};

/// The calls, as they are named to people.
pub(crate) const LIST: &str = "DescribeOrganizationConformancePackStatuses";
/// See [`LIST`].
pub(crate) const MEMBERS: &str = "GetOrganizationConformancePackDetailedStatus";

/// The code of what there was no time for.
pub(super) const OUT_OF_TIME: &str = "OutOfTime";

impl<S: ConfigApi> Reader<'_, S> {
    /// Makes one call: not too many at once, and none that ends too late to be of use.
    pub(super) async fn call<T>(
        &self,
        watched: &Watched,
        operation: &str,
        call: impl Future<Output = T>,
    ) -> Result<T, ApiError> {
        let limited = async {
            let _each = match self.each.get(&watched.source) {
                Some(each) => each.acquire().await.ok(),
                None => None,
            };
            self.found.borrow_mut().called(1);
            call.await
        };
        let out_of_time = || ApiError {
            operation: operation.to_owned(),
            code: OUT_OF_TIME.to_owned(),
            message: "there was no time left to read this before the run had to store what it knew"
                .to_owned(),
        };
        if Instant::now() >= self.until {
            return Err(out_of_time());
        }
        timeout_at(self.until, limited)
            .await
            .map_err(|_| out_of_time())
    }

    pub(super) async fn ask_for_pack(
        &self,
        watched: &Watched,
        pack: &PackName,
    ) -> Result<Option<StatusRecord>, ApiError> {
        self.call(watched, LIST, self.source.pack(watched, pack))
            .await?
    }

    /// Reads one page more of a chain, if there is one; gives how many rows it had.
    pub(super) async fn next_page(
        &self,
        watched: &Watched,
        pack: &PackKey,
        chain: &mut Chain<'_>,
    ) -> Result<usize, MembersError> {
        if chain.ended {
            return Ok(0);
        }
        let answer = async {
            self.found.borrow_mut().found_attempt(pack);
            self.source
                .members(watched, &pack.pack, chain.filter, chain.tokens.next())
                .await
        };
        let page = self
            .call(watched, MEMBERS, answer)
            .await
            .map_err(MembersError::Api)??;
        chain.pages += 1;
        let rows = page.rows.len();
        for (account, row) in page.rows {
            if chain.asks_for(&account) {
                self.found.borrow_mut().found_member(pack, &account, row);
            }
        }
        chain.ended = !chain
            .tokens
            .follow(page.next, MEMBERS)
            .map_err(MembersError::Api)?;
        Ok(rows)
    }

    /// Reads a chain on, to its end or so many pages.
    pub(super) async fn read_on(
        &self,
        watched: &Watched,
        pack: &PackKey,
        chain: &mut Chain<'_>,
        pages: usize,
    ) -> Result<(), MembersError> {
        let mut read = 0;
        while !chain.ended && read < pages {
            self.next_page(watched, pack, chain).await?;
            read += 1;
        }
        Ok(())
    }
}

/// Pages of a pack's members, one after another.
#[derive(Default)]
pub(super) struct Chain<'a> {
    filter: Option<Filter<'a>>,
    tokens: Tokens,
    pages: u32,
    /// Whether the last page was read.
    pub ended: bool,
}

impl<'a> Chain<'a> {
    pub(super) fn of(filter: Filter<'a>) -> Self {
        Self {
            filter: Some(filter),
            ..Self::default()
        }
    }

    /// What the chain of all members proves.
    pub(super) fn coverage(&self) -> Coverage {
        match (self.ended, self.pages) {
            (true, 1) => Coverage::OnePage,
            (true, _) => Coverage::Pages,
            (false, _) => Coverage::Failing,
        }
    }

    fn asks_for(&self, account: &AccountId) -> bool {
        !matches!(self.filter, Some(Filter::Account(asked)) if asked != account)
    }
}

/// The tokens of one chain of pages.
#[derive(Default)]
pub(super) struct Tokens {
    seen: BTreeSet<String>,
    next: Option<String>,
}

impl Tokens {
    pub(super) fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// Goes on to the next page, if there is one; refuses a token that was seen before.
    pub(super) fn follow(
        &mut self,
        next: Option<String>,
        operation: &str,
    ) -> Result<bool, ApiError> {
        let Some(token) = next else { return Ok(false) };
        if !self.seen.insert(token.clone()) {
            return Err(ApiError {
                operation: operation.to_owned(),
                code: "RepeatedPageToken".to_owned(),
                message: format!(
                    "AWS Config repeated a page token after {} pages, so the list cannot be trusted",
                    self.seen.len()
                ),
            });
        }
        self.next = Some(token);
        Ok(true)
    }
}
