//! How an invocation fails: one type for each thing that a caller does about it.

use std::fmt::Write;

use crate::model::display_chain;

use crate::input::event::InvalidEvent;
use crate::input::settings::InvalidSettings;
use crate::ledger::DecodeError;
use crate::model::{ApiError, GapKey, TopicArn};
use crate::ports::BoxError;

/// Why a run failed. The message says what and where; [`RunError::advice`] what to do.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Start-up: nothing was called but the caller's identity.
    #[error("the settings are wrong:\n{0}")]
    InvalidSettings(InvalidSettings),
    /// The event is refused: nothing was called.
    #[error("the event is refused: {0}")]
    InvalidEvent(InvalidEvent),
    /// No source could be listed. Only the gaps are recorded.
    #[error("nothing could be read: {}", join_gaps(.0))]
    NothingRead(Vec<(GapKey, ApiError)>),
    /// The ledger could not be fetched.
    #[error("{object} could not be read")]
    LedgerUnreadable {
        /// Its address.
        object: String,
        /// Why.
        source: BoxError,
    },
    /// The ledger was written by a newer version.
    #[error("{object} was written by a newer version of packwatch")]
    LedgerNewer {
        /// Its address.
        object: String,
        /// The versions.
        source: DecodeError,
    },
    /// The snapshot or the commit did not land.
    #[error("{what}")]
    StoreFailed {
        /// What did not happen.
        what: String,
        /// Why.
        source: Option<BoxError>,
    },
    /// SNS did not take a digest.
    #[error("the digest could not be published: {}", join_topic_errors(topics))]
    PublishFailed {
        /// Each topic and why.
        topics: Vec<(TopicArn, BoxError)>,
        /// Where even that could not be noted in the ledger: the digest is then sent once this
        /// execution's time is over.
        #[source]
        settle_error: Option<Box<RunError>>,
    },
    /// The digest was sent, and the ledger could not note it.
    #[error("the digest was sent, but {object} could not note it")]
    SettleFailed {
        /// Its address.
        object: String,
        /// Why.
        source: Option<BoxError>,
    },
}

impl RunError {
    /// The error type that Lambda, its metrics and its callers see.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::InvalidSettings(_) => "InvalidSettings",
            Self::InvalidEvent(_) => "InvalidEvent",
            Self::NothingRead(_) => "NothingRead",
            Self::LedgerUnreadable { .. } => "LedgerUnreadable",
            Self::LedgerNewer { .. } => "LedgerNewer",
            Self::StoreFailed { .. } => "StoreFailed",
            Self::PublishFailed { .. } => "PublishFailed",
            Self::SettleFailed { .. } => "SettleFailed",
        }
    }

    /// What is true now, and what to do.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::InvalidSettings(_) => {
                "Nothing was read or written. Set the variables right and deploy again."
            }
            Self::InvalidEvent(_) => "Nothing was called. Send the event again, corrected.",
            Self::NothingRead(_) => {
                "Nothing was closed, and what is open stays open. Call AWS Config from the management account or a \
                 delegated administrator, and check permissions, regions and roles."
            }
            Self::LedgerUnreadable { .. } => {
                "Nothing was written and nothing was told. If permission is missing, give it (s3:GetObject on the object, \
                 s3:ListBucket on the bucket). If the object is damaged, restore its previous version: list the versions \
                 with `aws s3api list-object-versions`, and copy the last good one over it with `aws s3api copy-object \
                 --copy-source bucket/key?versionId=...`."
            }
            Self::LedgerNewer { .. } => "Nothing was written. Deploy the newer version again.",
            Self::StoreFailed { .. } => {
                "Nothing was told, and nothing is lost: the next run tells it. If this lasts, check s3:PutObject on the prefix, the \
                 bucket's key, and the function's timeout."
            }
            Self::PublishFailed { .. } => {
                "The run is stored, and the digest is kept: the retry or the next run sends it. If this lasts, check that \
                 the topic exists and that sns:Publish (and the topic's key) is allowed."
            }
            Self::SettleFailed { .. } => {
                "The next run may send the digest again, under the same id. If this lasts, check s3:PutObject on the prefix."
            }
        }
    }

    /// The whole story on one page: what, the chain of causes, what to do.
    pub fn to_report(&self) -> String {
        let mut to_report = display_chain(self);
        // A story of several lines, one for each wrong variable, keeps its lines whole.
        let (stop, gap) = if to_report.contains('\n') {
            ("", '\n')
        } else {
            (".", ' ')
        };
        if !to_report.ends_with(['.', '!', '?']) {
            to_report.push_str(stop);
        }
        let _ = write!(to_report, "{gap}{}", self.advice());
        to_report
    }
}

fn join_gaps(gaps: &[(GapKey, ApiError)]) -> String {
    let lines = gaps.iter().map(|(key, cause)| {
        format!(
            "{} ({}: {}: {})",
            key.source, cause.operation, cause.code, cause.message
        )
    });
    lines.collect::<Vec<_>>().join("; ")
}

fn join_topic_errors(topics: &[(TopicArn, BoxError)]) -> String {
    let lines = topics
        .iter()
        .map(|(topic, cause)| format!("{topic}: {}", display_chain(cause.as_ref())));
    lines.collect::<Vec<_>>().join("; ")
}
