//! What the last digest to a receiver was about, kept after its delivery: the report shows it until
//! the next one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::GroupId;

/// What the last digest to a receiver was about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LastDigest {
    /// Its subject.
    pub subject: String,
    /// When it was made.
    pub at: Timestamp,
    /// Number of failures that it reports as new.
    pub appeared: usize,
    /// Number of failures that it reports as cleared.
    pub cleared: usize,
    /// The largest groups of those that are new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub new_groups: Vec<NotifiedGroup>,
    /// The largest groups of those that cleared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cleared_groups: Vec<NotifiedGroup>,
}

/// A group of a digest, in few words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct NotifiedGroup {
    /// The group.
    pub group_id: GroupId,
    /// What its cause is called.
    pub title: String,
    /// Number of its member accounts.
    pub accounts: usize,
    /// Number of names of its packs.
    pub packs: usize,
    /// Number of its failures.
    pub failures: usize,
}
