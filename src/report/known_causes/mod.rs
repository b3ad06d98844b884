//! Known causes of failures: a short title, and what to do.
//!
//! | file | content |
//! | --- | --- |
//! | `account`, `access`, `template`, `general` | the causes, in the order in which they are tried |
//! | `pattern` | how a cause is recognized |
//! | `action` | the action, with the names from the message |
//!
//! AWS publishes no list of these errors. `tests/fixtures/member_errors.json` has messages of each
//! cause, with their sources: public issues, and pages of AWS that describe an error. All ids in
//! them are replaced; in those with `adapted`, other names are too.

mod access;
mod account;
mod action;
mod general;
mod pattern;
mod template;
#[cfg(test)]
mod tests;

use self::action::complete;
use self::pattern::{Entry, Subject};
use super::sanitize::sanitize;

/// What AWS reports about a failure, or about a group of failures with the same cause.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cause<'a> {
    /// The status, such as `CREATE_FAILED`.
    pub status: &'a str,
    pub code: Option<&'a str>,
    /// The message. Names that differ between the members of a group are replaced by a placeholder
    /// without lower-case letters.
    pub message: Option<&'a str>,
    /// The state of the account in AWS Organizations; `None` if it is `ACTIVE` or unknown.
    pub account_state: Option<&'a str>,
    /// Whether it counts as failing because it has been in progress for too long.
    pub is_stuck: bool,
    /// Number of accounts; 0 for the pack itself.
    pub accounts: usize,
}

/// A known cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownCause {
    /// The title for a heading, such as `No AWS Config recorder`.
    pub title: &'static str,
    /// The title within a sentence or a subject, such as `no Config recorder`: at most 34
    /// characters.
    pub short_title: &'static str,
    /// What to do: one or two sentences of ASCII, which can contain names from the message.
    pub action: String,
}

/// Returns all known causes. The first one that matches applies: the state of the account comes
/// first, then specific codes and texts, then general ones.
fn entries() -> impl Iterator<Item = &'static Entry> {
    [
        account::ACCOUNT,
        access::ACCESS,
        template::TEMPLATE,
        general::GENERAL,
    ]
    .into_iter()
    .flatten()
}

/// Returns the known cause, or `None` if the code and the message are unknown.
pub(super) fn known_cause(cause: &Cause<'_>) -> Option<KnownCause> {
    let code = cause.code.map(sanitize).unwrap_or_default();
    let message = cause.message.map(sanitize).unwrap_or_default();
    let subject = Subject::new(cause.account_state, cause.is_stuck, &code, &message);
    let entry = entries().find(|entry| {
        entry
            .patterns
            .iter()
            .any(|&pattern| subject.matches(pattern))
    })?;
    Some(KnownCause {
        title: entry.title,
        short_title: entry.short_title,
        action: complete(entry.action, subject.text(), cause.status, cause.accounts),
    })
}
