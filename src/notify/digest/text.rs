//! The text of the digest for people: 72 columns, a summary in the first ten lines, then every
//! change in full as far as the size limit allows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::account_label::AccountLabel;
use super::contents::Digest;
use super::empty_sources;
use super::grouping::{FailureGroup, group_by_cause};
use super::remediation::gap_remediation;
use super::text_layout::{
    Block, TextBuffer, comma_separated, format_duration, format_timestamp, pack_name, wrapped,
};
use crate::ledger::GapResolution;
use crate::model::{AccountId, AwsText, PackName, Region, Resolution, shorten_to_ends};
use crate::report::{GapRecord, ResolvedRecord};

/// Maximum size of the text. What does not fit is in the snapshot.
const MAX_TEXT_BYTES: usize = 30_000;

/// Size reserved for the note that counts the omitted blocks.
const OMITTED_NOTE_BYTES: usize = 200;

/// Maximum number of lines in the overview, so that it ends within the first ten lines.
const MAX_OVERVIEW_LINES: usize = 6;

/// Returns the text for people.
pub(super) fn text(digest: &Digest) -> String {
    let footer = footer(digest);
    let mut buffer = TextBuffer {
        text: String::new(),
        omitted: 0,
        max_bytes: MAX_TEXT_BYTES.saturating_sub(footer.len() + OMITTED_NOTE_BYTES),
    };
    buffer.line(0, &digest.subject());
    buffer.blank();
    let groups = group_by_cause(&digest.appeared);
    overview(digest, &groups, &mut buffer);
    empty_sources::sections(digest, &mut buffer);
    appeared(digest, &groups, &mut buffer);
    let (attributed, cleared): (Vec<_>, Vec<_>) = digest
        .cleared
        .iter()
        .partition(|record| record.resolution == Resolution::Attributed);
    resolved_section("Cleared", &cleared, &mut buffer);
    resolved_section("Attributed (not cleared)", &attributed, &mut buffer);
    gaps(digest, &mut buffer);
    reminders(digest, &mut buffer);
    resolved_section(
        "No longer watched (not cleared)",
        &digest.unwatched.iter().collect::<Vec<_>>(),
        &mut buffer,
    );
    newly_watched(digest, &mut buffer);
    still_open(digest, &mut buffer);
    buffer.finish();
    buffer.text + &footer
}

/// Returns the lines of the overview: one for each group of changes.
pub(super) fn summary(digest: &Digest, groups: &[FailureGroup<'_>]) -> Vec<String> {
    let mut lines = empty_sources::summary(digest);
    for group in groups {
        lines.push(format!(
            "+ {}: {}: {}",
            pack_name(group.pack),
            group.size(),
            group.name()
        ));
    }
    for (pack, resolution, records) in group_resolved(digest.cleared.iter()) {
        let mark = if resolution.is_clearing() { '-' } else { '=' };
        lines.push(format!(
            "{mark} {}: {} {}",
            pack_name(pack),
            accounts(&records),
            resolution_phrase(resolution)
        ));
    }
    for gap in &digest.gaps {
        let pack = gap
            .key
            .pack
            .as_ref()
            .map_or_else(String::new, |pack| format!(" {}", pack_name(pack)));
        match gap.end {
            Some(end) => lines.push(format!(
                "? {}{pack} {}",
                gap.key.source,
                gap_resolution_phrase(end)
            )),
            None => lines.push(format!(
                "? {}{pack} is not read: {}",
                gap.key.source, gap.cause.code
            )),
        }
    }
    if !digest.reminders.is_empty() {
        lines.push(format!(
            "! {} notified before and still open",
            digest.reminders.len()
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

/// Writes the first lines of the summary, and the number of lines that are not shown.
fn overview(digest: &Digest, groups: &[FailureGroup<'_>], buffer: &mut TextBuffer) {
    let lines = summary(digest, groups);
    let shown = if lines.len() > MAX_OVERVIEW_LINES {
        MAX_OVERVIEW_LINES - 1
    } else {
        lines.len()
    };
    for line in lines.iter().take(shown) {
        buffer.truncated_line(line);
    }
    if lines.len() > shown {
        buffer.line(0, &format!("and {} more below", lines.len() - shown));
    }
}

fn appeared(digest: &Digest, groups: &[FailureGroup<'_>], buffer: &mut TextBuffer) {
    if !groups.is_empty() {
        buffer.heading(&format!("Appeared ({})", digest.appeared.len()));
        buffer.groups(groups, digest.created_at);
    }
}

fn reminders(digest: &Digest, buffer: &mut TextBuffer) {
    let groups = group_by_cause(&digest.reminders);
    if !groups.is_empty() {
        buffer.heading(&format!(
            "Notified before and still open ({})",
            digest.reminders.len()
        ));
        buffer.groups(&groups, digest.created_at);
    }
}

fn resolved_section(title: &str, records: &[&ResolvedRecord], buffer: &mut TextBuffer) {
    if records.is_empty() {
        return;
    }
    buffer.heading(&format!("{title} ({})", records.len()));
    for (pack, resolution, records) in group_resolved(records.iter().copied()) {
        let mut block = Block::new();
        block.line(
            2,
            &format!(
                "{}: {} {}",
                pack_name(pack),
                accounts(&records),
                resolution_phrase(resolution)
            ),
        );
        block.accounts(
            &records
                .iter()
                .copied()
                .filter_map(AccountLabel::resolved)
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
                    .last_error_code
                    .as_ref()
                    .map_or(record.last_status.as_str(), AwsText::as_str)
            })
            .collect();
        block.line(
            4,
            &format!(
                "was {} in {}",
                comma_separated(was),
                comma_separated(regions)
            ),
        );
        if let Some(since) = records.iter().map(|record| record.failing_since).min() {
            let until = records
                .iter()
                .map(|record| record.cleared_at)
                .max()
                .unwrap_or(since);
            block.line(
                4,
                &format!(
                    "had failed since {} ({})",
                    format_timestamp(since),
                    format_duration(since, until)
                ),
            );
        }
        buffer.block(&block);
    }
}

fn gaps(digest: &Digest, buffer: &mut TextBuffer) {
    if digest.gaps.is_empty() {
        return;
    }
    let ended = digest.gaps.iter().filter(|gap| gap.end.is_some()).count();
    buffer.heading(&match (digest.gaps.len() - ended, ended) {
        (open, 0) => format!("Not read ({open})"),
        (0, ended) => format!("Gaps that ended ({ended})"),
        (open, ended) => format!("Not read ({open}), gaps that ended ({ended})"),
    });
    for GapRecord {
        key,
        cause,
        since,
        state: _,
        end,
    } in &digest.gaps
    {
        let mut block = Block::new();
        let pack = key
            .pack
            .as_ref()
            .map_or_else(String::new, |pack| format!(", pack {}", pack_name(pack)));
        if let Some(end) = end {
            block.line(
                2,
                &format!("{}{pack} {}", key.source, gap_resolution_phrase(*end)),
            );
            block.line(
                4,
                &format!("had not been read since {}", format_timestamp(*since)),
            );
        } else {
            block.line(2, &format!("{}{pack}: {}", key.source, cause.code));
            block.line(
                4,
                &format!(
                    "since {} ({})",
                    format_timestamp(*since),
                    format_duration(*since, digest.created_at)
                ),
            );
            block.line(
                4,
                &format!("{}: {}", cause.operation, shorten_to_ends(&cause.message)),
            );
            block.line(
                4,
                "What was open there stays open, unconfirmed, until it can be read again.",
            );
            if let Some(remediation) = gap_remediation(&cause.code) {
                block.line(4, &format!("To do: {remediation}"));
            }
        }
        buffer.block(&block);
    }
}

fn gap_resolution_phrase(resolution: GapResolution) -> &'static str {
    match resolution {
        GapResolution::Read => "is read again",
        GapResolution::PackRemoved => "is no longer there",
        GapResolution::OutOfScope => "is no longer watched",
    }
}

fn newly_watched(digest: &Digest, buffer: &mut TextBuffer) {
    if digest.newly_watched.is_empty() {
        return;
    }
    buffer.heading(&format!("Newly watched ({})", digest.newly_watched.len()));
    for source in &digest.newly_watched {
        let mut block = Block::new();
        block.line(2, &source.to_string());
        buffer.block(&block);
    }
}

fn still_open(digest: &Digest, buffer: &mut TextBuffer) {
    if digest.still_open.is_empty()
        && digest.pending == 0
        && digest.muted == 0
        && digest.totals.unconfirmed == 0
    {
        return;
    }
    buffer.heading("Open besides");
    for (pack, count) in &digest.still_open {
        let mut block = Block::new();
        block.line(2, &format!("{}: {count}", pack_name(pack)));
        buffer.block(&block);
    }
    let mut block = Block::new();
    if digest.muted > 0 {
        block.line(2, &format!("{} muted", digest.muted));
    }
    if digest.pending > 0 {
        block.line(2, &format!("{} pending, not due yet", digest.pending));
    }
    if digest.totals.unconfirmed > 0 {
        block.line(
            2,
            &format!(
                "{} of all that is open could not be confirmed in this run",
                digest.totals.unconfirmed
            ),
        );
    }
    buffer.block(&block);
}

/// Groups resolved failures by pack and resolution, ordered by pack.
fn group_resolved<'a>(
    records: impl Iterator<Item = &'a ResolvedRecord>,
) -> Vec<(&'a PackName, Resolution, Vec<&'a ResolvedRecord>)> {
    let mut groups: BTreeMap<(&PackName, Resolution), Vec<&ResolvedRecord>> = BTreeMap::new();
    for record in records {
        groups
            .entry((&record.key.pack.pack, record.resolution))
            .or_default()
            .push(record);
    }
    groups
        .into_iter()
        .map(|((pack, resolution), records)| (pack, resolution, records))
        .collect()
}

/// Returns how many accounts the records are of, as text, and whether the pack itself is among
/// them.
fn accounts(records: &[&ResolvedRecord]) -> String {
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

fn resolution_phrase(resolution: Resolution) -> &'static str {
    match resolution {
        Resolution::Recovered => "recovered",
        Resolution::AccountRemoved => "no longer in the pack",
        Resolution::PackRemoved => "gone with the pack, which was removed",
        Resolution::Attributed => "is replaced by its failing accounts",
        Resolution::Unwatched => "no longer watched",
    }
}

/// Returns the last lines: the run of the digest, and the addresses of its snapshot.
fn footer(digest: &Digest) -> String {
    let mut footer = String::new();
    if let Some(run_id) = &digest.run_id {
        let line = format!(
            "Run {} ({run_id}), as of {}",
            digest.sequence,
            format_timestamp(digest.as_of)
        );
        footer.push_str(&wrapped(0, &line));
        footer.push('\n');
    }
    if let Some(address) = &digest.snapshot {
        // Addresses are not wrapped: a wrapped link does not work.
        let _ = writeln!(
            footer,
            "Snapshot: {}\nConsole:  {}",
            address.uri(),
            address.console()
        );
    }
    footer
}
