//! The clauses of the subject about what cannot be seen: gaps, and sources without packs.

use std::collections::BTreeSet;

use super::clause::Clause;
use crate::model::Region;
use crate::notify::digest::contents::Digest;
use crate::notify::digest::gap_groups::{GapGroup, gap_groups};
use crate::notify::digest::phrases::listed;
use crate::report::{EmptySourceRecord, counted};

pub(super) fn no_data(groups: &[&GapGroup<'_>]) -> Option<Clause> {
    let first = groups.first()?;
    let place = places(groups);
    Some(Clause {
        lead: vec![
            format!("NO DATA {place}"),
            format!(": {}", first.cause.code),
        ],
        follow: format!("no data {place}"),
    })
}

/// Returns what was not read, or was read again.
pub(super) fn places(groups: &[&GapGroup<'_>]) -> String {
    match groups {
        [] => String::new(),
        [one] => one.subject(),
        [one, more @ ..] => format!("{} and {} more", one.subject(), more.len()),
    }
}

pub(super) fn no_packs(sources: &[&EmptySourceRecord]) -> Option<Clause> {
    let place = regions(sources)?;
    let before: usize = sources.iter().map(|record| record.packs_before).sum();
    Some(Clause {
        lead: vec![
            format!("NO PACKS any more in {place}"),
            format!(", {} before", counted(before, "pack")),
        ],
        follow: format!("no packs in {place}"),
    })
}

pub(super) fn regions(sources: &[&EmptySourceRecord]) -> Option<String> {
    let regions: BTreeSet<&Region> = sources.iter().map(|record| &record.source.region).collect();
    match regions.len() {
        0 => None,
        1..=3 => Some(listed(regions)),
        many => Some(counted(many, "region")),
    }
}

pub(super) fn data_back(groups: &[&GapGroup<'_>]) -> Option<Clause> {
    groups.first()?;
    let place = places(groups);
    Some(Clause {
        lead: vec![format!("DATA BACK {place}")],
        follow: format!("data back {place}"),
    })
}

pub(super) fn packs_back(sources: &[&EmptySourceRecord]) -> Option<Clause> {
    let place = regions(sources)?;
    Some(Clause {
        lead: vec![format!("PACKS BACK in {place}")],
        follow: format!("packs back in {place}"),
    })
}

/// Returns the sources that never had packs, as a clause of a first look.
pub(super) fn never_filled(digest: &Digest) -> Option<Clause> {
    let sources = digest.empty_sources.iter();
    let sources: Vec<&EmptySourceRecord> =
        sources.filter(|record| record.packs_before == 0).collect();
    let place =
        regions(&sources).filter(|_| digest.first_look && !digest.pack_names().is_empty())?;
    Some(Clause {
        lead: Vec::new(),
        follow: format!("no packs in {place}"),
    })
}

/// Returns what was not read, if that is not among the changes.
pub(super) fn unread(digest: &Digest) -> Option<Clause> {
    if digest.first_look {
        return None;
    }
    let gaps = gap_groups(digest);
    let lasting: Vec<&GapGroup<'_>> = gaps
        .iter()
        .filter(|group| group.end.is_none() && !group.triggers)
        .collect();
    no_data(&lasting)
}
