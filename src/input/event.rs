//! The trigger as it arrives: a scheduled event or a manual request. Strict, because a misspelt key
//! would silently widen what a run does.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::model::AccountId;

/// What started the invocation.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    /// EventBridge: a full run.
    Schedule {
        /// The time that the schedule meant, which may be a little earlier than now.
        scheduled_at: Timestamp,
    },
    /// A person, or `{}`.
    Manual(ManualRequest),
}

/// What a person asked for; the default is a full run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ManualRequest {
    /// Globs on pack names; `None` does not narrow.
    pub packs: Option<Vec<String>>,
    /// Member accounts; `None` does not narrow.
    pub accounts: Option<Vec<AccountId>>,
    /// Regions, a subset of the settings'; `None` does not narrow.
    pub regions: Option<Vec<String>>,
    /// Read, compare and say; write and publish nothing.
    pub dry_run: bool,
    /// When a digest is sent.
    pub announce: NotifyMode,
}

/// When a digest is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NotifyMode {
    /// When something changed.
    #[default]
    Changes,
    /// In any case.
    Always,
    /// Not at all: what changed counts as told.
    Never,
}

/// Why an event is refused: what is wrong with which key, and what is accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidEvent(pub String);

/// The keys of a manual request, as they are named in a refusal.
const REQUEST_KEYS: &str = "\"packs\", \"accounts\", \"regions\", \"dry_run\" and \"announce\"";

impl Trigger {
    /// Reads an event from its JSON, or says what is wrong with it. A key that is given twice is
    /// refused: one of the two would count, and nobody could tell which.
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

    /// Makes sense of an event, or says what is wrong with it.
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

/// The first key that an object has twice.
struct DuplicateKey(Option<String>);

impl<'de> Deserialize<'de> for DuplicateKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(DuplicateKeyVisitor)
    }
}

/// Looks at the keys of an object.
struct DuplicateKeyVisitor;

impl<'de> Visitor<'de> for DuplicateKeyVisitor {
    type Value = DuplicateKey;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DuplicateKey, A::Error> {
        let (mut seen, mut duplicate) = (BTreeSet::new(), None);
        while let Some((key, IgnoredAny)) = map.next_entry::<String, _>()? {
            if let Some(again) = seen.replace(key) {
                duplicate.get_or_insert(again);
            }
        }
        Ok(DuplicateKey(duplicate))
    }
}

/// [An EventBridge rule's scheduled
/// event](https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-eventbridge.html). Its
/// other keys are AWS's and are not looked at.
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
    if let Some(ours) = keys
        .keys()
        .find(|key| ManualRequest::KEYS.contains(&key.as_str()))
    {
        return invalid(format!(
            "{} is not accepted in a scheduled event; send it in a manual request",
            quoted(ours)
        ));
    }
    scheduled("time", keys.get("time"))
}

/// What the template's schedule sends, with the placeholder filled in by EventBridge Scheduler.
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
        Some(Value::String(word)) if word == "schedule" => {
            scheduled("scheduled_at", keys.get("scheduled_at"))
        }
        other => invalid(format!(
            "\"trigger\" is {}; accepted is \"schedule\"",
            display_value(other)
        )),
    }
}

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

/// [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339) to the letter; the parser takes more than
/// that.
fn rfc3339(text: &str) -> Option<Timestamp> {
    let offset = if text.ends_with('Z') {
        1
    } else {
        "+00:00".len()
    };
    let (moment, offset) = text.split_at_checked(text.len().checked_sub(offset)?)?;
    let (moment, fraction) = moment.split_once('.').unwrap_or((moment, "0"));
    let of_form = |text: &str, form: &str| {
        let same = |(is, wanted): (u8, u8)| {
            if wanted == b'0' {
                is.is_ascii_digit()
            } else {
                is == wanted
            }
        };
        text.len() == form.len() && text.bytes().zip(form.bytes()).all(same)
    };
    let plain = of_form(moment, "0000-00-00T00:00:00")
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
        && (offset == "Z" || of_form(offset, "+00:00") || of_form(offset, "-00:00"));
    if plain { text.parse().ok() } else { None }
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
                    )?)
                }
                "accounts" => request.accounts = Some(accounts(key, value)?),
                "regions" => {
                    request.regions =
                        Some(string_list(key, value, "regions such as [\"eu-west-1\"]")?)
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
        Some(wrong) => invalid(format!(
            "\"{key}\" holds {}; accepted are {accepted}",
            quoted(wrong)
        )),
        None => Ok(ids.into_iter().map(AccountId::from).collect()),
    }
}

/// A list of strings that says something: an empty one could be meant as all or as none.
fn string_list(key: &str, value: &Value, accepted: &str) -> Result<Vec<String>, InvalidEvent> {
    value
        .as_array()
        .filter(|items| !items.is_empty())
        .and_then(|items| {
            items
                .iter()
                .map(|item| item.as_str().filter(|word| !word.is_empty()))
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

/// A value as a refusal shows it: whole when short.
fn display_value(value: Option<&Value>) -> String {
    value.map_or_else(
        || "missing".to_owned(),
        |value| truncate(&value.to_string()),
    )
}

/// A text as a refusal shows it.
pub(crate) fn quoted(text: &str) -> String {
    truncate(&Value::from(text).to_string())
}

/// On one line, because a refusal is one.
fn truncate(text: &str) -> String {
    let display_value: String = text.chars().take(80).collect();
    let ending = if display_value.len() < text.len() {
        "..."
    } else {
        ""
    };
    display_value
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .chain(ending.chars())
        .collect()
}
