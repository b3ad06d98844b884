//! The call log.

use jiff::Timestamp;
use serde::Serialize;

use crate::service::Service;

/// A logged call: the request's metadata and the outcome.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// Position in the order of arrival over all services, starting at 1.
    pub sequence: u64,
    /// Time of arrival by the simulated clock.
    pub at: Timestamp,
    pub service: Service,
    pub operation: String,
    /// Calling account; empty when the access key is unknown.
    pub caller: String,
    pub region: String,
    /// Pack (several names are joined by commas), `bucket/key`, topic ARN, role ARN or account id.
    pub target: String,
    /// Page token of the request.
    pub token: Option<String>,
    /// Filters of a `GetOrganizationConformancePackDetailedStatus` call as
    /// `AccountId=...&Status=...`, or the prefix of a `ListObjectsV2` call.
    pub filter: Option<String>,
    /// First of the S3 headers `If-Match` and `If-None-Match`, as `If-Match: "..."`.
    pub condition: Option<String>,
    /// Number of calls in flight for this service, caller and region on arrival, including this
    /// one.
    pub in_flight: usize,
    /// HTTP status; `None` until a response is produced.
    pub status: Option<u16>,
    /// Error code; `None` when the call succeeded or has no response.
    pub code: Option<String>,
}

/// Metadata of a call, parsed from its request without validation.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallMetadata {
    pub operation: String,
    pub target: String,
    pub token: Option<String>,
    pub filter: Option<String>,
    pub condition: Option<String>,
}
