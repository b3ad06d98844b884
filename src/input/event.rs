//! Trigger: the event of an invocation, either a scheduled event or a manual request.
//!
//! Parsing is strict: an unknown or duplicate key is an error, because a misspelled key would
//! silently widen the scope of a run.
//!
//! A new key of a manual request is a field of [`ManualRequest`] and, for a new kind of value, a
//! function in `event_values`. A new kind of request is an entry of `REQUESTS` and of `AnyEvent`.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::event_values::{self as values, quoted};
use super::mute_request::{EXAMPLE_MUTE, MuteRequest};
use super::mute_values;
use crate::model::{AccountId, schema_of_input};

pub use super::event_values::NotifyMode;
pub(crate) use super::event_values::shortened;
pub use super::invalid_event::InvalidEvent;

/// The parsed event of an invocation.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    /// An event of EventBridge or EventBridge Scheduler: a full run.
    Schedule {
        /// The scheduled time, which can be slightly earlier than the start of the invocation.
        scheduled_at: Timestamp,
        /// Whether the run sends a summary.
        summary: bool,
    },
    /// A manual request; `{}` is a full run.
    Manual(ManualRequest),
    /// The request to make the function the owner of a ledger that another one wrote.
    AdoptLedger,
    /// The request to mute failures.
    Mute(MuteRequest),
    /// The request to remove the mute with this id.
    Unmute(String),
    /// The request for the list of mutes.
    ListMutes,
    /// The request to check the setup.
    Check,
    /// The request for a test notification.
    Test,
}

/// A manual request. The default is a full run.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ManualRequest {
    /// Globs on pack names to narrow the run to; `None` for all packs.
    #[serde(deserialize_with = "values::globs")]
    pub packs: Option<Vec<String>>,
    /// Member accounts to narrow the run to; `None` for all.
    #[serde(deserialize_with = "values::accounts")]
    pub accounts: Option<Vec<AccountId>>,
    /// Regions to narrow the run to, a subset of those in the settings; `None` for all.
    #[serde(deserialize_with = "values::regions")]
    pub regions: Option<Vec<String>>,
    /// Whether to report the changes without storing or publishing anything.
    #[serde(deserialize_with = "values::flag")]
    pub dry_run: bool,
    /// Whether to send a summary, whatever changed.
    #[serde(deserialize_with = "values::flag")]
    pub summary: bool,
    /// When to send a digest.
    #[serde(deserialize_with = "values::announce")]
    pub announce: NotifyMode,
}

/// The [scheduled event of an EventBridge
/// rule](https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-eventbridge.html). Its other
/// keys are ignored, because AWS can add some.
#[derive(Deserialize, schemars::JsonSchema)]
struct RuleEvent {
    #[serde(rename = "detail-type", deserialize_with = "values::scheduled_event")]
    #[schemars(with = "String", extend("const" = "Scheduled Event"))]
    _detail_type: (),
    #[serde(deserialize_with = "values::time")]
    time: Timestamp,
    #[serde(default, deserialize_with = "values::flag")]
    summary: bool,
}

/// The input that the schedule in `template.yaml` sends. EventBridge Scheduler has replaced the
/// placeholder for the scheduled time.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct ScheduleInput {
    #[serde(rename = "trigger", deserialize_with = "values::schedule")]
    #[schemars(with = "String", extend("const" = "schedule"))]
    _trigger: (),
    #[serde(deserialize_with = "values::time")]
    scheduled_at: Timestamp,
    #[serde(default, deserialize_with = "values::flag")]
    summary: bool,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct MuteEvent {
    mute: MuteRequest,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct UnmuteEvent {
    #[serde(deserialize_with = "mute_values::mute_id")]
    unmute: String,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct MutesEvent {
    #[serde(rename = "mutes", deserialize_with = "values::only_true")]
    #[schemars(with = "bool", extend("const" = true))]
    _mutes: (),
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct TestEvent {
    #[serde(rename = "test", deserialize_with = "values::only_true")]
    #[schemars(with = "bool", extend("const" = true))]
    _test: (),
}

/// The request to adopt the ledger.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct AdoptRequest {
    #[serde(rename = "adopt_ledger", deserialize_with = "values::only_true")]
    #[schemars(with = "bool", extend("const" = true))]
    _adopt_ledger: (),
}

/// The request to check the setup.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct CheckRequest {
    #[serde(rename = "check", deserialize_with = "values::only_true")]
    #[schemars(with = "bool", extend("const" = true))]
    _check: (),
}

/// An event, in any of its forms.
#[derive(schemars::JsonSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only the schema is used")]
enum AnyEvent {
    Rule(RuleEvent),
    Schedule(ScheduleInput),
    Mute(MuteEvent),
    Unmute(UnmuteEvent),
    Mutes(MutesEvent),
    Test(TestEvent),
    Adopt(AdoptRequest),
    Check(CheckRequest),
    Manual(ManualRequest),
}

/// Returns the JSON schema of an event. An empty payload, which is no JSON, is accepted too.
pub fn event_schema() -> schemars::Schema {
    schema_of_input::<AnyEvent>("packwatch event")
}

impl Trigger {
    /// Parses an event from its JSON text. An empty payload is `{}`, as for a manual invocation
    /// without a payload.
    pub fn read(event: impl AsRef<[u8]>) -> Result<Self, InvalidEvent> {
        let event = match event.as_ref() {
            blank if blank.trim_ascii().is_empty() => b"{}",
            event => event,
        };
        let value: Value = serde_json::from_slice(event).map_err(|error| {
            InvalidEvent(format!(
                "the event cannot be read: {error}; accepted: a JSON object such as {{}}"
            ))
        })?;
        let Value::Object(keys) = &value else {
            return Err(InvalidEvent(format!(
                "the event must be a JSON object such as {{}}, but is {}",
                kind(&value)
            )));
        };
        if keys.contains_key("detail-type") {
            let rule: RuleEvent = parse(
                event,
                "is not accepted in a scheduled event",
                r#"{"detail-type": "Scheduled Event", "time": "2026-01-31T08:15:00Z"}"#,
            )?;
            let mut request_keys = keys.keys().filter(|key| *key != "summary");
            return match request_keys.find(|key| is_request_key(key)) {
                Some(key) => Err(InvalidEvent(format!(
                    "{} is not accepted in a scheduled event; send it in a manual request",
                    quoted(key)
                ))),
                None => Ok(Self::Schedule {
                    scheduled_at: rule.time,
                    summary: rule.summary,
                }),
            };
        }
        if keys.contains_key("trigger") || keys.contains_key("scheduled_at") {
            let schedule: ScheduleInput = parse(
                event,
                "is not accepted in the input of a schedule",
                r#"{"trigger": "schedule", "scheduled_at": "2026-01-31T08:15:00Z"}"#,
            )?;
            return Ok(Self::Schedule {
                scheduled_at: schedule.scheduled_at,
                summary: schedule.summary,
            });
        }
        for (key, example, read) in REQUESTS {
            if keys.contains_key(key) {
                return read(event, &format!("is not accepted beside \"{key}\""), example);
            }
        }
        parse(
            event,
            "is not a key of a manual request",
            r#"{"packs": ["baseline*"], "dry_run": true}"#,
        )
        .map(Self::Manual)
    }
}

/// Reads an event with one of the keys of [`REQUESTS`].
type ReadRequest =
    fn(event: &[u8], unknown_key: &str, example: &str) -> Result<Trigger, InvalidEvent>;

/// The keys that ask for something else than a run, each with an example.
const REQUESTS: [(&str, &str, ReadRequest); 6] = [
    (
        "adopt_ledger",
        r#"{"adopt_ledger": true}"#,
        |event, unknown, example| {
            parse(event, unknown, example).map(|AdoptRequest { .. }| Trigger::AdoptLedger)
        },
    ),
    ("mute", EXAMPLE_MUTE, |event, unknown, example| {
        parse(event, unknown, example).map(|MuteEvent { mute }| Trigger::Mute(mute))
    }),
    (
        "unmute",
        r#"{"unmute": "3f9a1c2b4d5e"}"#,
        |event, unknown, example| {
            parse(event, unknown, example).map(|UnmuteEvent { unmute }| Trigger::Unmute(unmute))
        },
    ),
    ("mutes", r#"{"mutes": true}"#, |event, unknown, example| {
        parse(event, unknown, example).map(|MutesEvent { .. }| Trigger::ListMutes)
    }),
    ("check", r#"{"check": true}"#, |event, unknown, example| {
        parse(event, unknown, example).map(|CheckRequest { .. }| Trigger::Check)
    }),
    ("test", r#"{"test": true}"#, |event, unknown, example| {
        parse(event, unknown, example).map(|TestEvent { .. }| Trigger::Test)
    }),
];

/// Returns whether a manual request can hold `key`. The derived code refuses an unknown key before
/// it reads its value.
fn is_request_key(key: &str) -> bool {
    REQUESTS.iter().any(|(request, ..)| *request == key)
        || !ManualRequest::deserialize(json!({ key: null }))
            .is_err_and(|error| error.to_string().starts_with("unknown field"))
}

/// Deserializes an event. Error messages say `unknown_key` of an unknown key, and show `example`
/// if a key is missing.
fn parse<T: DeserializeOwned>(
    event: &[u8],
    unknown_key: &str,
    example: &str,
) -> Result<T, InvalidEvent> {
    let mut json = serde_json::Deserializer::from_slice(event);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        let position = format!(" at line {} column {}", error.line(), error.column());
        let message = error.to_string();
        let message = message.strip_suffix(&position).unwrap_or(&message);
        // The path of a duplicate or missing key ends at its object; the path of the event is `.`.
        let member = |key: &str| {
            let key = format!("{path}.{}", key.trim_matches('`'));
            quoted(key.trim_start_matches('.'))
        };
        InvalidEvent(match message.split_once(" field ") {
            Some(("duplicate", key)) => {
                format!("{} appears twice; each key is allowed once", member(key))
            }
            Some(("missing", key)) => {
                let key = member(key);
                format!("{key} is missing; accepted: an event such as {example}")
            }
            Some(("unknown", key_and_accepted)) => {
                let (_, accepted) = key_and_accepted
                    .rsplit_once(", expected ")
                    .unwrap_or_default();
                let accepted = accepted
                    .trim_start_matches("one of ")
                    .replace("` or `", "`, `")
                    .replace('`', "\"");
                format!("{} {unknown_key}; accepted: {accepted}", quoted(&path))
            }
            // A message of `event_values`: what the value is, and what is accepted.
            _ => format!("{} {message}", quoted(&path)),
        })
    })
}

/// Returns the JSON type of a value, as error messages name it.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
