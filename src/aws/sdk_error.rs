//! Conversion of SDK errors to the program's own error types, in words. The texts of the SDK's own
//! errors name its types and omit the HTTP status, so none of them is shown.

use std::error::Error;

use aws_sdk_s3::error::SdkError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::called_host::CalledHost;
use super::connection_text;
use super::response_text::{bucket_region, describe_body, single_line};
use crate::model::{ApiError, NO_CREDENTIALS, cap_text, is_credential_error};
use crate::ports::{BoxError, FailureCause, ServiceFailure};

/// A failed call in words.
struct FailedCall {
    /// The error code of AWS, or one of the program's own if AWS returned none.
    code: String,
    /// Whether the code is one of AWS.
    is_aws_code: bool,
    message: String,
    cause: FailureCause,
}

/// Converts an SDK error to an [`ApiError`]. A failure to assume the role of the caller is reported
/// as an error of `AssumeRole`. If no service returned a code, the code is one of the program's
/// own.
pub(super) fn api_error<E>(operation: &str, error: &SdkError<E>, host: &CalledHost) -> ApiError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let (operation, call) = match assume_role_error(error) {
        Some(error) => ("AssumeRole", describe(error, "AWS STS")),
        None => (operation, describe(error, host.name())),
    };
    ApiError {
        operation: operation.to_owned(),
        code: cap_text(call.code),
        message: cap_text(call.message),
    }
}

/// Converts an SDK error to a [`ServiceFailure`].
pub(super) fn service_failure<E>(error: &SdkError<E>, host: &CalledHost) -> ServiceFailure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let Some(error) = assume_role_error(error) {
        let call = describe(error, "AWS STS");
        let cause = match call.cause.clone() {
            FailureCause::AccessDenied => FailureCause::Credentials,
            cause => cause,
        };
        let message = format!("the role could not be assumed: {}", call.into_text());
        return ServiceFailure { cause, message };
    }
    let call = describe(error, host.name());
    ServiceFailure {
        cause: call.cause.clone(),
        message: call.into_text(),
    }
}

/// Converts the error of a credentials provider to words.
pub(super) fn credentials_error(error: &(dyn Error + 'static)) -> BoxError {
    let (cause, message) = match assume_role_error(error) {
        Some(error) => {
            let text = describe(error, "AWS STS").into_text();
            let message = format!("the role could not be assumed: {text}");
            (FailureCause::Credentials, message)
        }
        None => connection_text::describe(error, "AWS"),
    };
    Box::new(ServiceFailure { cause, message })
}

impl FailedCall {
    fn own(code: &str, cause: FailureCause, message: String) -> Self {
        Self {
            code: code.to_owned(),
            is_aws_code: false,
            message,
            cause,
        }
    }

    /// Returns code and message as one text. The codes of the program are left out: the message
    /// says the same.
    fn into_text(self) -> String {
        if self.is_aws_code {
            format!("{}: {}", cap_text(self.code), cap_text(self.message))
        } else {
            cap_text(self.message)
        }
    }
}

fn describe<E>(error: &SdkError<E>, host: &str) -> FailedCall
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let Some(response) = error.raw_response() {
        return describe_response(error.code(), error.message(), response);
    }
    let (cause, message) = match error {
        SdkError::TimeoutError(_) => {
            let message = connection_text::describe_timeout(error, host);
            return FailedCall::own("Timeout", FailureCause::Unreachable, message);
        }
        SdkError::DispatchFailure(_) => connection_text::describe(error, host),
        _ => match connection_text::describe(error, host) {
            (FailureCause::Credentials, message) => (FailureCause::Credentials, message),
            _ => {
                let reason = connection_text::last_cause(error);
                let message = format!("the request could not be made: {reason}");
                return FailedCall::own("InvalidRequest", FailureCause::Other, message);
            }
        },
    };
    let code = match cause {
        FailureCause::Credentials => NO_CREDENTIALS,
        _ => "NoResponse",
    };
    FailedCall::own(code, cause, message)
}

fn describe_response(
    code: Option<&str>,
    message: Option<&str>,
    response: &HttpResponse,
) -> FailedCall {
    let status = response.status().as_u16();
    match (non_blank(code), non_blank(message)) {
        (Some(code), message) => FailedCall {
            code: single_line(code),
            is_aws_code: true,
            message: message.map_or_else(
                || format!("AWS gave no reason (HTTP status {status})"),
                single_line,
            ),
            cause: cause(code, message.unwrap_or_default(), response),
        },
        (None, Some(message)) => FailedCall::own(
            "MalformedResponse",
            FailureCause::ForeignResponse,
            format!(
                "HTTP status {status} without an error code: {}",
                single_line(message)
            ),
        ),
        (None, None) => FailedCall::own(
            "MalformedResponse",
            FailureCause::ForeignResponse,
            describe_body(response),
        ),
    }
}

/// Returns the cause of an error response of AWS.
fn cause(code: &str, message: &str, response: &HttpResponse) -> FailureCause {
    if is_credential_error(code) {
        return FailureCause::Credentials;
    }
    let is_denied = code.contains("AccessDenied") || code == "AuthorizationError";
    match code {
        "NoSuchBucket" => FailureCause::NoSuchBucket,
        "InvalidObjectState" => FailureCause::Archived,
        "PermanentRedirect" | "TemporaryRedirect" | "IllegalLocationConstraintException" => {
            FailureCause::WrongRegion(bucket_region(response))
        }
        // The same code is used for an access key of the wrong form.
        "AuthorizationHeaderMalformed" => match bucket_region(response) {
            Some(region) => FailureCause::WrongRegion(Some(region)),
            None => FailureCause::Other,
        },
        // `KMS.DisabledException` and so on in S3, `KMSDisabled` and so on in SNS:
        // https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors
        _ if code.starts_with("KMS") && !code.contains("Throttling") => FailureCause::KmsKey,
        _ if is_denied && message.contains("kms:") => FailureCause::KmsKey,
        _ if is_denied => FailureCause::AccessDenied,
        _ => FailureCause::Other,
    }
}

/// Returns the text, or `None` if it is blank: a truncated response can have a blank code.
pub(super) fn non_blank(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.trim().is_empty())
}

/// Returns the `AssumeRole` error in the chain of causes of an error, if there is one. A role that
/// cannot be assumed appears only there, in the error of the call that needed it.
fn assume_role_error<'a>(
    error: &'a (dyn Error + 'static),
) -> Option<&'a SdkError<AssumeRoleError>> {
    std::iter::successors(Some(error), |&error| error.source())
        .find_map(|error| error.downcast_ref())
}
