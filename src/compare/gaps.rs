//! Gaps: what was not read. A gap closes nothing; it begins, lasts and ends on its own.

use jiff::Timestamp;

use super::Terms;
use crate::ledger::{Ledger, OpenGap};
use crate::model::{GapCause, GapKey, PackKey};
use crate::observation::Observation;

/// Follows the gaps in the ledger; gives those of this run, each with the time it began and whether it had been met
/// before.
pub fn compare_gaps(
    next: &mut Ledger,
    observation: &Observation,
    terms: Terms<'_>,
) -> Vec<(GapKey, GapCause, Timestamp, bool)> {
    let now = observation.ended_at;
    let mut met = Vec::new();
    for (key, cause) in &observation.gaps {
        if !terms.scope.covers_gap(key) {
            met.push((key.clone(), cause.clone(), now, false));
            continue;
        }
        let gap = next.gaps.entry(key.clone()).or_insert_with(|| OpenGap {
            cause: cause.clone(),
            since: now,
            first_run: terms.run_id.to_owned(),
            met_again: false,
            ended_at: None,
            told: std::collections::BTreeSet::new(),
        });
        gap.ended_at = None;
        gap.cause = cause.clone();
        gap.met_again |= gap.first_run != terms.run_id;
        met.push((key.clone(), cause.clone(), gap.since, gap.met_again));
    }
    for (key, gap) in &mut next.gaps {
        if gap.ended_at.is_none() && !observation.gaps.contains_key(key) && has_ended(key, observation, terms) {
            gap.ended_at = Some(now);
        }
    }
    met
}

/// Whether what was not read is read now, or is no longer watched.
fn has_ended(key: &GapKey, observation: &Observation, terms: Terms<'_>) -> bool {
    if !terms.scope.covers_gap(key) {
        return !terms.scope.narrowed && terms.scope.identified;
    }
    match &key.pack {
        None => observation.listings.get(&key.source).is_some_and(|listing| listing.complete),
        Some(pack) => {
            let pack = PackKey { source: key.source.clone(), pack: pack.clone() };
            observation.lacks(&pack)
                || observation.packs.get(&pack).is_some_and(crate::observation::PackReading::is_whole)
        }
    }
}
