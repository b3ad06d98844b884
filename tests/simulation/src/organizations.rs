//! AWS Organizations: `DescribeAccount`, JSON 1.1 over POST.

use serde::Deserialize;
use serde_json::json;

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
}

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

/// Handles a call. Only the management account and delegated administrators have access.
pub(crate) fn handle(
    world: &World,
    caller: &Identity,
    request: &Request,
) -> Result<Response, ServiceError> {
    if operation(request) != "DescribeAccount" {
        return Err(ServiceError::new(400, "UnknownOperationException", ""));
    }
    let input: Input = serde_json::from_slice(&request.body)
        .map_err(|error| ServiceError::new(400, "SerializationException", error.to_string()))?;
    let id = input.account_id.unwrap_or_default();
    if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ServiceError::new(
            400,
            "InvalidInputException",
            "You specified an invalid value.",
        ));
    }
    if !world.callers.contains(&caller.account) {
        let message = "You don't have permissions to access this resource.";
        return Err(ServiceError::new(400, "AccessDeniedException", message));
    }
    let Some(Account { name, state }) = world.accounts.get(&id) else {
        let message = "You specified an account that doesn't exist.";
        return Err(ServiceError::new(400, "AccountNotFoundException", message));
    };
    let own = &caller.account;
    let account = json!({
        "Id": id,
        "Arn": format!("arn:aws:organizations::{own}:account/o-simulated00/{id}"),
        "Email": format!("{id}@example.com"),
        "Name": name,
        // AWS retired `Status` in favor of `State`. A caller that reads it sees only active
        // accounts.
        "Status": "ACTIVE",
        "State": state,
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": 1_600_000_000.0,
    });
    Ok(Response::new(
        200,
        "application/x-amz-json-1.1",
        json!({"Account": account}).to_string(),
    ))
}
