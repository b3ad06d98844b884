//! Pack hint: what a run records about a pack so that later runs read it with fewer calls.
//!
//! A hint never decides which failures are open. It affects the read strategy and the counts that
//! are shown, and its key records that the source had this pack.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is known about the size of a pack and the last attempt to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PackHint {
    /// End of the last run that tried to read the pack. Packs are read in the order of this time,
    /// oldest first, so that no pack is starved if runs reach their deadline.
    pub attempted_at: Timestamp,
    /// Number of members, if the last run read all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<usize>,
    /// Set if the pack has more members than fit in one page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large: Option<LargePack>,
}

/// What is known about a pack with more members than fit in one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LargePack {
    /// When the pack was first seen to have more than one page.
    pub since: Timestamp,
    /// Whether AWS Config returned short pages with a page token for a status filter. A
    /// failing-only read of this pack saves no calls.
    #[serde(default)]
    pub filters_ineffective: bool,
    /// The counts of the last full read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_full_scan: Option<LastFullScan>,
}

/// The counts of a full read of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LastFullScan {
    /// When the read ended.
    pub at: Timestamp,
    /// Member accounts in the pack.
    pub total: usize,
    /// Member accounts whose status is in progress.
    pub in_progress: usize,
    /// Member accounts whose status is successful.
    pub successful: usize,
}
