//! The text for people: the current state in the first sentences, what cannot be seen, then the
//! causes, each with what to do, within the size of a mail.
//!
//! | file | content |
//! | --- | --- |
//! | `mod` | the order of the sections |
//! | `opening`, `ending` | the first sentences, and what follows the sections |
//! | `causes`, `blind_spots` | the entries about failures, gaps and empty sources |
//! | `room` | how much of each entry is shown |
//! | `layout` | lines and blocks |

mod blind_spots;
mod causes;
mod ending;
mod layout;
mod opening;
mod room;

pub(super) use causes::{remarks, size};
pub(super) use opening::opening_sentences;

use super::contents::{Digest, DigestKind};
use super::gap_groups::gap_groups;
use super::phrases::listed;
use crate::model::Resolution;
use crate::report::{Group, GroupEvent, counted};

use layout::{INDENT, INNER_INDENT, paragraph, unwrapped};
use room::{Entry, Room, ShownEntry};

/// Maximum size of the text. What does not fit is in the snapshot.
const MAX_TEXT_BYTES: usize = 30_000;

/// Bytes kept for the lines that count what is left out.
const RESERVED_BYTES: usize = 1_000;

/// Number of lines up to which a text gets details: a reader on call reads about a screen. There
/// are more for each entry, up to a limit, which a text with more than seven entries may exceed.
const READABLE_LINES: (usize, usize, usize) = (25, 10, 70);

/// Minimum number of lines for details, however many causes there are.
const MIN_DETAIL_LINES: usize = 25;

/// A part of the text.
enum Part {
    /// Lines that are shown as they are.
    Block(Vec<String>),
    /// Entries, each shown as far as there is room.
    Entries(Vec<Entry>),
}

/// Returns the text for people.
pub(super) fn text(digest: &Digest) -> String {
    let mut parts: Vec<Part> = opening::opening(digest)
        .into_iter()
        .map(Part::Block)
        .collect();
    parts.extend([
        Part::Entries(blind_spots(digest)),
        Part::Entries(failing(digest)),
        Part::Entries(cleared(digest)),
        Part::Block(in_part(digest)),
        Part::Entries(seen_again(digest)),
        Part::Entries(still_failing(digest)),
        Part::Entries(no_longer_watched(digest)),
    ]);
    parts.extend(ending::ending(digest).into_iter().map(Part::Block));
    render(&parts)
}

/// Returns the entries of gaps and of sources without packs.
fn blind_spots(digest: &Digest) -> Vec<Entry> {
    let gaps = gap_groups(digest);
    let lasting = gaps.iter().filter(|group| group.end.is_none());
    let mut entries: Vec<Entry> = lasting
        .map(|group| blind_spots::no_data(group, digest))
        .collect();
    entries.extend(blind_spots::sources(digest, true));
    entries
}

/// Returns the new causes; where everything is listed, all causes.
fn failing(digest: &Digest) -> Vec<Entry> {
    let state = |group: &Group| match group.event {
        _ if digest.kind == DigestKind::Test => "TEST",
        GroupEvent::Appeared if digest.kind.lists_everything() && !digest.first_look => "NEW",
        _ => "FAILING",
    };
    let mut groups: Vec<&Group> = digest.groups_with(GroupEvent::Appeared).collect();
    if digest.kind.lists_everything() {
        groups.extend(digest.groups_with(GroupEvent::Reminder));
        groups.extend(digest.groups_with(GroupEvent::Open));
    }
    groups
        .into_iter()
        .map(|group| causes::failing(state(group), group, digest))
        .collect()
}

/// Returns the failures that ended.
fn cleared(digest: &Digest) -> Vec<Entry> {
    digest
        .groups_with(GroupEvent::Cleared)
        .filter(|group| group.resolution != Some(Resolution::Unwatched))
        .map(|group| causes::ended(group, digest))
        .collect()
}

/// Returns the gaps that ended, and the sources that list packs again.
fn seen_again(digest: &Digest) -> Vec<Entry> {
    let gaps = gap_groups(digest);
    let ended = gaps.iter().filter(|group| group.end.is_some());
    ended
        .map(|group| blind_spots::data_back(group, digest))
        .chain(blind_spots::sources(digest, false))
        .collect()
}

/// Returns where accounts that recovered in part have recovered, and where they still fail.
fn in_part(digest: &Digest) -> Vec<String> {
    const MAX_LINES: usize = 5;
    const MAX_IDS: usize = 3;
    let partial = &digest.recoveries.partial;
    let mut lines = Vec::new();
    for recovery in partial.iter().take(MAX_LINES) {
        let ids = listed(recovery.accounts.iter().take(MAX_IDS));
        let more = match recovery.accounts.len().saturating_sub(MAX_IDS) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let text = format!(
            "PARTLY CLEARED {ids}{more}: recovered in {}, still failing in {}.",
            recovery.recovered_in, recovery.failing_in
        );
        lines.extend(paragraph(INDENT, &text));
    }
    if partial.len() > MAX_LINES {
        let more = partial.iter().skip(MAX_LINES);
        let accounts: usize = more.map(|recovery| recovery.accounts.len()).sum();
        let text = format!(
            "and {} that recovered in part",
            counted(accounts, "more account")
        );
        lines.push(unwrapped(INDENT, &text));
    }
    lines
}

/// Returns the reminders, and one line for each cause that was notified before.
fn still_failing(digest: &Digest) -> Vec<Entry> {
    if digest.kind.lists_everything() {
        return Vec::new();
    }
    let mut entries: Vec<Entry> = digest
        .groups_with(GroupEvent::Reminder)
        .map(|group| causes::failing("STILL FAILING", group, digest))
        .collect();
    let before: Vec<&Group> = digest.groups_with(GroupEvent::Open).collect();
    if !before.is_empty() {
        entries.push(reported_before(&before, digest));
    }
    entries
}

/// Returns one entry with a line for each cause that was notified before.
fn reported_before(groups: &[&Group], digest: &Digest) -> Entry {
    const MAX_LINES: usize = 12;
    let mut heading = vec![unwrapped(INDENT, "ALSO FAILING, reported before")];
    for group in groups.iter().take(MAX_LINES) {
        heading.extend(causes::reported_before(group, digest));
    }
    if groups.len() > MAX_LINES {
        let more = &groups[MAX_LINES..];
        let failures: usize = more.iter().map(|group| group.failures).sum();
        let text = format!(
            "and {} with {}",
            counted(more.len(), "more cause"),
            counted(failures, "failure")
        );
        heading.push(unwrapped(INNER_INDENT, &text));
    }
    Entry {
        heading,
        ..Entry::default()
    }
}

fn no_longer_watched(digest: &Digest) -> Vec<Entry> {
    digest
        .groups_with(GroupEvent::Cleared)
        .filter(|group| group.resolution == Some(Resolution::Unwatched))
        .map(|group| causes::ended(group, digest))
        .collect()
}

/// Puts the parts together.
fn render(parts: &[Part]) -> String {
    let mut entries: Vec<&Entry> = Vec::new();
    let (mut fixed_bytes, mut fixed_lines) = (0, 0);
    for part in parts {
        match part {
            Part::Entries(part) => entries.extend(part),
            Part::Block(lines) => {
                fixed_bytes += lines.iter().map(|line| line.len() + 1).sum::<usize>() + 1;
                fixed_lines += lines.len() + usize::from(!lines.is_empty());
            }
        }
    }
    let headings: usize = entries.iter().map(|entry| entry.heading.len() + 1).sum();
    let (base, for_each, limit) = READABLE_LINES;
    let mut room = Room {
        bytes: MAX_TEXT_BYTES.saturating_sub(fixed_bytes + RESERVED_BYTES),
        lines: limit
            .min(base + for_each * entries.len())
            .max(for_each * entries.len())
            .saturating_sub(fixed_lines + headings)
            .max(MIN_DETAIL_LINES),
    };
    let mut shown = room.allocate(&entries).into_iter();
    let mut blocks: Vec<Vec<String>> = Vec::new();
    for part in parts {
        match part {
            Part::Block(lines) => blocks.push(lines.clone()),
            Part::Entries(entries) => blocks.extend(section(entries, &mut shown)),
        }
    }
    let blocks: Vec<String> = blocks
        .into_iter()
        .filter(|block| !block.is_empty())
        .map(|block| block.join("\n"))
        .collect();
    blocks.join("\n\n") + "\n"
}

/// Returns the blocks of a section: its entries, and the number of those that are left out.
fn section(entries: &[Entry], shown: &mut impl Iterator<Item = ShownEntry>) -> Vec<Vec<String>> {
    let mut blocks: Vec<Vec<String>> = Vec::new();
    let (mut left_out, mut accounts) = (0, 0);
    let mut one_liners = Vec::new();
    for (entry, shown) in entries.iter().zip(shown) {
        if !shown.shown {
            left_out += 1;
            accounts += entry.accounts;
        } else if shown.has_details() || entry.pieces.is_empty() {
            blocks.push(shown.lines(entry));
        } else {
            one_liners.extend(entry.heading.iter().cloned());
        }
    }
    if !one_liners.is_empty() {
        blocks.push(one_liners);
    }
    if left_out > 0 {
        let with = match accounts {
            0 => String::new(),
            accounts => format!(" with {}", counted(accounts, "account")),
        };
        let text = format!("and {left_out} more{with}, which the snapshot has");
        blocks.push(paragraph(INDENT, &text));
    }
    blocks
}
