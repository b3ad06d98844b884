//! EventBridge: `PutEvents` and `DescribeEventBus`, JSON 1.1 over POST.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::CallMetadata;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::identity::Identity;
use crate::service::ServiceError;
use crate::world::World;

/// Maximum number of entries of a call.
const MAX_ENTRIES: usize = 10;

/// Maximum size of the entries of a call, in bytes: the older of two documented limits.
const MAX_SIZE: usize = 262_144;

/// Maximum number of characters of `DetailType`.
const MAX_DETAIL_TYPE: usize = 128;

/// An event that EventBridge accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PutEvent {
    /// Position in the order of arrival over all buses, starting at 1.
    pub sequence: u64,
    /// Time of arrival by the simulated clock.
    pub at: Timestamp,
    /// Calling account.
    pub caller: String,
    /// ARN of the bus.
    pub bus: String,
    pub event_id: String,
    pub source: String,
    pub detail_type: String,
    /// The detail, a JSON object.
    pub detail: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Input {
    entries: Vec<Entry>,
    name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Entry {
    event_bus_name: Option<String>,
    source: Option<String>,
    detail_type: Option<String>,
    detail: Option<String>,
}

impl Entry {
    /// Returns the size as the user guide computes it.
    fn size(&self) -> usize {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        length(&self.source) + length(&self.detail_type) + length(&self.detail)
    }
}

/// Returns the metadata of a call.
pub(crate) fn call_metadata(request: &Request) -> CallMetadata {
    let input: Input = serde_json::from_slice(&request.body).unwrap_or_default();
    let first = input.entries.into_iter().next();
    let bus = first.and_then(|entry| entry.event_bus_name);
    CallMetadata {
        operation: operation(request).to_owned(),
        target: input.name.or(bus).unwrap_or_default(),
        ..CallMetadata::default()
    }
}

fn operation(request: &Request) -> &str {
    request
        .header("x-amz-target")
        .and_then(|target| target.strip_prefix("AWSEvents."))
        .unwrap_or_default()
}

/// Handles a call.
pub(crate) fn handle(
    world: &mut World,
    caller: &Identity,
    region: &str,
    request: &Request,
) -> Result<Response, ServiceError> {
    let input: Input = serde_json::from_slice(&request.body)
        .map_err(|error| ServiceError::new(400, "SerializationException", error.to_string()))?;
    let body = match operation(request) {
        "PutEvents" => put_events(world, caller, region, input.entries)?,
        "DescribeEventBus" => describe_event_bus(world, caller, region, input.name.as_deref())?,
        _ => return Err(ServiceError::new(400, "UnknownOperationException", "")),
    };
    let body = body.to_string();
    Ok(Response::new(200, "application/x-amz-json-1.1", body))
}

/// Returns the ARN of a bus, given by its name or its ARN.
fn bus_arn(caller: &Identity, region: &str, bus: Option<&str>) -> String {
    match bus {
        Some(arn) if arn.starts_with("arn:") => arn.to_owned(),
        name => {
            let name = name.unwrap_or("default");
            format!(
                "arn:aws:events:{region}:{}:event-bus/{name}",
                caller.account
            )
        }
    }
}

fn account(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

fn denied(caller: &Identity, operation: &str, bus: &str) -> ServiceError {
    let message = format!(
        "User: {} is not authorized to perform: events:{operation} on resource: {bus} because no resource-based policy \
         allows the events:{operation} action",
        caller.arn
    );
    ServiceError::new(400, "AccessDeniedException", message)
}

fn describe_event_bus(
    world: &World,
    caller: &Identity,
    region: &str,
    name: Option<&str>,
) -> Result<Value, ServiceError> {
    let arn = bus_arn(caller, region, name);
    // The policies of other accounts are not simulated.
    if account(&arn) != caller.account {
        return Err(denied(caller, "DescribeEventBus", &arn));
    }
    let name = arn.rsplit('/').next().unwrap_or_default();
    if !world.event_buses.contains(&arn) {
        let message = format!("Event bus {name} does not exist.");
        return Err(ServiceError::new(400, "ResourceNotFoundException", message));
    }
    Ok(json!({"Name": name, "Arn": arn}))
}

fn put_events(
    world: &mut World,
    caller: &Identity,
    region: &str,
    entries: Vec<Entry>,
) -> Result<Value, ServiceError> {
    if entries.is_empty() || entries.len() > MAX_ENTRIES {
        let message = "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have length \
                       less than or equal to 10";
        return Err(ServiceError::new(400, "ValidationException", message));
    }
    if entries.iter().map(Entry::size).sum::<usize>() > MAX_SIZE {
        let message = "Total size of the entries in the request is over the limit.";
        return Err(ServiceError::new(400, "ValidationException", message));
    }
    for entry in &entries {
        let bus = bus_arn(caller, region, entry.event_bus_name.as_deref());
        if account(&bus) != caller.account {
            return Err(denied(caller, "PutEvents", &bus));
        }
    }
    let mut failed = 0;
    let mut results = Vec::new();
    for entry in entries {
        let bus = bus_arn(caller, region, entry.event_bus_name.as_deref());
        results.push(match accept(world, caller, bus, entry) {
            Ok(event_id) => json!({"EventId": event_id}),
            Err((code, message)) => {
                failed += 1;
                json!({"ErrorCode": code, "ErrorMessage": message})
            }
        });
    }
    Ok(json!({"FailedEntryCount": failed, "Entries": results}))
}

/// Accepts an event and returns its id, or the code and message of its entry in the response.
fn accept(
    world: &mut World,
    caller: &Identity,
    bus: String,
    entry: Entry,
) -> Result<String, (String, String)> {
    let refuse = |code: &str, message: &str| (code.to_owned(), message.to_owned());
    let missing = |name: &str| {
        let message =
            format!("Parameter {name} is not valid. Reason: {name} is a required argument.");
        ("InvalidArgument".to_owned(), message)
    };
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let source = given(entry.source).ok_or_else(|| missing("Source"))?;
    let detail_type = given(entry.detail_type).ok_or_else(|| missing("DetailType"))?;
    let detail = given(entry.detail).ok_or_else(|| missing("Detail"))?;
    if detail_type.chars().count() > MAX_DETAIL_TYPE || source.starts_with("aws.") {
        return Err(refuse("InvalidArgument", "A parameter is not valid."));
    }
    if !serde_json::from_str(&detail).is_ok_and(|detail: Value| detail.is_object()) {
        return Err(refuse("MalformedDetail", "Detail is malformed."));
    }
    let refusal = world
        .refused_events
        .iter()
        .find(|(text, _)| detail.contains(*text));
    if let Some((_, code)) = refusal {
        return Err(refuse(code, "Refused by this simulation."));
    }
    let event_id = world.next_id();
    // EventBridge accepts events for a bus that does not exist, and drops them.
    if world.event_buses.contains(&bus) {
        world.events.push(PutEvent {
            sequence: world.events.len() as u64 + 1,
            at: world.now(),
            caller: caller.account.clone(),
            bus,
            event_id: event_id.clone(),
            source,
            detail_type,
            detail,
        });
    }
    Ok(event_id)
}
