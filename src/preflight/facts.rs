//! Facts: the responses to all calls of the preflight. The calls are made concurrently, and none
//! after the deadline.

use std::cell::Cell;
use std::collections::BTreeSet;

use futures_util::{StreamExt, future, stream};
use tokio::time::timeout_at;

use super::answers::out_of_time;
use super::bucket_probe::{BucketAnswer, BucketProbe, no_time_left};
use super::lister::{Lister, SourceAnswer};
use super::regions::Partition;
use super::services::Preflight;
use crate::input::plan::RunPlan;
use crate::input::settings::InvalidSettings;
use crate::ledger::{DecodeError, Ledger};
use crate::model::{
    AccountId, ApiError, Deployment, Identity, PackName, ReceiverArn, Region, RoleArn, SourceTarget,
};
use crate::ports::{
    BoxError, CallerIdentity, ConfigApi, ObjectStore, OrganizationInfo, PreflightApi,
    Subscriptions, Versioning,
};

/// Maximum number of regions to ask at the same time.
const MAX_CONCURRENCY: usize = 16;

/// What the checks are made from.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) plan: &'a RunPlan,
    pub(super) deployment: &'a Deployment,
    /// The function's own identity.
    pub(super) own: Result<CallerIdentity, ApiError>,
    /// The function's own account: that of `own`, or else the one that the ledger remembers.
    pub(super) own_account: AccountId,
    pub(super) organization: Result<OrganizationInfo, ApiError>,
    pub(super) administrators: Result<BTreeSet<AccountId>, ApiError>,
    /// The roles in the settings, and who they are.
    pub(super) roles: Vec<(&'a RoleArn, Result<CallerIdentity, ApiError>)>,
    /// The sources in their order.
    pub(super) sources: Vec<(SourceTarget, SourceAnswer)>,
    /// The packs in regions that are not watched, by account and region.
    pub(super) other_regions: Vec<(AccountId, Region, Result<BTreeSet<PackName>, ApiError>)>,
    pub(super) bucket: BucketAnswer,
    pub(super) versioning: Result<Versioning, ApiError>,
    /// The ledger; `None` if there is none.
    pub(super) ledger: Result<Option<Ledger>, LedgerError>,
    /// The topics of the receivers, the digest topic first.
    pub(super) topics: Vec<(&'a ReceiverArn, Result<Subscriptions, ApiError>)>,
    /// The event bus, and whether it exists.
    pub(super) event_bus: Option<(&'a ReceiverArn, Result<(), ApiError>)>,
    /// Calls to AWS Config.
    pub(super) config_calls: u64,
}

/// Why the ledger could not be loaded.
#[derive(Debug)]
pub(super) enum LedgerError {
    /// The object could not be read.
    Unreadable(BoxError),
    /// The object was read and could not be decoded.
    Undecodable(DecodeError),
}

impl<'a> Facts<'a> {
    /// Asks everything. Fails if the settings are invalid for the account of the function.
    pub(super) async fn gather<C: ConfigApi, S: ObjectStore, P: PreflightApi>(
        preflight: &Preflight<'a, C, S, P>,
    ) -> Result<Self, InvalidSettings> {
        let Preflight { api, plan, .. } = *preflight;
        let settings = &plan.settings;
        let roles = settings
            .identities
            .iter()
            .filter_map(|identity| match identity {
                Identity::Role(role) => {
                    Some(async move { (role, preflight.identify(identity).await) })
                }
                Identity::Own => None,
            });
        let (own, roles, ledger) = future::join3(
            preflight.identify(&Identity::Own),
            future::join_all(roles),
            preflight.ledger(),
        )
        .await;
        let remembered = ledger
            .iter()
            .flatten()
            .find_map(|ledger| ledger.own_account.clone());
        let own_account = match &own {
            Ok(identity) => identity.account.clone(),
            Err(_) => remembered.unwrap_or_else(AccountId::unknown),
        };
        let targets = plan.targets(&own_account)?;
        let lister = Lister {
            config: preflight.config,
            api,
            deadline: preflight.deadline,
            calls: Cell::new(0),
        };
        let topics = settings
            .topics()
            .map(|topic| async move { (topic, preflight.subscriptions(topic).await) });
        let event_bus = async {
            let bus = plan.event_bus.as_ref()?;
            let answer = preflight.within("DescribeEventBus", api.event_bus(bus));
            Some((bus, answer.await))
        };
        let probe = BucketProbe::new(preflight.store, plan, preflight.deadline);
        let (aws, objects) = future::join(
            future::join4(
                preflight.within("DescribeOrganization", api.organization()),
                preflight.administrators(),
                preflight.sources(&lister, targets),
                preflight.other_regions(&lister, &own_account, &roles),
            ),
            future::join4(
                probe.run(),
                preflight.within("GetBucketVersioning", api.versioning()),
                future::join_all(topics),
                event_bus,
            ),
        )
        .await;
        let (organization, administrators, sources, other_regions) = aws;
        let (bucket, versioning, topics, event_bus) = objects;
        Ok(Self {
            plan,
            deployment: preflight.deployment,
            own,
            own_account,
            organization,
            administrators,
            roles,
            sources,
            other_regions,
            bucket,
            versioning,
            ledger,
            topics,
            event_bus,
            config_calls: lister.calls.get(),
        })
    }

    /// Returns the accounts that packs are read as.
    pub(super) fn callers(&self) -> BTreeSet<&AccountId> {
        let sources = self.sources.iter();
        sources.map(|(target, _)| &target.source.caller).collect()
    }

    /// Returns whether the function reads AWS Config with its own identity.
    pub(super) fn reads_as_itself(&self) -> bool {
        self.plan.settings.identities.contains(&Identity::Own)
    }

    /// Returns whether a run watches a pack of this name.
    pub(super) fn is_watched(&self, pack: &PackName) -> bool {
        let settings = &self.plan.settings;
        settings.include.matches(pack.as_str()) && !settings.exclude.matches(pack.as_str())
    }

    /// Returns the partition of the function.
    pub(super) fn partition(&self) -> &'static str {
        Partition::of(&self.plan.settings.home_region).name
    }

    /// Returns the ARN of the function's role, if the caller is a session of a role. The session
    /// does not contain the path of the role; the role of `template.yaml` has none.
    pub(super) fn own_role(&self) -> Option<String> {
        let identity = self.own.as_ref().ok()?;
        let (_, session) = identity.arn.split_once(":assumed-role/")?;
        let (name, _) = session.split_once('/')?;
        let partition = self.partition();
        Some(format!(
            "arn:{partition}:iam::{}:role/{name}",
            identity.account
        ))
    }
}

impl<C: ConfigApi, S: ObjectStore, P: PreflightApi> Preflight<'_, C, S, P> {
    /// Waits for an answer until the deadline.
    async fn within<T>(
        &self,
        operation: &str,
        answer: impl Future<Output = Result<T, ApiError>>,
    ) -> Result<T, ApiError> {
        let answer = timeout_at(self.deadline, answer).await;
        answer.unwrap_or_else(|_| Err(out_of_time(operation)))
    }

    async fn identify(&self, identity: &Identity) -> Result<CallerIdentity, ApiError> {
        let answer = self.api.caller_identity(identity);
        self.within("GetCallerIdentity", answer).await
    }

    async fn subscriptions(&self, topic: &ReceiverArn) -> Result<Subscriptions, ApiError> {
        let answer = self.api.subscriptions(topic);
        self.within("GetTopicAttributes", answer).await
    }

    /// Returns all delegated administrators. There are at most three, so a second page is unusual.
    async fn administrators(&self) -> Result<BTreeSet<AccountId>, ApiError> {
        let mut administrators = BTreeSet::new();
        let mut tokens = BTreeSet::new();
        let mut next: Option<String> = None;
        loop {
            let answer = self.api.delegated_administrators(next.as_deref());
            let page = self.within("ListDelegatedAdministrators", answer).await?;
            administrators.extend(page.rows);
            match page.next {
                Some(token) if tokens.insert(token.clone()) => next = Some(token),
                _ => return Ok(administrators),
            }
        }
    }

    /// Lists the packs of every source.
    async fn sources(
        &self,
        lister: &Lister<'_, C, P>,
        targets: Vec<SourceTarget>,
    ) -> Vec<(SourceTarget, SourceAnswer)> {
        let settings = &self.plan.settings;
        let is_watched = |pack: &PackName| {
            settings.include.matches(pack.as_str()) && !settings.exclude.matches(pack.as_str())
        };
        stream::iter(targets)
            .map(|target| async move {
                let answer = lister.source(&target, is_watched).await;
                (target, answer)
            })
            .buffered(MAX_CONCURRENCY)
            .collect()
            .await
    }

    /// Lists the packs of every account in every region of the partition that is not watched. A
    /// role that cannot be assumed is not tried for each region.
    async fn other_regions(
        &self,
        lister: &Lister<'_, C, P>,
        own_account: &AccountId,
        roles: &[(&RoleArn, Result<CallerIdentity, ApiError>)],
    ) -> Vec<(AccountId, Region, Result<BTreeSet<PackName>, ApiError>)> {
        let settings = &self.plan.settings;
        let regions = Partition::of(&settings.home_region).regions;
        let regions = regions.iter().map(|region| Region::from(*region));
        let regions: Vec<_> = regions
            .filter(|region| !settings.regions.contains(region))
            .collect();
        let is_assumed = |identity: &&Identity| match identity {
            Identity::Own => true,
            Identity::Role(role) => roles
                .iter()
                .any(|(other, result)| *other == role && result.is_ok()),
        };
        let identities = settings.identities.iter().filter(is_assumed);
        let questions = identities.flat_map(|identity| {
            let account = match identity {
                Identity::Own => own_account,
                Identity::Role(role) => &role.account,
            };
            regions
                .iter()
                .map(move |region| (account, identity, region))
        });
        stream::iter(questions)
            .map(|(account, identity, region)| async move {
                let packs = lister.region(identity, region).await;
                (account.clone(), region.clone(), packs)
            })
            .buffered(MAX_CONCURRENCY)
            .collect()
            .await
    }

    /// Reads the ledger; `None` if there is none.
    async fn ledger(&self) -> Result<Option<Ledger>, LedgerError> {
        let stored = timeout_at(self.deadline, self.store.get(&self.plan.keys.ledger)).await;
        let stored = stored.unwrap_or_else(|_| Err(no_time_left()));
        match stored.map_err(LedgerError::Unreadable)? {
            Some((body, _)) => Ledger::from_body(&body)
                .map(Some)
                .map_err(LedgerError::Undecodable),
            None => Ok(None),
        }
    }
}
