//! Statuses as AWS Config reports them, what they mean, and the evidence by which a failure clears.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::{AwsText, Status};

/// What a status says about the thing that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusKind {
    /// Not there: `DELETE_SUCCESSFUL`, as good as no row.
    Deleted,
    /// Deployed as it should be.
    Successful,
    /// On its way to something else; proves nothing.
    InProgress,
    /// Failing.
    Failed,
}

impl Status {
    /// The standing of a status. A status that is not among the nine of the [API
    /// reference](https://docs.aws.amazon.com/config/latest/APIReference/API_OrganizationConformancePackStatus.html)
    /// is read by its ending, and is moving where that says nothing.
    pub fn kind(&self) -> StatusKind {
        let interned_string = self.as_str();
        if interned_string == "DELETE_SUCCESSFUL" {
            StatusKind::Deleted
        } else if interned_string.ends_with("_FAILED") {
            StatusKind::Failed
        } else if interned_string.ends_with("_SUCCESSFUL") {
            StatusKind::Successful
        } else {
            StatusKind::InProgress
        }
    }
}

/// Texts from AWS are cut to this many characters when read: AWS Config gives its strings no length
/// limit.
pub const MAX_TEXT_CHARS: usize = 1024;

/// What AWS Config says about a pack or about one member of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StatusRecord {
    /// The status, word for word.
    pub status: Status,
    /// The error code, if one is given. There is no official list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<AwsText>,
    /// The error message, if one is given, cut to [`MAX_TEXT_CHARS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<AwsText>,
    /// When AWS Config last changed the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<Timestamp>,
    /// The member's own name of the pack, with its random suffix; `None` for the pack's own row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conformance_pack_name: Option<AwsText>,
}

impl StatusRecord {
    /// A row that has nothing but a status.
    pub fn new(status: &str) -> Self {
        Self {
            status: status.into(),
            error_code: None,
            error_message: None,
            last_update_time: None,
            conformance_pack_name: None,
        }
    }

    /// What its status says.
    pub fn kind(&self) -> StatusKind {
        self.status.kind()
    }

    /// Whether both say the same about the failure. A new time or a new suffix alone is no change.
    pub fn same_status_and_error(&self, other: &Self) -> bool {
        self.status == other.status
            && self.error_code == other.error_code
            && self.error_message == other.error_message
    }
}

/// Cuts a text from AWS to [`MAX_TEXT_CHARS`] characters.
pub fn truncate(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_TEXT_CHARS) {
        text.truncate(end);
    }
    text
}

/// How a failure ended: the name of its proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// A settled row was seen.
    Recovered,
    /// The account is no longer in a pack that is there.
    AccountRemoved,
    /// The pack is no longer there.
    PackRemoved,
    /// The pack itself was a failure until its failing members were found; no clearing.
    Explained,
    /// The settings no longer cover it; no clearing.
    Unwatched,
}

impl Resolution {
    /// Whether something got better. The others only end what an audience was told.
    pub fn is_clearing(self) -> bool {
        matches!(
            self,
            Self::Recovered | Self::AccountRemoved | Self::PackRemoved
        )
    }
}
