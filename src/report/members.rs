//! The member counts of a pack in the snapshot, which depend on how much of the pack was read.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::collect::{Coverage, PackObservation};
use crate::ledger::LastFullScan;
use crate::model::StatusKind;

/// Returns how much of a pack was read, as the snapshot spells it.
pub(super) fn coverage_label(pack: &PackObservation) -> &'static str {
    match pack.coverage {
        Coverage::SinglePage | Coverage::AllPages => "full",
        Coverage::FailingOnly => "failing_only",
        Coverage::Partial | Coverage::NotRead => "partial",
    }
}

/// Counts of a pack's members by status kind. `None` means that the count is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[expect(missing_docs, reason = "the fields mirror the snapshot schema")]
pub struct Members {
    pub total: Option<usize>,
    pub failed: usize,
    pub in_progress: Option<usize>,
    pub successful: Option<usize>,
    /// The end of the full read that counted the members; `None` before there is one.
    pub as_of: Option<Timestamp>,
}

impl Members {
    /// Returns the counts of `pack`, whose read ended at `read_at`. Failed members are those
    /// of this run; a run that did not read the others takes their counts from the `last` full
    /// read.
    pub(super) fn of(
        pack: &PackObservation,
        last: Option<LastFullScan>,
        read_at: Timestamp,
    ) -> Self {
        let count = |kind| pack.count(kind);
        let failed = count(StatusKind::Failed);
        match pack.coverage {
            Coverage::SinglePage | Coverage::AllPages => Self {
                total: Some(pack.present()),
                failed,
                in_progress: Some(count(StatusKind::InProgress)),
                successful: Some(count(StatusKind::Successful)),
                as_of: Some(read_at),
            },
            Coverage::FailingOnly => Self {
                total: last.map(|last| last.total),
                failed,
                in_progress: last.map(|last| last.in_progress),
                successful: last.map(|last| last.successful),
                as_of: last.map(|last| last.at),
            },
            Coverage::Partial | Coverage::NotRead => Self {
                total: None,
                failed,
                in_progress: None,
                successful: None,
                as_of: None,
            },
        }
    }
}
