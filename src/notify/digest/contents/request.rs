//! What a digest is computed from.

use jiff::Timestamp;

use crate::input::plan::RunPlan;
use crate::ledger::{Ledger, PendingChanges, Receiver, RequestedDigest};
use crate::model::Scope;

/// What a digest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestKind {
    /// Changes since the last digest.
    Changes,
    /// Everything open, because the event asks for it with `announce: always`.
    Status,
    /// Everything open, because the event asks for a summary.
    Summary,
    /// An invented failure beside the real totals.
    Test,
}

impl From<RequestedDigest> for DigestKind {
    fn from(requested: RequestedDigest) -> Self {
        match requested {
            RequestedDigest::Summary => Self::Summary,
            RequestedDigest::Status => Self::Status,
        }
    }
}

impl DigestKind {
    /// Returns the kind as the JSON for programs spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changes => "digest",
            Self::Status | Self::Summary | Self::Test => "status",
        }
    }

    /// Returns whether everything open is listed in full.
    pub fn lists_everything(self) -> bool {
        self != Self::Changes
    }
}

/// What a digest is computed from.
#[derive(Debug, Clone, Copy)]
pub struct DigestRequest<'a> {
    /// The ledger, before the changes are marked as notified.
    pub ledger: &'a Ledger,
    /// The receiver.
    pub receiver: &'a Receiver,
    /// What the receiver is to be notified of.
    pub changes: &'a PendingChanges,
    /// The plan of the run.
    pub plan: &'a RunPlan,
    /// The scope of the run.
    pub scope: &'a Scope,
    /// What the digest is.
    pub kind: DigestKind,
    /// Whether this is the receiver's first digest of a full run.
    pub first_look: bool,
    /// The time of the state in the ledger: the end of the last committed read.
    pub at: Timestamp,
    /// The creation time of the digest.
    pub now: Timestamp,
}

impl DigestRequest<'_> {
    /// Returns whether everything open is listed in full.
    pub(super) fn lists_everything(&self) -> bool {
        self.kind.lists_everything()
    }

    /// Returns whether sources that never had packs are shown.
    pub(super) fn shows_never_filled(&self) -> bool {
        self.first_look || self.lists_everything()
    }
}
