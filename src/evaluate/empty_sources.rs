//! Sources that had packs and list none any more: whatever fails there from now on, this watch will
//! not see.

use std::collections::BTreeSet;
use std::mem::take;

use crate::collect::Observation;
use crate::ledger::{EmptySource, Ledger};
use crate::model::Scope;
use crate::model::{PackKey, Source};

/// Follows the sources that the run sees whole. `before` is the ledger that still knows the packs
/// that are gone.
pub(super) fn update_empty_sources(
    next: &mut Ledger,
    before: &Ledger,
    observation: &Observation,
    scope: &Scope,
) {
    for source in scope
        .sources
        .iter()
        .filter(|source| scope.covers_source(source))
    {
        let known = packs_known(before, observation, source, scope);
        if observation.packs.keys().any(|pack| pack.source == *source) {
            if let Some(emptied) = next.emptied.get_mut(source) {
                emptied.ended = true;
            }
        } else if is_confirmed_empty(observation, source, &known) {
            let there = next.emptied.get_mut(source);
            let goes_on = there
                .as_ref()
                .map_or(known.is_empty(), |emptied| !emptied.ended);
            if !goes_on {
                // Who has not heard yet that packs were back still believes the truth.
                let told = there
                    .map(|emptied| take(&mut emptied.told))
                    .unwrap_or_default();
                let emptied = EmptySource {
                    packs_before: known.len(),
                    since: observation.ended_at,
                    ended: false,
                    told,
                };
                next.emptied.insert(source.clone(), emptied);
            }
        }
    }
}

/// Packs that were tried, that something is open in, or that there was no time to read.
fn packs_known(
    ledger: &Ledger,
    observation: &Observation,
    source: &Source,
    scope: &Scope,
) -> BTreeSet<PackKey> {
    let packs = ledger
        .packs
        .keys()
        .chain(ledger.open.keys().map(|key| &key.pack))
        .cloned();
    // One that this run did not read either says nothing new.
    let unread = ledger
        .gaps
        .iter()
        .filter(|(key, gap)| gap.ended.is_none() && !observation.gaps.contains_key(key));
    let unread = unread.filter_map(|(key, _)| key.pack_key());
    packs
        .chain(unread)
        .filter(|pack| pack.source == *source && scope.covers_pack(pack))
        .collect()
}

/// Whether a listing without packs is to be believed: it is complete, and where it has several
/// pages, between which a pack can hide, every known pack was asked for by name.
fn is_confirmed_empty(
    observation: &Observation,
    source: &Source,
    known: &BTreeSet<PackKey>,
) -> bool {
    let complete = observation
        .listings
        .get(source)
        .is_some_and(|listing| listing.complete);
    complete && known.iter().all(|pack| observation.proves_absent(pack))
}
