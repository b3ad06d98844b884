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
        let action = match (command, cause.accounts) {
            (Some(command), 1) => format!("See more in that account: {command}"),
            (Some(command), _) => format!("See more in one of the accounts: {command}"),
            (None, 0) => "Look at the status of the pack in AWS Config, in the account that it is \
                          deployed from."
                .to_owned(),
            (None, _) => "Look at the pack in AWS Config, in the account that fails.".to_owned(),
        };
        Self {
            short_title: title.clone(),
            title,
            action,
            unknown: true,
        }
    }
}
