//! The text about sources that list no packs any more, or list packs again.

use std::collections::BTreeSet;

use super::contents::Digest;
use super::text_layout::{Block, TextBuffer, format_duration, format_timestamp};
use crate::report::{EmptySourceRecord, EmptySourceState};

/// Returns how many sources list no packs any more, and how many list packs again.
pub(super) fn counts(digest: &Digest) -> (usize, usize) {
    (
        with_state(digest, EmptySourceState::Began).len(),
        with_state(digest, EmptySourceState::Ended).len(),
    )
}

/// Returns the lines of the overview, at most one for each state.
pub(super) fn summary(digest: &Digest) -> Vec<String> {
    let mut lines = Vec::new();
    let began = with_state(digest, EmptySourceState::Began);
    if let Some(sources) = source_label(&began) {
        let before: usize = began.iter().map(|record| record.packs_before).sum();
        lines.push(format!("! {sources}: no packs any more, {before} before"));
    }
    if let Some(sources) = source_label(&with_state(digest, EmptySourceState::Ended)) {
        lines.push(format!("= {sources}: packs again"));
    }
    if let Some(sources) = source_label(&with_state(digest, EmptySourceState::Unwatched)) {
        lines.push(format!("= {sources}: no longer watched"));
    }
    lines
}

/// Writes a section for each state that has sources.
pub(super) fn sections(digest: &Digest, buffer: &mut TextBuffer) {
    let began = with_state(digest, EmptySourceState::Began);
    if !began.is_empty() {
        buffer.heading(&format!("No packs any more ({})", began.len()));
    }
    let callers: BTreeSet<&str> = began
        .iter()
        .map(|record| record.source.caller.as_str())
        .collect();
    for EmptySourceRecord {
        source,
        packs_before,
        since,
        state: _,
    } in &began
    {
        let mut block = Block::new();
        block.line(
            2,
            &format!("{source} lists no pack to watch; before there were {packs_before}"),
        );
        block.line(
            4,
            &format!(
                "since {} ({})",
                format_timestamp(*since),
                format_duration(*since, digest.created_at)
            ),
        );
        buffer.block(&block);
    }
    if !began.is_empty() {
        let mut block = Block::new();
        let callers: Vec<&str> = callers.into_iter().collect();
        block.line(2, "Failures there cannot be seen.");
        let to_do = "if they were not deleted on purpose, check that AWS Config still has trusted access in AWS Organizations";
        let verb = if callers.len() == 1 {
            "still administers"
        } else {
            "still administer"
        };
        block.line(
            2,
            &format!(
                "To do: {to_do}, and that {} {verb} the packs",
                callers.join(", ")
            ),
        );
        buffer.block(&block);
    }
    let ended = with_state(digest, EmptySourceState::Ended);
    if !ended.is_empty() {
        buffer.heading(&format!("Packs again ({})", ended.len()));
    }
    for EmptySourceRecord { source, since, .. } in ended {
        let mut block = Block::new();
        block.line(2, &format!("{source} lists packs again"));
        block.line(
            4,
            &format!("had listed none since {}", format_timestamp(*since)),
        );
        buffer.block(&block);
    }
    let unwatched = with_state(digest, EmptySourceState::Unwatched);
    if !unwatched.is_empty() {
        buffer.heading(&format!("No longer watched ({})", unwatched.len()));
    }
    for EmptySourceRecord { source, since, .. } in unwatched {
        let mut block = Block::new();
        block.line(
            2,
            &format!(
                "{source}, which has listed no packs since {}",
                format_timestamp(*since)
            ),
        );
        buffer.block(&block);
    }
}

fn with_state(digest: &Digest, state: EmptySourceState) -> Vec<&EmptySourceRecord> {
    digest
        .empty_sources
        .iter()
        .filter(|record| record.state == state)
        .collect()
}

fn source_label(records: &[&EmptySourceRecord]) -> Option<String> {
    match records {
        [] => None,
        [one] => Some(one.source.to_string()),
        many => Some(format!("{} sources", many.len())),
    }
}
