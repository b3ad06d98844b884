//! Adapter for what only the preflight asks: STS as any identity, AWS Organizations, AWS Config in
//! regions that are not watched, attributes of topics, and the versioning of the bucket. Clients
//! that no run uses are created when they are called, so that they do not slow down cold starts.

use std::collections::BTreeMap;

use aws_config::Region as SdkRegion;
use aws_sdk_s3::types::BucketVersioningStatus;

use super::called_host::CalledHost;
use super::caller::{Caller, retry_partition};
use super::credential_renewal::CredentialErrorClassifier;
use super::sdk_error::{api_error, non_blank};
use super::timeout_retries::TimeoutRetryLimit;
use crate::model::{AccountId, ApiError, Identity, PackName, ReceiverArn, Region};
use crate::ports::{
    CallerIdentity, DESCRIBE_STATUSES, OrganizationInfo, PAGE_SIZE, Page, PreflightApi,
    Subscriptions, Versioning,
};

/// Service principal whose delegated administrators deploy organization conformance packs.
const SERVICE_PRINCIPAL: &str = "config-multiaccountsetup.amazonaws.com";

/// [`PreflightApi`] on the AWS SDK.
#[derive(Debug)]
pub struct PreflightClients {
    own: Caller,
    callers: BTreeMap<Identity, Caller>,
    organizations: aws_sdk_organizations::Config,
    topics: BTreeMap<ReceiverArn, aws_sdk_sns::Client>,
    event_bus: Option<aws_sdk_eventbridge::Client>,
    s3: aws_sdk_s3::Client,
    bucket: String,
}

impl PreflightClients {
    /// Creates the adapter from the function's own identity, the identities in the settings, and
    /// the clients of a run that it shares.
    pub(super) fn new(
        own: Caller,
        callers: BTreeMap<Identity, Caller>,
        organizations: aws_sdk_organizations::Config,
        (topics, event_bus): (
            BTreeMap<ReceiverArn, aws_sdk_sns::Client>,
            Option<aws_sdk_eventbridge::Client>,
        ),
        (s3, bucket): (aws_sdk_s3::Client, String),
    ) -> Self {
        Self {
            own,
            callers,
            organizations,
            topics,
            event_bus,
            s3,
            bucket,
        }
    }

    /// Returns the caller of an identity.
    fn caller(&self, identity: &Identity, operation: &str) -> Result<&Caller, ApiError> {
        match identity {
            Identity::Own => Ok(&self.own),
            Identity::Role(role) => self
                .callers
                .get(identity)
                .ok_or_else(|| no_client(operation, &role.arn)),
        }
    }

    fn organizations_client(&self) -> aws_sdk_organizations::Client {
        aws_sdk_organizations::Client::from_conf(self.organizations.clone())
    }
}

impl PreflightApi for PreflightClients {
    async fn caller_identity(&self, identity: &Identity) -> Result<CallerIdentity, ApiError> {
        const OPERATION: &str = "GetCallerIdentity";
        let caller = self.caller(identity, OPERATION)?;
        let client = aws_sdk_sts::Client::from_conf(
            aws_sdk_sts::config::Builder::from(&caller.config)
                .retry_partition(retry_partition(format!("sts {identity}")))
                .interceptor(TimeoutRetryLimit)
                .interceptor(caller.credentials.interceptor())
                .retry_classifier(CredentialErrorClassifier)
                .build(),
        );
        let host = CalledHost::default();
        let request = client.get_caller_identity().customize();
        let response = request.interceptor(host.clone()).send().await;
        let response = response.map_err(|error| api_error(OPERATION, &error, &host))?;
        match (response.account(), non_blank(response.arn())) {
            (Some(account), Some(arn)) if AccountId::is_valid(account) => Ok(CallerIdentity {
                account: account.into(),
                arn: arn.to_owned(),
            }),
            _ => Err(incomplete(OPERATION)),
        }
    }

    async fn organization(&self) -> Result<OrganizationInfo, ApiError> {
        const OPERATION: &str = "DescribeOrganization";
        let host = CalledHost::default();
        let client = self.organizations_client();
        let request = client.describe_organization().customize();
        let response = request.interceptor(host.clone()).send().await;
        let response = response.map_err(|error| api_error(OPERATION, &error, &host))?;
        let organization = response.organization.ok_or_else(|| incomplete(OPERATION))?;
        match organization.master_account_id() {
            Some(account) if AccountId::is_valid(account) => Ok(OrganizationInfo {
                id: organization.id().unwrap_or("(no id)").to_owned(),
                management_account: account.into(),
            }),
            _ => Err(incomplete(OPERATION)),
        }
    }

    async fn delegated_administrators(
        &self,
        token: Option<&str>,
    ) -> Result<Page<AccountId>, ApiError> {
        const OPERATION: &str = "ListDelegatedAdministrators";
        let host = CalledHost::default();
        let client = self.organizations_client();
        let request = client
            .list_delegated_administrators()
            .service_principal(SERVICE_PRINCIPAL)
            .set_next_token(token.map(str::to_owned))
            .customize();
        let response = request.interceptor(host.clone()).send().await;
        let response = response.map_err(|error| api_error(OPERATION, &error, &host))?;
        let accounts = response
            .delegated_administrators
            .ok_or_else(|| incomplete(OPERATION))?;
        let ids = accounts
            .into_iter()
            .map(|account| account.id.filter(|id| AccountId::is_valid(id)));
        Ok(Page {
            rows: ids
                .map(|id| id.map(AccountId::from))
                .collect::<Option<_>>()
                .ok_or_else(|| incomplete(OPERATION))?,
            next: response.next_token.filter(|token| !token.is_empty()),
        })
    }

    async fn packs_in_region(
        &self,
        identity: &Identity,
        region: &Region,
        token: Option<&str>,
    ) -> Result<Page<PackName>, ApiError> {
        let caller = self.caller(identity, DESCRIBE_STATUSES)?;
        let client = aws_sdk_config::Client::from_conf(
            aws_sdk_config::config::Builder::from(&caller.config)
                .region(SdkRegion::new(region.as_str().to_owned()))
                .retry_partition(retry_partition(format!("preflight {identity} {region}")))
                .interceptor(TimeoutRetryLimit)
                .interceptor(caller.credentials.interceptor())
                .retry_classifier(CredentialErrorClassifier)
                .build(),
        );
        let host = CalledHost::default();
        let request = client
            .describe_organization_conformance_pack_statuses()
            .limit(PAGE_SIZE.into())
            .set_next_token(token.map(str::to_owned))
            .customize();
        let response = request.interceptor(host.clone()).send().await;
        let response = response.map_err(|error| api_error(DESCRIBE_STATUSES, &error, &host))?;
        let rows = response
            .organization_conformance_pack_statuses
            .ok_or_else(|| incomplete(DESCRIBE_STATUSES))?;
        let names = rows
            .into_iter()
            .map(|row| row.organization_conformance_pack_name);
        Ok(Page {
            rows: names.map(PackName::from).collect(),
            next: response.next_token.filter(|token| !token.is_empty()),
        })
    }

    async fn subscriptions(&self, topic: &ReceiverArn) -> Result<Subscriptions, ApiError> {
        const OPERATION: &str = "GetTopicAttributes";
        let client = self
            .topics
            .get(topic)
            .ok_or_else(|| no_client(OPERATION, topic.as_str()))?;
        let host = CalledHost::default();
        let request = client
            .get_topic_attributes()
            .topic_arn(topic.as_str())
            .customize();
        let response = request.interceptor(host.clone()).send().await;
        let response = response.map_err(|error| api_error(OPERATION, &error, &host))?;
        let attributes = response.attributes.unwrap_or_default();
        let number = |name: &str| {
            attributes
                .get(name)
                .and_then(|value| value.parse().ok())
                .ok_or_else(|| incomplete(OPERATION))
        };
        Ok(Subscriptions {
            confirmed: number("SubscriptionsConfirmed")?,
            pending: number("SubscriptionsPending")?,
        })
    }

    async fn event_bus(&self, bus: &ReceiverArn) -> Result<(), ApiError> {
        const OPERATION: &str = "DescribeEventBus";
        let client = self.event_bus.as_ref();
        let client = client.ok_or_else(|| no_client(OPERATION, bus.as_str()))?;
        let host = CalledHost::default();
        let request = client.describe_event_bus().name(bus.as_str()).customize();
        let response = request.interceptor(host.clone()).send().await;
        response
            .map(drop)
            .map_err(|error| api_error(OPERATION, &error, &host))
    }

    async fn versioning(&self) -> Result<Versioning, ApiError> {
        const OPERATION: &str = "GetBucketVersioning";
        let host = CalledHost::default();
        let request = self.s3.get_bucket_versioning().bucket(&self.bucket);
        let request = request.customize().interceptor(host.clone());
        let response = request.send().await;
        let response = response.map_err(|error| api_error(OPERATION, &error, &host))?;
        match response.status {
            None => Ok(Versioning::Never),
            Some(BucketVersioningStatus::Enabled) => Ok(Versioning::Enabled),
            Some(BucketVersioningStatus::Suspended) => Ok(Versioning::Suspended),
            Some(_) => Err(incomplete(OPERATION)),
        }
    }
}

/// Returns the error for a call to an object that no client was made for.
fn no_client(operation: &str, object: &str) -> ApiError {
    ApiError {
        operation: operation.to_owned(),
        code: "NoClient".to_owned(),
        message: format!("no client was made for {object}"),
    }
}

/// Returns the error for a response that lacks the requested data.
fn incomplete(operation: &str) -> ApiError {
    ApiError {
        operation: operation.to_owned(),
        code: "MalformedResponse".to_owned(),
        message: "AWS returned a response without the requested data".to_owned(),
    }
}
