//! What an error code of AWS means for a check, and how an error is shown.

use crate::model::{ApiError, is_credential_error};
use crate::ports::DEADLINE_EXCEEDED;
use crate::report::{Check, CheckStatus};

/// Maximum number of characters of an error in a detail.
const MAX_ERROR_CHARS: usize = 240;

/// What an error code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A policy does not allow the call, or the region does not have the feature.
    Denied,
    /// The caller is neither the management account nor a delegated administrator.
    NotAnAdministrator,
    /// The role could not be assumed.
    RoleNotAssumed,
    /// AWS does not know the credentials: in AWS Config, a region that is not enabled.
    CredentialsRejected,
    /// Nothing answered: no such host, no route, or a timeout.
    NoAnswer,
    /// The object does not exist.
    NotFound,
    /// The preflight had no time left.
    OutOfTime,
    /// Anything else.
    Other,
}

/// Returns what an error means.
pub(super) fn meaning(error: &ApiError) -> Meaning {
    match error.code.as_str() {
        DEADLINE_EXCEEDED => Meaning::OutOfTime,
        "NoResponse" | "Timeout" => Meaning::NoAnswer,
        _ if error.operation == "AssumeRole" => Meaning::RoleNotAssumed,
        "OrganizationAccessDeniedException" => Meaning::NotAnAdministrator,
        "NotFound" | "NotFoundException" | "ResourceNotFoundException" => Meaning::NotFound,
        "AuthorizationError" | "AuthorizationErrorException" => Meaning::Denied,
        code if code.contains("AccessDenied") => Meaning::Denied,
        code if is_credential_error(code) => Meaning::CredentialsRejected,
        _ => Meaning::Other,
    }
}

/// Returns an error as text: operation, code and message.
pub(super) fn describe(error: &ApiError) -> String {
    let ApiError {
        operation,
        code,
        message,
    } = error;
    shorten(&format!("{operation}: {code}: {message}"))
}

/// Shortens the text of an error.
pub(super) fn shorten(text: &str) -> String {
    if text.chars().count() <= MAX_ERROR_CHARS {
        return text.to_owned();
    }
    let start: String = text.chars().take(MAX_ERROR_CHARS - 3).collect();
    format!("{start}...")
}

/// Returns the error of a call that was not answered before the deadline of the preflight.
pub(super) fn out_of_time(operation: &str) -> ApiError {
    ApiError {
        operation: operation.to_owned(),
        code: DEADLINE_EXCEEDED.to_owned(),
        message: "there was no response before the time limit of the check".to_owned(),
    }
}

/// Returns a check that could not be made.
pub(super) fn skipped(name: &'static str, reason: impl Into<String>) -> Check {
    Check::new(name, CheckStatus::Skipped, reason)
}
