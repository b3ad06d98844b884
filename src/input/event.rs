//! Trigger: the event of an invocation, either a scheduled event or a manual request.
//!
//! Parsing is strict: an unknown or duplicate key is an error, because a misspelled key would
//! silently widen the scope of a run.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::model::AccountId;

/// The parsed event of an invocation.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    /// An event of EventBridge or EventBridge Scheduler: a full run.
    Schedule {
        /// The scheduled time, which can be slightly earlier than the start of the invocation.
        scheduled_at: Timestamp,
    },
    /// A manual request; `{}` is a full run.
    Manual(ManualRequest),
}

/// A manual request. The default is a full run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ManualRequest {
    /// Globs on pack names to narrow the run to; `None` for all packs.
    pub packs: Option<Vec<String>>,
    /// Member accounts to narrow the run to; `None` for all.
    pub accounts: Option<Vec<AccountId>>,
    /// Regions to narrow the run to, a subset of those in the settings; `None` for all.
    pub regions: Option<Vec<String>>,
    /// Whether to report the changes without storing or publishing anything.
    pub dry_run: bool,
    /// When to send a digest.
    pub announce: NotifyMode,
}

/// When a run sends a digest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NotifyMode {
    /// If there are pending changes.
    #[default]
    Changes,
    /// Always, even without changes.
    Always,
    /// Never. Receivers count as notified of what the run changed.
    Never,
}

/// The error for an invalid event. The message names the key, what is wrong with it, and what is
/// accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidEvent(pub String);

/// The keys of a manual request, as error messages list them.
const REQUEST_KEYS: &str = "\"packs\", \"accounts\", \"regions\", \"dry_run\" and \"announce\"";

impl Trigger {
    /// Parses an event from its JSON text.
    ///
    /// A duplicate key is an error, because only one of its values would take effect.
    pub fn read(event: &str) -> Result<Self, InvalidEvent> {
        let unreadable = |error| {
            InvalidEvent(format!(
                "the event cannot be read: {error}; accepted is a JSON object such as {{}}"
            ))
        };
        let value: Value = serde_json::from_str(event).map_err(unreadable)?;
        if value.is_object()
            && let DuplicateKey(Some(key)) = serde_json::from_str(event).map_err(unreadable)?
        {
            return invalid(format!(
                "{} is there twice; accepted is each key once",
                quoted(&key)
            ));
        }
        Self::parse(&value)
    }

    /// Parses an event from its JSON value.
    pub fn parse(event: &Value) -> Result<Self, InvalidEvent> {
        let Value::Object(keys) = event else {
            return invalid(format!(
                "the event must be a JSON object such as {{}}, but is {}",
                kind(event)
            ));
        };
        if keys.contains_key("detail-type") {
            return rule_event(keys);
        }
        if keys.contains_key("trigger") || keys.contains_key("scheduled_at") {
            return schedule_input(keys);
        }
        ManualRequest::parse(keys).map(Self::Manual)
    }
}

/// The first duplicate key of a JSON object, if there is one.
struct DuplicateKey(Option<String>);

impl<'de> Deserialize<'de> for DuplicateKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DuplicateKeyVisitor)
    }
}

/// Visits the keys of a JSON object.
struct DuplicateKeyVisitor;

impl<'de> Visitor<'de> for DuplicateKeyVisitor {
    type Value = DuplicateKey;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DuplicateKey, A::Error> {
        let (mut seen, mut duplicate) = (BTreeSet::new(), None);
        while let Some((key, IgnoredAny)) = map.next_entry::<String, _>()? {
            if let Some(repeated) = seen.replace(key) {
                duplicate.get_or_insert(repeated);
            }
        }
        Ok(DuplicateKey(duplicate))
    }
}

/// Parses the [scheduled event of an EventBridge
/// rule](https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-eventbridge.html). Keys that
/// AWS defines are ignored; keys of a manual request are an error.
fn rule_event(keys: &Map<String, Value>) -> Result<Trigger, InvalidEvent> {
    match keys.get("detail-type") {
        Some(Value::String(kind)) if kind == "Scheduled Event" => {}
        other => {
            return invalid(format!(
                "\"detail-type\" is {}; of EventBridge's events only \"Scheduled Event\" is accepted",
                display_value(other)
            ));
        }
    }
    if let Some(request_key) = keys
        .keys()
        .find(|key| ManualRequest::KEYS.contains(&key.as_str()))
    {
        return invalid(format!(
            "{} is not accepted in a scheduled event; send it in a manual request",
            quoted(request_key)
        ));
    }
    scheduled("time", keys.get("time"))
}

/// Parses the input that the schedule in `template.yaml` sends. EventBridge Scheduler has replaced
/// the placeholder for the scheduled time.
fn schedule_input(keys: &Map<String, Value>) -> Result<Trigger, InvalidEvent> {
    if let Some(unknown) = keys
        .keys()
        .find(|key| !matches!(key.as_str(), "trigger" | "scheduled_at"))
    {
        return invalid(format!(
            "{} is not accepted beside \"trigger\"; a schedule sends \"trigger\" and \"scheduled_at\" alone",
            quoted(unknown)
        ));
    }
    match keys.get("trigger") {
        Some(Value::String(trigger)) if trigger == "schedule" => {
            scheduled("scheduled_at", keys.get("scheduled_at"))
        }
        other => invalid(format!(
            "\"trigger\" is {}; accepted is \"schedule\"",
            display_value(other)
        )),
    }
}

/// Parses the scheduled time under `key`.
fn scheduled(key: &str, value: Option<&Value>) -> Result<Trigger, InvalidEvent> {
    value
        .and_then(Value::as_str)
        .and_then(rfc3339)
        .map(|scheduled_at| Trigger::Schedule { scheduled_at })
        .ok_or_else(|| {
            InvalidEvent(format!(
                "\"{key}\" is {}; accepted is an RFC 3339 time such as \"2026-01-31T08:15:00Z\"",
                display_value(value)
            ))
        })
}

/// Parses a time in strict [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) with a zero offset,
/// or returns `None`. Jiff's own parser accepts more forms than that.
fn rfc3339(text: &str) -> Option<Timestamp> {
    let offset = if text.ends_with('Z') {
        1
    } else {
        "+00:00".len()
    };
    let (datetime, offset) = text.split_at_checked(text.len().checked_sub(offset)?)?;
    let (datetime, fraction) = datetime.split_once('.').unwrap_or((datetime, "0"));
    // In a pattern, `0` matches any digit, and every other character matches itself.
    let matches_pattern = |text: &str, pattern: &str| {
        let matches = |(actual, expected): (u8, u8)| {
            if expected == b'0' {
                actual.is_ascii_digit()
            } else {
                actual == expected
            }
        };
        text.len() == pattern.len() && text.bytes().zip(pattern.bytes()).all(matches)
    };
    let valid = matches_pattern(datetime, "0000-00-00T00:00:00")
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && (offset == "Z"
            || matches_pattern(offset, "+00:00")
            || matches_pattern(offset, "-00:00"));
    if valid { text.parse().ok() } else { None }
}

impl ManualRequest {
    const KEYS: [&str; 5] = ["packs", "accounts", "regions", "dry_run", "announce"];

    fn parse(keys: &Map<String, Value>) -> Result<Self, InvalidEvent> {
        let mut request = Self::default();
        for (key, value) in keys {
            match key.as_str() {
                "packs" => {
                    request.packs = Some(string_list(
                        key,
                        value,
                        "globs on pack names such as [\"baseline*\"]",
                    )?);
                }
                "accounts" => request.accounts = Some(accounts(key, value)?),
                "regions" => {
                    request.regions =
                        Some(string_list(key, value, "regions such as [\"eu-west-1\"]")?);
                }
                "dry_run" => {
                    request.dry_run = value.as_bool().ok_or_else(|| {
                        InvalidEvent(format!(
                            "\"dry_run\" is {}; accepted is true or false",
                            display_value(Some(value))
                        ))
                    })?;
                }
                "announce" => request.announce = announce(value)?,
                unknown => {
                    return invalid(format!(
                        "{} is not a key of a manual request; accepted are {REQUEST_KEYS}",
                        quoted(unknown)
                    ));
                }
            }
        }
        Ok(request)
    }
}

fn announce(value: &Value) -> Result<NotifyMode, InvalidEvent> {
    match value.as_str() {
        Some("changes") => Ok(NotifyMode::Changes),
        Some("always") => Ok(NotifyMode::Always),
        Some("never") => Ok(NotifyMode::Never),
        _ => invalid(format!(
            "\"announce\" is {}; accepted is \"changes\", \"always\" or \"never\"",
            display_value(Some(value))
        )),
    }
}

fn accounts(key: &str, value: &Value) -> Result<Vec<AccountId>, InvalidEvent> {
    let accepted = "12-digit account ids as strings such as [\"111122223333\"]";
    let ids = string_list(key, value, accepted)?;
    match ids.iter().find(|id| !AccountId::is_valid(id)) {
        Some(malformed) => invalid(format!(
            "\"{key}\" holds {}; accepted are {accepted}",
            quoted(malformed)
        )),
        None => Ok(ids.into_iter().map(AccountId::from).collect()),
    }
}

/// Parses a list of non-empty strings. An empty list is an error, because it could mean all or
/// none.
fn string_list(key: &str, value: &Value, accepted: &str) -> Result<Vec<String>, InvalidEvent> {
    value
        .as_array()
        .filter(|items| !items.is_empty())
        .and_then(|items| {
            items
                .iter()
                .map(|item| item.as_str().filter(|text| !text.is_empty()))
                .collect::<Option<Vec<_>>>()
        })
        .map(|items| items.into_iter().map(str::to_owned).collect())
        .ok_or_else(|| {
            InvalidEvent(format!(
                "\"{key}\" is {}; accepted is a list, not empty, of {accepted}",
                display_value(Some(value))
            ))
        })
}

fn invalid<T>(message: String) -> Result<T, InvalidEvent> {
    Err(InvalidEvent(message))
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

/// Returns a value as error messages show it: as JSON, truncated if it is long.
fn display_value(value: Option<&Value>) -> String {
    value.map_or_else(
        || "missing".to_owned(),
        |value| truncate(&value.to_string()),
    )
}

/// Returns a text as error messages show it: in quotes, truncated if it is long.
pub(crate) fn quoted(text: &str) -> String {
    truncate(&Value::from(text).to_string())
}

/// Truncates a text to 80 characters and replaces control characters, so that it stays on one line.
fn truncate(text: &str) -> String {
    let shown: String = text.chars().take(80).collect();
    let ending = if shown.len() < text.len() { "..." } else { "" };
    shown
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .chain(ending.chars())
        .collect()
}
