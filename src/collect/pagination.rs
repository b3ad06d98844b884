//! Pagination: requests pages one after another, and refuses a page token that repeats. The SDK's
//! paginator ends without an error on a repeated token, which would make a truncated list look
//! complete; here it is a gap.

use std::collections::BTreeSet;

use super::collector::Collector;
use super::observation::Coverage;
use crate::model::{AccountId, ApiError, PackKey, PackName, SourceTarget, StatusRecord};
use crate::ports::{ConfigApi, DESCRIBE_STATUSES, Filter, GET_DETAILED_STATUS, MembersError};

impl<S: ConfigApi> Collector<'_, S> {
    /// Requests the status record of a pack by name; `None` if the pack does not exist.
    pub(super) async fn get_pack(
        &self,
        target: &SourceTarget,
        pack: &PackName,
    ) -> Result<Option<StatusRecord>, ApiError> {
        self.call(target, DESCRIBE_STATUSES, self.api.pack(target, pack))
            .await?
    }

    /// Reads the next page of members, if there is one. Returns the number of records in it.
    pub(super) async fn next_page(
        &self,
        target: &SourceTarget,
        pack: &PackKey,
        request: &mut MemberPages<'_>,
    ) -> Result<usize, MembersError> {
        if request.ended {
            return Ok(0);
        }
        let response = async {
            self.builder.borrow_mut().found_attempt(pack);
            self.api
                .members(target, &pack.pack, request.filter, request.tokens.next())
                .await
        };
        let page = self
            .call(target, GET_DETAILED_STATUS, response)
            .await
            .map_err(MembersError::Api)??;
        request.pages_read += 1;
        let rows = page.rows.len();
        for (account, row) in page.rows {
            if request.matches_filter(&account) {
                self.builder.borrow_mut().found_member(pack, &account, row);
            }
        }
        request.ended = !request
            .tokens
            .follow(page.next, GET_DETAILED_STATUS)
            .map_err(MembersError::Api)?;
        Ok(rows)
    }

    /// Reads the following pages of members: all of them, or at most `max_pages`.
    pub(super) async fn read_pages(
        &self,
        target: &SourceTarget,
        pack: &PackKey,
        request: &mut MemberPages<'_>,
        max_pages: usize,
    ) -> Result<(), MembersError> {
        let mut read = 0;
        while !request.ended && read < max_pages {
            self.next_page(target, pack, request).await?;
            read += 1;
        }
        Ok(())
    }
}

/// A paginated request for the members of a pack.
#[derive(Default)]
pub(super) struct MemberPages<'a> {
    filter: Option<Filter<'a>>,
    tokens: PageTokens,
    pages_read: u32,
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

    /// Returns the coverage of a pack after these pages of an unfiltered request.
    pub(super) fn coverage(&self) -> Coverage {
        match (self.ended, self.pages_read) {
            (true, 1) => Coverage::SinglePage,
            (true, _) => Coverage::AllPages,
            (false, _) => Coverage::FailingOnly,
        }
    }

    /// Returns whether an account was requested: a response must not add another one.
    fn matches_filter(&self, account: &AccountId) -> bool {
        !matches!(self.filter, Some(Filter::Account(requested)) if requested != account)
    }
}

/// The page tokens of one paginated request.
#[derive(Default)]
pub(super) struct PageTokens {
    seen: BTreeSet<String>,
    next: Option<String>,
}

impl PageTokens {
    /// Returns the token of the page to request; `None` for the first one.
    pub(super) fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// Moves to the next page. Returns whether there is one, or an error if its token was seen
    /// before.
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
