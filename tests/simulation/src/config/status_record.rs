//! Status of a pack, or of a pack in one member account, as AWS Config reports it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Status record of a pack or member.
///
/// All fields are optional and the status is free text, so that tests can send invalid records and
/// unknown statuses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use]
pub struct StatusRecord {
    pub status: Option<String>,
    /// `ErrorCode`.
    pub code: Option<String>,
    /// `ErrorMessage`.
    pub message: Option<String>,
    /// `LastUpdateTime`.
    pub updated: Option<Timestamp>,
    /// The member's `ConformancePackName`; by default `OrgConformsPack-<pack>-<8 characters>`.
    pub pack_name: Option<String>,
}

impl StatusRecord {
    /// Returns a record with only a status.
    pub fn new(status: impl Into<String>) -> Self {
        Self {
            status: Some(status.into()),
            ..Self::default()
        }
    }

    /// Returns a record without the required `Status`.
    pub fn without_status() -> Self {
        Self::default()
    }

    /// Sets `ErrorCode`.
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Sets `ErrorMessage`.
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Sets `LastUpdateTime` from an RFC 3339 timestamp.
    ///
    /// # Panics
    /// When the timestamp is not valid.
    pub fn updated(mut self, time: &str) -> Self {
        self.updated = Some(time.parse().expect("an RFC 3339 timestamp"));
        self
    }

    /// Sets the member's `ConformancePackName`.
    pub fn pack_name(mut self, name: impl Into<String>) -> Self {
        self.pack_name = Some(name.into());
        self
    }
}
