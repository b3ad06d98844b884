//! AWS Organizations: `DescribeAccount`, `DescribeOrganization` and `ListDelegatedAdministrators`,
//! JSON 1.1 over POST.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::CallMetadata;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::identity::Identity;
use crate::service::ServiceError;
use crate::world::World;

/// An account of the organization.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    pub name: String,
    #[serde(default = "active")]
    pub state: String,
}

fn active() -> String {
    "ACTIVE".to_owned()
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    account_id: Option<String>,
    service_principal: Option<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

/// Id of the simulated organization.
const ORGANIZATION: &str = "o-simulated00";

/// Service principal that the callers of AWS Config are delegated administrators for.
const SERVICE_PRINCIPAL: &str = "config-multiaccountsetup.amazonaws.com";

/// Maximum number of accounts on a page, and the default.
const PAGE_SIZE: usize = 20;

/// Returns the metadata of a call.
pub(crate) fn call_metadata(request: &Request) -> CallMetadata {
    let input: Input = serde_json::from_slice(&request.body).unwrap_or_default();
    CallMetadata {
        operation: operation(request).to_owned(),
        target: input.account_id.unwrap_or_default(),
        ..CallMetadata::default()
    }
}

fn operation(request: &Request) -> &str {
    request
        .header("x-amz-target")
        .and_then(|target| target.strip_prefix("AWSOrganizationsV20161128."))
        .unwrap_or_default()
}

/// Handles a call.
pub(crate) fn handle(
    world: &World,
    caller: &Identity,
    request: &Request,
) -> Result<Response, ServiceError> {
    let input: Input = serde_json::from_slice(&request.body)
        .map_err(|error| ServiceError::new(400, "SerializationException", error.to_string()))?;
    let body = match operation(request) {
        "DescribeAccount" => describe_account(world, caller, input)?,
        "DescribeOrganization" => describe_organization(world),
        "ListDelegatedAdministrators" => list_delegated_administrators(world, caller, &input)?,
        _ => return Err(ServiceError::new(400, "UnknownOperationException", "")),
    };
    let body = body.to_string();
    Ok(Response::new(200, "application/x-amz-json-1.1", body))
}

/// Any account of an organization may describe it.
fn describe_organization(world: &World) -> Value {
    let management = &world.management;
    json!({"Organization": {
        "Id": ORGANIZATION,
        "Arn": format!("arn:aws:organizations::{management}:organization/{ORGANIZATION}"),
        "FeatureSet": "ALL",
        "MasterAccountArn": format!("arn:aws:organizations::{management}:account/{ORGANIZATION}/{management}"),
        "MasterAccountId": management,
        "MasterAccountEmail": format!("{management}@example.com"),
        "AvailablePolicyTypes": [],
    }})
}

/// Only the management account and delegated administrators have access. The delegated
/// administrators are the callers of AWS Config without the management account.
fn list_delegated_administrators(
    world: &World,
    caller: &Identity,
    input: &Input,
) -> Result<Value, ServiceError> {
    let invalid = || {
        ServiceError::new(
            400,
            "InvalidInputException",
            "You specified an invalid value.",
        )
    };
    let size = input.max_results.unwrap_or(PAGE_SIZE);
    if !(1..=PAGE_SIZE).contains(&size) {
        return Err(invalid());
    }
    let start = match &input.next_token {
        None => 0,
        Some(token) => token.parse().map_err(|_| invalid())?,
    };
    authorize(world, caller)?;
    let principal = input.service_principal.as_deref();
    let administrators: Vec<_> = world
        .callers
        .iter()
        .filter(|account| **account != world.management)
        .filter(|_| principal.is_none_or(|principal| principal == SERVICE_PRINCIPAL))
        .collect();
    let page = administrators.iter().skip(start).take(size);
    let page: Vec<_> = page
        .map(|id| {
            let account = world.accounts.get(*id);
            json!({
                "Id": id,
                "Arn": arn(world, id),
                "Email": format!("{id}@example.com"),
                "Name": account.map_or(id.as_str(), |account| account.name.as_str()),
                "Status": "ACTIVE",
                "State": account.map_or("ACTIVE", |account| account.state.as_str()),
                "JoinedMethod": "CREATED",
                "JoinedTimestamp": 1_600_000_000.0,
                "DelegationEnabledDate": 1_600_000_000.0,
            })
        })
        .collect();
    let mut body = json!({"DelegatedAdministrators": page});
    if start + size < administrators.len() {
        body["NextToken"] = json!((start + size).to_string());
    }
    Ok(body)
}

fn arn(world: &World, account: &str) -> String {
    let management = &world.management;
    format!("arn:aws:organizations::{management}:account/{ORGANIZATION}/{account}")
}

fn authorize(world: &World, caller: &Identity) -> Result<(), ServiceError> {
    if world.callers.contains(&caller.account) {
        return Ok(());
    }
    let message = "You don't have permissions to access this resource.";
    Err(ServiceError::new(400, "AccessDeniedException", message))
}

/// Only the management account and delegated administrators have access.
fn describe_account(world: &World, caller: &Identity, input: Input) -> Result<Value, ServiceError> {
    let id = input.account_id.unwrap_or_default();
    if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ServiceError::new(
            400,
            "InvalidInputException",
            "You specified an invalid value.",
        ));
    }
    authorize(world, caller)?;
    let Some(Account { name, state }) = world.accounts.get(&id) else {
        let message = "You specified an account that doesn't exist.";
        return Err(ServiceError::new(400, "AccountNotFoundException", message));
    };
    let account = json!({
        "Id": id,
        "Arn": arn(world, &id),
        "Email": format!("{id}@example.com"),
        "Name": name,
        // AWS retired `Status` in favor of `State`. A caller that reads it sees only active
        // accounts.
        "Status": "ACTIVE",
        "State": state,
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": 1_600_000_000.0,
    });
    Ok(json!({"Account": account}))
}
