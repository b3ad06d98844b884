//! The layout of the text: columns, wrapping, and blocks that are shown whole or not at all.

use super::account_label::AccountLabel;
use super::grouping::FailureGroup;
use super::sanitize::sanitize;
use jiff::fmt::friendly::{Designator, Spacing, SpanPrinter};
use jiff::{SignedDuration, Timestamp, Unit};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::iter;
use textwrap::WordSeparator;
use textwrap::core::Word;

pub(super) const COLUMNS: usize = 72;

/// And so far from the margin.
pub(super) const LIST_INDENT: usize = 4;

/// So many accounts are written out.
pub(super) const ACCOUNTS_SHOWN: usize = 10;

/// An error message is cut to this many characters: it is the same for every account of its group.
pub(super) const MESSAGE_SHOWN: usize = 400;

/// A time to the minute, in UTC.
pub(super) fn format_timestamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// How long something lasted, in the two largest units at most.
pub(super) fn format_duration(since: Timestamp, until: Timestamp) -> String {
    let length = until.duration_since(since);
    if length < SignedDuration::from_mins(1) {
        return "just now".to_owned();
    }
    let smallest = if length >= SignedDuration::from_hours(24) {
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
    jiff::Span::try_from(length)
        .and_then(|span| span.round(rounding.days_are_24_hours()))
        .map_or_else(
            |_| format!("{} s", length.as_secs()),
            |span| printer.span_to_string(&span),
        )
}

/// The first accounts, and how many more there are.
pub(super) fn accounts_listed(accounts: &BTreeSet<AccountLabel<'_>>) -> String {
    let mut line = comma_separated(accounts.iter().take(ACCOUNTS_SHOWN));
    if accounts.len() > ACCOUNTS_SHOWN {
        let _ = write!(line, " and {} more", accounts.len() - ACCOUNTS_SHOWN);
    }
    line
}

pub(super) fn comma_separated(words: impl IntoIterator<Item = impl ToString>) -> String {
    words
        .into_iter()
        .map(|word| word.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

pub(super) fn truncate(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

pub(super) fn wrapped(indent: usize, line: &str) -> String {
    wrapped_at(WordSeparator::AsciiSpace, indent, line)
}

pub(super) fn wrapped_at(separator: WordSeparator, indent: usize, line: &str) -> String {
    // Whatever a line is made of, names from AWS included, it is shown inert.
    let line = &sanitize(line);
    let first = " ".repeat(indent);
    let next = " ".repeat(indent + 2);
    let options = textwrap::Options::new(COLUMNS)
        .initial_indent(&first)
        .subsequent_indent(&next);
    // Names and ARNs are not broken: a broken one cannot be searched for.
    let options = options
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::fill(line, options.word_separator(separator))
}

/// The parts of a list, each with its comma. One that is longer than a line is no part but words.
pub(super) fn list_items(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let parts = line.split_inclusive(", ");
    Box::new(
        parts.flat_map(|block| -> Box<dyn Iterator<Item = Word<'_>> + '_> {
            if block.chars().count() <= COLUMNS - LIST_INDENT - 2 {
                Box::new(iter::once(Word::from(block)))
            } else {
                WordSeparator::AsciiSpace.find_words(block)
            }
        }),
    )
}

/// Lines that are shown whole or not at all.
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
            .push_str(&wrapped_at(list, LIST_INDENT, &accounts_listed(accounts)));
        self.0.push('\n');
    }

    pub(super) fn group(&mut self, group: &FailureGroup<'_>, now: Timestamp) {
        self.line(2, &format!("{}: {}", group.size(), group.name()));
        self.accounts(&group.accounts);
        let regions = comma_separated(&group.regions);
        let several = if group.regions.len() > 1 {
            format!(" ({} failures)", group.failures.len())
        } else {
            String::new()
        };
        self.line(4, &format!("{} in {regions}{several}", group.status));
        self.line(
            4,
            &format!("deployed from {}", comma_separated(&group.callers)),
        );
        let to = if group.latest > group.since {
            format!(", the newest {}", format_timestamp(group.latest))
        } else {
            String::new()
        };
        self.line(
            4,
            &format!(
                "since {} ({}){to}",
                format_timestamp(group.since),
                format_duration(group.since, now)
            ),
        );
        if let Some(message) = &group.message {
            self.line(4, &truncate(message));
        }
        if let Some(remediation) = group.remediation() {
            self.line(4, &format!("To do: {remediation}"));
        }
    }
}

/// The text as it grows, up to its limit.
pub(super) struct TextBuffer {
    pub(super) text: String,
    pub(super) left_out: usize,
    pub(super) limit: usize,
}

impl TextBuffer {
    pub(super) fn blank(&mut self) {
        self.text.push('\n');
    }

    pub(super) fn line(&mut self, indent: usize, line: &str) {
        self.text.push_str(&wrapped(indent, line));
        self.text.push('\n');
    }

    /// A line of the overview, which must not grow into two.
    pub(super) fn cut_line(&mut self, line: &str) {
        let line = sanitize(line);
        let mut shown: String = line.chars().take(COLUMNS).collect();
        if shown.len() < line.len() {
            shown = line.chars().take(COLUMNS - 3).collect::<String>() + "...";
        }
        self.text.push_str(&shown);
        self.text.push('\n');
    }

    pub(super) fn heading(&mut self, heading: &str) {
        if self.text.len() < self.limit {
            self.blank();
            self.line(0, heading);
        }
    }

    /// Shows a part if there is room, and says whether.
    pub(super) fn block(&mut self, block: &Block) -> bool {
        let fits = self.text.len() + block.0.len() < self.limit;
        if fits {
            self.text.push_str(&block.0);
        } else {
            self.left_out += 1;
        }
        fits
    }

    pub(super) fn groups(&mut self, groups: &[FailureGroup<'_>], now: Timestamp) {
        let mut headed = None;
        for group in groups {
            let mut block = Block::new();
            if headed != Some(group.pack) {
                block.line(0, &format!("{}:", group.pack));
            }
            block.group(group, now);
            if self.block(&block) {
                headed = Some(group.pack);
            }
        }
    }

    pub(super) fn end(&mut self) {
        self.blank();
        if self.left_out > 0 {
            self.line(
                0,
                &format!(
                    "{} more groups are left out here; the snapshot has them all.",
                    self.left_out
                ),
            );
        }
    }
}
