//! AWS: one file per service, and how the clients are made. The only place that names the SDK; it
//! knows no policy.

mod clients;
mod config;
mod line;
mod organizations;
mod pace;
mod s3;
mod silence;
mod sns;
mod throttles;

use std::error::Error;

use aws_sdk_s3::error::SdkError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::model::with_causes;
use crate::model::{ApiError, truncate};
use crate::ports::BoxError;

pub use clients::{Aws, Patience, connect, environment, profile, region};
pub use config::ConfigStatuses;
pub use line::{Line, Room};
pub use pace::Pace;
pub use s3::S3Archive;
pub use sns::SnsNotifier;
pub use throttles::Throttles;

/// An error of the SDK as a gap. Errors that the service's model does not know (throttling,
/// denials) say what they are only in their metadata; for those that no service said, the word is
/// ours.
fn gap_cause<E>(operation: &str, error: &SdkError<E>) -> ApiError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let Some(refusal) = refused_role(error) {
        return ApiError {
            operation: "AssumeRole".to_owned(),
            code: truncate(words(refusal.code()).unwrap_or("NoAnswer").to_owned()),
            message: truncate(
                words(refusal.message()).map_or_else(|| with_causes(refusal), str::to_owned),
            ),
        };
    }
    let code = words(error.code()).unwrap_or(match error {
        SdkError::ConstructionFailure(_) => "NoRequest",
        SdkError::TimeoutError(_) => "TimedOut",
        SdkError::ResponseError(_) => "UnreadableAnswer",
        _ => "NoAnswer",
    });
    let message = words(error.message()).map_or_else(|| with_causes(error), str::to_owned);
    ApiError {
        operation: operation.to_owned(),
        code: truncate(code.to_owned()),
        message: truncate(message),
    }
}

/// What the service said, if that is anything: an answer that was cut can have a code without a
/// letter.
fn words(said: Option<&str>) -> Option<&str> {
    said.filter(|text| !text.trim().is_empty())
}

/// A role that could not be assumed shows only deep in the causes of the call that needed it.
fn refused_role<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a AssumeRoleError> {
    std::iter::successors(Some(error), |&error| error.source())
        .find_map(|error| error.downcast_ref())
}

/// A failed call with what the service said.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{code}: {message}")]
    Said { code: String, message: String },
    #[error("{0}")]
    Silent(String),
}

/// An error of the SDK as a cause that reads: code and message where the service gave them, else
/// the SDK's whole chain.
fn sdk_failure<E>(error: &SdkError<E>) -> BoxError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    Box::new(match (words(error.code()), words(error.message())) {
        (Some(code), message) => Failure::Said {
            code: truncate(code.to_owned()),
            message: truncate(message.unwrap_or("no message").to_owned()),
        },
        _ => Failure::Silent(with_causes(error)),
    })
}
