//! The mutes that apply.

use jiff::Timestamp;

use super::text::plain;
use super::words::{date, listed, time};
use crate::ledger::Ledger;
use crate::model::{Mute, MuteEnd, MuteMatcher};
use crate::report::{counted, mute_records};

/// Maximum number of entries that are shown of each part of a mute.
const MAX_ENTRIES: usize = 5;

/// A mute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::html_report) struct MuteLine {
    pub id: String,
    /// What it matches, in words.
    pub matcher: String,
    pub reason: String,
    pub by: Option<String>,
    pub until: Timestamp,
    /// The end, in words.
    pub until_words: String,
    pub created_at: Timestamp,
    /// Open failures that it matches.
    pub matches: usize,
}

/// The mutes that apply, the next to end first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::html_report) struct Mutes {
    pub lines: Vec<MuteLine>,
}

impl Mutes {
    pub(super) fn new(ledger: &Ledger, at: Timestamp) -> Self {
        let records = mute_records(ledger, at);
        let mut lines: Vec<_> = records
            .iter()
            .map(|record| MuteLine::new(&record.mute, record.matches))
            .collect();
        lines.sort_by_key(|line| line.until);
        Self { lines }
    }

    /// Returns the end of the next mute to end that matches a failure.
    pub(in crate::html_report) fn next_end(&self) -> Option<&MuteLine> {
        self.lines.iter().find(|line| line.matches > 0)
    }
}

impl MuteLine {
    fn new(mute: &Mute, matches: usize) -> Self {
        let until_words = match mute.until {
            MuteEnd::Date(day) => format!("end of {}, UTC", date(day)),
            MuteEnd::Time(at) => time(at),
        };
        Self {
            id: mute.id.clone(),
            matcher: in_words(&mute.matcher),
            reason: plain(&mute.reason).into_owned(),
            by: mute.by.as_ref().map(|by| plain(by).into_owned()),
            until: mute.until.at(),
            until_words,
            created_at: mute.created_at,
            matches,
        }
    }
}

/// Returns what a mute matches, such as `packs gdpr*; accounts 222233334444`.
fn in_words(matcher: &MuteMatcher) -> String {
    let MuteMatcher {
        packs,
        accounts,
        regions,
        codes,
        group,
    } = matcher;
    let list = |name: &str, entries: Vec<String>| {
        let noun = if entries.len() == 1 { "" } else { "s" };
        format!("{name}{noun} {}", listed(entries.into_iter(), MAX_ENTRIES))
    };
    let texts = |items: Vec<String>| items.iter().map(|item| plain(item).into_owned()).collect();
    let parts = [
        packs
            .as_ref()
            .map(|packs| list("pack", texts(packs.patterns()))),
        accounts.as_ref().map(|accounts| {
            list(
                "account",
                accounts.iter().map(ToString::to_string).collect(),
            )
        }),
        regions
            .as_ref()
            .map(|regions| list("region", regions.iter().map(ToString::to_string).collect())),
        codes
            .as_ref()
            .map(|codes| list("code", texts(codes.patterns()))),
        group.as_ref().map(|group| format!("cause {group}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join("; ")
}

/// Returns the number of muted failures with the next end, such as `3 failures until the end of
/// ...`.
pub(super) fn muted_in_words(failures: usize, mutes: &Mutes) -> Option<String> {
    if failures == 0 {
        return None;
    }
    let verb = if failures == 1 { "is" } else { "are" };
    let end = mutes.next_end().map_or_else(String::new, |line| {
        format!(
            ", the next until {}",
            line.until_words.replace("end of", "the end of")
        )
    });
    Some(format!(
        "{} {verb} muted{end}.",
        counted(failures, "failure")
    ))
}
