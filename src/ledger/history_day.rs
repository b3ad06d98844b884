//! The counts of one UTC day in the history.

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// One UTC day. It counts failures in the ledger, whether they are notified, muted or ignored.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct HistoryDay {
    /// Open failures at the last commit of the day.
    pub open: usize,
    /// Failures that opened.
    pub opened: usize,
    /// Failures that ended, by any resolution.
    pub ended: usize,
    /// The longest time of the day that had passed since a complete full run, in whole hours.
    pub hours_without_data: u32,
}

/// The days with a commit. Other days have no entry.
pub type History = BTreeMap<Date, HistoryDay>;
