//! The sentences of a summary that no other digest has: what changed since the last one, the mutes,
//! and packs that are not read.

use super::contents::{Digest, SummaryFacts};
use super::phrases::{listed, pack_name, since, source_name, time};
use crate::notify::digest::account_label::shortened;
use crate::report::{MuteRecord, counted, sanitize};

/// Maximum numbers of mutes and of packs that are named.
const MAX_NAMED: usize = 10;

/// Returns the paragraphs; none if the digest is no summary of everything.
pub(super) fn sentences(digest: &Digest) -> Vec<String> {
    let Some(summary) = &digest.summary else {
        return Vec::new();
    };
    let mut sentences = vec![turnover(summary, digest)];
    sentences.extend(mutes(digest));
    sentences.extend(unread(summary, digest));
    sentences
}

fn turnover(summary: &SummaryFacts, digest: &Digest) -> String {
    let turnover = summary.turnover;
    let period = match turnover.since {
        Some(last) => format!(
            "Since the last summary on {}",
            time(last, digest.created_at)
        ),
        None => "In the last 7 days".to_owned(),
    };
    match (turnover.opened, turnover.ended) {
        (0, 0) => format!("{period}: no failure began or ended."),
        (opened, ended) => format!(
            "{period}: {} began, {ended} ended.",
            counted(opened, "failure")
        ),
    }
}

fn mutes(digest: &Digest) -> Vec<String> {
    let shown = digest.mutes.iter().take(MAX_NAMED);
    let mut lines: Vec<String> = shown.map(|mute| describe(mute, digest)).collect();
    let more = digest.mutes.len().saturating_sub(MAX_NAMED);
    if more > 0 {
        lines.push(format!("And {}.", counted(more, "more mute")));
    }
    lines
}

fn describe(record: &MuteRecord<'_>, digest: &Digest) -> String {
    let mute = &record.mute;
    let matches = match record.matches {
        0 => "matches no open failure".to_owned(),
        matches => format!("mutes {}", counted(matches, "failure")),
    };
    let reason = shortened(&sanitize(&mute.reason), 60);
    let by = mute.by.as_deref().map(sanitize);
    let by = by.map_or_else(String::new, |by| format!(", {}", shortened(&by, 30)));
    format!(
        "Mute {} {matches}; it ends {} ({reason}{by}).",
        sanitize(&mute.id),
        time(mute.until.at(), digest.created_at)
    )
}

fn unread(summary: &SummaryFacts, digest: &Digest) -> Option<String> {
    if summary.unread.is_empty() {
        return None;
    }
    let shown = summary.unread.iter().take(MAX_NAMED).map(|(pack, at)| {
        format!(
            "{} in {} since {}",
            pack_name(&pack.pack),
            source_name(&pack.source),
            since(*at, digest.created_at)
        )
    });
    let shown = listed(shown);
    let more = match summary.unread.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        more => format!(" and {}", counted(more, "more pack")),
    };
    Some(format!("Not read for a day: {shown}{more}."))
}
