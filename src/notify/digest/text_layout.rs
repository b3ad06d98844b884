//! The layout of the text: wrapping, lists, and blocks that are shown completely or not at all.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::iter;

use jiff::fmt::friendly::{Designator, Spacing, SpanPrinter};
use jiff::{SignedDuration, Timestamp, Unit};
use textwrap::WordSeparator;
use textwrap::core::Word;

use super::account_label::AccountLabel;
use super::grouping::FailureGroup;
use super::sanitize::{sanitize, sanitize_line};
use crate::model::{PackName, shorten_to_ends};

/// Width of the text, in columns.
pub(super) const COLUMNS: usize = 72;

/// Indentation of a list, in columns.
pub(super) const LIST_INDENT: usize = 4;

/// Maximum number of accounts in a list.
pub(super) const MAX_ACCOUNTS_SHOWN: usize = 10;

/// Formats a time to the minute, in UTC.
pub(super) fn format_timestamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Formats the time from `since` to `until`, in days and hours or in hours and minutes.
pub(super) fn format_duration(since: Timestamp, until: Timestamp) -> String {
    let duration = until.duration_since(since);
    if duration < SignedDuration::from_mins(1) {
        return "just now".to_owned();
    }
    let smallest = if duration >= SignedDuration::from_hours(24) {
        Unit::Hour
    } else {
        Unit::Minute
    };
    let rounding = jiff::SpanRound::new()
        .largest(Unit::Day)
        .smallest(smallest)
        .mode(jiff::RoundMode::Trunc);
    let printer = SpanPrinter::new()
        .designator(Designator::Short)
        .spacing(Spacing::BetweenUnitsAndDesignators);
    jiff::Span::try_from(duration)
        .and_then(|span| span.round(rounding.days_are_24_hours()))
        .map_or_else(
            |_| format!("{} s", duration.as_secs()),
            |span| printer.span_to_string(&span),
        )
}

/// Returns the first [`MAX_ACCOUNTS_SHOWN`] accounts, and the number of the others.
pub(super) fn account_list(accounts: &BTreeSet<AccountLabel<'_>>) -> String {
    let mut list = comma_separated(accounts.iter().take(MAX_ACCOUNTS_SHOWN));
    if accounts.len() > MAX_ACCOUNTS_SHOWN {
        let _ = write!(list, " and {} more", accounts.len() - MAX_ACCOUNTS_SHOWN);
    }
    list
}

/// Joins the items with commas.
pub(super) fn comma_separated(items: impl IntoIterator<Item = impl ToString>) -> String {
    items
        .into_iter()
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Returns the name of a pack as people see it.
pub(super) fn pack_name(pack: &PackName) -> String {
    sanitize(pack.as_str())
}

/// Wraps a line at spaces. See [`wrapped_at`].
pub(super) fn wrapped(indent: usize, line: &str) -> String {
    wrapped_at(WordSeparator::AsciiSpace, indent, line)
}

/// Wraps a line to [`COLUMNS`] where `separator` allows. Lines after the first are indented by two
/// more columns.
pub(super) fn wrapped_at(separator: WordSeparator, indent: usize, line: &str) -> String {
    // Texts from AWS are sanitized where they enter the digest; this is the second barrier.
    let line = &sanitize_line(line);
    let first = " ".repeat(indent);
    let next = " ".repeat(indent + 2);
    let options = textwrap::Options::new(COLUMNS)
        .initial_indent(&first)
        .subsequent_indent(&next);
    // Long words are not broken, so that names and ARNs can be searched for and copied.
    let options = options
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::fill(line, options.word_separator(separator))
}

/// Splits a list after its commas, so that it is not wrapped inside an item. An item that is longer
/// than a line is split at spaces. Nothing is split inside quotes or parentheses: the rest of a name
/// or state must not begin a line as if it were an item.
pub(super) fn list_items(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let items = line.split_inclusive(spaces_between_parts(true));
    Box::new(
        items.flat_map(|item| -> Box<dyn Iterator<Item = Word<'_>> + '_> {
            if item.chars().count() <= COLUMNS - LIST_INDENT - 2 {
                Box::new(iter::once(Word::from(item)))
            } else {
                let words = item.split_inclusive(spaces_between_parts(false));
                Box::new(words.map(Word::from))
            }
        }),
    )
}

/// Returns a predicate for the characters of a list in their order: whether it is a space outside
/// of quotes and parentheses, and follows a comma if `after_comma`.
fn spaces_between_parts(after_comma: bool) -> impl FnMut(char) -> bool {
    let (mut end, mut last) = (None, ' ');
    move |c| {
        end = match (end, c) {
            (Some(mark), c) => Some(mark).filter(|mark| *mark != c),
            (None, '"') => Some('"'),
            (None, '(') => Some(')'),
            (None, _) => None,
        };
        let splits = c == ' ' && end.is_none() && (!after_comma || last == ',');
        last = c;
        splits
    }
}

/// Lines that are shown completely or not at all.
pub(super) struct Block(String);

impl Block {
    pub(super) fn new() -> Self {
        Self(String::new())
    }

    pub(super) fn line(&mut self, indent: usize, line: &str) {
        self.0.push_str(&wrapped(indent, line));
        self.0.push('\n');
    }

    pub(super) fn accounts(&mut self, accounts: &BTreeSet<AccountLabel<'_>>) {
        if accounts.is_empty() {
            return;
        }
        let list = WordSeparator::Custom(list_items);
        self.0
            .push_str(&wrapped_at(list, LIST_INDENT, &account_list(accounts)));
        self.0.push('\n');
    }

    pub(super) fn group(&mut self, group: &FailureGroup<'_>, now: Timestamp) {
        self.line(2, &format!("{}: {}", group.size(), group.name()));
        self.accounts(&group.accounts);
        let regions = comma_separated(&group.regions);
        let failure_count = if group.regions.len() > 1 {
            format!(" ({} failures)", group.failures.len())
        } else {
            String::new()
        };
        self.line(4, &format!("{} in {regions}{failure_count}", group.status));
        self.line(
            4,
            &format!("deployed from {}", comma_separated(&group.callers)),
        );
        let newest = if group.latest > group.since {
            format!(", the newest {}", format_timestamp(group.latest))
        } else {
            String::new()
        };
        self.line(
            4,
            &format!(
                "since {} ({}){newest}",
                format_timestamp(group.since),
                format_duration(group.since, now)
            ),
        );
        if let Some(message) = &group.message {
            self.line(4, &shorten_to_ends(message));
        }
        if let Some(remediation) = group.remediation() {
            self.line(4, &format!("To do: {remediation}"));
        }
    }
}

/// A text under construction, limited in size.
pub(super) struct TextBuffer {
    pub(super) text: String,
    /// Number of blocks that did not fit.
    pub(super) omitted: usize,
    pub(super) max_bytes: usize,
}

impl TextBuffer {
    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    pub(super) fn line(&mut self, indent: usize, line: &str) {
        self.text.push_str(&wrapped(indent, line));
        self.text.push('\n');
    }

    /// Writes a line of the overview, truncated to one line instead of wrapped.
    pub(super) fn truncated_line(&mut self, line: &str) {
        let line = sanitize_line(line);
        let mut shown: String = line.chars().take(COLUMNS).collect();
        if shown.len() < line.len() {
            shown = line.chars().take(COLUMNS - 4).collect::<String>() + " ...";
        }
        self.text.push_str(&shown);
        self.text.push('\n');
    }

    /// Writes a section heading, unless the text is full.
    pub(super) fn heading(&mut self, heading: &str) {
        if self.text.len() < self.max_bytes {
            self.blank();
            self.line(0, heading);
        }
    }

    /// Writes a block if it fits; returns whether it did.
    pub(super) fn block(&mut self, block: &Block) -> bool {
        let fits = self.text.len() + block.0.len() < self.max_bytes;
        if fits {
            self.text.push_str(&block.0);
        } else {
            self.omitted += 1;
        }
        fits
    }

    /// Writes a block for each group, with the pack name before the first block of a pack.
    pub(super) fn groups(&mut self, groups: &[FailureGroup<'_>], now: Timestamp) {
        let mut last_pack = None;
        for group in groups {
            let mut block = Block::new();
            if last_pack != Some(group.pack) {
                block.line(0, &format!("{}:", pack_name(group.pack)));
            }
            block.group(group, now);
            if self.block(&block) {
                last_pack = Some(group.pack);
            }
        }
    }

    /// Ends the text, with a note if blocks were omitted.
    pub(super) fn finish(&mut self) {
        self.blank();
        if self.omitted > 0 {
            self.line(
                0,
                &format!(
                    "{} more groups are left out here; the snapshot has them all.",
                    self.omitted
                ),
            );
        }
    }
}
