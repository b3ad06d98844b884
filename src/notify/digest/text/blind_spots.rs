//! The entries of the text for what packwatch cannot see: gaps, and sources without packs.

use std::collections::BTreeSet;

use super::causes::ends;
use super::layout::{INDENT, INNER_INDENT, labeled, labeled_command, paragraph};
use super::room::{Entry, Piece};
use crate::ledger::GapResolution;
use crate::notify::digest::contents::Digest;
use crate::notify::digest::gap_groups::GapGroup;
use crate::notify::digest::phrases::{capitalized, listed, packs_before, since, source_name, time};
use crate::report::{EmptySourceRecord, EmptySourceState, counted, duration};

/// Numbers of characters of a message that are shown of its start and of its end.
const MESSAGE_ENDS: (usize, usize) = (130, 90);

/// Returns the entry of gaps that last.
pub(super) fn no_data(group: &GapGroup<'_>, digest: &Digest) -> Entry {
    let place = group.place(digest);
    let began = if group.began {
        " (first seen in this run)"
    } else {
        ""
    };
    let since = format!("{}{began}", since(group.since, digest.created_at));
    let cause = group.cause;
    let why = if group.words.title == cause.code {
        cause.code.clone()
    } else {
        format!("{} ({})", capitalized(group.words.title), cause.code)
    };
    let mut pieces = vec![
        piece(1, labeled("Since", &since)),
        piece(3, labeled("Why", &why)),
        piece(6, labeled("To do", &group.words.action)),
    ];
    if let Some(hidden) = hidden(group, digest) {
        pieces.push(piece(2, labeled("Hides", &hidden)));
    }
    match check_command(group) {
        Some(command) => pieces.push(piece(7, labeled_command("Check", &command))),
        None => pieces.push(piece(4, labeled("Call", &cause.operation))),
    }
    if !cause.message.is_empty() {
        pieces.push(piece(
            5,
            labeled("AWS", &ends(&cause.message, MESSAGE_ENDS)),
        ));
    }
    Entry {
        heading: paragraph(INDENT, &format!("NO DATA {place}")),
        pieces,
        accounts: 0,
    }
}

/// Returns what nobody can see while the gap lasts.
fn hidden(group: &GapGroup<'_>, digest: &Digest) -> Option<String> {
    let packs = counted(group.packs_known, "pack");
    let failures = match (group.failures, group.last_read) {
        (0, _) => String::new(),
        (open, Some(at)) => format!(
            "; {} open there as of {}",
            counted(open, "failure"),
            time(at, digest.created_at)
        ),
        (open, None) => format!("; {} open there, not confirmed", counted(open, "failure")),
    };
    (group.packs_known > 0).then(|| format!("{packs}{failures}"))
}

/// Returns a command that makes the failed call.
fn check_command(group: &GapGroup<'_>) -> Option<String> {
    let region = &group.sources.first()?.region;
    let command = match group.cause.operation.as_str() {
        "DescribeOrganizationConformancePackStatuses" => {
            "describe-organization-conformance-pack-statuses".to_owned()
        }
        "GetOrganizationConformancePackDetailedStatus" => {
            let pack = group.packs.first()?.as_str();
            let is_plain = pack
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            is_plain.then(|| {
                format!(
                    "get-organization-conformance-pack-detailed-status --organization-conformance-pack-name {pack}"
                )
            })?
        }
        _ => return None,
    };
    Some(format!("aws configservice {command} --region {region}"))
}

/// Returns the entry of gaps that ended.
pub(super) fn data_back(group: &GapGroup<'_>, digest: &Digest) -> Entry {
    let place = group.place(digest);
    let lasted = duration(digest.as_of.duration_since(group.since));
    let began = time(group.since, digest.created_at);
    let (state, words) = match group.end {
        Some(GapResolution::PackRemoved) => ("GONE", format!("{place}: the pack no longer exists")),
        Some(GapResolution::OutOfScope) => ("NO LONGER WATCHED", place),
        Some(GapResolution::Read) | None => ("DATA BACK", place),
    };
    Entry {
        heading: paragraph(INDENT, &format!("{state} {words}")),
        pieces: vec![piece(
            1,
            paragraph(
                INNER_INDENT,
                &format!("There was no data for {lasted}, starting {began}."),
            ),
        )],
        accounts: 0,
    }
}

/// Returns the entries of the sources that list no packs, or of those that list packs again, each
/// entry with all sources that it says the same about.
pub(super) fn sources(digest: &Digest, empty: bool) -> Vec<Entry> {
    let is_empty = |state| matches!(state, EmptySourceState::Began | EmptySourceState::Lasting);
    digest
        .empty_source_kinds()
        .into_iter()
        .filter(|((state, _), _)| is_empty(*state) == empty)
        .filter_map(|((state, had_packs), records)| source(state, had_packs, &records, digest))
        .collect()
}

fn source(
    state: EmptySourceState,
    had_packs: bool,
    records: &[&EmptySourceRecord],
    digest: &Digest,
) -> Option<Entry> {
    let names = listed(records.iter().map(|record| source_name(&record.source)));
    let began = records.iter().map(|record| record.since).min()?;
    let since = since(began, digest.created_at);
    let before = packs_before(records);
    let callers: BTreeSet<_> = records.iter().map(|record| &record.source.caller).collect();
    let (heading, text) = match state {
        EmptySourceState::Began | EmptySourceState::Lasting if had_packs => (
            format!("NO PACKS any more: {names}; before: {before}"),
            format!(
                "AWS Config has listed no packs there since {since}, so failures there cannot be seen. If the packs were not deleted on \
                 purpose, check that AWS Config still has trusted access in AWS Organizations, and that {} still administers \
                 the packs.",
                listed(callers)
            ),
        ),
        EmptySourceState::Began | EmptySourceState::Lasting => (
            format!("NO PACKS: {names}"),
            "AWS Config shows a pack only to the account that deployed it, in the region of the pack. If there should be \
             packs, check the account and REGIONS; if not, take the region out of REGIONS."
                .to_owned(),
        ),
        EmptySourceState::Ended if had_packs => (
            format!("PACKS BACK: {names}"),
            format!("AWS Config had listed no packs there since {since}."),
        ),
        EmptySourceState::Ended => (
            format!("FIRST PACKS: {names}"),
            "AWS Config lists packs there now, for the first time.".to_owned(),
        ),
        EmptySourceState::Unwatched => (
            format!("NO LONGER WATCHED: {names}"),
            format!("AWS Config had listed no packs there since {since}."),
        ),
    };
    Some(Entry {
        heading: paragraph(INDENT, &heading),
        pieces: vec![piece(1, paragraph(INNER_INDENT, &text))],
        accounts: 0,
    })
}

fn piece(position: u8, lines: Vec<String>) -> Piece {
    Piece { position, lines }
}
