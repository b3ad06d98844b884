//! What only the preflight asks, answered in memory: by default a setup in order.

use std::cell::Cell;

use packwatch::model::{AccountId, ApiError, Identity, PackName, ReceiverArn, Region};
use packwatch::ports::{
    CallerIdentity, OrganizationInfo, Page, PreflightApi, Subscriptions, Versioning,
};

use super::harness::OWN;

/// An organization whose management account is the function's own, without packs in other regions.
#[derive(Debug, Default)]
pub struct InMemoryPreflight {
    /// Whether no question is ever answered.
    pub silent: bool,
    /// Number of questions about regions in progress now, and the most at the same time.
    regions: Cell<(usize, usize)>,
}

impl InMemoryPreflight {
    /// Returns the largest number of regions that were asked at the same time.
    pub fn most_regions_at_once(&self) -> usize {
        self.regions.get().1
    }

    async fn answer<T>(&self, answer: T) -> Result<T, ApiError> {
        if self.silent {
            std::future::pending::<()>().await;
        }
        Ok(answer)
    }
}

impl PreflightApi for InMemoryPreflight {
    async fn caller_identity(&self, identity: &Identity) -> Result<CallerIdentity, ApiError> {
        let account = match identity {
            Identity::Own => OWN.into(),
            Identity::Role(role) => role.account.clone(),
        };
        let arn = format!("arn:aws:sts::{account}:assumed-role/packwatch/session");
        self.answer(CallerIdentity { account, arn }).await
    }

    async fn organization(&self) -> Result<OrganizationInfo, ApiError> {
        self.answer(OrganizationInfo {
            id: "o-inmemory00".to_owned(),
            management_account: OWN.into(),
        })
        .await
    }

    async fn delegated_administrators(&self, _: Option<&str>) -> Result<Page<AccountId>, ApiError> {
        self.answer(Page {
            rows: Vec::new(),
            next: None,
        })
        .await
    }

    async fn packs_in_region(
        &self,
        _: &Identity,
        _: &Region,
        _: Option<&str>,
    ) -> Result<Page<PackName>, ApiError> {
        let (now, most) = self.regions.get();
        self.regions.set((now + 1, most.max(now + 1)));
        tokio::task::yield_now().await;
        let answer = self.answer(Page {
            rows: Vec::new(),
            next: None,
        });
        let answer = answer.await;
        let (now, most) = self.regions.get();
        self.regions.set((now - 1, most));
        answer
    }

    async fn subscriptions(&self, _: &ReceiverArn) -> Result<Subscriptions, ApiError> {
        self.answer(Subscriptions {
            confirmed: 1,
            pending: 0,
        })
        .await
    }

    async fn event_bus(&self, _: &ReceiverArn) -> Result<(), ApiError> {
        self.answer(()).await
    }

    async fn versioning(&self) -> Result<Versioning, ApiError> {
        self.answer(Versioning::Enabled).await
    }
}
