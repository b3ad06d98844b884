//! API error: the failed AWS call behind a gap.

use serde::{Deserialize, Serialize};

/// A failed call to AWS: the reason why a source or a pack was not read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ApiError {
    /// API name of the call that failed.
    pub operation: String,
    /// The AWS error code. If AWS returned none, a code of packwatch such as `RepeatedPageToken`,
    /// `DeadlineExceeded` or `NoResponse`.
    pub code: String,
    /// The error message with its whole chain of causes.
    pub message: String,
}

impl ApiError {
    /// Returns the error for a response that lacks the requested data.
    pub fn missing_field(operation: &str) -> Self {
        Self {
            operation: operation.to_owned(),
            code: "MalformedResponse".to_owned(),
            message: "AWS Config answered without what was asked for".to_owned(),
        }
    }
}
