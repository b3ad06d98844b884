//! Pagination: requests pages one after another, and refuses a page token that repeats. The SDK's
//! paginator ends without an error on a repeated token, which would make a truncated list look
//! complete; here it is a gap.

use std::collections::BTreeSet;

use super::observation::{Coverage, PackObservation};
use super::source_client::SourceClient;
use crate::model::{AccountId, ApiError, PackName, StatusRecord};
use crate::ports::{
    ConfigApi, DESCRIBE_STATUSES, Filter, GET_DETAILED_STATUS, MembersError, PAGE_SIZE,
};

impl<S: ConfigApi> SourceClient<'_, S> {
    /// Requests the status record of a pack by name; `None` if the pack does not exist.
    pub(super) async fn get_pack(&self, pack: &PackName) -> Result<Option<StatusRecord>, ApiError> {
        self.call(DESCRIBE_STATUSES, self.api.pack(self.target, pack))
            .await?
    }

    /// Reads the next page of members.
    pub(super) async fn next_page(
        &self,
        pack: &PackName,
        request: &mut MemberPages<'_>,
    ) -> Result<(), MembersError> {
        let response = async {
            request.called = true;
            self.api
                .members(self.target, pack, request.filter, request.tokens.next())
                .await
        };
        let page = self
            .call(GET_DETAILED_STATUS, response)
            .await
            .map_err(MembersError::Api)??;
        request.pages_read += 1;
        let rows = page.rows.len();
        let filter = request.filter;
        let requested = page.rows.into_iter();
        let requested = requested.filter(|(account, _)| was_requested(filter, account));
        request.rows.extend(requested);
        request.ended = !request
            .tokens
            .follow(page.next, GET_DETAILED_STATUS)
            .map_err(MembersError::Api)?;
        request.short |= !request.ended && rows < PAGE_SIZE.into();
        Ok(())
    }

    /// Reads all following pages of members.
    pub(super) async fn remaining_pages(
        &self,
        pack: &PackName,
        request: &mut MemberPages<'_>,
    ) -> Result<(), MembersError> {
        while !request.ended {
            self.next_page(pack, request).await?;
        }
        Ok(())
    }

    /// Reads the following pages of members, at most `max_pages`, and stops at a short page.
    pub(super) async fn full_pages(
        &self,
        pack: &PackName,
        request: &mut MemberPages<'_>,
        max_pages: usize,
    ) -> Result<(), MembersError> {
        let mut read = 0;
        while !request.ended && !request.short && read < max_pages {
            self.next_page(pack, request).await?;
            read += 1;
        }
        Ok(())
    }
}

/// A paginated request for the members of a pack, and the records that it returned.
#[derive(Default)]
pub(super) struct MemberPages<'a> {
    filter: Option<Filter<'a>>,
    tokens: PageTokens,
    /// Whether a call was started.
    called: bool,
    pages_read: u32,
    /// Whether the last page was read.
    pub(super) ended: bool,
    /// Whether a page was not full and not the last.
    pub(super) short: bool,
    /// The records that are not in the observation of the pack yet.
    rows: Vec<(AccountId, StatusRecord)>,
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

    /// Moves the records that were read to the observation of the pack. Once a call was started,
    /// the pack no longer counts as not read.
    pub(super) fn move_rows_to(&mut self, observed: &mut PackObservation) {
        if self.called {
            observed.coverage = observed.coverage.max(Coverage::Partial);
        }
        for (account, row) in self.rows.drain(..) {
            observed.add_member(&account, row);
        }
    }
}

/// Returns whether an account was requested: a response must not add another one.
fn was_requested(filter: Option<Filter<'_>>, account: &AccountId) -> bool {
    !matches!(filter, Some(Filter::Account(requested)) if requested != account)
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
