//! Errors of the SDK in the words of the program.

use crate::model::display_chain;
use crate::model::{ApiError, truncate};
use crate::ports::BoxError;
use aws_sdk_s3::error::SdkError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::error::Error;

/// An error of the SDK as a gap. Errors that the service's model does not know (throttling,
/// denials) say what they are only in their metadata; for those that no service said, the word is
/// ours.
pub(super) fn api_error<E>(operation: &str, error: &SdkError<E>) -> ApiError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let Some(refusal) = assume_role_error(error) {
        return ApiError {
            operation: "AssumeRole".to_owned(),
            code: truncate(non_blank(refusal.code()).unwrap_or("NoAnswer").to_owned()),
            message: truncate(
                non_blank(refusal.message()).map_or_else(|| display_chain(refusal), str::to_owned),
            ),
        };
    }
    let code = non_blank(error.code()).unwrap_or(match error {
        SdkError::ConstructionFailure(_) => "NoRequest",
        SdkError::TimeoutError(_) => "TimedOut",
        SdkError::ResponseError(_) => "UnreadableAnswer",
        _ => "NoAnswer",
    });
    let message = non_blank(error.message()).map_or_else(|| display_chain(error), str::to_owned);
    ApiError {
        operation: operation.to_owned(),
        code: truncate(code.to_owned()),
        message: truncate(message),
    }
}

/// What the service said, if that is anything: an answer that was cut can have a code without a
/// letter.
pub(super) fn non_blank(said: Option<&str>) -> Option<&str> {
    said.filter(|text| !text.trim().is_empty())
}

/// A role that could not be assumed shows only deep in the causes of the call that needed it.
pub(super) fn assume_role_error<'a>(
    error: &'a (dyn Error + 'static),
) -> Option<&'a AssumeRoleError> {
    std::iter::successors(Some(error), |&error| error.source())
        .find_map(|error| error.downcast_ref())
}

/// A failed call with what the service said.
#[derive(Debug, thiserror::Error)]
enum SdkFailure {
    #[error("{code}: {message}")]
    Service { code: String, message: String },
    #[error("{0}")]
    NoResponse(String),
}

/// An error of the SDK as a cause that reads: code and message where the service gave them, else
/// the SDK's whole chain.
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
