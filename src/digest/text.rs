//! The digest as a person reads it: what matters in the first ten lines, 72 columns, every change
//! in full.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::iter;

use jiff::fmt::friendly::{Designator, Spacing, SpanPrinter};
use jiff::{SignedDuration, Timestamp, Unit};
use textwrap::WordSeparator;
use textwrap::core::Word;

use super::account::Account;
use super::cause::{Group, group};
use super::{Digest, emptied, inert};
use crate::ledger::GapResolution;
use crate::model::{AccountId, AwsText, PackName, Region, Resolution};
use crate::snapshot::{ClosedRecord, GapRecord};

const COLUMNS: usize = 72;
/// The text for people stays under this; what does not fit is in the snapshot.
const LIMIT: usize = 30_000;
/// Kept for the line that says how much was left out.
const LEFT_OUT: usize = 200;
/// So many lines of the overview fit into the first ten of the text.
const OVERVIEW: usize = 6;
/// So many accounts are written out.
const ACCOUNTS_SHOWN: usize = 10;
/// And so far from the margin.
const LIST_INDENT: usize = 4;
/// An error message is cut to this many characters: it is the same for every account of its group.
const MESSAGE_SHOWN: usize = 400;

pub(super) fn text(digest: &Digest) -> String {
    let footer = footer(digest);
    let mut page = Page {
        text: String::new(),
        left_out: 0,
        limit: LIMIT.saturating_sub(footer.len() + LEFT_OUT),
    };
    page.line(0, &digest.subject());
    page.blank();
    let groups = group(&digest.appeared);
    overview(digest, &groups, &mut page);
    emptied::sections(digest, &mut page);
    appeared(digest, &groups, &mut page);
    let (explained, cleared): (Vec<_>, Vec<_>) = digest
        .cleared
        .iter()
        .partition(|record| record.how == Resolution::Explained);
    endings("Cleared", &cleared, &mut page);
    endings("Explained (not cleared)", &explained, &mut page);
    gaps(digest, &mut page);
    reminded(digest, &mut page);
    endings(
        "No longer watched (not cleared)",
        &digest.unwatched.iter().collect::<Vec<_>>(),
        &mut page,
    );
    newly_watched(digest, &mut page);
    still_open(digest, &mut page);
    page.end();
    page.text + &footer
}

/// The lines that stand for everything below, at most as many as fit into the first ten.
pub(super) fn summary(digest: &Digest, groups: &[Group<'_>]) -> Vec<String> {
    let mut lines = emptied::summary(digest);
    for group in groups {
        lines.push(format!(
            "+ {}: {}: {}",
            group.pack,
            group.size(),
            group.name()
        ));
    }
    for (pack, how, records) in ended(digest.cleared.iter()) {
        let mark = if how.is_clearing() { '-' } else { '=' };
        lines.push(format!(
            "{mark} {pack}: {} {}",
            accounts(&records),
            words(how)
        ));
    }
    for gap in &digest.gaps {
        let pack = gap
            .key
            .pack
            .as_ref()
            .map_or_else(String::new, |pack| format!(" {pack}"));
        match gap.end {
            Some(end) => lines.push(format!("? {}{pack} {}", gap.key.source, gap_end(end))),
            None => lines.push(format!(
                "? {}{pack} is not read: {}",
                gap.key.source, gap.cause.code
            )),
        }
    }
    if !digest.reminded.is_empty() {
        lines.push(format!(
            "! {} told before and still open",
            digest.reminded.len()
        ));
    }
    if !digest.unwatched.is_empty() {
        lines.push(format!(
            "x {} no longer watched (not cleared)",
            digest.unwatched.len()
        ));
    }
    if lines.is_empty() {
        lines.push("= nothing changed".to_owned());
    }
    lines
}

fn overview(digest: &Digest, groups: &[Group<'_>], page: &mut Page) {
    let lines = summary(digest, groups);
    let shown = if lines.len() > OVERVIEW {
        OVERVIEW - 1
    } else {
        lines.len()
    };
    for line in lines.iter().take(shown) {
        page.cut_line(line);
    }
    if lines.len() > shown {
        page.line(0, &format!("and {} more below", lines.len() - shown));
    }
}

fn appeared(digest: &Digest, groups: &[Group<'_>], page: &mut Page) {
    if !groups.is_empty() {
        page.heading(&format!("Appeared ({})", digest.appeared.len()));
        page.groups(groups, digest.created_at);
    }
}

fn reminded(digest: &Digest, page: &mut Page) {
    let groups = group(&digest.reminded);
    if !groups.is_empty() {
        page.heading(&format!(
            "Told before and still open ({})",
            digest.reminded.len()
        ));
        page.groups(&groups, digest.created_at);
    }
}

fn endings(title: &str, records: &[&ClosedRecord], page: &mut Page) {
    if records.is_empty() {
        return;
    }
    page.heading(&format!("{title} ({})", records.len()));
    for (pack, how, records) in ended(records.iter().copied()) {
        let mut part = Part::new();
        part.line(2, &format!("{pack}: {} {}", accounts(&records), words(how)));
        part.accounts(
            &records
                .iter()
                .copied()
                .filter_map(Account::closed)
                .collect(),
        );
        let regions: BTreeSet<&Region> = records
            .iter()
            .map(|record| &record.key.pack.source.region)
            .collect();
        let was: BTreeSet<&str> = records
            .iter()
            .map(|record| {
                record
                    .error_code_was
                    .as_ref()
                    .map_or(record.status_was.as_str(), AwsText::as_str)
            })
            .collect();
        part.line(4, &format!("was {} in {}", listed(was), listed(regions)));
        if let Some(since) = records.iter().map(|record| record.failing_since).min() {
            let until = records
                .iter()
                .map(|record| record.cleared_at)
                .max()
                .unwrap_or(since);
            part.line(
                4,
                &format!(
                    "had failed since {} ({})",
                    moment(since),
                    lasted(since, until)
                ),
            );
        }
        page.part(&part);
    }
}

fn gaps(digest: &Digest, page: &mut Page) {
    if digest.gaps.is_empty() {
        return;
    }
    let ended = digest.gaps.iter().filter(|gap| gap.end.is_some()).count();
    page.heading(&match (digest.gaps.len() - ended, ended) {
        (lasting, 0) => format!("Not read ({lasting})"),
        (0, ended) => format!("Gaps that ended ({ended})"),
        (lasting, ended) => format!("Not read ({lasting}), gaps that ended ({ended})"),
    });
    for GapRecord {
        key,
        cause,
        since,
        state: _,
        end,
    } in &digest.gaps
    {
        let mut part = Part::new();
        let pack = key
            .pack
            .as_ref()
            .map_or_else(String::new, |pack| format!(", pack {pack}"));
        if let Some(end) = end {
            part.line(2, &format!("{}{pack} {}", key.source, gap_end(*end)));
            part.line(4, &format!("had not been read since {}", moment(*since)));
        } else {
            part.line(2, &format!("{}{pack}: {}", key.source, cause.code));
            part.line(
                4,
                &format!(
                    "since {} ({})",
                    moment(*since),
                    lasted(*since, digest.created_at)
                ),
            );
            part.line(
                4,
                &shortened(&format!("{}: {}", cause.operation, cause.message)),
            );
            part.line(
                4,
                "What was open there stays open, unconfirmed, until it can be read again.",
            );
            if let Some(remedy) = gap_remedy(&cause.code) {
                part.line(4, &format!("To do: {remedy}"));
            }
        }
        page.part(&part);
    }
}

fn gap_end(end: GapResolution) -> &'static str {
    match end {
        GapResolution::Read => "is read again",
        GapResolution::PackRemoved => "is no longer there",
        GapResolution::OutOfScope => "is no longer watched",
    }
}

fn gap_remedy(code: &str) -> Option<&'static str> {
    Some(match code {
        "OrganizationAccessDeniedException" => {
            "call from the management account or from a delegated administrator of AWS Config; after a change of administrator, wait"
        }
        "AccessDeniedException" | "AccessDenied" | "UnrecognizedClientException" => {
            "check the permissions of the function or of the role, service control policies, and whether the region is turned on"
        }
        "ThrottlingException" => "lower CONCURRENCY, or give the function more time",
        "OutOfTime" => "give the function a longer timeout",
        _ => return None,
    })
}

fn newly_watched(digest: &Digest, page: &mut Page) {
    if digest.newly_watched.is_empty() {
        return;
    }
    page.heading(&format!("Newly watched ({})", digest.newly_watched.len()));
    for source in &digest.newly_watched {
        let mut part = Part::new();
        part.line(2, &source.to_string());
        page.part(&part);
    }
}

fn still_open(digest: &Digest, page: &mut Page) {
    if digest.ongoing.is_empty() && digest.early == 0 && digest.totals.unconfirmed == 0 {
        return;
    }
    page.heading("Open besides");
    for (pack, count) in &digest.ongoing {
        let mut part = Part::new();
        part.line(2, &format!("{pack}: {count}"));
        page.part(&part);
    }
    let mut part = Part::new();
    if digest.early > 0 {
        part.line(
            2,
            &format!("{} that are not due to be told yet", digest.early),
        );
    }
    if digest.totals.unconfirmed > 0 {
        part.line(
            2,
            &format!(
                "{} of all that is open could not be confirmed in this run",
                digest.totals.unconfirmed
            ),
        );
    }
    page.part(&part);
}

/// Endings of one pack and one kind, in the order of the packs.
fn ended<'a>(
    records: impl Iterator<Item = &'a ClosedRecord>,
) -> Vec<(&'a PackName, Resolution, Vec<&'a ClosedRecord>)> {
    let mut groups: BTreeMap<(&PackName, Resolution), Vec<&ClosedRecord>> = BTreeMap::new();
    for record in records {
        groups
            .entry((&record.key.pack.pack, record.how))
            .or_default()
            .push(record);
    }
    groups
        .into_iter()
        .map(|((pack, how), records)| (pack, how, records))
        .collect()
}

fn accounts(records: &[&ClosedRecord]) -> String {
    let ids: BTreeSet<&AccountId> = records
        .iter()
        .filter_map(|record| record.key.account_id.as_ref())
        .collect();
    let itself = if records.iter().any(|record| record.key.is_pack()) {
        "the pack itself"
    } else {
        ""
    };
    match (ids.len(), itself) {
        (0, itself) => itself.to_owned(),
        (1, "") => "1 account".to_owned(),
        (many, "") => format!("{many} accounts"),
        (1, itself) => format!("{itself} and 1 account"),
        (many, itself) => format!("{itself} and {many} accounts"),
    }
}

fn words(how: Resolution) -> &'static str {
    match how {
        Resolution::Recovered => "recovered",
        Resolution::AccountRemoved => "no longer in the pack",
        Resolution::PackRemoved => "gone with the pack, which was removed",
        Resolution::Explained => "is explained: its failing accounts are known now",
        Resolution::Unwatched => "no longer watched",
    }
}

/// A time to the minute, in UTC.
pub(super) fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// How long something lasted, in the two largest units at most.
pub(super) fn lasted(since: Timestamp, until: Timestamp) -> String {
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
pub(super) fn accounts_listed(accounts: &BTreeSet<Account<'_>>) -> String {
    let mut line = listed(accounts.iter().take(ACCOUNTS_SHOWN));
    if accounts.len() > ACCOUNTS_SHOWN {
        let _ = write!(line, " and {} more", accounts.len() - ACCOUNTS_SHOWN);
    }
    line
}

fn listed(words: impl IntoIterator<Item = impl ToString>) -> String {
    words
        .into_iter()
        .map(|word| word.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MESSAGE_SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

fn wrapped(indent: usize, line: &str) -> String {
    wrapped_at(WordSeparator::AsciiSpace, indent, line)
}

fn wrapped_at(separator: WordSeparator, indent: usize, line: &str) -> String {
    // Whatever a line is made of, names from AWS included, it is shown inert.
    let line = &inert(line);
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
fn parts_of_a_list(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let parts = line.split_inclusive(", ");
    Box::new(
        parts.flat_map(|part| -> Box<dyn Iterator<Item = Word<'_>> + '_> {
            if part.chars().count() <= COLUMNS - LIST_INDENT - 2 {
                Box::new(iter::once(Word::from(part)))
            } else {
                WordSeparator::AsciiSpace.find_words(part)
            }
        }),
    )
}

/// Lines that are shown whole or not at all.
pub(super) struct Part(String);

impl Part {
    pub(super) fn new() -> Self {
        Self(String::new())
    }

    pub(super) fn line(&mut self, indent: usize, line: &str) {
        self.0.push_str(&wrapped(indent, line));
        self.0.push('\n');
    }

    fn accounts(&mut self, accounts: &BTreeSet<Account<'_>>) {
        if accounts.is_empty() {
            return;
        }
        let list = WordSeparator::Custom(parts_of_a_list);
        self.0
            .push_str(&wrapped_at(list, LIST_INDENT, &accounts_listed(accounts)));
        self.0.push('\n');
    }

    fn group(&mut self, group: &Group<'_>, now: Timestamp) {
        self.line(2, &format!("{}: {}", group.size(), group.name()));
        self.accounts(&group.accounts);
        let regions = listed(&group.regions);
        let several = if group.regions.len() > 1 {
            format!(" ({} failures)", group.failures.len())
        } else {
            String::new()
        };
        self.line(4, &format!("{} in {regions}{several}", group.status));
        self.line(4, &format!("deployed from {}", listed(&group.callers)));
        let to = if group.latest > group.since {
            format!(", the newest {}", moment(group.latest))
        } else {
            String::new()
        };
        self.line(
            4,
            &format!(
                "since {} ({}){to}",
                moment(group.since),
                lasted(group.since, now)
            ),
        );
        if let Some(message) = &group.message {
            self.line(4, &shortened(message));
        }
        if let Some(remedy) = group.remedy() {
            self.line(4, &format!("To do: {remedy}"));
        }
    }
}

/// The text as it grows, up to its limit.
pub(super) struct Page {
    text: String,
    left_out: usize,
    limit: usize,
}

impl Page {
    fn blank(&mut self) {
        self.text.push('\n');
    }

    fn line(&mut self, indent: usize, line: &str) {
        self.text.push_str(&wrapped(indent, line));
        self.text.push('\n');
    }

    /// A line of the overview, which must not grow into two.
    fn cut_line(&mut self, line: &str) {
        let line = inert(line);
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
    pub(super) fn part(&mut self, part: &Part) -> bool {
        let fits = self.text.len() + part.0.len() < self.limit;
        if fits {
            self.text.push_str(&part.0);
        } else {
            self.left_out += 1;
        }
        fits
    }

    fn groups(&mut self, groups: &[Group<'_>], now: Timestamp) {
        let mut headed = None;
        for group in groups {
            let mut part = Part::new();
            if headed != Some(group.pack) {
                part.line(0, &format!("{}:", group.pack));
            }
            part.group(group, now);
            if self.part(&part) {
                headed = Some(group.pack);
            }
        }
    }

    fn end(&mut self) {
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

/// The last lines, which say of which run this is and where the rest is.
fn footer(digest: &Digest) -> String {
    let mut footer = String::new();
    if let Some(run_id) = &digest.run_id {
        let line = format!(
            "Run {} ({run_id}), as of {}",
            digest.sequence,
            moment(digest.as_of)
        );
        footer.push_str(&wrapped(0, &line));
        footer.push('\n');
    }
    if let Some(address) = &digest.snapshot {
        // Addresses are not wrapped: a broken one cannot be followed.
        let _ = writeln!(
            footer,
            "Snapshot: {}\nConsole:  {}",
            address.uri(),
            address.console()
        );
    }
    footer
}
