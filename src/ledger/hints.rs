//! What helps the next run to read a pack with fewer calls, and says what this one did not count.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What helps the next run to read a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackHint {
    /// When it was last tried. Packs are read oldest attempt first, so that a run short of time
    /// starves none.
    pub attempted_at: Timestamp,
    /// What is known of a pack that is larger than a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub large: Option<LargePack>,
}

/// A pack that is larger than a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LargePack {
    /// When it was first seen to be.
    pub since: Timestamp,
    /// Whether pages of its failing members came short and went on: reading them saves nothing.
    #[serde(default)]
    pub sparse: bool,
    /// What its last whole reading counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<LastFullScan>,
}

/// What a whole reading counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastFullScan {
    /// When it ended.
    pub at: Timestamp,
    /// Members that are there.
    pub total: usize,
    /// Members on the move.
    pub moving: usize,
    /// Settled members.
    pub settled: usize,
}
