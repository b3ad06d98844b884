//! The end of the text: what is muted and pending, warnings, links and the run.

use std::collections::BTreeSet;

use super::layout::{INDENT, paragraph, unwrapped};
use crate::notify::digest::contents::{Digest, DigestKind};
use crate::notify::digest::phrases::{listed, source_name, time};
use crate::notify::digest::summary_sentences::sentences;
use crate::report::{counted, sanitize};

/// Maximum number of warnings that are shown.
const MAX_WARNINGS: usize = 10;

/// Returns the blocks at the end.
pub(super) fn ending(digest: &Digest) -> Vec<Vec<String>> {
    let blocks = [
        not_reported(digest),
        summary(digest),
        watched(digest),
        warnings(digest),
        links(digest),
        run(digest),
    ];
    blocks
        .into_iter()
        .filter(|block| !block.is_empty())
        .collect()
}

/// Returns what is open and not notified: muted, pending and ignored failures.
fn not_reported(digest: &Digest) -> Vec<String> {
    let mut lines = Vec::new();
    let now = digest.created_at;
    let muted = &digest.muted;
    if muted.failures > 0 {
        let until = muted
            .next_end
            .map_or_else(String::new, |end| format!("; next end {}", time(end, now)));
        let text = format!("Muted: {}{until}.", counted(muted.failures, "failure"));
        lines.extend(paragraph(INDENT, &text));
    }
    let pending = digest.pending;
    if pending.failures > 0 {
        let due = match pending.next_due {
            Some(due) => format!("; next due {}", time(due, now)),
            None => ", due once read by another run".to_owned(),
        };
        let text = format!("Pending: {}{due}.", counted(pending.failures, "failure"));
        lines.extend(paragraph(INDENT, &text));
    }
    if digest.ignored > 0 {
        let text = format!(
            "Ignored by your settings: {}.",
            counted(digest.ignored, "failure")
        );
        lines.extend(paragraph(INDENT, &text));
    }
    lines
}

/// Returns what only a summary says.
fn summary(digest: &Digest) -> Vec<String> {
    sentences(digest)
        .iter()
        .flat_map(|sentence| paragraph(INDENT, sentence))
        .collect()
}

/// Returns the packs of each source where they differ, in a first look and where everything is
/// listed; in other digests what is watched anew.
fn watched(digest: &Digest) -> Vec<String> {
    const MAX_SOURCES: usize = 12;
    if digest.first_look || digest.kind.lists_everything() {
        let numbers: BTreeSet<usize> = digest.watched.values().map(BTreeSet::len).collect();
        let callers: BTreeSet<_> = digest.watched.keys().map(|source| &source.caller).collect();
        if numbers.len() < 2 && callers.len() < 2 {
            return Vec::new();
        }
        let lasting = digest.lasting_gaps().map(|gap| &gap.record.key);
        let unread: BTreeSet<_> = lasting
            .filter(|key| key.pack.is_none())
            .map(|key| &key.source)
            .collect();
        let counts = digest.watched.iter().map(|(source, packs)| {
            let name = if callers.len() > 1 {
                source_name(source)
            } else {
                source.region.to_string()
            };
            if packs.is_empty() && unread.contains(source) {
                return format!("{name} (not read yet)");
            }
            format!("{} in {name}", counted(packs.len(), "pack"))
        });
        let shown = listed(counts.take(MAX_SOURCES));
        let more = match digest.watched.len().saturating_sub(MAX_SOURCES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        return paragraph(INDENT, &format!("Watched: {shown}{more}."));
    }
    if digest.newly_watched.is_empty() {
        return Vec::new();
    }
    let sources = listed(digest.newly_watched.iter().map(source_name));
    paragraph(INDENT, &format!("Newly watched: {sources}."))
}

fn warnings(digest: &Digest) -> Vec<String> {
    if !digest.shows_warnings() {
        return Vec::new();
    }
    let shown = digest.warnings.iter().take(MAX_WARNINGS);
    let mut lines: Vec<String> = shown
        .flat_map(|warning| paragraph(INDENT, &format!("Warning: {}.", sanitize(&warning.message))))
        .collect();
    if digest.warnings.len() > MAX_WARNINGS {
        let more = digest.warnings.len() - MAX_WARNINGS;
        lines.push(unwrapped(
            INDENT,
            &format!("and {}", counted(more, "more warning")),
        ));
    }
    lines
}

fn links(digest: &Digest) -> Vec<String> {
    [("Report", &digest.report), ("Snapshot", &digest.snapshot)]
        .into_iter()
        .filter_map(|(name, address)| {
            let link = digest.link_target.object(address.as_ref()?);
            Some(unwrapped(INDENT, &format!("{name} {link}")))
        })
        .collect()
}

/// Returns the run, and the numbers of failures, each of which is one account in one pack, region
/// and caller.
fn run(digest: &Digest) -> Vec<String> {
    let label = digest.label.as_deref().unwrap_or("packwatch");
    let at = time(digest.as_of, digest.created_at);
    let run = match &digest.run_id {
        Some(_) => format!("run {}, ", digest.sequence),
        None => String::new(),
    };
    let records = &digest.records;
    let is_test = digest.kind == DigestKind::Test;
    let counts = [
        (records.appeared.total, "new"),
        (records.cleared.total, "ended"),
        (records.unwatched.total, "no longer watched"),
        (records.reminders.total, "in reminders"),
        (digest.open, "open"),
    ];
    let counts = counts
        .into_iter()
        .filter(|(number, words)| *number > 0 && (!is_test || *words == "open"));
    let counts: Vec<String> = counts
        .map(|(number, words)| format!("{number} {words}"))
        .collect();
    let counts = if counts.is_empty() {
        String::new()
    } else {
        format!(" Failures by pack, region and account: {}.", listed(counts))
    };
    paragraph(INDENT, &format!("{label}, {run}as of {at}.{counts}"))
}
