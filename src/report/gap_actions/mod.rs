//! What to do about a gap: a short title for the failed call behind it, and an action, by operation
//! and error code.

mod denial;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use self::denial::denied;
use super::sanitize::sanitize;
use crate::model::{ApiError, REJECTED_CREDENTIALS};

/// What to say about the failed call behind a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapAction {
    /// What happened, within a sentence or a subject, such as `access denied`: at most 34
    /// characters.
    pub title: &'static str,
    /// What to do: one or two sentences of ASCII.
    pub action: Cow<'static, str>,
}

impl GapAction {
    fn new(title: &'static str, action: impl Into<Cow<'static, str>>) -> Self {
        Self {
            title,
            action: action.into(),
        }
    }
}

/// Returns what to do about a gap. Every cause has an action: for an unknown one it is to look the
/// code up.
pub fn gap_action(cause: &ApiError) -> GapAction {
    let message = sanitize(&cause.message);
    if is_denied(&cause.code) {
        let (title, action) = denied(cause, &message);
        return GapAction::new(title, action);
    }
    refused(&cause.code, &message)
        .or_else(|| unanswered(cause, &message))
        .or_else(|| unusable(&cause.code))
        .unwrap_or_else(|| last_resort(&cause.code))
}

/// Returns the action for a call that AWS refused for a reason other than a policy.
fn refused(code: &str, message: &str) -> Option<GapAction> {
    let lower_case = message.to_ascii_lowercase();
    let is_about_clock = ["signature expired", "not yet current", "too skewed"]
        .iter()
        .any(|text| lower_case.contains(text));
    Some(match without_suffix(code) {
        "OptInRequired" | "SubscriptionRequired" | "RegionDisabled" => GapAction::new(
            "region not enabled",
            "Enable the region in the account, or take it out of REGIONS.",
        ),
        "UnrecognizedClient" | "InvalidClientTokenId" | "AuthFailure" => GapAction::new(
            "credentials refused",
            "If other regions of this account can be read, the region is not enabled: enable it, or take it out of REGIONS. If \
             none can, check that the role still exists.",
        ),
        "RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture" => clock(),
        "SignatureDoesNotMatch" | "InvalidSignature" if is_about_clock => clock(),
        "SignatureDoesNotMatch" | "InvalidSignature" | "IncompleteSignature" => GapAction::new(
            "signature refused",
            "Check the secret access key. If it is right, check whether a proxy in HTTPS_PROXY changes requests.",
        ),
        "ExpiredToken" | "TokenRefreshRequired" => GapAction::new(
            "credentials expired",
            "In Lambda, the next run has new credentials. Elsewhere, log in again, for example with aws sso login.",
        ),
        "NoCredentials" => GapAction::new(
            "no credentials",
            "In Lambda, check that the function has a role and that it still exists. Elsewhere, log in, or name a profile with \
             AWS_PROFILE.",
        ),
        known if is_rejected(known) => GapAction::new(
            "credentials refused",
            "In Lambda, check that the role still exists. Elsewhere, log in again, for example with aws sso login.",
        ),
        "Throttling"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "LimitExceeded"
        | "RequestThrottled"
        | "BandwidthLimitExceeded" => GapAction::new(
            "throttled",
            "If it happens in every run, lower CONCURRENCY, or run at another time than other users of AWS Config in \
             the account.",
        ),
        "OrganizationAccessDenied" | "NoAvailableOrganization" => GapAction::new(
            "not an administrator account",
            "Read from the management account or from a delegated administrator of AWS Config: name its role in ROLE_ARNS. After \
             a change of the administrator, wait and run again.",
        ),
        "OrganizationAllFeaturesNotEnabled" => GapAction::new(
            "organization without all features",
            "Turn on all features of the organization in AWS Organizations.",
        ),
        "NoSuchOrganizationConformancePack" => GapAction::new(
            "AWS Config contradicts itself",
            "No action is needed at first: AWS Config lists the pack but also reports that it does not exist. If this persists, give the \
             message to AWS Support.",
        ),
        "InvalidNextToken" | "RepeatedPageToken" => GapAction::new(
            "list incomplete",
            "No action is needed at first: the next run reads the list again. If it persists, give the message to AWS Support.",
        ),
        "InternalService"
        | "InternalServiceError"
        | "InternalFailure"
        | "InternalError"
        | "InternalServerError"
        | "ServiceUnavailable"
        | "ServiceException"
        | "ServiceFailure"
        | "Unavailable" => GapAction::new(
            "AWS internal error",
            "No action is needed at first: the next run reads it again. If it persists, check the AWS Health Dashboard for \
             AWS Config.",
        ),
        _ => return None,
    })
}

/// Returns the action for a call without a response.
fn unanswered(cause: &ApiError, message: &str) -> Option<GapAction> {
    const NETWORK: &str = "Check the network: in a VPC, the route to AWS Config (an interface endpoint or a NAT gateway) and its security \
                           groups; elsewhere, DNS, HTTPS_PROXY and NO_PROXY.";
    Some(match cause.code.as_str() {
        // The only call with a time limit of its own.
        "DeadlineExceeded" if cause.operation == "GetCallerIdentity" => GapAction::new(
            "no answer in time",
            "Check the network: in a VPC, the route to AWS STS (an interface endpoint or a NAT gateway) and its \
             security groups.",
        ),
        "DeadlineExceeded" => GapAction::new(
            "out of time",
            "Raise the timeout of the function. If calls are throttled as well, lower CONCURRENCY.",
        ),
        "Timeout" => GapAction::new("no answer in time", NETWORK),
        "NoResponse" if message.contains("could not be resolved") => GapAction::new(
            "unknown host",
            "Check the spelling of the region in REGIONS. If it is right, check DNS: in a VPC, DNS support and the \
             endpoints.",
        ),
        "NoResponse" if message.contains("TLS certificate") => GapAction::new(
            "certificate not trusted",
            "If a proxy inspects TLS, set AWS_CA_BUNDLE to a file with the certificate of its authority, in PEM format.",
        ),
        "NoResponse" if message.contains("HTTPS_PROXY") => GapAction::new(
            "refused by the proxy",
            "Check HTTPS_PROXY and NO_PROXY, and that the proxy lets requests to AWS Config through.",
        ),
        "NoResponse" => GapAction::new("no connection", NETWORK),
        _ => return None,
    })
}

/// Returns the action for the codes of packwatch for requests that were not made and for unusable
/// answers.
fn unusable(code: &str) -> Option<GapAction> {
    Some(match code {
        "MalformedResponse" => GapAction::new(
            "unusable answer",
            "Check what answers in place of AWS: a proxy in HTTPS_PROXY, a firewall, or AWS_ENDPOINT_URL. If there is no such thing, check \
             the AWS Health Dashboard.",
        ),
        "InvalidRequest" => GapAction::new(
            "request could not be made",
            "Check the spelling of the region in REGIONS, AWS_ENDPOINT_URL and the AWS profile.",
        ),
        "NoAccount" => GapAction::new(
            "own account unknown",
            "Check what answers in place of AWS STS: a proxy in HTTPS_PROXY, a firewall, or AWS_ENDPOINT_URL.",
        ),
        "NoClient" => GapAction::new(
            "internal error of packwatch",
            "Report it to the maintainers of packwatch, with the message.",
        ),
        _ => return None,
    })
}

/// Returns the action for an unknown code.
fn last_resort(code: &str) -> GapAction {
    let code = sanitize(code);
    let is_shown = (1..=64).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_graphic());
    let code = if is_shown {
        format!(" {code}")
    } else {
        String::new()
    };
    GapAction::new(
        "call failed",
        format!(
            "Look up the error code{code} in the API reference of AWS Config, and check the AWS Health Dashboard. The message says \
             more."
        ),
    )
}

fn clock() -> GapAction {
    GapAction::new(
        "clock is wrong",
        "Set the clock of the machine: AWS refuses requests that are more than a few minutes off.",
    )
}

fn is_denied(code: &str) -> bool {
    matches!(
        without_suffix(code),
        "AccessDenied" | "UnauthorizedOperation" | "AuthorizationError" | "UnauthorizedAccess"
    )
}

fn is_rejected(code: &str) -> bool {
    REJECTED_CREDENTIALS.contains(&code)
}

/// Returns an error code without the ending `Exception`.
fn without_suffix(code: &str) -> &str {
    code.strip_suffix("Exception").unwrap_or(code)
}
