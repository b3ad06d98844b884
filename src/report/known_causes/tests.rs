//! Tests of the known causes, with messages from public issues.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Cause, KnownCause, entries, known_cause};
use crate::report::sanitize::{sanitize, sanitize_line};

/// An error of a member account, as AWS Config reports it.
#[derive(Debug, Deserialize)]
struct MemberError {
    /// Where it was seen.
    source: String,
    status: String,
    code: Option<String>,
    message: Option<String>,
    account_state: Option<String>,
    #[serde(default)]
    stuck: bool,
    #[serde(default = "one")]
    accounts: usize,
    /// The title of the cause; `None` if it is unknown.
    title: Option<String>,
    /// Names that the action contains.
    #[serde(default)]
    names: Vec<String>,
}

fn one() -> usize {
    1
}

impl MemberError {
    fn cause(&self) -> Cause<'_> {
        Cause {
            status: &self.status,
            code: self.code.as_deref(),
            message: self.message.as_deref(),
            account_state: self.account_state.as_deref(),
            is_stuck: self.stuck,
            accounts: self.accounts,
        }
    }
}

fn member_errors() -> Vec<MemberError> {
    let json = include_str!("../../../tests/fixtures/member_errors.json");
    serde_json::from_str(json).unwrap()
}

fn failed<'a>(code: Option<&'a str>, message: Option<&'a str>) -> Cause<'a> {
    Cause {
        status: "CREATE_FAILED",
        code,
        message,
        accounts: 1,
        ..Cause::default()
    }
}

fn title(cause: &Cause<'_>) -> Option<&'static str> {
    known_cause(cause).map(|known| known.title)
}

#[test]
fn real_message_reaches_its_cause() {
    let errors = member_errors();
    assert!(
        errors
            .iter()
            .filter(|error| error.message.is_some())
            .count()
            >= 40
    );
    for error in errors {
        let known = known_cause(&error.cause());
        let title = known.as_ref().map(|known| known.title);
        assert_eq!(title, error.title.as_deref(), "{error:?}");
        for name in &error.names {
            let action = &known.as_ref().unwrap().action;
            assert!(action.contains(name), "{name} is not in: {action}");
        }
    }
}

#[test]
fn sanitized_message_reaches_the_same_cause() {
    for error in member_errors() {
        let message = error.message.as_deref().map(sanitize);
        let sanitized = Cause {
            message: message.as_deref(),
            ..error.cause()
        };
        assert_eq!(known_cause(&sanitized), known_cause(&error.cause()));
    }
}

#[test]
fn every_cause_is_reached_by_a_message() {
    let reached: BTreeSet<_> = member_errors()
        .iter()
        .filter_map(|error| error.title.clone())
        .collect();
    let titles: BTreeSet<_> = entries().map(|entry| entry.title.to_owned()).collect();
    assert_eq!(reached, titles);
}

#[test]
fn sources_are_public_and_ids_are_examples() {
    for error in member_errors() {
        let is_public = error.source.starts_with("https://github.com/")
            || error.source.starts_with("https://docs.aws.amazon.com/");
        assert!(is_public, "{}", error.source);
        let message = error.message.unwrap_or_default();
        let words = message.split(|c: char| !c.is_ascii_digit());
        for id in words.filter(|word| word.len() == 12) {
            let is_example = ["111122223333", "444455556666", "555555555555"].contains(&id);
            assert!(is_example, "{message}");
        }
    }
}

#[test]
fn titles_are_unique_and_fit_in_a_subject() {
    let mut titles = BTreeSet::new();
    let mut short_titles = BTreeSet::new();
    let count = entries().count();
    assert!(count >= 15, "{count} causes");
    for entry in entries() {
        titles.insert(entry.title);
        short_titles.insert(entry.short_title);
        for title in [entry.title, entry.short_title] {
            assert!(title.is_ascii() && !title.ends_with('.'), "{title}");
        }
        assert!(entry.title.len() <= 40, "{}", entry.title);
        assert!(entry.short_title.len() <= 34, "{}", entry.short_title);
        assert!(entry.title.starts_with(|c: char| c.is_ascii_uppercase()));
        let begins_in_lower_case = entry
            .short_title
            .starts_with(|c: char| c.is_ascii_lowercase());
        let begins_with_name = ["AWS ", "KMS "]
            .iter()
            .any(|name| entry.short_title.starts_with(name));
        assert!(begins_in_lower_case || begins_with_name);
        assert!(!entry.patterns.is_empty(), "{}", entry.title);
    }
    assert_eq!((titles.len(), short_titles.len()), (count, count));
}

#[test]
fn actions_are_one_or_two_plain_sentences() {
    for error in member_errors() {
        for accounts in [0, 1, 8] {
            let cause = Cause {
                accounts,
                ..error.cause()
            };
            let Some(KnownCause { action, .. }) = known_cause(&cause) else {
                continue;
            };
            assert!(action.is_ascii() && action.ends_with('.'), "{action}");
            assert!(action.len() <= 320, "{action}");
            assert_eq!(sanitize_line(&action), action);
            assert!(!action.contains(['{', '}', '\n']), "{action}");
            assert!(!action.contains("://"), "{action}");
            let sentences = action.matches(". ").count() + action.matches("? ").count() + 1;
            assert!(sentences <= 2, "{action}");
            let words = action.to_ascii_lowercase();
            for private in [
                "receiver", "gap", "outbox", "ledger", "told", "silence", "settle",
            ] {
                let found = words
                    .split(' ')
                    .any(|word| word.trim_end_matches('.') == private);
                assert!(!found, "{private}: {action}");
            }
        }
    }
}

#[test]
fn action_counts_the_accounts() {
    let action = |accounts| {
        let cause = Cause {
            accounts,
            ..failed(Some("NoAvailableConfigurationRecorderException"), None)
        };
        known_cause(&cause).unwrap().action
    };
    assert!(action(0).contains(" in the failing accounts, "));
    assert!(action(1).contains(" in this account, "));
    assert!(action(8).contains(" in these 8 accounts, "));
}

#[test]
fn state_of_account_comes_before_code() {
    for (state, expected) in [
        (Some("SUSPENDED"), "Account suspended"),
        (Some("CLOSED"), "Account closed"),
        (Some("PENDING_CLOSURE"), "Account being closed"),
        (Some("PENDING_ACTIVATION"), "Account not activated"),
        (Some("ACTIVE"), "No AWS Config recorder"),
        (Some("suspended"), "No AWS Config recorder"),
        (None, "No AWS Config recorder"),
    ] {
        let cause = Cause {
            account_state: state,
            is_stuck: true,
            ..failed(Some("NoAvailableConfigurationRecorderException"), None)
        };
        assert_eq!(title(&cause), Some(expected), "{state:?}");
    }
}

#[test]
fn unknown_code_and_message_reach_no_cause() {
    for (code, message) in [
        (Some("SomethingNewException"), None),
        (
            Some("SomethingNewException"),
            Some("Something new happened."),
        ),
        (None, Some("Something new happened.")),
        (
            Some("InvalidParameterValueException"),
            Some("The value is wrong."),
        ),
        (
            Some("ValidationError"),
            Some("1 validation error detected."),
        ),
        (Some("AccessDeniedHere"), None),
        (Some("NotAccessDenied"), None),
        (Some("Conflict"), Some("Conflicts of interest.")),
        (None, Some("Rule internal-failures-check was not deployed")),
        (
            None,
            Some("The rule quota-exceeded of pack suspended-accounts failed"),
        ),
        (
            Some("accessdenied"),
            Some("noavailableconfigurationrecorder"),
        ),
    ] {
        assert_eq!(title(&failed(code, message)), None, "{code:?} {message:?}");
    }
}

#[test]
fn code_is_recognized_in_code_and_message() {
    for cause in [
        failed(Some("ThrottlingException"), None),
        failed(Some("Throttling"), None),
        failed(
            None,
            Some("Slow down (Error Code: Throttling; Request ID: x)"),
        ),
        failed(Some("Client.ThrottlingException"), Some("Slow down")),
    ] {
        assert_eq!(title(&cause), Some("Throttled by AWS"), "{cause:?}");
    }
}

#[test]
fn placeholder_or_cut_name_is_not_shown() {
    for (message, expected) in [
        (
            "Insufficient delivery policy to s3 bucket: NAME, unable to write",
            "the delivery bucket",
        ),
        (
            "Insufficient delivery policy to s3 bucket: config-ACCOUNT, unable",
            "the delivery bucket",
        ),
        (
            "Insufficient delivery policy to s3 bucket: config-buck ... , unable",
            "the delivery bucket",
        ),
        (
            "Insufficient delivery policy to s3 bucket: ",
            "the delivery bucket",
        ),
        (
            "User: ARN is not authorized to perform: ACTION with an explicit deny in a service control policy",
            "Let the role of AWS Config call the denied API",
        ),
        (
            "User: arn:aws:sts::111122223333:assumed-role/ID/ID is not authorized to perform: config:",
            "the role of AWS Config",
        ),
    ] {
        let action = known_cause(&failed(None, Some(message))).unwrap().action;
        assert!(action.contains(expected), "{action}");
    }
}

#[test]
fn name_from_message_cannot_be_an_address() {
    let message = "User: arn:aws:sts::111122223333:assumed-role/www.evil.com/x is not authorized to perform: \
                   https://evil.com:Put with an explicit deny";
    let action = known_cause(&failed(None, Some(message))).unwrap().action;
    assert_eq!(
        action,
        "Let the role www[.]evil[.]com call the denied API in this account: change the policy that denies it."
    );
}
