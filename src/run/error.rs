//! The errors of an invocation: one variant for each remedy.

use std::fmt::Write;

use crate::input::event::InvalidEvent;
use crate::input::settings::InvalidSettings;
use crate::ledger::{DecodeError, ForeignLedger};
use crate::model::{ApiError, GapKey, ReceiverArn, display_chain};
use crate::ports::BoxError;

/// Error of an invocation. The message says what failed and for which object; `RunError::advice`
/// returns what to do.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The settings are invalid. No AWS service was called, except STS for the own account.
    #[error("the settings are invalid:\n{0}")]
    InvalidSettings(InvalidSettings),
    /// The event is invalid. Nothing was written. AWS was not called, except to read the ledger for
    /// an event about it.
    #[error("the event is invalid: {0}")]
    InvalidEvent(InvalidEvent),
    /// There are no credentials, or AWS rejected them. Nothing was read or written.
    #[error("there are no valid AWS credentials")]
    CredentialsUnavailable {
        /// The cause.
        source: BoxError,
    },
    /// No source could be listed. The run records the gaps and commits nothing else.
    #[error("no source could be read: {}", join_gaps(.0))]
    AllSourcesFailed(Vec<(GapKey, ApiError)>),
    /// The ledger, or `latest.json` in its place, could not be loaded.
    #[error("{object} could not be read")]
    LedgerUnreadable {
        /// Its `s3://` address.
        object: String,
        /// The cause.
        source: BoxError,
    },
    /// The ledger was written by a newer version of packwatch.
    #[error("{object} was written by a newer version of packwatch")]
    LedgerVersionUnsupported {
        /// Its `s3://` address.
        object: String,
        /// The unsupported schema version.
        source: DecodeError,
    },
    /// The ledger belongs to another function, or to a function with other settings.
    #[error("{object} {}", describe_owner(foreign))]
    LedgerOwnedByAnother {
        /// Its `s3://` address.
        object: String,
        /// Whose it is.
        foreign: ForeignLedger,
    },
    /// The snapshot or the ledger could not be stored.
    #[error("{what}")]
    StoreFailed {
        /// The message: which object could not be stored.
        what: String,
        /// What was to be stored.
        unstored: Unstored,
        /// The cause.
        source: Option<BoxError>,
    },
    /// At least one digest could not be published.
    #[error(
        "the digest could not be published: {}",
        join_receiver_errors(receivers)
    )]
    PublishFailed {
        /// The receivers, each with the cause.
        receivers: Vec<(ReceiverArn, BoxError)>,
        /// Set if the leases could not be released in the ledger either. The digest is then sent
        /// after the lease of this execution expires.
        #[source]
        settle_error: Option<Box<RunError>>,
    },
    /// The digest was published, but could not be settled in the ledger.
    #[error("the digest was sent, but {object} could not be updated")]
    SettleFailed {
        /// Its `s3://` address.
        object: String,
        /// The cause.
        source: Option<BoxError>,
    },
}

/// What could not be stored, which decides who has to do what again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unstored {
    /// What it has read. The next run reads it again.
    Observation,
    /// The lease on the digest of a run that is committed.
    Lease,
    /// What the event asks for. No other run does it.
    Request,
}

impl RunError {
    /// Returns the error type, as in the error response of the function.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::InvalidSettings(_) => "InvalidSettings",
            Self::InvalidEvent(_) => "InvalidEvent",
            Self::CredentialsUnavailable { .. } => "CredentialsUnavailable",
            Self::AllSourcesFailed(_) => "AllSourcesFailed",
            Self::LedgerUnreadable { .. } => "LedgerUnreadable",
            Self::LedgerVersionUnsupported { .. } => "LedgerVersionUnsupported",
            Self::LedgerOwnedByAnother { .. } => "LedgerOwnedByAnother",
            Self::StoreFailed { .. } => "StoreFailed",
            Self::PublishFailed { .. } => "PublishFailed",
            Self::SettleFailed { .. } => "SettleFailed",
        }
    }

    /// Returns the message, the chain of causes and the advice as one text.
    pub fn to_report(&self) -> String {
        let mut report = display_chain(self);
        // A report with one line for each invalid variable gets the advice on a line of its own.
        let (stop, separator) = if report.contains('\n') {
            ("", '\n')
        } else {
            (".", ' ')
        };
        if !report.ends_with(['.', '!', '?']) {
            report.push_str(stop);
        }
        let _ = write!(report, "{separator}{}", self.advice());
        report
    }
}

fn describe_owner(foreign: &ForeignLedger) -> String {
    let ForeignLedger { owner, differences } = foreign;
    let owner = owner.as_ref().map_or_else(
        || "was written with other settings".to_owned(),
        |owner| format!("belongs to {owner}"),
    );
    if differences.is_empty() {
        return owner;
    }
    format!(
        "{owner}; a run outside a deployed function may write it only with the settings of its last full run: {}",
        differences.join("; ")
    )
}

fn join_gaps(gaps: &[(GapKey, ApiError)]) -> String {
    let items = gaps.iter().map(|(key, cause)| {
        format!(
            "{} ({}: {}: {})",
            key.source, cause.operation, cause.code, cause.message
        )
    });
    items.collect::<Vec<_>>().join("; ")
}

fn join_receiver_errors(receivers: &[(ReceiverArn, BoxError)]) -> String {
    let items = receivers
        .iter()
        .map(|(receiver, cause)| format!("{receiver}: {}", display_chain(cause.as_ref())));
    items.collect::<Vec<_>>().join("; ")
}
