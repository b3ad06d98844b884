//! What could not be read, and the sources without packs.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::request::DigestRequest;
use crate::ledger::{EmptySourceResolution, Gap, GapResolution, Ledger};
use crate::model::{ApiError, GapKey, PackKey, PackName, Region, Source};
use crate::report::{EmptySourceRecord, EmptySourceState, GapRecord, GapState, sanitize};

/// A gap, with what is known about the part that was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapNotice {
    /// The gap.
    pub record: GapRecord,
    /// Whether the gap is a change: two runs met it, or it ended.
    pub triggers: bool,
    /// The names of the packs that are known there.
    pub packs: BTreeSet<PackName>,
    /// Number of open failures that are known there.
    pub failures: usize,
    /// When a pack of the source was last read, for a whole source.
    pub last_read: Option<Timestamp>,
}

/// Returns all gaps that last, and those that ended for the receiver, ordered by key.
pub(super) fn gap_notices(request: &DigestRequest<'_>) -> Vec<GapNotice> {
    let DigestRequest {
        ledger,
        changes,
        scope,
        ..
    } = request;
    let shown = |(key, gap): &(&GapKey, &Gap)| match gap.ended {
        None => scope.shows_gap(key),
        Some(_) => changes.gaps_ended.contains(key),
    };
    ledger
        .gaps
        .iter()
        .filter(shown)
        .map(|(key, gap)| {
            let known = Known::of(ledger, key);
            GapNotice {
                record: record(key, gap),
                triggers: changes.gaps_lasting.contains(key) || changes.gaps_ended.contains(key),
                packs: known.packs,
                failures: known.failures,
                last_read: known.last_read,
            }
        })
        .collect()
}

fn record(key: &GapKey, gap: &Gap) -> GapRecord {
    let state = match gap.ended {
        None if gap.seen_again => GapState::Lasting,
        None => GapState::Began,
        Some(GapResolution::Read | GapResolution::PackRemoved) => GapState::Ended,
        Some(GapResolution::OutOfScope) => GapState::Unwatched,
    };
    GapRecord {
        key: key.clone(),
        cause: ApiError {
            operation: gap.cause.operation.clone(),
            code: sanitize(&gap.cause.code),
            message: sanitize(&gap.cause.message),
        },
        since: gap.since,
        state,
        end: gap.ended,
    }
}

/// What the ledger knows about the part that was not read.
struct Known {
    packs: BTreeSet<PackName>,
    failures: usize,
    last_read: Option<Timestamp>,
}

impl Known {
    fn of(ledger: &Ledger, key: &GapKey) -> Self {
        if let Some(pack) = key.pack_key() {
            return Self {
                packs: BTreeSet::from([pack.pack.clone()]),
                failures: ledger.open_in(&pack).count(),
                last_read: None,
            };
        }
        let in_source = |pack: &PackKey| pack.source == key.source;
        let packs = ledger.known_packs().filter(|pack| in_source(pack));
        let open = ledger.open.keys().filter(|open| in_source(&open.pack));
        let hints = ledger.pack_hints.iter().filter(|(pack, _)| in_source(pack));
        Self {
            packs: packs.map(|pack| pack.pack.clone()).collect(),
            failures: open.count(),
            last_read: hints.map(|(_, hint)| hint.attempted_at).max(),
        }
    }
}

/// Returns the records of the sources that list no packs, and of those that list packs again for
/// the receiver, ordered by source.
pub(super) fn empty_sources(request: &DigestRequest<'_>) -> Vec<EmptySourceRecord> {
    let DigestRequest {
        ledger,
        changes,
        at,
        ..
    } = request;
    let ended = changes.empty_sources_ended.union(&changes.first_packs);
    let ended: BTreeSet<&Source> = ended.collect();
    ledger
        .empty_sources
        .iter()
        .filter_map(|(source, empty)| {
            let state = match empty.ended {
                None if !request.scope.shows_source(source) => return None,
                None if empty.packs.is_empty() && !request.shows_never_filled() => return None,
                None if changes.empty_sources.contains(source) => EmptySourceState::Began,
                None if empty.packs.is_empty() && empty.since == *at => EmptySourceState::Began,
                None => EmptySourceState::Lasting,
                Some(_) if !ended.contains(source) => return None,
                Some(EmptySourceResolution::Repopulated) => EmptySourceState::Ended,
                Some(EmptySourceResolution::OutOfScope) => EmptySourceState::Unwatched,
            };
            Some(EmptySourceRecord::of(source, empty, state))
        })
        .collect()
}

/// Packs and regions for routing.
#[derive(Default)]
pub(super) struct Affected {
    pub packs: BTreeSet<PackName>,
    pub regions: BTreeSet<Region>,
}

/// Returns the packs and regions of the gaps and empty sources that are changes, or of all that are
/// shown if everything is listed. Of a whole source, these are the packs that are known there.
pub(super) fn packs_affected(request: &DigestRequest<'_>) -> Affected {
    let DigestRequest {
        ledger, changes, ..
    } = request;
    let everything = request.lists_everything();
    let lasting = ledger.gaps.iter();
    let lasting = lasting.filter(|(key, gap)| gap.ended.is_none() && request.scope.shows_gap(key));
    let mut gaps: BTreeSet<&GapKey> = changes.gaps_lasting.union(&changes.gaps_ended).collect();
    gaps.extend(lasting.map(|(key, _)| key).filter(|_| everything));
    let mut empty: BTreeSet<&Source> = changes
        .empty_sources
        .union(&changes.empty_sources_ended)
        .chain(&changes.first_packs)
        .collect();
    let shown = ledger.empty_sources.iter();
    let shown = shown.filter(|(source, empty)| {
        everything && empty.ended.is_none() && request.scope.shows_source(source)
    });
    empty.extend(shown.map(|(source, _)| source));
    let mut affected = Affected::default();
    let sources: BTreeSet<&Source> = gaps
        .iter()
        .filter(|gap| gap.pack.is_none())
        .map(|gap| &gap.source)
        .chain(empty.iter().copied())
        .collect();
    let known = ledger.known_packs();
    for pack in known.filter(|key| sources.contains(&key.source)) {
        affected.packs.insert(pack.pack.clone());
    }
    affected
        .packs
        .extend(gaps.iter().filter_map(|gap| gap.pack.clone()));
    let before = empty
        .iter()
        .filter_map(|source| ledger.empty_sources.get(*source));
    affected
        .packs
        .extend(before.flat_map(|source| source.packs.iter().cloned()));
    let gap_regions = gaps.iter().map(|gap| &gap.source.region);
    let regions = gap_regions.chain(empty.iter().map(|source| &source.region));
    affected.regions = regions.cloned().collect();
    affected
}
