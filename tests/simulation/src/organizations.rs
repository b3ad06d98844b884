//! AWS Organizations: `DescribeAccount`, JSON 1.1 over POST.

use serde::Deserialize;
use serde_json::json;

use crate::answer::{Answer, Refusal};
use crate::call::Heading;
use crate::identity::Identity;
use crate::request::Request;
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

/// What the call is about.
pub(crate) fn heading(request: &Request) -> Heading {
    let input: Input = serde_json::from_slice(&request.body).unwrap_or_default();
    Heading {
        operation: operation(request).to_owned(),
        target: input.account_id.unwrap_or_default(),
        ..Heading::default()
    }
}

fn operation(request: &Request) -> &str {
    request
        .header("x-amz-target")
        .and_then(|target| target.strip_prefix("AWSOrganizationsV20161128."))
        .unwrap_or_default()
}

/// Answers the call: the management account and delegated administrators may ask.
pub(crate) fn perform(
    world: &World,
    caller: &Identity,
    request: &Request,
) -> Result<Answer, Refusal> {
    if operation(request) != "DescribeAccount" {
        return Err(Refusal::new(400, "UnknownOperationException", ""));
    }
    let input: Input = serde_json::from_slice(&request.body)
        .map_err(|error| Refusal::new(400, "SerializationException", error.to_string()))?;
    let id = input.account_id.unwrap_or_default();
    if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::new(
            400,
            "InvalidInputException",
            "You specified an invalid value.",
        ));
    }
    if !world.callers.contains(&caller.account) {
        let message = "You don't have permissions to access this resource.";
        return Err(Refusal::new(400, "AccessDeniedException", message));
    }
    let Some(Account { name, state }) = world.accounts.get(&id) else {
        let message = "You specified an account that doesn't exist.";
        return Err(Refusal::new(400, "AccountNotFoundException", message));
    };
    let own = &caller.account;
    let account = json!({
        "Id": id,
        "Arn": format!("arn:aws:organizations::{own}:account/o-simulated00/{id}"),
        "Email": format!("{id}@example.com"),
        "Name": name,
        // Retired: who reads it finds every account active.
        "Status": "ACTIVE",
        "State": state,
        "JoinedMethod": "CREATED",
        "JoinedTimestamp": 1_600_000_000.0,
    });
    Ok(Answer::new(
        200,
        "application/x-amz-json-1.1",
        json!({"Account": account}).to_string(),
    ))
}
