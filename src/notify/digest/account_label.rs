//! The label of a member account: its id, and its name and state if they are known. Names are
//! quoted, so that no name can look like another entry of the list.

use std::fmt;

use super::sanitize::sanitize;
use crate::model::{AccountId, AwsText};
use crate::report::{FailureRecord, ResolvedRecord};

/// Maximum number of characters of a name or state in a label. AWS Organizations [allows
/// 50](https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateAccount.html) in a
/// name.
const MAX_NAME_CHARS: usize = 50;

/// Label of an account in a list, such as `123456789012 "name" (suspended)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AccountLabel<'a> {
    id: &'a AccountId,
    name: Option<&'a AwsText>,
    state: Option<&'a AwsText>,
}

impl<'a> AccountLabel<'a> {
    /// Returns the label of the failing account; `None` for the pack itself.
    pub(super) fn failing(record: &'a FailureRecord) -> Option<Self> {
        let FailureRecord { key, details, .. } = record;
        let id = key.account_id.as_ref()?;
        Some(Self {
            id,
            name: details.account_name.as_ref(),
            state: details.account_state.as_ref(),
        })
    }

    /// Returns the label of the account that failed; `None` for the pack itself.
    pub(super) fn resolved(record: &'a ResolvedRecord) -> Option<Self> {
        let ResolvedRecord {
            key,
            account_name,
            account_state,
            ..
        } = record;
        Some(Self {
            id: key.account_id.as_ref()?,
            name: account_name.as_ref(),
            state: account_state.as_ref(),
        })
    }
}

impl fmt::Display for AccountLabel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)?;
        let name = self
            .name
            .map(|name| without_quotes(&sanitize(name.as_str())));
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            write!(f, " \"{}\"", shortened(&name))?;
        }
        let state = self.state.map(|state| plain_words(state.as_str()));
        if let Some(state) = state.filter(|state| !state.is_empty()) {
            write!(f, " ({})", shortened(&state))?;
        }
        Ok(())
    }
}

/// Returns the text with one apostrophe for each run of quotation marks that look like the quotes
/// around a name.
fn without_quotes(text: &str) -> String {
    let mut unquoted = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"'
            | '\''
            | '＂'
            | '＇'
            | '‘'..='‟'
            | '″'..='‷'
            | 'ʺ'..='ʼ'
            | '\u{2dd}'
            | '\u{2ee}'
            | '\u{301d}'..='\u{301f}'
            | '〃'
            | '❛'..='❠'
            | '′' => {
                if !unquoted.ends_with('\'') {
                    unquoted.push('\'');
                }
            }
            c => unquoted.push(c),
        }
    }
    unquoted
}

/// Returns the words of a state, such as `pending closure` for `PENDING_CLOSURE`.
fn plain_words(state: &str) -> String {
    let words = state.split(|c: char| !c.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ").to_lowercase()
}

/// Returns the text with an ellipsis in place of what is longer than [`MAX_NAME_CHARS`].
fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_NAME_CHARS) {
        Some((end, _)) => format!("{} ...", text[..end].trim_end()),
        None => text.to_owned(),
    }
}
