//! One call, and chains of pages: not too many at once, none that ends too late, and no token
//! twice.
//!
//! Paging is our own loop. The SDK's paginator ends without an error on a repeated token, which
//! would make a cut list look whole; here any token that was seen before in its chain is a gap.

use super::collector::Collector;
use super::observation::Coverage;
use crate::model::SourceTarget;
use crate::model::{AccountId, ApiError, PackKey, PackName, StatusRecord};
use crate::ports::{ConfigApi, Filter, MembersError};
use crate::ports::{DESCRIBE_STATUSES, GET_DETAILED_STATUS};
use std::collections::BTreeSet;

impl<S: ConfigApi> Collector<'_, S> {
    pub(super) async fn get_pack(
        &self,
        target: &SourceTarget,
        pack: &PackName,
    ) -> Result<Option<StatusRecord>, ApiError> {
        self.call(target, DESCRIBE_STATUSES, self.source.pack(target, pack))
            .await?
    }

    /// Reads one page more of a chain, if there is one; gives how many rows it had.
    pub(super) async fn next_page(
        &self,
        target: &SourceTarget,
        pack: &PackKey,
        chain: &mut MemberPages<'_>,
    ) -> Result<usize, MembersError> {
        if chain.ended {
            return Ok(0);
        }
        let answer = async {
            self.builder.borrow_mut().found_attempt(pack);
            self.source
                .members(target, &pack.pack, chain.filter, chain.tokens.next())
                .await
        };
        let page = self
            .call(target, GET_DETAILED_STATUS, answer)
            .await
            .map_err(MembersError::Api)??;
        chain.pages += 1;
        let rows = page.rows.len();
        for (account, row) in page.rows {
            if chain.matches_filter(&account) {
                self.builder.borrow_mut().found_member(pack, &account, row);
            }
        }
        chain.ended = !chain
            .tokens
            .follow(page.next, GET_DETAILED_STATUS)
            .map_err(MembersError::Api)?;
        Ok(rows)
    }

    /// Reads a chain on, to its end or so many pages.
    pub(super) async fn read_pages(
        &self,
        target: &SourceTarget,
        pack: &PackKey,
        chain: &mut MemberPages<'_>,
        pages: usize,
    ) -> Result<(), MembersError> {
        let mut read = 0;
        while !chain.ended && read < pages {
            self.next_page(target, pack, chain).await?;
            read += 1;
        }
        Ok(())
    }
}

/// Pages of a pack's members, one after another.
#[derive(Default)]
pub(super) struct MemberPages<'a> {
    filter: Option<Filter<'a>>,
    tokens: PageTokens,
    pages: u32,
    /// Whether the last page was read.
    pub ended: bool,
}

impl<'a> MemberPages<'a> {
    pub(super) fn filtered(filter: Filter<'a>) -> Self {
        Self {
            filter: Some(filter),
            ..Self::default()
        }
    }

    /// What the chain of all members proves.
    pub(super) fn coverage(&self) -> Coverage {
        match (self.ended, self.pages) {
            (true, 1) => Coverage::SinglePage,
            (true, _) => Coverage::AllPages,
            (false, _) => Coverage::FailingOnly,
        }
    }

    fn matches_filter(&self, account: &AccountId) -> bool {
        !matches!(self.filter, Some(Filter::Account(asked)) if asked != account)
    }
}

/// The tokens of one chain of pages.
#[derive(Default)]
pub(super) struct PageTokens {
    seen: BTreeSet<String>,
    next: Option<String>,
}

impl PageTokens {
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
