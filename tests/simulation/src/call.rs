//! The journal of calls.

use jiff::Timestamp;
use serde::Serialize;

use crate::answer::Service;

/// One call that arrived, and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// Counts up from 1 over all services, in the order of arrival.
    pub sequence: u64,
    /// By the world's clock.
    pub at: Timestamp,
    pub service: Service,
    pub operation: String,
    /// The calling account; empty when the caller is not known.
    pub caller: String,
    pub region: String,
    /// The pack (several names joined by commas), `bucket/key`, topic ARN or role ARN.
    pub target: String,
    /// The page token that was given.
    pub token: Option<String>,
    /// The filters of a detailed reading, as `AccountId=...&Status=...`.
    pub filter: Option<String>,
    /// The condition of a write, as `If-Match: "..."`, or the part that is read, as `Range:
    /// bytes=0-99`.
    pub condition: Option<String>,
    /// Calls of this service, caller and region under way when it arrived, this one included.
    pub in_flight: usize,
    /// The HTTP status; none when no answer was sent (yet).
    pub status: Option<u16>,
    /// The error code, none when the call succeeded.
    pub code: Option<String>,
}

/// What a request says it is about, read without judging it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heading {
    pub operation: String,
    pub target: String,
    pub token: Option<String>,
    pub filter: Option<String>,
    pub condition: Option<String>,
}
