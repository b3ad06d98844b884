//! The comparison: from what was open and what was seen, to what is open now. One function makes
//! both the changes and the next ledger, so they cannot disagree, and comparing again with the same
//! observation changes nothing.

mod context;
mod empty_sources;
mod failures;
mod gaps;
mod transitions;
use crate::collect::Observation;
use crate::ledger::{CachedAccount, Ledger, OpenFailure};
use crate::model::{Account, AccountId, ApiError, FailureKey, GapKey, Resolution};
pub(crate) use gaps::update_gaps;
use jiff::Timestamp;
use std::collections::BTreeSet;

pub use context::EvaluationContext;
use transitions::{close, resolved};

/// The state after an observation. Which changes an audience is to be told is the
/// [`PendingChanges`](crate::difference::Difference) that this leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The next ledger, before anybody is told.
    pub ledger: Ledger,
    /// Open failures in scope that could not be read.
    pub unconfirmed: BTreeSet<FailureKey>,
    /// What this run did not read, and whether another run had met the same before.
    pub gaps: Vec<(GapKey, ApiError, Timestamp, bool)>,
}

/// Compares.
pub fn evaluate(
    ledger: &Ledger,
    observation: &Observation,
    context: EvaluationContext<'_>,
) -> Evaluation {
    let mut next = ledger.clone();
    let now = observation.ended_at;
    if !context.scope.narrowed && context.scope.identified {
        close_out_of_scope(&mut next, context, now);
    }
    let mut unconfirmed = failures::update_open(&mut next, observation, context.scope);
    failures::open_new(&mut next, observation, context);
    failures::close_attributed(&mut next, context.scope, now);
    unconfirmed.retain(|key| next.open.contains_key(key));
    failures::record_attempts(&mut next, observation, context.scope);
    empty_sources::update_empty_sources(&mut next, ledger, observation, context.scope);
    cancel_undelivered_resolutions(&mut next, context);
    let gaps = update_gaps(&mut next, observation, context);
    next.prune_delivered();
    cache_account_names(&mut next, observation);
    Evaluation {
        ledger: next,
        unconfirmed,
        gaps,
    }
}

/// What the settings no longer cover is not watched any more: that is neither a clearing nor open.
fn close_out_of_scope(next: &mut Ledger, context: EvaluationContext<'_>, now: Timestamp) {
    let left: Vec<FailureKey> = next
        .open
        .keys()
        .filter(|key| !context.scope.covers(key))
        .cloned()
        .collect();
    for key in left {
        close(next, &key, Resolution::Unwatched, now);
    }
    for (key, open) in &mut next.open {
        if context.policy.ignores(key) && !open.told.is_empty() {
            let resolved = resolved(open, Resolution::Unwatched, now);
            OpenFailure::update(open, |open| open.told.clear());
            next.closed.insert(key.clone(), resolved);
        }
    }
    next.packs.retain(|key, _| context.scope.covers_pack(key));
    next.emptied
        .retain(|source, _| context.scope.sources.contains(source));
}

/// Names are kept for a while, and are no part of what a failure is.
fn cache_account_names(next: &mut Ledger, observation: &Observation) {
    let at = observation.ended_at;
    let named = |(id, account): (&AccountId, &Option<Account>)| {
        (
            id.clone(),
            CachedAccount {
                at,
                account: account.clone(),
            },
        )
    };
    next.names.extend(observation.accounts.iter().map(named));
    next.names.retain(|_, named| named.is_fresh(at));
}

/// A failure that came back before its end was told has never ended for those who were to be told.
fn cancel_undelivered_resolutions(next: &mut Ledger, context: EvaluationContext<'_>) {
    for (key, open) in &mut next.open {
        if context.scope.covers(key)
            && !context.policy.ignores(key)
            && let Some(closed) = next.closed.remove(key)
        {
            OpenFailure::update(open, |open| {
                open.told.extend(closed.owed);
                if !closed.told {
                    open.failing_since = open.failing_since.min(closed.failing_since);
                }
            });
        }
    }
}
