//! Lists the packs of a source, and of a region that is not watched. A page token that repeats is
//! an error: the list would look complete.

use std::cell::Cell;
use std::collections::BTreeSet;

use tokio::time::{Instant, timeout_at};

use super::answers::out_of_time;
use crate::model::{ApiError, Identity, PackName, Region, SourceTarget};
use crate::ports::{
    ConfigApi, DESCRIBE_STATUSES, GET_DETAILED_STATUS, MembersError, Page, PreflightApi,
};

/// What was found in a source.
#[derive(Debug)]
pub(super) struct SourceAnswer {
    /// The packs, or why they could not be listed.
    pub(super) packs: Result<BTreeSet<PackName>, ApiError>,
    /// Why the members of a watched pack could not be read, if they could not. `None` without a
    /// watched pack, too.
    pub(super) members_error: Option<(PackName, ApiError)>,
}

/// Lists packs and counts the calls.
#[derive(Debug)]
pub(super) struct Lister<'a, C, P> {
    pub(super) config: &'a C,
    pub(super) api: &'a P,
    pub(super) deadline: Instant,
    pub(super) calls: Cell<u64>,
}

impl<C: ConfigApi, P: PreflightApi> Lister<'_, C, P> {
    /// Lists the packs of a source, and reads one page of the members of one of them that is
    /// watched, as a run does.
    pub(super) async fn source(
        &self,
        target: &SourceTarget,
        is_watched: impl Fn(&PackName) -> bool,
    ) -> SourceAnswer {
        let packs = self.pages(|token: Option<String>| async move {
            let page = self.config.packs(target, token.as_deref()).await?;
            let rows = page.rows.into_iter().map(|(pack, _)| pack).collect();
            Ok(Page {
                rows,
                next: page.next,
            })
        });
        let packs = packs.await;
        let watched = packs
            .iter()
            .flatten()
            .find(|pack| is_watched(pack))
            .cloned();
        let members_error = match watched {
            Some(pack) => {
                let result = self.members(target, &pack).await;
                result.err().map(|error| (pack, error))
            }
            None => None,
        };
        SourceAnswer {
            packs,
            members_error,
        }
    }

    /// Lists the packs that an identity sees in a region that is not watched.
    pub(super) async fn region(
        &self,
        identity: &Identity,
        region: &Region,
    ) -> Result<BTreeSet<PackName>, ApiError> {
        self.pages(|token: Option<String>| async move {
            let page = self.api.packs_in_region(identity, region, token.as_deref());
            page.await
        })
        .await
    }

    /// Requests one page of members. A pack that is gone by now is no error.
    async fn members(&self, target: &SourceTarget, pack: &PackName) -> Result<(), ApiError> {
        self.count();
        let page = self.config.members(target, pack, None, None);
        match timeout_at(self.deadline, page).await {
            Ok(Ok(_) | Err(MembersError::NoSuchPack)) => Ok(()),
            Ok(Err(MembersError::Api(error))) => Err(error),
            Err(_) => Err(out_of_time(GET_DETAILED_STATUS)),
        }
    }

    async fn pages<F>(
        &self,
        request: impl Fn(Option<String>) -> F,
    ) -> Result<BTreeSet<PackName>, ApiError>
    where
        F: Future<Output = Result<Page<PackName>, ApiError>>,
    {
        let mut packs = BTreeSet::new();
        let mut tokens = BTreeSet::new();
        let mut next = None;
        loop {
            self.count();
            let page = timeout_at(self.deadline, request(next)).await;
            let page = page.map_err(|_| out_of_time(DESCRIBE_STATUSES))??;
            packs.extend(page.rows);
            let Some(token) = page.next else {
                return Ok(packs);
            };
            if !tokens.insert(token.clone()) {
                return Err(ApiError {
                    operation: DESCRIBE_STATUSES.to_owned(),
                    code: "RepeatedPageToken".to_owned(),
                    message: "AWS Config returned the same page token twice".to_owned(),
                });
            }
            next = Some(token);
        }
    }

    fn count(&self) {
        self.calls.set(self.calls.get() + 1);
    }
}
