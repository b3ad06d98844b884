//! Event values: what each key of an event accepts.
//!
//! The functions are for `#[serde(deserialize_with = "...")]`. Their errors show the value and what
//! is accepted, such as `is "yes"; accepted: true or false`; the caller adds the key.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::Value;

use crate::model::AccountId;

/// When a run sends a digest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotifyMode {
    /// If there are pending changes.
    #[default]
    Changes,
    /// Always, even without changes.
    Always,
    /// Never. Receivers count as notified of what the run changed.
    Never,
}

pub(super) fn scheduled_event<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    let accepted = "\"Scheduled Event\", the only EventBridge event that packwatch handles";
    parse_value(deserializer, accepted, |value| {
        (value == "Scheduled Event").then_some(())
    })
}

pub(super) fn schedule<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    parse_value(deserializer, "\"schedule\"", |value| {
        (value == "schedule").then_some(())
    })
}

pub(super) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let accepted = "an RFC 3339 time such as \"2026-01-31T08:15:00Z\"";
    parse_value(deserializer, accepted, |value| {
        value.as_str().and_then(rfc3339)
    })
}

pub(super) fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    parse_value(deserializer, "true or false", Value::as_bool)
}

pub(super) fn only_true<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    parse_value(deserializer, "true", |value| {
        (*value == Value::Bool(true)).then_some(())
    })
}

pub(super) fn announce<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NotifyMode, D::Error> {
    let accepted = "\"changes\", \"always\" or \"never\"";
    parse_value(deserializer, accepted, |value| match value.as_str()? {
        "changes" => Some(NotifyMode::Changes),
        "always" => Some(NotifyMode::Always),
        "never" => Some(NotifyMode::Never),
        _ => None,
    })
}

pub(super) fn globs<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    let accepted = "globs on pack names such as [\"baseline*\"]";
    parse_list(deserializer, accepted, |_| true)
}

pub(super) fn accounts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<AccountId>>, D::Error> {
    let accepted = "12-digit account ids as strings such as [\"111122223333\"]";
    parse_list(deserializer, accepted, AccountId::is_valid)
}

pub(super) fn regions<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<String>>, D::Error> {
    parse_list(deserializer, "regions such as [\"eu-west-1\"]", |_| true)
}

/// Parses a value.
pub(super) fn parse_value<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    accepted: &str,
    parse: impl FnOnce(&Value) -> Option<T>,
) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    parse(&value)
        .ok_or_else(|| Error::custom(format!("is {}; accepted: {accepted}", displayed(&value))))
}

/// Parses a list of non-empty strings. An empty list is an error, because it could mean all or
/// none.
pub(super) fn parse_list<'de, D: Deserializer<'de>, T: From<String>>(
    deserializer: D,
    accepted: &str,
    is_valid: impl Fn(&str) -> bool,
) -> Result<Option<Vec<T>>, D::Error> {
    let accepted_list = format!("a non-empty list of {accepted}");
    let items = parse_value(deserializer, &accepted_list, |value| {
        Vec::<String>::deserialize(value)
            .ok()
            .filter(|items| !items.is_empty() && !items.iter().any(String::is_empty))
    })?;
    match items.iter().find(|item| !is_valid(item)) {
        Some(item) => Err(Error::custom(format!(
            "contains {}; accepted: {accepted}",
            quoted(item)
        ))),
        None => Ok(Some(items.into_iter().map(T::from).collect())),
    }
}

/// Parses a time in strict [RFC 3339](https://www.rfc-editor.org/rfc/rfc3339), with any offset, or
/// returns `None`.
pub(super) fn rfc3339(text: &str) -> Option<Timestamp> {
    let (datetime, offset) = text.split_at(text.rfind(['Z', '+', '-'])?);
    let offset = if offset == "Z" { "+00:00" } else { offset };
    // Jiff's parser requires every digit, but accepts other separators and annotations. A format
    // requires the separators, but accepts fewer digits, and an offset with seconds.
    let formatted =
        Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%:z", format!("{datetime}{offset}")).ok()?;
    let parsed: Timestamp = text.parse().ok()?;
    (offset.len() == "+00:00".len() && parsed == formatted).then_some(parsed)
}

/// Returns a value as error messages show it: as JSON, truncated if it is long.
fn displayed(value: &Value) -> String {
    shortened(&value.to_string())
}

/// Returns a text as error messages show it: in quotes, truncated if it is long.
pub(crate) fn quoted(text: &str) -> String {
    shortened(&Value::from(text).to_string())
}

/// Truncates a text to 80 characters and replaces control characters, so that it stays on one line.
pub(crate) fn shortened(text: &str) -> String {
    let shown: String = text.chars().take(80).collect();
    let ending = if shown.len() < text.len() { "..." } else { "" };
    shown
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .chain(ending.chars())
        .collect()
}
