//! Gaps: what should have been read and was not. A gap opens, persists and ends by itself, and
//! closes no failure.

use std::collections::BTreeSet;

use super::context::EvaluationContext;
use crate::collect::Observation;
use crate::ledger::{Gap, GapResolution, Ledger};
use crate::model::{AccountId, GapKey};

/// Updates the gaps of the ledger. Returns those that this run has.
pub(crate) fn update_gaps(
    next: &mut Ledger,
    observation: &Observation,
    context: EvaluationContext<'_>,
) -> BTreeSet<GapKey> {
    let now = observation.ended_at;
    let mut current = BTreeSet::new();
    let gaps = observation.gaps.iter();
    for (key, cause) in gaps.filter(|(key, _)| !context.gap_read_later(key)) {
        let gap = next.gaps.entry(key.clone()).or_insert_with(|| Gap {
            cause: cause.clone(),
            since: now,
            first_run: context.run_id.into(),
            seen_again: false,
            ended: None,
            announced: BTreeSet::new(),
            notified: BTreeSet::new(),
        });
        // A gap that comes back counts as a new one, even if a receiver was not notified yet that
        // the first one ended.
        if gap.ended.take().is_some() {
            gap.since = now;
            gap.seen_again = false;
            gap.announced = &gap.announced & &gap.notified;
            gap.first_run = context.run_id.into();
        }
        gap.cause = cause.clone();
        gap.seen_again |= gap.first_run.as_str() != context.run_id;
        current.insert(key.clone());
    }
    for (key, gap) in &mut next.gaps {
        if context.gap_read_later(key) {
            continue;
        }
        if gap.ended.is_none() && !observation.gaps.contains_key(key) {
            gap.ended = resolution(key, observation, context);
        }
    }
    current
}

/// Returns how a gap that this run does not have has ended; `None` if it has not ended.
fn resolution(
    key: &GapKey,
    observation: &Observation,
    context: EvaluationContext<'_>,
) -> Option<GapResolution> {
    if !context.scope.can_close_gap(key) {
        // A caller that could not be identified is read under its account id now.
        let resolution = if key.source.caller == AccountId::unknown() {
            GapResolution::Read
        } else {
            GapResolution::OutOfScope
        };
        return (!context.scope.narrowed && context.scope.identified).then_some(resolution);
    }
    let Some(pack) = key.pack_key() else {
        return observation
            .listings
            .get(&key.source)
            .filter(|listing| listing.complete)
            .map(|_| GapResolution::Read);
    };
    if observation.proves_absent(&pack) {
        return Some(GapResolution::PackRemoved);
    }
    observation
        .packs
        .get(&pack)
        .filter(|observed| observed.failing_known())
        .map(|_| GapResolution::Read)
}
