//! Event for an event bus: what the outbox stores and EventBridge receives.

use serde::{Deserialize, Serialize};

/// What an event is about, as its `detail-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum BusEventType {
    /// A digest.
    #[serde(rename = "packwatch Digest")]
    Digest,
    /// What became of one cause of failures.
    #[serde(rename = "packwatch Cause")]
    Cause,
}

impl BusEventType {
    /// Returns the `detail-type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Digest => "packwatch Digest",
            Self::Cause => "packwatch Cause",
        }
    }
}

/// An event, stored in full so that a retry sends the same one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BusEvent {
    /// What it is about.
    pub detail_type: BusEventType,
    /// The `detail`, a JSON object.
    pub detail: String,
}

/// The `source` of all events.
pub const EVENT_SOURCE: &str = "packwatch";

/// Maximum number of events in a call of
/// [`PutEvents`](https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html).
pub const MAX_EVENTS_IN_CALL: usize = 10;

/// Maximum size in bytes of the events of a call, and of one event, which packwatch stays below.
/// For the limit of EventBridge see [its
/// guide](https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html).
pub const MAX_EVENTS_SIZE: usize = 256_000;

impl BusEvent {
    /// Returns the size that counts towards [`MAX_EVENTS_SIZE`].
    pub fn size(&self) -> usize {
        EVENT_SOURCE.len() + self.detail_type.as_str().len() + self.detail.len()
    }
}
