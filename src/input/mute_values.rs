//! Mute values: what each key of a mute accepts. See [`event_values`](super::event_values).

use std::collections::BTreeSet;

use serde::de::{Deserializer, Error};
use serde_json::Value;

use super::event_values::{parse_list, parse_value, quoted, rfc3339};
use crate::input::settings::region;
use crate::model::{AccountId, Globs, GroupId, MuteEnd, Region};

/// Maximum number of entries in a list of a mute.
const MAX_ENTRIES: usize = 100;

/// Maximum number of characters of a reason.
const MAX_REASON_CHARS: usize = 200;

/// Maximum number of characters of the name of who mutes.
const MAX_BY_CHARS: usize = 64;

pub(super) fn globs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Globs>, D::Error> {
    glob_list(deserializer, "globs on pack names such as [\"gdpr*\"]")
}

pub(super) fn codes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Globs>, D::Error> {
    glob_list(
        deserializer,
        "globs on error codes such as [\"NoAvailable*\"]",
    )
}

pub(super) fn accounts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeSet<AccountId>>, D::Error> {
    let accepted = "12-digit account ids as strings such as [\"111122223333\"]";
    let accounts = list(deserializer, accepted, AccountId::is_valid)?;
    Ok(Some(accounts.into_iter().map(AccountId::from).collect()))
}

pub(super) fn regions<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeSet<Region>>, D::Error> {
    let regions = list(deserializer, "regions such as [\"eu-west-1\"]", |text| {
        region(text).is_some()
    })?;
    Ok(Some(regions.into_iter().map(Region::from).collect()))
}

pub(super) fn group<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<GroupId>, D::Error> {
    let accepted = "a group id of 12 hex digits, as digests show it";
    parse_value(deserializer, accepted, |value| value.as_str()?.parse().ok()).map(Some)
}

pub(super) fn until<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MuteEnd, D::Error> {
    let accepted = "a date such as \"2026-12-10\", which is included, or an RFC 3339 time such as \
                    \"2026-12-10T18:00:00Z\"";
    parse_value(deserializer, accepted, |value| {
        let text = value.as_str()?;
        let is_date = text.len() == "2026-12-10".len();
        let date = || text.parse().ok().map(MuteEnd::Date);
        let time = || rfc3339(text).map(MuteEnd::Time);
        if is_date { date() } else { time() }
    })
}

pub(super) fn reason<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    text(deserializer, MAX_REASON_CHARS)
}

pub(super) fn by<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    text(deserializer, MAX_BY_CHARS).map(Some)
}

pub(super) fn mute_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let accepted = "the id of a mute, as {\"mutes\": true} lists it";
    parse_value(deserializer, accepted, |value| {
        let id = value.as_str().filter(|id| !id.is_empty());
        id.map(str::to_owned)
    })
}

/// Parses a text with at least one visible character and at most `max` characters.
fn text<'de, D: Deserializer<'de>>(deserializer: D, max: usize) -> Result<String, D::Error> {
    let accepted = format!("a text of 1 to {max} characters");
    parse_value(deserializer, &accepted, |value: &Value| {
        let text = value.as_str()?;
        let valid = !text.trim().is_empty() && text.chars().count() <= max;
        valid.then(|| text.to_owned())
    })
}

fn glob_list<'de, D: Deserializer<'de>>(
    deserializer: D,
    accepted: &str,
) -> Result<Option<Globs>, D::Error> {
    let globs = list(deserializer, accepted, |_| true)?;
    Globs::parse(globs.iter().map(String::as_str))
        .map(Some)
        .map_err(|error| Error::custom(format!("holds a malformed glob: {error}")))
}

/// Parses a list of at most [`MAX_ENTRIES`] strings.
fn list<'de, D: Deserializer<'de>>(
    deserializer: D,
    accepted: &str,
    is_valid: impl Fn(&str) -> bool,
) -> Result<Vec<String>, D::Error> {
    let items: Vec<String> = parse_list(deserializer, accepted, is_valid)?.unwrap_or_default();
    if items.len() > MAX_ENTRIES {
        return Err(Error::custom(format!(
            "has {} entries, the last of them {}; accepted: at most {MAX_ENTRIES}",
            items.len(),
            items.last().map(|item| quoted(item)).unwrap_or_default()
        )));
    }
    Ok(items)
}
