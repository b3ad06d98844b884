//! Status: the status of a pack or member account as AWS Config reports it, its kind, and the
//! resolution by which a failure ends.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{AwsText, Status};

/// The kind of a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusKind {
    /// `DELETE_SUCCESSFUL`: treated like a missing status record.
    Deleted,
    /// `CREATE_SUCCESSFUL` or `UPDATE_SUCCESSFUL`: deployed.
    Successful,
    /// A deployment or deletion is in progress. By itself it neither opens nor
    /// clears a failure.
    InProgress,
    /// `CREATE_FAILED`, `UPDATE_FAILED` or `DELETE_FAILED`.
    Failed,
}

impl Status {
    /// Returns the kind of the status.
    ///
    /// A status that is not among the nine of the [API
    /// reference](https://docs.aws.amazon.com/config/latest/APIReference/API_OrganizationConformancePackStatus.html)
    /// is classified by its suffix, and counts as in progress if the suffix is unknown too.
    pub fn kind(&self) -> StatusKind {
        let status = self.as_str();
        if status == "DELETE_SUCCESSFUL" {
            StatusKind::Deleted
        } else if status.ends_with("_FAILED") {
            StatusKind::Failed
        } else if status.ends_with("_SUCCESSFUL") {
            StatusKind::Successful
        } else {
            StatusKind::InProgress
        }
    }
}

/// The status that AWS Config reports for a pack or for one member account of it.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct StatusRecord {
    /// The status, exactly as AWS Config returned it.
    pub status: Status,
    /// The error code, if there is one. AWS publishes no list of the codes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<AwsText>,
    /// The error message, if there is one, shortened by [`cap_text`](super::cap_text).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<AwsText>,
    /// When AWS Config last updated the status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<Timestamp>,
    /// The name of the pack inside the member account, with its random suffix; `None` for the pack
    /// itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conformance_pack_name: Option<AwsText>,
}

impl StatusRecord {
    /// Returns a record with a status and no other field.
    pub fn new(status: &str) -> Self {
        Self {
            status: status.into(),
            error_code: None,
            error_message: None,
            last_update_time: None,
            conformance_pack_name: None,
        }
    }

    /// Returns the kind of the status.
    pub fn kind(&self) -> StatusKind {
        self.status.kind()
    }

    /// Returns the error code, or the status if there is none.
    pub fn code_or_status(&self) -> &str {
        self.error_code
            .as_ref()
            .map_or(self.status.as_str(), AwsText::as_str)
    }

    /// Returns whether both records have the same status, error code and error message.
    ///
    /// A different update time or name suffix alone is not a change of the failure.
    pub fn same_status_and_error(&self, other: &Self) -> bool {
        self.status == other.status
            && self.error_code == other.error_code
            && self.error_message == other.error_message
    }
}

/// The evidence by which a failure ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The status is successful.
    Recovered,
    /// The member account is no longer in the pack, and the pack still exists.
    AccountRemoved,
    /// The pack no longer exists.
    PackRemoved,
    /// The failure of the pack itself is attributed to a failing member account, which is a failure
    /// of its own. Does not count as cleared.
    Attributed,
    /// The failure is no longer in the scope of the settings. Does not count as cleared.
    Unwatched,
}

impl Resolution {
    /// Returns whether the failure counts as cleared. The other resolutions only correct what a
    /// receiver was notified of.
    pub fn is_clearing(self) -> bool {
        matches!(
            self,
            Self::Recovered | Self::AccountRemoved | Self::PackRemoved
        )
    }
}
