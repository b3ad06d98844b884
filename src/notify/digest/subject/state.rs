//! The clauses of the subject about the whole state, where nothing has changed.

use std::collections::BTreeSet;

use super::blind_spots::{places, regions};
use super::clause::Clause;
use crate::model::Region;
use crate::notify::digest::contents::Digest;
use crate::notify::digest::gap_groups::{GapGroup, gap_groups};
use crate::notify::digest::phrases::{listed, subjects};
use crate::report::{EmptySourceRecord, counted};

/// Returns the state of a digest without changes.
pub(super) fn unchanged(digest: &Digest) -> Clause {
    if !digest.first_look {
        return state("STATUS", digest);
    }
    if digest.pack_names().is_empty() {
        let sources: Vec<&EmptySourceRecord> = digest.empty_sources.iter().collect();
        let place = regions(&sources).unwrap_or_else(|| "any region".to_owned());
        return Clause {
            lead: vec![
                format!("NO PACKS in {place}"),
                ": packwatch sees no packs".to_owned(),
            ],
            follow: String::new(),
        };
    }
    let not_due = not_due(digest);
    let failing = &digest.tallies.failing;
    // If the receiver was notified of no cause, everything that fails is pending.
    let lead = if failing.failures > 0 && !digest.open_causes.is_empty() {
        let who = subjects(failing.accounts, failing.packs_themselves);
        let causes = counted(failing.causes, "cause");
        let known = if not_due.is_empty() {
            format!(", {causes}, reported before")
        } else {
            format!(", {causes}; {}", listed(not_due))
        };
        vec![format!("FIRST LOOK {who} failing"), known]
    } else if not_due.is_empty() {
        let packs = counted(digest.pack_names().len(), "pack");
        vec![format!(
            "WATCHING {packs} in {}: nothing fails",
            watched_regions(digest)
        )]
    } else {
        vec![format!(
            "FIRST LOOK, no failure is due: {}",
            listed(not_due)
        )]
    };
    Clause {
        lead,
        follow: String::new(),
    }
}

/// Returns the regions in which packs are watched.
fn watched_regions(digest: &Digest) -> String {
    let filled = digest.watched.iter().filter(|(_, packs)| !packs.is_empty());
    let regions: BTreeSet<&Region> = filled.map(|(source, _)| &source.region).collect();
    match regions.len() {
        1 => listed(regions),
        many => counted(many, "region"),
    }
}

/// Returns the numbers of open failures that are not due.
fn not_due(digest: &Digest) -> Vec<String> {
    let counts = [
        (digest.pending.failures, "pending"),
        (digest.muted.failures, "muted"),
        (digest.ignored, "ignored"),
    ];
    counts
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, words)| format!("{number} {words}"))
        .collect()
}

/// Returns the whole state in few words, after a state word.
pub(super) fn state(word: &str, digest: &Digest) -> Clause {
    let failing = &digest.tallies.failing;
    let gaps = gap_groups(digest);
    let lasting: Vec<&GapGroup<'_>> = gaps.iter().filter(|group| group.end.is_none()).collect();
    let not_due = not_due(digest);
    let emptied: Vec<&EmptySourceRecord> = digest.emptied_sources().collect();
    let mut unread = String::new();
    if !lasting.is_empty() {
        unread.extend(["no data ", &places(&lasting), "; "]);
    }
    if let Some(place) = regions(&emptied) {
        unread.extend(["no longer any packs in ", &place, "; "]);
    }
    let lead = if failing.failures > 0 {
        let who = subjects(failing.accounts, failing.packs_themselves);
        vec![
            format!("{word} {unread}{who} failing"),
            format!(", {}", counted(failing.causes, "cause")),
        ]
    } else if !unread.is_empty() {
        vec![format!("{word} {unread}no failure known")]
    } else if digest.pack_names().is_empty() {
        vec![format!("{word} no packs: packwatch sees no packs")]
    } else if not_due.is_empty() {
        let packs = counted(digest.pack_names().len(), "pack");
        vec![
            format!("{word} nothing fails"),
            format!(": {packs} in {}", watched_regions(digest)),
        ]
    } else {
        vec![format!("{word} no failure is due: {}", listed(not_due))]
    };
    Clause {
        lead,
        follow: String::new(),
    }
}

/// Returns the number of open failures as a last clause.
pub(super) fn standing(digest: &Digest) -> Clause {
    let appeared = digest.tallies.appeared.failures;
    let follow = if digest.open > appeared {
        format!("{} open", counted(digest.open, "failure"))
    } else {
        String::new()
    };
    Clause {
        lead: Vec::new(),
        follow,
    }
}
