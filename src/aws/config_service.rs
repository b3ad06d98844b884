//! Adapter for AWS Config and STS: requests pages of statuses and converts them to
//! [`StatusRecord`]s. A record without a name makes the whole response an error, because a shorter
//! list would look like a removal. Any other empty string means that there is no value.

use std::collections::BTreeMap;

use aws_sdk_config::Client;
use aws_sdk_config::error::SdkError;
use aws_sdk_config::operation::describe_organization_conformance_pack_statuses::DescribeOrganizationConformancePackStatusesError as DescribeStatusesError;
use aws_sdk_config::operation::get_organization_conformance_pack_detailed_status::GetOrganizationConformancePackDetailedStatusError as DetailedStatusError;
use aws_sdk_config::types::{
    OrganizationConformancePackDetailedStatus, OrganizationConformancePackStatus,
    OrganizationResourceDetailedStatus, OrganizationResourceDetailedStatusFilters,
};
use aws_smithy_types::DateTime;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;

use super::called_host::CalledHost;
use super::organizations::OrganizationsApi;
use super::sdk_error::{api_error, non_blank};
use super::throttle_counter::{ThrottleCounter, is_throttling};
use super::throttled_caller::ThrottledCaller;
use crate::model::{
    Account, AccountId, ApiError, AwsText, Identity, PackName, Region, SourceTarget, StatusRecord,
    cap_text,
};
use crate::ports::{
    BoxError, ConfigApi, DESCRIBE_STATUSES, Filter, GET_DETAILED_STATUS, MembersError, PAGE_SIZE,
    Page,
};

/// [`ConfigApi`] on the AWS SDK: AWS Config for every caller in every region, STS, and AWS
/// Organizations.
#[derive(Debug)]
pub struct ConfigServiceApi {
    sources: BTreeMap<(Identity, Region), (Client, ThrottledCaller)>,
    throttle_counter: ThrottleCounter,
    sts: aws_sdk_sts::Client,
    organizations: OrganizationsApi,
}

impl ConfigServiceApi {
    /// Creates the adapter from a client and a caller for each source. `throttle_counter` is the
    /// counter that all these clients share.
    pub fn new(
        sources: BTreeMap<(Identity, Region), (Client, ThrottledCaller)>,
        throttle_counter: ThrottleCounter,
        sts: aws_sdk_sts::Client,
        organizations: aws_sdk_organizations::Config,
    ) -> Self {
        Self {
            sources,
            throttle_counter,
            sts,
            organizations: OrganizationsApi::new(organizations),
        }
    }

    /// Returns the client and the caller of a source.
    fn client(
        &self,
        target: &SourceTarget,
        operation: &str,
    ) -> Result<&(Client, ThrottledCaller), ApiError> {
        self.sources
            .get(&(target.identity.clone(), target.source.region.clone()))
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
        let host = CalledHost::default();
        let identity = self
            .sts
            .get_caller_identity()
            .customize()
            .interceptor(host.clone())
            .send()
            .await
            .map_err(|error| api_error(OPERATION, &error, &host))?;
        match identity.account() {
            Some(account) if AccountId::is_valid(account) => Ok(account.into()),
            other => Err(ApiError {
                operation: OPERATION.to_owned(),
                code: "NoAccount".to_owned(),
                message: cap_text(match other {
                    Some(other) => {
                        format!("STS answered with {other:?}, which is not an account id")
                    }
                    None => "STS answered without an account id".to_owned(),
                }),
            }),
        }
    }

    async fn packs(
        &self,
        target: &SourceTarget,
        token: Option<&str>,
    ) -> Result<Page<(PackName, StatusRecord)>, ApiError> {
        let host = CalledHost::default();
        let (client, caller) = self.client(target, DESCRIBE_STATUSES)?;
        let request = client
            .describe_organization_conformance_pack_statuses()
            .limit(PAGE_SIZE.into())
            .set_next_token(token.map(str::to_owned));
        let response = caller
            .call(
                async || {
                    let request = request.clone().customize();
                    request.interceptor(host.clone()).send().await
                },
                is_throttled,
            )
            .await;
        let response = response.map_err(|error| api_error(DESCRIBE_STATUSES, &error, &host))?;
        Ok(Page {
            rows: response
                .organization_conformance_pack_statuses
                .and_then(|rows| rows.into_iter().map(pack_record).collect())
                .ok_or_else(|| ApiError::missing_field(DESCRIBE_STATUSES))?,
            next: next_page(response.next_token),
        })
    }

    async fn pack(
        &self,
        target: &SourceTarget,
        name: &PackName,
    ) -> Result<Option<StatusRecord>, ApiError> {
        let host = CalledHost::default();
        let (client, caller) = self.client(target, DESCRIBE_STATUSES)?;
        let request = client
            .describe_organization_conformance_pack_statuses()
            .organization_conformance_pack_names(name.as_str());
        match caller
            .call(
                async || {
                    let request = request.clone().customize();
                    request.interceptor(host.clone()).send().await
                },
                is_throttled,
            )
            .await
        {
            Ok(response) => {
                let rows = response
                    .organization_conformance_pack_statuses
                    .ok_or_else(|| ApiError::missing_field(DESCRIBE_STATUSES))?;
                // AWS Config reports a missing pack by an error, so a list without the pack is
                // a malformed response.
                let row = rows
                    .into_iter()
                    .filter_map(pack_record)
                    .find(|(listed, _)| listed == name)
                    .map(|(_, row)| row);
                row.map(Some)
                    .ok_or_else(|| ApiError::missing_field(DESCRIBE_STATUSES))
            }
            Err(error)
                if error.as_service_error().is_some_and(
                    DescribeStatusesError::is_no_such_organization_conformance_pack_exception,
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(api_error(DESCRIBE_STATUSES, &error, &host)),
        }
    }

    async fn members(
        &self,
        target: &SourceTarget,
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
        let host = CalledHost::default();
        let (client, caller) = self
            .client(target, GET_DETAILED_STATUS)
            .map_err(MembersError::Api)?;
        let request = client
            .get_organization_conformance_pack_detailed_status()
            .organization_conformance_pack_name(pack.as_str())
            .set_filters(filters)
            .limit(PAGE_SIZE.into())
            .set_next_token(token.map(str::to_owned));
        let response = caller
            .call(
                async || {
                    let request = request.clone().customize();
                    request.interceptor(host.clone()).send().await
                },
                is_throttled,
            )
            .await;
        let response = response.map_err(|error| match error.as_service_error() {
            Some(DetailedStatusError::NoSuchOrganizationConformancePackException(_)) => {
                MembersError::NoSuchPack
            }
            _ => MembersError::Api(api_error(GET_DETAILED_STATUS, &error, &host)),
        })?;
        Ok(Page {
            rows: response
                .organization_conformance_pack_detailed_statuses
                .and_then(|rows| rows.into_iter().map(member_record).collect())
                .ok_or_else(|| MembersError::Api(ApiError::missing_field(GET_DETAILED_STATUS)))?,
            next: next_page(response.next_token),
        })
    }

    async fn account(&self, account: &AccountId) -> Result<Option<Account>, BoxError> {
        self.organizations.account(account).await
    }

    fn throttle_count(&self) -> u64 {
        self.throttle_counter.count()
    }
}

fn is_throttled<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    error.code().is_some_and(is_throttling)
}

/// Converts the status record of a pack. Returns `None` if the record has no name: the SDK turns a
/// missing name into an empty one, and a pack that is missing from the list for that reason would
/// look absent.
fn pack_record(row: OrganizationConformancePackStatus) -> Option<(PackName, StatusRecord)> {
    let status_record = status_record(
        row.status.as_str(),
        row.error_code,
        row.error_message,
        row.last_update_time,
    );
    let name = row.organization_conformance_pack_name;
    (!name.is_empty()).then(|| (name.into(), status_record))
}

/// Converts the status record of a member account. Returns `None` if the record has no account id,
/// for the same reason as [`pack_record`].
fn member_record(
    row: OrganizationConformancePackDetailedStatus,
) -> Option<(AccountId, StatusRecord)> {
    let status_record = status_record(
        row.status.as_str(),
        row.error_code,
        row.error_message,
        row.last_update_time,
    );
    let record = StatusRecord {
        conformance_pack_name: capped(Some(row.conformance_pack_name)),
        ..status_record
    };
    (!row.account_id.is_empty()).then(|| (row.account_id.into(), record))
}

/// Status of a record without one. It counts as in progress, like every unknown status.
const NO_STATUS: &str = "UNKNOWN";

fn status_record(
    status: &str,
    code: Option<String>,
    message: Option<String>,
    updated: Option<DateTime>,
) -> StatusRecord {
    let status = non_blank(Some(status)).unwrap_or(NO_STATUS);
    StatusRecord {
        error_code: capped(code),
        error_message: capped(message),
        last_update_time: updated.and_then(timestamp),
        ..StatusRecord::new(&cap_text(status.to_owned()))
    }
}

/// Caps a text; a blank one is none.
fn capped(text: Option<String>) -> Option<AwsText> {
    text.filter(|text| non_blank(Some(text)).is_some())
        .map(|text| cap_text(text).into())
}

/// Returns the token of the next page; an empty one ends the list.
fn next_page(token: Option<String>) -> Option<String> {
    token.filter(|token| !token.is_empty())
}

/// Converts a time to milliseconds, which is the resolution of AWS Config. Returns `None` if the
/// time is out of range.
fn timestamp(time: DateTime) -> Option<Timestamp> {
    Timestamp::from_millisecond(time.to_millis().ok()?).ok()
}
