//! AWS Config and STS: pages of statuses, in the domain's words.

use std::collections::BTreeMap;

use aws_sdk_config::Client;
use aws_sdk_config::error::SdkError;
use aws_sdk_config::operation::describe_organization_conformance_pack_statuses::DescribeOrganizationConformancePackStatusesError;
use aws_sdk_config::operation::get_organization_conformance_pack_detailed_status::GetOrganizationConformancePackDetailedStatusError;
use aws_sdk_config::types::{
    OrganizationConformancePackDetailedStatus, OrganizationConformancePackStatus,
    OrganizationResourceDetailedStatus, OrganizationResourceDetailedStatusFilters,
};
use aws_smithy_types::DateTime;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;

use super::organizations::OrganizationsApi;
use super::sdk_error::api_error;
use super::throttle_counter::{ThrottleCounter, is_throttling};
use super::throttled_caller::ThrottledCaller;
use crate::model::Identity;
use crate::model::SourceTarget;
use crate::model::{
    Account, AccountId, ApiError, AwsText, PackName, Region, StatusRecord, truncate,
};
use crate::ports::{BoxError, ConfigApi, Filter, MembersError, PAGE_SIZE, Page};
use crate::ports::{DESCRIBE_STATUSES, GET_DETAILED_STATUS};

/// AWS Config as every caller in every region.
#[derive(Debug)]
pub struct ConfigServiceApi {
    sources: BTreeMap<(Identity, Region), (Client, ThrottledCaller)>,
    throttles: ThrottleCounter,
    sts: aws_sdk_sts::Client,
    organizations: OrganizationsApi,
}

impl ConfigServiceApi {
    /// A client for each source and where its calls stand in line, all counted by `throttles`.
    pub fn new(
        sources: BTreeMap<(Identity, Region), (Client, ThrottledCaller)>,
        throttles: ThrottleCounter,
        sts: aws_sdk_sts::Client,
        organizations: aws_sdk_organizations::Config,
    ) -> Self {
        Self {
            sources,
            throttles,
            sts,
            organizations: OrganizationsApi::new(organizations),
        }
    }

    fn source(
        &self,
        target: &SourceTarget,
        operation: &str,
    ) -> Result<&(Client, ThrottledCaller), ApiError> {
        self.sources
            .get(&(target.caller.clone(), target.source.region.clone()))
            .ok_or_else(|| ApiError {
                operation: operation.to_owned(),
                code: "NoClient".to_owned(),
                message: format!("no client was made for {}", target.source),
            })
    }
}

impl ConfigApi for ConfigServiceApi {
    async fn identify(&self) -> Result<AccountId, ApiError> {
        const OPERATION: &str = "GetCallerIdentity";
        let identity = self
            .sts
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| api_error(OPERATION, &error))?;
        match identity.account() {
            Some(account) if AccountId::is_valid(account) => Ok(account.into()),
            other => Err(ApiError {
                operation: OPERATION.to_owned(),
                code: "NoAccount".to_owned(),
                message: format!("STS answered with the account {other:?}"),
            }),
        }
    }

    async fn packs(
        &self,
        source: &SourceTarget,
        token: Option<&str>,
    ) -> Result<Page<(PackName, StatusRecord)>, ApiError> {
        let (client, caller) = self.source(source, DESCRIBE_STATUSES)?;
        let request = client
            .describe_organization_conformance_pack_statuses()
            .limit(PAGE_SIZE.into())
            .set_next_token(token.map(str::to_owned));
        let answer = caller
            .call(async || request.clone().send().await, is_throttled)
            .await;
        let answer = answer.map_err(|error| api_error(DESCRIBE_STATUSES, &error))?;
        Ok(Page {
            rows: answer
                .organization_conformance_pack_statuses
                .and_then(|rows| rows.into_iter().map(pack).collect())
                .ok_or_else(|| ApiError::missing_field(DESCRIBE_STATUSES))?,
            next: answer.next_token,
        })
    }

    async fn pack(
        &self,
        source: &SourceTarget,
        name: &PackName,
    ) -> Result<Option<StatusRecord>, ApiError> {
        let (client, caller) = self.source(source, DESCRIBE_STATUSES)?;
        let request = client
            .describe_organization_conformance_pack_statuses()
            .organization_conformance_pack_names(name.as_str());
        match caller.call(async || request.clone().send().await, is_throttled).await {
            Ok(answer) => {
                let rows = answer.organization_conformance_pack_statuses.ok_or_else(|| ApiError::missing_field(DESCRIBE_STATUSES))?;
                // Who is not there is answered with an error; a list without them answers something
                // else.
                let row = rows.into_iter().filter_map(pack).find(|(found, _)| found == name).map(|(_, row)| row);
                row.map(Some).ok_or_else(|| ApiError::missing_field(DESCRIBE_STATUSES))
            }
            Err(error) if error.as_service_error().is_some_and(DescribeOrganizationConformancePackStatusesError::is_no_such_organization_conformance_pack_exception) => Ok(None),
            Err(error) => Err(api_error(DESCRIBE_STATUSES, &error)),
        }
    }

    async fn members(
        &self,
        source: &SourceTarget,
        pack: &PackName,
        filter: Option<Filter<'_>>,
        token: Option<&str>,
    ) -> Result<Page<(AccountId, StatusRecord)>, MembersError> {
        let filters = filter.map(|filter| {
            let filters = OrganizationResourceDetailedStatusFilters::builder();
            match filter {
                Filter::Account(account) => filters.account_id(account.as_str()),
                Filter::Status(status) => {
                    filters.status(OrganizationResourceDetailedStatus::from(status.as_str()))
                }
            }
            .build()
        });
        let (client, caller) = self
            .source(source, GET_DETAILED_STATUS)
            .map_err(MembersError::Api)?;
        let request = client
            .get_organization_conformance_pack_detailed_status()
            .organization_conformance_pack_name(pack.as_str())
            .set_filters(filters)
            .limit(PAGE_SIZE.into())
            .set_next_token(token.map(str::to_owned));
        let answer = caller
            .call(async || request.clone().send().await, is_throttled)
            .await;
        let answer = answer.map_err(|error| match error.as_service_error() {
            Some(GetOrganizationConformancePackDetailedStatusError::NoSuchOrganizationConformancePackException(_)) => {
                MembersError::NoSuchPack
            }
            _ => MembersError::Api(api_error(GET_DETAILED_STATUS, &error)),
        })?;
        Ok(Page {
            rows: answer
                .organization_conformance_pack_detailed_statuses
                .and_then(|rows| rows.into_iter().map(member).collect())
                .ok_or_else(|| MembersError::Api(ApiError::missing_field(GET_DETAILED_STATUS)))?,
            next: answer.next_token,
        })
    }

    async fn account(&self, account: &AccountId) -> Result<Option<Account>, BoxError> {
        self.organizations.account(account).await
    }

    fn throttles(&self) -> u64 {
        self.throttles.count()
    }
}

fn is_throttled<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error.code().is_some_and(is_throttling)
}

/// `None` for a row that does not say whose it is: the SDK makes that an empty name, and who is
/// missing from a list for it would look absent.
fn pack(row: OrganizationConformancePackStatus) -> Option<(PackName, StatusRecord)> {
    let status_record = status_record(
        row.status.as_str(),
        row.error_code,
        row.error_message,
        row.last_update_time,
    );
    let name = row.organization_conformance_pack_name;
    (!name.is_empty()).then(|| (name.into(), status_record))
}

/// See [`pack`].
fn member(row: OrganizationConformancePackDetailedStatus) -> Option<(AccountId, StatusRecord)> {
    let status_record = status_record(
        row.status.as_str(),
        row.error_code,
        row.error_message,
        row.last_update_time,
    );
    let row_of_member = StatusRecord {
        conformance_pack_name: Some(truncated(row.conformance_pack_name)),
        ..status_record
    };
    (!row.account_id.is_empty()).then(|| (row.account_id.into(), row_of_member))
}

fn status_record(
    status: &str,
    code: Option<String>,
    message: Option<String>,
    updated: Option<DateTime>,
) -> StatusRecord {
    StatusRecord {
        error_code: code.map(truncated),
        error_message: message.map(truncated),
        last_update_time: updated.and_then(timestamp),
        ..StatusRecord::new(&truncate(status.to_owned()))
    }
}

fn truncated(status_record: String) -> AwsText {
    truncate(status_record).into()
}

/// To the millisecond, which is as fine as AWS Config says it.
fn timestamp(timestamp: DateTime) -> Option<Timestamp> {
    Timestamp::from_millisecond(timestamp.to_millis().ok()?).ok()
}
