//! What AWS Config reports of a pack, or of a pack in one member account.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One status row. Everything is optional on the wire of this simulation, so that rows AWS should
/// never send can be scripted; statuses are free words, so that ones that do not exist yet can be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use]
pub struct StatusRecord {
    pub status: Option<String>,
    pub code: Option<String>,
    pub message: Option<String>,
    pub updated: Option<Timestamp>,
    /// The member's own `ConformancePackName`; left out, it is `OrgConformsPack-<pack>-<8
    /// characters>`.
    pub pack_name: Option<String>,
}

impl StatusRecord {
    /// A row with a status and nothing else.
    pub fn new(status: impl Into<String>) -> Self {
        Self {
            status: Some(status.into()),
            ..Self::default()
        }
    }

    /// A row that lacks the required `Status`.
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

    /// Sets `LastUpdateTime`, given in RFC 3339.
    ///
    /// # Panics
    /// When it is no such time.
    pub fn updated(mut self, time: &str) -> Self {
        self.updated = Some(time.parse().expect("a time in RFC 3339"));
        self
    }

    /// Sets the member's own `ConformancePackName`.
    pub fn pack_name(mut self, name: impl Into<String>) -> Self {
        self.pack_name = Some(name.into());
        self
    }
}
