//! The label of a member account: its id, and its name and state if they are known. In lists names
//! are quoted, so that no name can look like another entry of the list.

use std::fmt;

use crate::model::AccountId;
use crate::report::AccountView;

/// Maximum number of characters of a name or state in a label. AWS Organizations [allows
/// 50](https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreateAccount.html) in a
/// name.
const MAX_NAME_CHARS: usize = 50;

/// Label of an account in a list, such as `123456789012 "name" (suspended)`.
#[derive(Debug, Clone, Copy)]
pub struct AccountLabel<'a> {
    id: &'a AccountId,
    view: &'a AccountView,
    max_name_chars: usize,
}

impl<'a> AccountLabel<'a> {
    /// Returns the label of an account.
    pub fn new(id: &'a AccountId, view: &'a AccountView) -> Self {
        Self {
            id,
            view,
            max_name_chars: MAX_NAME_CHARS,
        }
    }

    /// Returns the label for a line of its own with at most `columns` characters. A name of plain
    /// characters needs no quotes there.
    pub fn line(self, columns: usize) -> String {
        self.fitted(columns, |label| {
            let line = label.to_string();
            match label.name() {
                Some(name) if is_plain(&name) => line.replacen(&format!("\"{name}\""), &name, 1),
                _ => line,
            }
        })
    }

    /// Returns the label for a list, with at most `columns` characters.
    pub(super) fn entry(self, columns: usize) -> String {
        self.fitted(columns, |label| label.to_string())
    }

    /// Returns what `write` returns for a label whose name and state are as long as fits.
    fn fitted(mut self, columns: usize, write: impl Fn(Self) -> String) -> String {
        loop {
            let label = write(self);
            let too_long = label.chars().count().saturating_sub(columns);
            if too_long == 0 || self.max_name_chars == 0 {
                return label;
            }
            self.max_name_chars = self.max_name_chars.saturating_sub(too_long.div_ceil(2));
        }
    }

    /// Returns the name as it is shown.
    pub(super) fn name(self) -> Option<String> {
        let name = without_quotes(self.view.name.as_ref()?.as_str());
        (!name.is_empty()).then(|| shortened(&name, self.max_name_chars))
    }

    /// Returns the state as it is shown.
    pub(super) fn state(self) -> Option<String> {
        let state = plain_words(self.view.state.as_ref()?.as_str());
        (!state.is_empty()).then(|| shortened(&state, self.max_name_chars))
    }
}

impl fmt::Display for AccountLabel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)?;
        if let Some(name) = self.name() {
            write!(f, " \"{name}\"")?;
        }
        if let Some(state) = self.state() {
            write!(f, " ({state})")?;
        }
        Ok(())
    }
}

/// Returns whether a name cannot look like anything but a name.
pub(super) fn is_plain(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b' '))
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

/// Returns the text with an ellipsis in place of what is longer than `max` characters.
pub(super) fn shortened(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{} ...", text[..end].trim_end()),
        None => text.to_owned(),
    }
}
