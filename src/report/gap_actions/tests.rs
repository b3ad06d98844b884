//! Tests of the actions for gaps.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::{GapAction, gap_action, last_resort};
use crate::model::{ApiError, NO_CREDENTIALS, REJECTED_CREDENTIALS};
use crate::report::sanitize::sanitize_line;

const DESCRIBE_STATUSES: &str = "DescribeOrganizationConformancePackStatuses";
const GET_DETAILED_STATUS: &str = "GetOrganizationConformancePackDetailedStatus";
const DEADLINE_EXCEEDED: &str = "DeadlineExceeded";

const FUNCTION: &str =
    "User: arn:aws:sts::111122223333:assumed-role/packwatch-FunctionRole-1A2B3C/packwatch";
const READER: &str = "arn:aws:iam::444455556666:role/packwatch/packwatch-reader";

/// Codes that AWS Config and STS return, besides those in `model`.
const AWS_CODES: [&str; 30] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "IncompleteSignature",
    "InternalFailure",
    "InternalServerError",
    "InternalServiceException",
    "InvalidNextTokenException",
    "InvalidSignatureException",
    "NoAvailableOrganizationException",
    "NoSuchOrganizationConformancePackException",
    "OptInRequired",
    "OrganizationAccessDeniedException",
    "OrganizationAllFeaturesNotEnabledException",
    "RegionDisabledException",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeTooSkewed",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "SignatureDoesNotMatch",
    "SlowDown",
    "SubscriptionRequiredException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "UnauthorizedOperation",
];

fn action(operation: &str, code: &str, message: &str) -> GapAction {
    gap_action(&ApiError {
        operation: operation.to_owned(),
        code: code.to_owned(),
        message: message.to_owned(),
    })
}

fn read(code: &str, message: &str) -> GapAction {
    action(DESCRIBE_STATUSES, code, message)
}

/// Returns every code that a source file gives to an error.
fn own_codes() -> BTreeSet<String> {
    fn add_files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add_files(&path, found);
            } else if path.file_name().is_some_and(|name| name != "tests.rs") {
                found.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    add_files(&sources, &mut paths);
    let code = Regex::new(
        r#"(?:code: |FailedCall::own\(\s*|_ => |(?:DEADLINE_EXCEEDED|NO_CREDENTIALS|NO_SUCH_PACK): &str = )"([A-Z][A-Za-z]+)""#,
    )
    .unwrap();
    let mut codes = BTreeSet::new();
    for path in paths {
        let is_adapter = path.starts_with(sources.join("aws"));
        let text = fs::read_to_string(&path).unwrap();
        for found in code.captures_iter(text.split("#[cfg(test)]").next().unwrap()) {
            // Outside the adapter, a default of a match is no code.
            if is_adapter || !found[0].starts_with("_ =>") {
                codes.insert(found[1].to_owned());
            }
        }
    }
    codes
}

fn is_last_resort(code: &str, action: &GapAction) -> bool {
    *action == last_resort(code)
}

#[test]
fn every_code_of_packwatch_has_an_action() {
    let codes = own_codes();
    for expected in [
        DEADLINE_EXCEEDED,
        NO_CREDENTIALS,
        "InvalidRequest",
        "MalformedResponse",
        "NoAccount",
        "NoClient",
        "NoResponse",
        "NoSuchOrganizationConformancePackException",
        "RepeatedPageToken",
        "Timeout",
    ] {
        assert!(codes.contains(expected), "{expected} not in {codes:?}");
    }
    for code in codes {
        for operation in [DESCRIBE_STATUSES, GET_DETAILED_STATUS, "GetCallerIdentity"] {
            let action = action(operation, &code, "");
            assert!(!is_last_resort(&code, &action), "{operation}: {code}");
        }
    }
}

#[test]
fn every_known_service_code_has_an_action() {
    for code in AWS_CODES.into_iter().chain(REJECTED_CREDENTIALS) {
        for operation in [DESCRIBE_STATUSES, "AssumeRole"] {
            let action = action(operation, code, "AWS gave no reason (HTTP status 400)");
            assert!(!is_last_resort(code, &action), "{operation}: {code}");
        }
    }
}

#[test]
fn unknown_code_is_named_by_the_last_resort() {
    for code in ["SomethingNewException", "DeniedAccess", "accessdenied", ""] {
        let action = read(code, "no such thing");
        assert!(is_last_resort(code, &action), "{code}");
        assert!(action.action.contains(code));
    }
    let hostile = read("see https://evil.example.com", "");
    assert!(!hostile.action.contains("evil"), "{}", hostile.action);
}

#[test]
fn texts_are_short_ascii_without_addresses() {
    let messages = [
        String::new(),
        "the name of config.us-eats-1.amazonaws.com could not be resolved".to_owned(),
        "the TLS certificate of config.eu-west-1.amazonaws.com is not trusted: it is expired".to_owned(),
        "the proxy in HTTPS_PROXY refuses to connect to config.eu-west-1.amazonaws.com".to_owned(),
        "Signature expired: 20260302T020000Z is now earlier than 20260302T023000Z".to_owned(),
        format!("{FUNCTION} is not authorized to perform: sts:AssumeRole on resource: {READER}"),
        format!("{FUNCTION} is not authorized to perform: config:X with an explicit deny in a service control policy"),
        "User: arn:aws:sts::111122223333:assumed-role/www.evil.com/\u{202e}x is not authorized to perform: a:B".to_owned(),
    ];
    let codes = own_codes();
    let aws = AWS_CODES.into_iter().chain(REJECTED_CREDENTIALS);
    for code in codes
        .iter()
        .map(String::as_str)
        .chain(aws)
        .chain(["Unknown"])
    {
        for operation in [DESCRIBE_STATUSES, "AssumeRole", "GetCallerIdentity"] {
            for message in &messages {
                let GapAction { title, action } = action(operation, code, message);
                assert!(title.len() <= 34 && title.is_ascii(), "{title}");
                assert!(action.len() <= 300 && action.is_ascii(), "{action}");
                assert!(action.ends_with('.') && !action.contains("://"), "{action}");
                assert!(!action.contains("www.evil.com"), "{action}");
                assert_eq!(sanitize_line(&action), action);
            }
        }
    }
}

#[test]
fn lost_role_names_account_role_and_caller() {
    let message =
        format!("{FUNCTION} is not authorized to perform: sts:AssumeRole on resource: {READER}");
    let lost = action("AssumeRole", "AccessDenied", &message);
    assert_eq!(lost.title, "role cannot be assumed");
    for name in [
        "444455556666",
        "packwatch-reader",
        "packwatch-FunctionRole-1A2B3C",
        "trust policy",
    ] {
        assert!(lost.action.contains(name), "{}", lost.action);
    }
    let not_allowed = action(
        "AssumeRole",
        "AccessDenied",
        &format!("{message} because no identity-based policy allows the sts:AssumeRole action"),
    );
    assert_eq!(not_allowed.title, "role cannot be assumed");
    assert!(
        not_allowed.action.starts_with("Allow sts:AssumeRole on the role packwatch-reader of account 444455556666 for the role packwatch-FunctionRole-1A2B3C"),
        "{}",
        not_allowed.action
    );
    let unnamed = action("AssumeRole", "AccessDenied", "Access denied");
    assert_eq!(unnamed.title, "role cannot be assumed");
    assert!(unnamed.action.contains("the account of the role"));
}

#[test]
fn explicit_deny_names_policy_action_and_role() {
    let denial = format!(
        "{FUNCTION} is not authorized to perform: config:{DESCRIBE_STATUSES} with an explicit deny in a"
    );
    for (kind, title, shown) in [
        (
            " service control policy",
            "denied by SCP",
            "A service control policy denies",
        ),
        (
            " service control policy: \
             arn:aws:organizations::111122223333:policy/o-a1b2c3d4e5/service_control_policy/p-a1b2c3d4",
            "denied by SCP",
            "A service control policy p-a1b2c3d4 denies",
        ),
        (
            " resource control policy",
            "denied by RCP",
            "A resource control policy denies",
        ),
        (
            " permissions boundary",
            "denied by a permissions boundary",
            "A permissions boundary denies",
        ),
        (
            " session policy",
            "denied by a session policy",
            "A session policy denies",
        ),
        (
            "n identity-based policy",
            "denied by an identity policy",
            "An identity-based policy denies",
        ),
        (
            " resource-based policy",
            "denied by a resource policy",
            "A resource-based policy denies",
        ),
        (
            " VPC endpoint policy",
            "denied by an endpoint policy",
            "A VPC endpoint policy denies",
        ),
    ] {
        let denied = read("AccessDeniedException", &format!("{denial}{kind}"));
        assert_eq!(denied.title, title);
        let expected =
            format!("{shown} config:{DESCRIBE_STATUSES} to the role packwatch-FunctionRole-1A2B3C");
        assert!(denied.action.starts_with(&expected), "{}", denied.action);
    }
    let of_role = action(
        "AssumeRole",
        "AccessDenied",
        &format!(
            "{FUNCTION} is not authorized to perform: sts:AssumeRole on resource: {READER} with an explicit deny in a \
             service control policy"
        ),
    );
    assert_eq!(of_role.title, "denied by SCP");
    assert!(
        of_role
            .action
            .contains("denies sts:AssumeRole to the role packwatch-FunctionRole-1A2B3C")
    );
}

#[test]
fn denial_without_a_policy_names_the_api() {
    let empty = action(
        GET_DETAILED_STATUS,
        "AccessDeniedException",
        "AWS gave no reason (HTTP status 400)",
    );
    assert_eq!(empty.title, "access denied");
    assert!(empty.action.starts_with(&format!(
        "Allow config:{GET_DETAILED_STATUS} for the role of packwatch."
    )));
    assert!(empty.action.contains("take it out of REGIONS"));
}

#[test]
fn titles_tell_causes_apart() {
    for (code, message, title) in [
        ("OptInRequired", "", "region not enabled"),
        (
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
            "credentials refused",
        ),
        ("InvalidClientTokenId", "", "credentials refused"),
        (
            "NoResponse",
            "the name of config.us-eats-1.amazonaws.com could not be resolved",
            "unknown host",
        ),
        (
            "NoResponse",
            "config.eu-west-1.amazonaws.com refused the connection",
            "no connection",
        ),
        (
            "NoResponse",
            "the TLS certificate of x is not trusted: it is expired",
            "certificate not trusted",
        ),
        (
            "NoResponse",
            "the proxy in HTTPS_PROXY demands a user name and a password",
            "refused by the proxy",
        ),
        (
            "Timeout",
            "config.eu-west-1.amazonaws.com did not answer within 10s",
            "no answer in time",
        ),
        (DEADLINE_EXCEEDED, "", "out of time"),
        (
            "ExpiredTokenException",
            "The security token included in the request is expired",
            "credentials expired",
        ),
        ("ExpiredToken", "", "credentials expired"),
        (NO_CREDENTIALS, "", "no credentials"),
        ("RequestTimeTooSkewed", "", "clock is wrong"),
        (
            "SignatureDoesNotMatch",
            "Signature expired: 20260609T184512Z is now earlier than 20260610T013008Z (20260610T014508Z - 15 min.)",
            "clock is wrong",
        ),
        (
            "InvalidSignatureException",
            "Signature not yet current: 20260610T013008Z is still later than 20260610T012000Z",
            "clock is wrong",
        ),
        (
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
            "signature refused",
        ),
        ("ThrottlingException", "Rate exceeded", "throttled"),
        (
            "OrganizationAccessDeniedException",
            "",
            "not an administrator account",
        ),
        (
            "NoSuchOrganizationConformancePackException",
            "",
            "AWS Config contradicts itself",
        ),
        ("InternalServiceException", "", "AWS internal error"),
        ("MalformedResponse", "", "unusable answer"),
        ("RepeatedPageToken", "", "list incomplete"),
    ] {
        assert_eq!(read(code, message).title, title, "{code}: {message}");
    }
    let identity = action("GetCallerIdentity", DEADLINE_EXCEEDED, "");
    assert_eq!(identity.title, "no answer in time");
    assert!(identity.action.contains("AWS STS"));
}
