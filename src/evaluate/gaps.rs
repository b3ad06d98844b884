//! Gaps: what was not read. A gap closes nothing; it begins, lasts and ends on its own.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::context::EvaluationContext;
use crate::collect::Observation;
use crate::ledger::{Gap, GapResolution, Ledger};
use crate::model::{AccountId, ApiError, GapKey};

/// Follows the gaps in the ledger; gives those of this run, each with the time it began and whether
/// it had been met before.
pub(crate) fn update_gaps(
    next: &mut Ledger,
    observation: &Observation,
    context: EvaluationContext<'_>,
) -> Vec<(GapKey, ApiError, Timestamp, bool)> {
    let now = observation.ended_at;
    let mut met = Vec::new();
    for (key, cause) in &observation.gaps {
        let gap = next.gaps.entry(key.clone()).or_insert_with(|| Gap {
            cause: cause.clone(),
            since: now,
            first_run: context.run_id.into(),
            met_again: false,
            ended: None,
            told: BTreeSet::new(),
        });
        // One that comes back is another gap, though some may not know yet that the first one
        // ended.
        if gap.ended.take().is_some() {
            gap.since = now;
            gap.met_again = false;
            gap.first_run = context.run_id.into();
        }
        gap.cause = cause.clone();
        gap.met_again |= gap.first_run.as_str() != context.run_id;
        met.push((key.clone(), cause.clone(), gap.since, gap.met_again));
    }
    for (key, gap) in &mut next.gaps {
        if gap.ended.is_none() && !observation.gaps.contains_key(key) {
            gap.ended = end(key, observation, context);
        }
    }
    met
}

/// Whether and how a gap that this run did not meet has ended.
fn end(
    key: &GapKey,
    observation: &Observation,
    context: EvaluationContext<'_>,
) -> Option<GapResolution> {
    if !context.scope.can_close_gap(key) {
        // Who could not be identified is read under its own name now.
        let end = if key.source.caller == AccountId::unknown() {
            GapResolution::Read
        } else {
            GapResolution::OutOfScope
        };
        return (!context.scope.narrowed && context.scope.identified).then_some(end);
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
        .filter(|reading| reading.failing_known())
        .map(|_| GapResolution::Read)
}
