//! API error: the failed AWS call behind a gap.

use serde::{Deserialize, Serialize};

/// A failed call to AWS: the reason why a source or a pack was not read.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct ApiError {
    /// API name of the call that failed.
    pub operation: String,
    /// The AWS error code. If AWS returned none, a code of packwatch such as `RepeatedPageToken`,
    /// `DeadlineExceeded`, `NoResponse` or `NoCredentials`.
    pub code: String,
    /// The error message with its whole chain of causes.
    pub message: String,
}

/// Error codes with which AWS rejects credentials as expired or invalid: the [common errors] of AWS
/// APIs, and the [error codes of S3]. `RequestExpired` and `SignatureDoesNotMatch` are not among
/// them: they are about the clock or the signature, and fetching the credentials again does not
/// help.
///
/// [common errors]: https://docs.aws.amazon.com/awsconfig/latest/APIReference/CommonErrors.html
/// [error codes of S3]: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
pub const REJECTED_CREDENTIALS: [&str; 7] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "TokenRefreshRequired",
    "UnrecognizedClientException",
];

/// Error code of a call that was not made because there are no credentials.
pub const NO_CREDENTIALS: &str = "NoCredentials";

/// Returns whether an error code means that the caller has no valid credentials. A signature that
/// does not match comes from a wrong secret key.
pub fn is_credential_error(code: &str) -> bool {
    code == NO_CREDENTIALS
        || code == "SignatureDoesNotMatch"
        || REJECTED_CREDENTIALS.contains(&code)
}

impl ApiError {
    /// Returns the error for a response that lacks the requested data.
    pub fn missing_field(operation: &str) -> Self {
        Self {
            operation: operation.to_owned(),
            code: "MalformedResponse".to_owned(),
            message: "AWS Config returned a response without the requested data".to_owned(),
        }
    }
}
