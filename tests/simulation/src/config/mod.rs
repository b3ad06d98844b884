//! AWS Config: JSON 1.1 over POST, the operation in `X-Amz-Target`, times as epoch seconds.
//!
//! Shapes, constraints and declared errors are those of the `config/2014-11-12` service model.
//! Error messages follow the API reference.

pub(crate) mod pack;
mod pagination;
pub(crate) mod status_record;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::call::CallMetadata;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::identity::Identity;
use crate::service::ServiceError;
use crate::world::World;

use pack::{Pack, member_pack_name};
use pagination::{TokenScope, page_size};
use status_record::StatusRecord;

pub(crate) use pagination::{Paging, Tokens};

const DESCRIBE_STATUSES: &str = "DescribeOrganizationConformancePackStatuses";
const GET_DETAILED_STATUS: &str = "GetOrganizationConformancePackDetailedStatus";

/// Values that the service model allows for `Filters.Status`.
const FILTERABLE_STATUSES: [&str; 9] = [
    "CREATE_SUCCESSFUL",
    "CREATE_IN_PROGRESS",
    "CREATE_FAILED",
    "DELETE_SUCCESSFUL",
    "DELETE_FAILED",
    "DELETE_IN_PROGRESS",
    "UPDATE_SUCCESSFUL",
    "UPDATE_IN_PROGRESS",
    "UPDATE_FAILED",
];

/// Input of both operations. Each operation ignores the members of the other, as AWS ignores
/// unknown members.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    organization_conformance_pack_names: Option<Vec<String>>,
    organization_conformance_pack_name: Option<String>,
    filters: Option<Filters>,
    limit: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Filters {
    account_id: Option<String>,
    status: Option<String>,
}

impl Filters {
    /// Returns the given filters as `AccountId=...&Status=...`; `None` if there are none.
    fn text(&self) -> Option<String> {
        let account = self
            .account_id
            .iter()
            .map(|account| format!("AccountId={account}"));
        let status = self.status.iter().map(|status| format!("Status={status}"));
        let parts: Vec<_> = account.chain(status).collect();
        (!parts.is_empty()).then(|| parts.join("&"))
    }

    fn matches(&self, account: &str, record: &StatusRecord) -> bool {
        self.account_id
            .as_ref()
            .is_none_or(|expected| expected == account)
            && self
                .status
                .as_ref()
                .is_none_or(|expected| record.status.as_ref() == Some(expected))
    }

    fn validate(&self) -> Result<(), ServiceError> {
        let is_account =
            |id: &String| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(account) = self.account_id.as_ref().filter(|id| !is_account(id)) {
            return Err(invalid(
                account,
                "filters.accountId",
                r"Member must satisfy regular expression pattern: \d{12}",
            ));
        }
        if let Some(status) = self
            .status
            .as_ref()
            .filter(|status| !FILTERABLE_STATUSES.contains(&status.as_str()))
        {
            let constraint = format!(
                "Member must satisfy enum value set: [{}]",
                FILTERABLE_STATUSES.join(", ")
            );
            return Err(invalid(status, "filters.status", &constraint));
        }
        Ok(())
    }
}

fn invalid(value: &str, member: &str, constraint: &str) -> ServiceError {
    let message = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    );
    ServiceError::new(400, "ValidationException", message)
}

fn operation(request: &Request) -> &str {
    request
        .header("x-amz-target")
        .and_then(|target| target.strip_prefix("StarlingDoveService."))
        .unwrap_or_default()
}

/// Returns the metadata of a call.
pub(crate) fn call_metadata(request: &Request) -> CallMetadata {
    let input: Input = serde_json::from_slice(&request.body).unwrap_or_default();
    let names = input
        .organization_conformance_pack_names
        .unwrap_or_default()
        .join(",");
    CallMetadata {
        operation: operation(request).to_owned(),
        target: input.organization_conformance_pack_name.unwrap_or(names),
        token: input.next_token,
        filter: input.filters.and_then(|filters| filters.text()),
        condition: None,
    }
}

/// Handles a call.
pub(crate) fn handle(
    world: &World,
    caller: &Identity,
    region: &str,
    request: &Request,
    tokens: Tokens,
) -> Result<Response, ServiceError> {
    let operation = operation(request);
    if ![DESCRIBE_STATUSES, GET_DETAILED_STATUS].contains(&operation) {
        return Err(ServiceError::new(400, "UnknownOperationException", ""));
    }
    let input: Input = serde_json::from_slice(&request.body)
        .map_err(|error| ServiceError::new(400, "SerializationException", error.to_string()))?;
    let view = SourceView {
        world,
        account: &caller.account,
        region,
        tokens,
    };
    let body = if operation == DESCRIBE_STATUSES {
        view.describe_statuses(&input)?
    } else {
        view.get_detailed_status(&input)?
    };
    Ok(Response::new(
        200,
        "application/x-amz-json-1.1",
        body.to_string(),
    ))
}

/// The packs of one caller in one region.
struct SourceView<'w> {
    world: &'w World,
    account: &'w str,
    region: &'w str,
    tokens: Tokens,
}

impl<'w> SourceView<'w> {
    fn describe_statuses(&self, input: &Input) -> Result<Value, ServiceError> {
        let names = input
            .organization_conformance_pack_names
            .as_deref()
            .unwrap_or_default();
        if names.len() > 25 {
            let given = format!("[{}]", names.join(", "));
            let constraint = "Member must have length less than or equal to 25";
            return Err(invalid(
                &given,
                "organizationConformancePackNames",
                constraint,
            ));
        }
        if !names.is_empty() {
            let message = "Limit and next token are not applicable if you specify names.";
            if input.limit.is_some() {
                return Err(ServiceError::new(400, "InvalidLimitException", message));
            }
            if input.next_token.is_some() {
                return Err(ServiceError::new(400, "InvalidNextTokenException", message));
            }
        }
        let size = page_size(input.limit)?;
        self.authorize()?;
        if !names.is_empty() {
            let records: Result<Vec<_>, _> = names
                .iter()
                .map(|name| Ok(pack_json(name, &self.pack(name)?.record)))
                .collect();
            return Ok(json!({"OrganizationConformancePackStatuses": records?}));
        }
        let scope = self.token_scope(DESCRIBE_STATUSES, "", "");
        let packs = self.packs().into_iter().flatten();
        let page = self.world.paging.page(
            &scope,
            input.next_token.as_deref(),
            size,
            self.tokens,
            packs,
            |_| true,
        )?;
        let records = page
            .records
            .iter()
            .map(|(name, pack)| pack_json(name, &pack.record))
            .collect();
        Ok(page_json(
            "OrganizationConformancePackStatuses",
            records,
            page.next,
        ))
    }

    fn get_detailed_status(&self, input: &Input) -> Result<Value, ServiceError> {
        let Some(name) = input.organization_conformance_pack_name.as_deref() else {
            return Err(invalid(
                "null",
                "organizationConformancePackName",
                "Member must not be null",
            ));
        };
        let no_filters = Filters::default();
        let filters = input.filters.as_ref().unwrap_or(&no_filters);
        filters.validate()?;
        let size = page_size(input.limit)?;
        self.authorize()?;
        let pack = self.pack(name)?;
        let filters_absent_account = filters
            .account_id
            .as_ref()
            .is_some_and(|account| !pack.members.contains_key(account));
        if self.world.account_filter_requires_member && filters_absent_account {
            return Err(no_such_pack(name));
        }
        let scope = self.token_scope(
            GET_DETAILED_STATUS,
            name,
            &filters.text().unwrap_or_default(),
        );
        let keep = |(account, record): &(&String, &StatusRecord)| filters.matches(account, record);
        let token = input.next_token.as_deref();
        let page =
            self.world
                .paging
                .page(&scope, token, size, self.tokens, pack.members.iter(), keep)?;
        let records = page
            .records
            .iter()
            .map(|(account, record)| member_json(name, pack, account, record))
            .collect();
        Ok(page_json(
            "OrganizationConformancePackDetailedStatuses",
            records,
            page.next,
        ))
    }

    fn authorize(&self) -> Result<(), ServiceError> {
        if self.world.callers.contains(self.account) {
            return Ok(());
        }
        let message = "This action can be only made by AWS Organization's master account or a delegated administrator.";
        Err(ServiceError::new(
            400,
            "OrganizationAccessDeniedException",
            message,
        ))
    }

    fn packs(&self) -> Option<&'w std::collections::BTreeMap<String, Pack>> {
        self.world
            .packs
            .get(&(self.account.to_owned(), self.region.to_owned()))
    }

    fn pack(&self, name: &str) -> Result<&'w Pack, ServiceError> {
        self.packs()
            .and_then(|packs| packs.get(name))
            .ok_or_else(|| no_such_pack(name))
    }

    fn token_scope(&self, operation: &str, pack: &str, filters: &str) -> TokenScope {
        TokenScope([operation, self.account, self.region, pack, filters].map(str::to_owned))
    }
}

fn no_such_pack(name: &str) -> ServiceError {
    let message = format!("Organization conformance pack {name} does not exist.");
    ServiceError::new(400, "NoSuchOrganizationConformancePackException", message)
}

/// Returns an `OrganizationConformancePackStatus`.
fn pack_json(name: &str, record: &StatusRecord) -> Value {
    let mut fields = record_json(record);
    fields.insert("OrganizationConformancePackName".to_owned(), json!(name));
    Value::Object(fields)
}

/// Returns an `OrganizationConformancePackDetailedStatus`.
fn member_json(name: &str, pack: &Pack, account: &str, record: &StatusRecord) -> Value {
    let mut fields = record_json(record);
    let member_pack = record
        .pack_name
        .clone()
        .unwrap_or_else(|| member_pack_name(name, account, pack.generation));
    fields.insert("AccountId".to_owned(), json!(account));
    fields.insert("ConformancePackName".to_owned(), json!(member_pack));
    Value::Object(fields)
}

fn record_json(record: &StatusRecord) -> Map<String, Value> {
    let mut fields = Map::new();
    let texts = [
        ("Status", &record.status),
        ("ErrorCode", &record.code),
        ("ErrorMessage", &record.message),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            fields.insert(name.to_owned(), json!(text));
        }
    }
    if let Some(time) = record.updated {
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds since 1970 fit a double until long after the year 9999"
        )]
        let seconds = time.as_millisecond() as f64 / 1000.0;
        fields.insert("LastUpdateTime".to_owned(), json!(seconds));
    }
    fields
}

fn page_json(name: &str, records: Vec<Value>, next: Option<String>) -> Value {
    let mut fields = Map::new();
    fields.insert(name.to_owned(), Value::Array(records));
    if let Some(token) = next {
        fields.insert("NextToken".to_owned(), json!(token));
    }
    Value::Object(fields)
}
