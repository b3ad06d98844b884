//! The members of a pack as the snapshot counts them, which depends on how far they were read.

use jiff::Timestamp;
use serde::Serialize;

use crate::collect::{Coverage, PackObservation};
use crate::ledger::LastFullScan;
use crate::model::StatusKind;

/// How a pack was read.
pub(super) fn coverage_label(reading: &PackObservation) -> &'static str {
    match reading.coverage {
        Coverage::SinglePage | Coverage::AllPages => "whole",
        Coverage::FailingOnly => "failing",
        Coverage::Partial | Coverage::NotRead => "partial",
    }
}

/// How many members a pack has.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the document")]
pub struct Members {
    pub total: Option<usize>,
    pub failing: usize,
    pub moving: Option<usize>,
    pub settled: Option<usize>,
    /// Where this run counted no more than the failing ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_of: Option<CountedAt>,
}

/// When the members were last counted; `None` before they ever were.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct CountedAt(pub Option<Timestamp>);

impl Members {
    pub(super) fn of(reading: &PackObservation, last: Option<LastFullScan>) -> Self {
        let failing = reading.count(StatusKind::Failed);
        let [moving, settled] =
            [StatusKind::InProgress, StatusKind::Successful].map(|kind| reading.count(kind));
        match reading.coverage {
            Coverage::SinglePage | Coverage::AllPages => Self {
                total: Some(reading.present()),
                failing,
                moving: Some(moving),
                settled: Some(settled),
                as_of: None,
            },
            Coverage::FailingOnly => Self {
                total: last.map(|last| last.total),
                failing,
                moving: last.map(|last| last.moving),
                settled: last.map(|last| last.settled),
                as_of: Some(CountedAt(last.map(|last| last.at))),
            },
            Coverage::Partial | Coverage::NotRead => Self {
                total: None,
                failing,
                moving: None,
                settled: None,
                as_of: None,
            },
        }
    }
}
