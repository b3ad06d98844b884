//! Why something could not be read.

use serde::{Deserialize, Serialize};

/// Why something was not read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ApiError {
    /// The call that failed, by its name in the API.
    pub operation: String,
    /// AWS's error code, or a word of ours where AWS said none, such as `RepeatedPageToken`,
    /// `OutOfTime` or `NoAnswer`.
    pub code: String,
    /// What was said, the whole chain of causes.
    pub message: String,
}

impl ApiError {
    /// An answer without what was asked for.
    pub fn missing_field(operation: &str) -> Self {
        Self {
            operation: operation.to_owned(),
            code: "UnreadableAnswer".to_owned(),
            message: "AWS Config answered without what was asked for".to_owned(),
        }
    }
}
