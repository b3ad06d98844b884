//! The subject line, which is the SMS too: ASCII, at most 99 characters. It begins with a state
//! word; the first 40 characters say what happened to whom. Parts that do not fit are left out.

mod blind_spots;
mod changes;
mod clause;
mod state;

use super::contents::{Digest, DigestKind};
use super::gap_groups::{GapGroup, gap_groups};
use crate::ledger::GapResolution;
use crate::report::{EmptySourceRecord, EmptySourceState, GroupEvent};

use blind_spots::{data_back, never_filled, no_data, no_packs, packs_back, unread};
use changes::{cleared, failing, no_longer_watched, still_failing};
use clause::Clause;
use state::{standing, state, unchanged};

/// Maximum length of a subject. [SNS](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html)
/// requires fewer than 100 characters.
const MAX_SUBJECT_CHARS: usize = 99;

/// Returns the subject of the digest.
pub(super) fn subject(digest: &Digest) -> String {
    let label = digest.label.as_deref().unwrap_or("packwatch");
    let prefix = format!("[{label}] ");
    let mut clauses = clauses(digest).into_iter();
    let lead = clauses.next().map_or_else(Vec::new, |clause| clause.lead);
    let mut subject = (1..=lead.len())
        .rev()
        .map(|parts| ascii(&format!("{prefix}{}", lead[..parts].concat())))
        .find(|subject| subject.len() <= MAX_SUBJECT_CHARS)
        .unwrap_or_else(|| {
            ascii(&format!(
                "{prefix}{}",
                lead.first().map_or("", String::as_str)
            ))
        });
    subject.truncate(MAX_SUBJECT_CHARS);
    for clause in clauses {
        let clause = ascii(&clause.follow);
        if !clause.is_empty() && subject.len() + 2 + clause.len() <= MAX_SUBJECT_CHARS {
            subject.push_str("; ");
            subject.push_str(&clause);
        }
    }
    subject
}

/// Returns the clauses: first the state that leads.
fn clauses(digest: &Digest) -> Vec<Clause> {
    match digest.kind {
        DigestKind::Test => {
            let lead = vec![
                "TEST of packwatch".to_owned(),
                ": the failure is invented".to_owned(),
            ];
            vec![
                Clause {
                    lead,
                    follow: String::new(),
                },
                standing(digest),
            ]
        }
        DigestKind::Summary => {
            let mut clauses = vec![state("SUMMARY", digest)];
            // The state has what cannot be seen.
            clauses.extend(failing(digest));
            clauses.extend(other_changes(digest));
            clauses
        }
        DigestKind::Changes | DigestKind::Status => {
            let mut clauses = urgent(digest);
            let others = other_changes(digest);
            if clauses.is_empty() && (digest.first_look || others.is_empty()) {
                clauses.push(unchanged(digest));
                clauses.extend(never_filled(digest));
                clauses.extend(others);
            } else {
                clauses.extend(others);
                // A gap that lasts is a part of every subject, after what leads it.
                let lasting = unread(digest);
                clauses.splice(1..1, lasting);
            }
            let leads_with_cleared = digest.tally(GroupEvent::Appeared).failures == 0
                && digest.tally(GroupEvent::Cleared).failures > 0;
            if !leads_with_cleared {
                clauses.push(standing(digest));
            }
            clauses
        }
    }
}

/// Returns the changes that lead every subject, also that of a first look, in the order of their
/// weight.
fn urgent(digest: &Digest) -> Vec<Clause> {
    let gaps = gap_groups(digest);
    let lasting: Vec<&GapGroup<'_>> = gaps
        .iter()
        .filter(|group| group.end.is_none() && (group.triggers || digest.first_look))
        .collect();
    let emptied = sources(digest, EmptySourceState::Began);
    let clauses = [failing(digest), no_data(&lasting), no_packs(&emptied)];
    clauses.into_iter().flatten().collect()
}

/// Returns the other changes, in the order of their weight.
fn other_changes(digest: &Digest) -> Vec<Clause> {
    let gaps = gap_groups(digest);
    let ended_by = |ends: &[GapResolution]| -> Vec<&GapGroup<'_>> {
        let has_ended = |end: Option<GapResolution>| end.is_some_and(|end| ends.contains(&end));
        gaps.iter().filter(|group| has_ended(group.end)).collect()
    };
    let back = ended_by(&[GapResolution::Read, GapResolution::PackRemoved]);
    let unwatched = ended_by(&[GapResolution::OutOfScope]);
    let filled = sources(digest, EmptySourceState::Ended);
    [
        still_failing(digest),
        cleared(digest),
        data_back(&back),
        packs_back(&filled),
        no_longer_watched(digest, &unwatched),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Returns the sources that had packs and are in this state.
fn sources(digest: &Digest, state: EmptySourceState) -> Vec<&EmptySourceRecord> {
    let sources = digest.empty_sources.iter();
    sources
        .filter(|record| record.state == state && record.packs_before > 0)
        .collect()
}

fn ascii(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c == ' ' || c.is_ascii_graphic() {
                c
            } else {
                '?'
            }
        })
        .collect()
}
