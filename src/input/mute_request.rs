//! Mute request: what an event asks to mute, and the mute that it adds.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::invalid_event::InvalidEvent;
use super::mute_values;
use crate::model::{AccountId, Globs, GroupId, Mute, MuteEnd, MuteMatcher, Region};

/// An example of a request to mute failures.
pub(super) const EXAMPLE_MUTE: &str =
    r#"{"mute": {"packs": ["gdpr*"], "until": "2026-12-10", "reason": "decommission"}}"#;

/// Longest time that failures can be muted for.
const MAX_DURATION: SignedDuration = SignedDuration::from_hours(366 * 24);

/// The request to mute failures: what it matches, until when and why.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MuteRequest {
    /// Globs on pack names.
    #[serde(default, deserialize_with = "mute_values::globs")]
    pub packs: Option<Globs>,
    /// Member accounts.
    #[serde(default, deserialize_with = "mute_values::accounts")]
    pub accounts: Option<BTreeSet<AccountId>>,
    /// Regions.
    #[serde(default, deserialize_with = "mute_values::regions")]
    pub regions: Option<BTreeSet<Region>>,
    /// Globs on error codes.
    #[serde(default, deserialize_with = "mute_values::codes")]
    pub codes: Option<Globs>,
    /// A group id, as digests have it.
    #[serde(default, deserialize_with = "mute_values::group")]
    pub group: Option<GroupId>,
    /// The end of the mute.
    #[serde(deserialize_with = "mute_values::until")]
    pub until: MuteEnd,
    /// Why the failures are muted.
    #[serde(deserialize_with = "mute_values::reason")]
    pub reason: String,
    /// Who mutes them.
    #[serde(default, deserialize_with = "mute_values::by")]
    pub by: Option<String>,
}

impl MuteRequest {
    /// Returns the mute that the request adds at `now`.
    ///
    /// Its id depends on the request and on `request_id`, which the retries of an invocation share:
    /// a retry adds no second mute. Fails if the request matches nothing in particular, or if its
    /// end is not within the next 366 days.
    pub(super) fn into_mute(self, request_id: &str, now: Timestamp) -> Result<Mute, InvalidEvent> {
        let Self {
            packs,
            accounts,
            regions,
            codes,
            group,
            until,
            reason,
            by,
        } = self;
        let matcher = MuteMatcher {
            packs,
            accounts,
            regions,
            codes,
            group,
        };
        if matcher.is_empty() {
            return Err(InvalidEvent(format!(
                "\"mute\" does not say what to mute; accepted: at least one of \"packs\", \"accounts\", \
                 \"regions\", \"codes\" and \"group\", such as {EXAMPLE_MUTE}"
            )));
        }
        let ends_at = until.at();
        // The end of a date is up to a day later than the same time of that day.
        let latest = match until {
            MuteEnd::Time(_) => now + MAX_DURATION,
            MuteEnd::Date(_) => now + MAX_DURATION + SignedDuration::from_hours(24),
        };
        if ends_at <= now || ends_at > latest {
            let shown = match until {
                MuteEnd::Time(time) => time.to_string(),
                MuteEnd::Date(date) => date.to_string(),
            };
            return Err(InvalidEvent(format!(
                "\"mute.until\" is \"{shown}\"; accepted: a date or time in the future, at most 366 days ahead"
            )));
        }
        let mut mute = Mute {
            id: String::new(),
            matcher,
            until,
            reason,
            by,
            created_at: now,
        };
        mute.id = mute_id(&mute, request_id);
        Ok(mute)
    }
}

/// Returns the id of a mute: 12 hex digits.
fn mute_id(mute: &Mute, request_id: &str) -> String {
    let Mute {
        id: _,
        matcher,
        until,
        reason,
        by,
        created_at: _,
    } = mute;
    let content = serde_json::json!([request_id, matcher, until, reason, by]);
    let hash = Sha256::digest(content.to_string());
    let id = hash.iter().take(6);
    let id = id.fold(0_u64, |id, byte| (id << 8) | u64::from(*byte));
    format!("{id:012x}")
}
