//! Mute: failures that are recorded and not notified until a date.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::globs::Globs;
use super::group_id::GroupId;
use super::ids::{AccountId, Region};
use super::keys::{FailureKey, PackKey};

/// A mute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Mute {
    /// The id of the mute.
    pub id: String,
    /// The failures that it matches.
    #[serde(flatten)]
    pub matcher: MuteMatcher,
    /// When it ends.
    pub until: MuteEnd,
    /// Why the failures are muted.
    pub reason: String,
    /// Who muted them, if the request says it.
    #[serde(default)]
    pub by: Option<String>,
    /// When the mute was added.
    pub created_at: Timestamp,
}

/// The failures that a mute matches: those that every given part matches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MuteMatcher {
    /// Globs on pack names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packs: Option<Globs>,
    /// Member accounts. They do not match the failure of a pack itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts: Option<BTreeSet<AccountId>>,
    /// Regions of packs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regions: Option<BTreeSet<Region>>,
    /// Globs on error codes; the status stands in for a missing code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codes: Option<Globs>,
    /// The group of the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
}

/// The end of a mute.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(untagged)]
pub enum MuteEnd {
    /// The end of this day, in UTC.
    Date(Date),
    /// This time.
    Time(Timestamp),
}

impl MuteEnd {
    /// Returns the first time at which the mute no longer applies.
    pub fn at(self) -> Timestamp {
        match self {
            Self::Time(at) => at,
            Self::Date(date) => date
                .tomorrow()
                .and_then(|next| next.to_zoned(TimeZone::UTC))
                .map_or(Timestamp::MAX, |midnight| midnight.timestamp()),
        }
    }
}

impl Mute {
    /// Returns whether the mute applies at `now`.
    pub fn is_active(&self, now: Timestamp) -> bool {
        now < self.until.at()
    }
}

impl MuteMatcher {
    /// Returns whether the packs and the regions match a pack.
    pub fn matches_pack(&self, pack: &PackKey) -> bool {
        self.packs
            .as_ref()
            .is_none_or(|packs| packs.matches(pack.pack.as_str()))
            && self
                .regions
                .as_ref()
                .is_none_or(|regions| regions.contains(&pack.source.region))
    }

    /// Returns whether the codes match an error code, or the status that stands in for it.
    pub fn matches_code(&self, code: &str) -> bool {
        self.codes.as_ref().is_none_or(|codes| codes.matches(code))
    }

    /// Returns whether the group id and the accounts match a failure.
    pub fn matches_failure(&self, key: &FailureKey, group: GroupId) -> bool {
        let account = key.account_id.as_ref();
        self.group.is_none_or(|wanted| wanted == group)
            && self
                .accounts
                .as_ref()
                .is_none_or(|accounts| account.is_some_and(|account| accounts.contains(account)))
    }

    /// Returns whether there is anything to match.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
