//! What was not read, and the sources that list no packs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::text::plain;
use super::words::listed;
use crate::ledger::{Gap, Ledger};
use crate::model::{GapKey, PackKey, Source};
use crate::report::{GapAction, counted, gap_action};

/// Maximum number of names in a list of packs or sources.
const MAX_NAMES: usize = 5;

/// Gaps with the same cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::html_report) struct GapLine {
    /// What was not read, such as `us-east-1 of 111122223333`.
    pub place: String,
    /// The packs that were not read, if the rest of their sources was.
    pub packs: Option<String>,
    /// When the first one began.
    pub since: Timestamp,
    /// What to do about the failed call.
    pub action: GapAction,
    pub operation: String,
    pub message: String,
    /// Number of packs that are known there.
    pub packs_known: usize,
    /// Number of open failures that are known there.
    pub failures: usize,
}

/// A source that lists no packs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::html_report) struct EmptySourceLine {
    pub source: Source,
    pub since: Timestamp,
    /// Number of packs that it had; 0 if it never had any.
    pub packs_before: usize,
}

/// What was not read, and the sources that list no packs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::html_report) struct NoData {
    pub gaps: Vec<GapLine>,
    pub empty_sources: Vec<EmptySourceLine>,
}

impl NoData {
    pub(super) fn new(ledger: &Ledger) -> Self {
        let mut groups: BTreeMap<_, Vec<(&GapKey, &Gap)>> = BTreeMap::new();
        for (key, gap) in ledger.gaps.iter().filter(|(_, gap)| gap.ended.is_none()) {
            let cause = (key.pack.is_some(), &gap.cause.operation, &gap.cause.code);
            groups.entry(cause).or_default().push((key, gap));
        }
        let empty = ledger.empty_sources.iter();
        Self {
            gaps: groups
                .into_values()
                .filter_map(|gaps| GapLine::new(ledger, &gaps))
                .collect(),
            empty_sources: empty
                .filter(|(_, empty)| empty.ended.is_none())
                .map(|(source, empty)| EmptySourceLine {
                    source: source.clone(),
                    since: empty.since,
                    packs_before: empty.packs.len(),
                })
                .collect(),
        }
    }

    /// Returns what was not read, in few words; `None` if everything was read.
    pub(in crate::html_report) fn in_words(&self) -> Option<String> {
        let first = self.gaps.first()?;
        let place = first.packs.as_ref().map_or_else(
            || first.place.clone(),
            |packs| format!("{packs} in {}", first.place),
        );
        Some(match self.gaps.len() {
            1 => place,
            many => format!("{place} and {}", counted(many - 1, "other part")),
        })
    }
}

impl GapLine {
    fn new(ledger: &Ledger, gaps: &[(&GapKey, &Gap)]) -> Option<Self> {
        let (_, first) = gaps.first()?;
        let sources: BTreeSet<&Source> = gaps.iter().map(|(key, _)| &key.source).collect();
        let packs: BTreeSet<_> = gaps
            .iter()
            .filter_map(|(key, _)| key.pack.as_ref())
            .collect();
        let unread_packs: BTreeSet<PackKey> =
            gaps.iter().filter_map(|(key, _)| key.pack_key()).collect();
        let is_unread = |pack: &PackKey| {
            if unread_packs.is_empty() {
                sources.contains(&pack.source)
            } else {
                unread_packs.contains(pack)
            }
        };
        let known: BTreeSet<_> = ledger
            .known_packs()
            .filter(|pack| is_unread(pack))
            .collect();
        let open = ledger.open.keys().filter(|open| known.contains(&open.pack));
        Some(Self {
            place: place(&sources),
            packs: (!packs.is_empty()).then(|| {
                let noun = if packs.len() == 1 { "pack" } else { "packs" };
                let names = packs.iter().map(|pack| plain(pack.as_str()));
                format!("{noun} {}", listed(names, MAX_NAMES))
            }),
            since: gaps.iter().map(|(_, gap)| gap.since).min()?,
            action: gap_action(&first.cause),
            operation: plain(&first.cause.operation).into_owned(),
            message: plain(&first.cause.message).into_owned(),
            packs_known: known.len(),
            failures: open.count(),
        })
    }
}

/// Returns sources in words, such as `us-east-1 and eu-west-1 of 111122223333`.
fn place(sources: &BTreeSet<&Source>) -> String {
    let mut regions: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for source in sources {
        regions
            .entry(&source.caller)
            .or_default()
            .push(&source.region);
    }
    let callers = regions
        .iter()
        .map(|(caller, regions)| format!("{} of {caller}", listed(regions.iter(), MAX_NAMES)));
    listed(callers, MAX_NAMES)
}
