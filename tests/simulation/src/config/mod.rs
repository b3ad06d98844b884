//! AWS Config: JSON 1.1 over POST, the operation in `X-Amz-Target`, times as epoch seconds.
//!
//! Shapes, constraints and declared errors are those of the `config/2014-11-12` service model; the
//! texts of the refusals follow the API reference.

mod page;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, Refusal};
use crate::call::Heading;
use crate::identity::Identity;
use crate::pack::{Pack, member_pack_name};
use crate::request::Request;
use crate::status_record::StatusRecord;
use crate::world::World;
use page::{Chain, size_of};
pub(crate) use page::{Paging, Tokens};

const STATUSES: &str = "DescribeOrganizationConformancePackStatuses";
const DETAILS: &str = "GetOrganizationConformancePackDetailedStatus";

/// The words that `Filters.Status` may be.
const MODELLED: [&str; 9] = [
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

/// The input of both operations; each ignores what is the other's, as AWS ignores members it does
/// not know.
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
    /// `AccountId=...&Status=...`, without what is not given.
    fn text(&self) -> Option<String> {
        let account = self
            .account_id
            .iter()
            .map(|account| format!("AccountId={account}"));
        let status = self.status.iter().map(|status| format!("Status={status}"));
        let parts: Vec<_> = account.chain(status).collect();
        (!parts.is_empty()).then(|| parts.join("&"))
    }

    fn admits(&self, account: &str, row: &StatusRecord) -> bool {
        self.account_id
            .as_ref()
            .is_none_or(|wanted| wanted == account)
            && self
                .status
                .as_ref()
                .is_none_or(|wanted| row.status.as_ref() == Some(wanted))
    }

    fn validate(&self) -> Result<(), Refusal> {
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
            .filter(|status| !MODELLED.contains(&status.as_str()))
        {
            let rule = format!(
                "Member must satisfy enum value set: [{}]",
                MODELLED.join(", ")
            );
            return Err(invalid(status, "filters.status", &rule));
        }
        Ok(())
    }
}

fn invalid(value: &str, member: &str, rule: &str) -> Refusal {
    let message = format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {rule}"
    );
    Refusal::new(400, "ValidationException", message)
}

fn operation(request: &Request) -> &str {
    request
        .header("x-amz-target")
        .and_then(|target| target.strip_prefix("StarlingDoveService."))
        .unwrap_or_default()
}

/// What the call is about.
pub(crate) fn heading(request: &Request) -> Heading {
    let input: Input = serde_json::from_slice(&request.body).unwrap_or_default();
    let names = input
        .organization_conformance_pack_names
        .unwrap_or_default()
        .join(",");
    Heading {
        operation: operation(request).to_owned(),
        target: input.organization_conformance_pack_name.unwrap_or(names),
        token: input.next_token,
        filter: input.filters.and_then(|filters| filters.text()),
        condition: None,
    }
}

/// Answers the call.
pub(crate) fn perform(
    world: &World,
    caller: &Identity,
    region: &str,
    request: &Request,
    tokens: Tokens,
) -> Result<Answer, Refusal> {
    let operation = operation(request);
    if ![STATUSES, DETAILS].contains(&operation) {
        return Err(Refusal::new(400, "UnknownOperationException", ""));
    }
    let input: Input = serde_json::from_slice(&request.body)
        .map_err(|error| Refusal::new(400, "SerializationException", error.to_string()))?;
    let view = View {
        world,
        account: &caller.account,
        region,
        tokens,
    };
    let body = if operation == STATUSES {
        view.statuses(&input)?
    } else {
        view.details(&input)?
    };
    Ok(Answer::new(
        200,
        "application/x-amz-json-1.1",
        body.to_string(),
    ))
}

/// What one caller sees in one region.
struct View<'w> {
    world: &'w World,
    account: &'w str,
    region: &'w str,
    tokens: Tokens,
}

impl<'w> View<'w> {
    fn statuses(&self, input: &Input) -> Result<Value, Refusal> {
        let names = input
            .organization_conformance_pack_names
            .as_deref()
            .unwrap_or_default();
        if names.len() > 25 {
            let given = format!("[{}]", names.join(", "));
            let rule = "Member must have length less than or equal to 25";
            return Err(invalid(&given, "organizationConformancePackNames", rule));
        }
        if !names.is_empty() {
            let message = "Limit and next token are not applicable if you specify names.";
            if input.limit.is_some() {
                return Err(Refusal::new(400, "InvalidLimitException", message));
            }
            if input.next_token.is_some() {
                return Err(Refusal::new(400, "InvalidNextTokenException", message));
            }
        }
        let size = size_of(input.limit)?;
        self.authorize()?;
        if !names.is_empty() {
            let rows: Result<Vec<_>, _> = names
                .iter()
                .map(|name| Ok(status_json(name, &self.pack(name)?.row)))
                .collect();
            return Ok(json!({"OrganizationConformancePackStatuses": rows?}));
        }
        let chain = self.chain(STATUSES, "", "");
        let packs = self.packs().into_iter().flatten();
        let page = self.world.paging.page(
            &chain,
            input.next_token.as_deref(),
            size,
            self.tokens,
            packs,
            |_| true,
        )?;
        let rows = page
            .rows
            .iter()
            .map(|(name, pack)| status_json(name, &pack.row))
            .collect();
        Ok(page_json(
            "OrganizationConformancePackStatuses",
            rows,
            page.next,
        ))
    }

    fn details(&self, input: &Input) -> Result<Value, Refusal> {
        let Some(name) = input.organization_conformance_pack_name.as_deref() else {
            return Err(invalid(
                "null",
                "organizationConformancePackName",
                "Member must not be null",
            ));
        };
        let none = Filters::default();
        let filters = input.filters.as_ref().unwrap_or(&none);
        filters.validate()?;
        let size = size_of(input.limit)?;
        self.authorize()?;
        let pack = self.pack(name)?;
        let chain = self.chain(DETAILS, name, &filters.text().unwrap_or_default());
        let admits = |(account, row): &(&String, &StatusRecord)| filters.admits(account, row);
        let token = input.next_token.as_deref();
        let page = self.world.paging.page(
            &chain,
            token,
            size,
            self.tokens,
            pack.members.iter(),
            admits,
        )?;
        let rows = page
            .rows
            .iter()
            .map(|(account, row)| detail_json(name, pack, account, row))
            .collect();
        Ok(page_json(
            "OrganizationConformancePackDetailedStatuses",
            rows,
            page.next,
        ))
    }

    fn authorize(&self) -> Result<(), Refusal> {
        if self.world.callers.contains(self.account) {
            return Ok(());
        }
        let message = "This action can be only made by AWS Organization's master account or a delegated administrator.";
        Err(Refusal::new(
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

    fn pack(&self, name: &str) -> Result<&'w Pack, Refusal> {
        self.packs()
            .and_then(|packs| packs.get(name))
            .ok_or_else(|| {
                let message = format!("Organization conformance pack {name} does not exist.");
                Refusal::new(400, "NoSuchOrganizationConformancePackException", message)
            })
    }

    fn chain(&self, operation: &str, pack: &str, filters: &str) -> Chain {
        Chain([operation, self.account, self.region, pack, filters].map(str::to_owned))
    }
}

/// A pack's own row.
fn status_json(name: &str, row: &StatusRecord) -> Value {
    let mut fields = row_json(row);
    fields.insert("OrganizationConformancePackName".to_owned(), json!(name));
    Value::Object(fields)
}

/// A member's row.
fn detail_json(name: &str, pack: &Pack, account: &str, row: &StatusRecord) -> Value {
    let mut fields = row_json(row);
    let own = row
        .pack_name
        .clone()
        .unwrap_or_else(|| member_pack_name(name, account, pack.generation));
    fields.insert("AccountId".to_owned(), json!(account));
    fields.insert("ConformancePackName".to_owned(), json!(own));
    Value::Object(fields)
}

fn row_json(row: &StatusRecord) -> Map<String, Value> {
    let mut fields = Map::new();
    let texts = [
        ("Status", &row.status),
        ("ErrorCode", &row.code),
        ("ErrorMessage", &row.message),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            fields.insert(name.to_owned(), json!(text));
        }
    }
    if let Some(time) = row.updated {
        #[expect(
            clippy::cast_precision_loss,
            reason = "milliseconds since 1970 fit a double until long after the year 9999"
        )]
        let seconds = time.as_millisecond() as f64 / 1000.0;
        fields.insert("LastUpdateTime".to_owned(), json!(seconds));
    }
    fields
}

fn page_json(name: &str, rows: Vec<Value>, next: Option<String>) -> Value {
    let mut fields = Map::new();
    fields.insert(name.to_owned(), Value::Array(rows));
    if let Some(token) = next {
        fields.insert("NextToken".to_owned(), json!(token));
    }
    Value::Object(fields)
}
