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

use super::gap_cause;
use super::line::Line;
use super::organizations::Organizations;
use super::throttles::{Throttles, is_throttling};
use crate::model::Caller;
use crate::model::Watched;
use crate::model::{
    Account, AccountId, ApiError, AwsText, PackName, Region, StatusRecord, truncate,
};
use crate::ports::{BoxError, ConfigApi, Filter, MembersError, PAGE_SIZE, Page};
use crate::reader::{LIST, MEMBERS};

/// AWS Config as every caller in every region.
#[derive(Debug)]
pub struct ConfigStatuses {
    sources: BTreeMap<(Caller, Region), (Client, Line)>,
    throttles: Throttles,
    sts: aws_sdk_sts::Client,
    organizations: Organizations,
}

impl ConfigStatuses {
    /// A client for each source and where its calls stand in line, all counted by `throttles`.
    pub fn new(
        sources: BTreeMap<(Caller, Region), (Client, Line)>,
        throttles: Throttles,
        sts: aws_sdk_sts::Client,
        organizations: aws_sdk_organizations::Config,
    ) -> Self {
        Self {
            sources,
            throttles,
            sts,
            organizations: Organizations::new(organizations),
        }
    }

    fn source(&self, watched: &Watched, operation: &str) -> Result<&(Client, Line), ApiError> {
        self.sources
            .get(&(watched.caller.clone(), watched.source.region.clone()))
            .ok_or_else(|| ApiError {
                operation: operation.to_owned(),
                code: "NoClient".to_owned(),
                message: format!("no client was made for {}", watched.source),
            })
    }
}

impl ConfigApi for ConfigStatuses {
    async fn identify(&self) -> Result<AccountId, ApiError> {
        const OPERATION: &str = "GetCallerIdentity";
        let identity = self
            .sts
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| gap_cause(OPERATION, &error))?;
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
        source: &Watched,
        token: Option<&str>,
    ) -> Result<Page<(PackName, StatusRecord)>, ApiError> {
        let (client, line) = self.source(source, LIST)?;
        let request = client
            .describe_organization_conformance_pack_statuses()
            .limit(PAGE_SIZE.into())
            .set_next_token(token.map(str::to_owned));
        let answer = line
            .call(async || request.clone().send().await, is_throttled)
            .await;
        let answer = answer.map_err(|error| gap_cause(LIST, &error))?;
        Ok(Page {
            rows: answer
                .organization_conformance_pack_statuses
                .and_then(|rows| rows.into_iter().map(pack).collect())
                .ok_or_else(|| ApiError::missing_field(LIST))?,
            next: answer.next_token,
        })
    }

    async fn pack(
        &self,
        source: &Watched,
        name: &PackName,
    ) -> Result<Option<StatusRecord>, ApiError> {
        let (client, line) = self.source(source, LIST)?;
        let request = client
            .describe_organization_conformance_pack_statuses()
            .organization_conformance_pack_names(name.as_str());
        match line.call(async || request.clone().send().await, is_throttled).await {
            Ok(answer) => {
                let rows = answer.organization_conformance_pack_statuses.ok_or_else(|| ApiError::missing_field(LIST))?;
                // Who is not there is answered with an error; a list without them answers something
                // else.
                let row = rows.into_iter().filter_map(pack).find(|(found, _)| found == name).map(|(_, row)| row);
                row.map(Some).ok_or_else(|| ApiError::missing_field(LIST))
            }
            Err(error) if error.as_service_error().is_some_and(DescribeOrganizationConformancePackStatusesError::is_no_such_organization_conformance_pack_exception) => Ok(None),
            Err(error) => Err(gap_cause(LIST, &error)),
        }
    }

    async fn members(
        &self,
        source: &Watched,
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
        let (client, line) = self.source(source, MEMBERS).map_err(MembersError::Api)?;
        let request = client
            .get_organization_conformance_pack_detailed_status()
            .organization_conformance_pack_name(pack.as_str())
            .set_filters(filters)
            .limit(PAGE_SIZE.into())
            .set_next_token(token.map(str::to_owned));
        let answer = line
            .call(async || request.clone().send().await, is_throttled)
            .await;
        let answer = answer.map_err(|error| match error.as_service_error() {
            Some(GetOrganizationConformancePackDetailedStatusError::NoSuchOrganizationConformancePackException(_)) => {
                MembersError::NoSuchPack
            }
            _ => MembersError::Api(gap_cause(MEMBERS, &error)),
        })?;
        Ok(Page {
            rows: answer
                .organization_conformance_pack_detailed_statuses
                .and_then(|rows| rows.into_iter().map(member).collect())
                .ok_or_else(|| MembersError::Api(ApiError::missing_field(MEMBERS)))?,
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
    let said = said(
        row.status.as_str(),
        row.error_code,
        row.error_message,
        row.last_update_time,
    );
    let name = row.organization_conformance_pack_name;
    (!name.is_empty()).then(|| (name.into(), said))
}

/// See [`pack`].
fn member(row: OrganizationConformancePackDetailedStatus) -> Option<(AccountId, StatusRecord)> {
    let said = said(
        row.status.as_str(),
        row.error_code,
        row.error_message,
        row.last_update_time,
    );
    let row_of_member = StatusRecord {
        conformance_pack_name: Some(text(row.conformance_pack_name)),
        ..said
    };
    (!row.account_id.is_empty()).then(|| (row.account_id.into(), row_of_member))
}

fn said(
    status: &str,
    code: Option<String>,
    message: Option<String>,
    updated: Option<DateTime>,
) -> StatusRecord {
    StatusRecord {
        error_code: code.map(text),
        error_message: message.map(text),
        last_update_time: updated.and_then(time),
        ..StatusRecord::new(&truncate(status.to_owned()))
    }
}

fn text(said: String) -> AwsText {
    truncate(said).into()
}

/// To the millisecond, which is as fine as AWS Config says it.
fn time(time: DateTime) -> Option<Timestamp> {
    Timestamp::from_millisecond(time.to_millis().ok()?).ok()
}
