//! Conversion of SDK errors to the program's own error types.

use std::error::Error;

use aws_sdk_s3::error::SdkError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::model::{ApiError, display_chain, truncate};
use crate::ports::BoxError;

/// Converts an SDK error to an [`ApiError`]. A failure to assume the role of the caller is reported
/// as an error of `AssumeRole`. Errors that the service model does not define (throttling, denied
/// access) have their code only in the metadata. If no service returned a code, the code is one of
/// the program's own.
pub(super) fn api_error<E>(operation: &str, error: &SdkError<E>) -> ApiError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let Some(assume_role) = assume_role_error(error) {
        return ApiError {
            operation: "AssumeRole".to_owned(),
            code: truncate(
                non_blank(assume_role.code())
                    .unwrap_or("NoResponse")
                    .to_owned(),
            ),
            message: truncate(
                non_blank(assume_role.message())
                    .map_or_else(|| display_chain(assume_role), str::to_owned),
            ),
        };
    }
    let code = non_blank(error.code()).unwrap_or(match error {
        SdkError::ConstructionFailure(_) => "InvalidRequest",
        SdkError::TimeoutError(_) => "Timeout",
        SdkError::ResponseError(_) => "MalformedResponse",
        _ => "NoResponse",
    });
    let message = non_blank(error.message()).map_or_else(|| display_chain(error), str::to_owned);
    ApiError {
        operation: operation.to_owned(),
        code: truncate(code.to_owned()),
        message: truncate(message),
    }
}

/// Returns the text, or `None` if it is blank: a truncated response can have a blank code.
pub(super) fn non_blank(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}

/// Returns the `AssumeRole` error in the chain of sources of an error, if there is one. A role that
/// cannot be assumed appears only there, in the error of the call that needed it.
pub(super) fn assume_role_error<'a>(
    error: &'a (dyn Error + 'static),
) -> Option<&'a AssumeRoleError> {
    std::iter::successors(Some(error), |&error| error.source())
        .find_map(|error| error.downcast_ref())
}

/// A failed call, with the code and message of the service if it returned them.
#[derive(Debug, thiserror::Error)]
enum SdkFailure {
    #[error("{code}: {message}")]
    Service { code: String, message: String },
    #[error("{0}")]
    NoResponse(String),
}

/// Converts an SDK error to one with a readable message: code and message if the service returned
/// them, else the SDK's whole chain of sources.
pub(super) fn sdk_error<E>(error: &SdkError<E>) -> BoxError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    Box::new(
        match (non_blank(error.code()), non_blank(error.message())) {
            (Some(code), message) => SdkFailure::Service {
                code: truncate(code.to_owned()),
                message: truncate(message.unwrap_or("no message").to_owned()),
            },
            _ => SdkFailure::NoResponse(display_chain(error)),
        },
    )
}
