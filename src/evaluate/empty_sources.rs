//! Empty sources: sources that list no packs, because they no longer have any or never had. A
//! source becomes empty only on evidence, because packwatch sees no failures there from then on.

use std::collections::BTreeSet;
use std::mem::take;

use super::context::EvaluationContext;
use crate::collect::Observation;
use crate::ledger::{EmptySource, EmptySourceResolution, Ledger};
use crate::model::{PackKey, Source};

/// Updates the empty sources of the ledger for the sources that the run sees in full. `before` is
/// the previous ledger, which still has the packs that are gone.
pub(super) fn update_empty_sources(
    next: &mut Ledger,
    before: &Ledger,
    observation: &Observation,
    context: EvaluationContext<'_>,
) {
    let scope = context.scope;
    for source in scope
        .sources
        .iter()
        .filter(|source| context.covers_source(source))
    {
        let known = before.known_packs_with_gaps();
        let known: BTreeSet<_> = known
            .filter(|pack| pack.source == *source && scope.covers_pack(pack))
            .collect();
        // Packs that the settings leave out count: a source is empty if it lists none at all.
        let mut listed = observation.packs.keys().chain(&observation.out_of_scope);
        if listed.any(|pack| pack.source == *source) {
            if let Some(empty_source) = next.empty_sources.get_mut(source) {
                empty_source.ended = Some(EmptySourceResolution::Repopulated);
            }
        } else if is_confirmed_empty(observation, source, &known, context) {
            let existing = next.empty_sources.get_mut(source);
            let has_become_empty = existing
                .as_ref()
                .is_none_or(|empty_source| empty_source.ended.is_some());
            if has_become_empty {
                // A receiver that was not notified of the packs' return still has the source as
                // empty, so it is not notified again; that it never had packs is another message.
                let (notified, packs_before) = existing
                    .filter(|source| !source.packs.is_empty())
                    .map(|source| (take(&mut source.notified), take(&mut source.packs)))
                    .unwrap_or_default();
                let packs: BTreeSet<_> = known.into_iter().map(|key| key.pack).collect();
                let empty_source = EmptySource {
                    // Nothing is known of a source that was out of the settings meanwhile.
                    packs: if packs.is_empty() {
                        packs_before
                    } else {
                        packs
                    },
                    since: observation.ended_at,
                    ended: None,
                    notified,
                };
                next.empty_sources.insert(source.clone(), empty_source);
            }
        }
    }
}

/// Returns whether a listing without packs is confirmed: it has to be complete, and AWS Config must
/// not have any known pack when asked by name. A pack that a narrowed run has read later may exist
/// again.
fn is_confirmed_empty(
    observation: &Observation,
    source: &Source,
    known: &BTreeSet<PackKey>,
    context: EvaluationContext<'_>,
) -> bool {
    let complete = observation
        .listings
        .get(source)
        .is_some_and(|listing| listing.complete);
    let is_gone = |pack| observation.proves_absent(pack) && !context.pack_read_later(pack);
    complete && known.iter().all(is_gone)
}
