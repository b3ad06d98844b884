//! A clause of the subject, and the names of places in it.

use std::collections::BTreeSet;

use super::gap_groups::GapGroup;
use super::phrases::{counted, listed};
use crate::model::Region;
use crate::report::EmptySourceRecord;

/// A state, as it leads the subject, and as it follows another one.
pub(super) struct Clause {
    /// What comes after the state word, in parts of which the last can be left out.
    pub(super) lead: Vec<String>,
    /// The clause after another state.
    pub(super) follow: String,
}

/// Returns what was not read, or was read again.
pub(super) fn places(groups: &[&GapGroup<'_>]) -> String {
    match groups {
        [] => String::new(),
        [one] => one.subject(),
        [one, more @ ..] => format!("{} and {} more", one.subject(), more.len()),
    }
}

/// Returns the regions of the sources.
pub(super) fn regions(sources: &[&EmptySourceRecord]) -> Option<String> {
    let regions: BTreeSet<&Region> = sources.iter().map(|record| &record.source.region).collect();
    match regions.len() {
        0 => None,
        1..=3 => Some(listed(regions)),
        many => Some(counted(many, "region")),
    }
}
