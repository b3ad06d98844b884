//! How it is said that a source lists no packs any more, or lists some again.

use std::collections::BTreeSet;

use super::Digest;
use super::text::{Page, Part, lasted, moment};
use crate::snapshot::{EmptiedRecord, EmptiedState};

/// How many sources list no packs any more, and how many list some again.
pub(super) fn counts(digest: &Digest) -> (usize, usize) {
    (
        of(digest, EmptiedState::Began).len(),
        of(digest, EmptiedState::Ended).len(),
    )
}

/// The lines of the overview: one for each state, however many sources are in it.
pub(super) fn summary(digest: &Digest) -> Vec<String> {
    let mut lines = Vec::new();
    let began = of(digest, EmptiedState::Began);
    if let Some(sources) = named(&began) {
        let before: usize = began.iter().map(|record| record.packs_before).sum();
        lines.push(format!("! {sources}: no packs any more, {before} before"));
    }
    if let Some(sources) = named(&of(digest, EmptiedState::Ended)) {
        lines.push(format!("= {sources}: packs again"));
    }
    lines
}

pub(super) fn sections(digest: &Digest, page: &mut Page) {
    let began = of(digest, EmptiedState::Began);
    if !began.is_empty() {
        page.heading(&format!("No packs any more ({})", began.len()));
    }
    let callers: BTreeSet<&str> = began
        .iter()
        .map(|record| record.source.caller.as_str())
        .collect();
    for EmptiedRecord {
        source,
        packs_before,
        since,
        state: _,
    } in &began
    {
        let mut part = Part::new();
        part.line(
            2,
            &format!("{source} lists no pack to watch; before there were {packs_before}"),
        );
        part.line(
            4,
            &format!(
                "since {} ({})",
                moment(*since),
                lasted(*since, digest.created_at)
            ),
        );
        page.part(&part);
    }
    if !began.is_empty() {
        let mut part = Part::new();
        let callers: Vec<&str> = callers.into_iter().collect();
        part.line(2, "Whatever fails there is not seen.");
        let to_do = "if they were not deleted on purpose, check that AWS Config still has trusted access in AWS Organizations";
        let administers = if callers.len() == 1 {
            "still administers"
        } else {
            "still administer"
        };
        part.line(
            2,
            &format!(
                "To do: {to_do}, and that {} {administers} the packs",
                callers.join(", ")
            ),
        );
        page.part(&part);
    }
    let ended = of(digest, EmptiedState::Ended);
    if !ended.is_empty() {
        page.heading(&format!("Packs again ({})", ended.len()));
    }
    for EmptiedRecord { source, since, .. } in ended {
        let mut part = Part::new();
        part.line(2, &format!("{source} lists packs again"));
        part.line(4, &format!("had listed none since {}", moment(*since)));
        page.part(&part);
    }
}

fn of(digest: &Digest, state: EmptiedState) -> Vec<&EmptiedRecord> {
    digest
        .emptied
        .iter()
        .filter(|record| record.state == state)
        .collect()
}

fn named(records: &[&EmptiedRecord]) -> Option<String> {
    match records {
        [] => None,
        [one] => Some(one.source.to_string()),
        many => Some(format!("{} sources", many.len())),
    }
}
