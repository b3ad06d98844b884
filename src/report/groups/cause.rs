//! Title and action of a cause.

use crate::report::known_causes::{Cause, KnownCause, known_cause};

/// What to call a cause, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupCause {
    /// The title for a heading, such as `No AWS Config recorder`. For an unknown cause it is the
    /// error code of AWS, or the status.
    pub title: String,
    /// The title within a sentence, such as `no Config recorder`.
    pub short_title: String,
    /// What to do.
    pub action: String,
    /// Whether the cause is unknown.
    pub unknown: bool,
}

/// Maximum number of characters of an error code in a title.
const MAX_CODE_CHARS: usize = 50;

impl GroupCause {
    /// Returns the words for a cause. `command` shows more about one of its failures.
    pub(super) fn of(cause: &Cause<'_>, command: Option<String>) -> Self {
        if let Some(KnownCause {
            title,
            short_title,
            action,
        }) = known_cause(cause)
        {
            return Self {
                title: title.to_owned(),
                short_title: short_title.to_owned(),
                action,
                unknown: false,
            };
        }
        // One word, so that no line of a text begins in the middle of it.
        let code = cause.code.unwrap_or(cause.status);
        let code = code.split_whitespace().collect::<Vec<_>>().join("_");
        let title = match code.char_indices().nth(MAX_CODE_CHARS) {
            Some((end, _)) => format!("{} ...", &code[..end]),
            None => code,
        };
        let title = if is_plain(&title) {
            title
        } else {
            format!("\"{}\"", title.replace('"', "'"))
        };
        let action = match (command, cause.accounts) {
            (Some(command), 1) => format!("For details, run this in that account: {command}"),
            (Some(command), _) => {
                format!("For details, run this in one of the accounts: {command}")
            }
            (None, 0) => "Look at the status of the pack in AWS Config, in the account that it is \
                          deployed from."
                .to_owned(),
            (None, 1) => "Look at the pack in AWS Config, in the failing account.".to_owned(),
            (None, _) => {
                "Look at the pack in AWS Config, in one of the failing accounts.".to_owned()
            }
        };
        Self {
            short_title: title.clone(),
            title,
            action,
            unknown: true,
        }
    }
}

/// Returns whether a code reads as one: an account id in its place could be taken for an account.
fn is_plain(code: &str) -> bool {
    code.starts_with(|character: char| character.is_ascii_alphabetic())
        && code
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._:- ".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::GroupCause;
    use crate::report::known_causes::Cause;

    #[test]
    fn unknown_code_is_its_own_title_and_odd_one_is_quoted() {
        let long = "x".repeat(60);
        for (code, title) in [
            ("SomethingNewException", "SomethingNewException"),
            ("Client.Odd:Code_1", "Client.Odd:Code_1"),
            ("999988887777 ", "\"999988887777\""),
            ("two words", "two_words"),
            ("a\"b", "\"a'b\""),
            (&long, &format!("{} ...", "x".repeat(50))),
        ] {
            let cause = Cause {
                status: "UPDATE_FAILED",
                code: Some(code),
                message: None,
                account_state: None,
                is_stuck: false,
                accounts: 1,
            };
            assert_eq!(GroupCause::of(&cause, None).title, title, "{code}");
        }
    }
}
