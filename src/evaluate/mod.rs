//! Evaluation: ledger and observation in, next ledger out. A second evaluation with the same
//! observation changes nothing.
//!
//! | file | content |
//! | --- | --- |
//! | `failures` | by which evidence a failure clears, and what opens |
//! | `gaps`, `empty_sources` | the same for what could not be read, and for sources without packs |
//! | `transitions` | how one failure opens, changes and closes in the ledger |
//!
//! When an open failure becomes due is decided in `failures`; what a receiver is to be notified of
//! is decided in [`PendingChanges`](crate::ledger::PendingChanges).

mod context;
mod empty_sources;
mod failures;
mod gaps;
mod transitions;

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::collect::Observation;
use crate::ledger::{CachedAccount, EmptySourceResolution, Ledger, NotifiedAt, OpenFailure};
use crate::model::{Account, AccountId, FailureKey, GapKey, Resolution};

use transitions::{close, resolved};

pub use context::EvaluationContext;
pub(crate) use gaps::update_gaps;

/// The result of an evaluation. What a receiver is to be notified of is the
/// [`PendingChanges`](crate::ledger::PendingChanges) that the ledger leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// The next ledger, before any receiver is notified.
    pub ledger: Ledger,
    /// Open failures in scope that could not be read.
    pub unconfirmed: BTreeSet<FailureKey>,
    /// The gaps of this run, which are in the ledger.
    pub gaps: BTreeSet<GapKey>,
}

/// Evaluates an observation against the ledger.
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
    let mut unconfirmed = failures::update_open(&mut next, observation, context);
    failures::open_new(&mut next, observation, context);
    failures::close_attributed(&mut next, context, now);
    unconfirmed.retain(|key| next.open.contains_key(key));
    failures::record_attempts(&mut next, observation, context);
    empty_sources::update_empty_sources(&mut next, ledger, observation, context);
    cancel_undelivered_resolutions(&mut next, context);
    if !context.scope.narrowed {
        next.drop_ended_mutes(now);
    }
    next.apply_mutes(|key| context.covers(key), now);
    failures::mark_due(&mut next, context, now);
    let gaps = update_gaps(&mut next, observation, context);
    next.prune_delivered();
    cache_account_names(&mut next, observation);
    Evaluation {
        ledger: next,
        unconfirmed,
        gaps,
    }
}

/// Closes the failures that the settings no longer cover, and ends for receivers the failures that
/// are ignored now. Neither counts as cleared.
fn close_out_of_scope(next: &mut Ledger, context: EvaluationContext<'_>, now: Timestamp) {
    let out_of_scope: Vec<FailureKey> = next
        .open
        .keys()
        .filter(|key| !context.scope.covers(key))
        .cloned()
        .collect();
    for key in out_of_scope {
        close(next, &key, Resolution::Unwatched, now);
    }
    for (key, open) in &mut next.open {
        if context.policy.ignores(key) && !open.notified.is_empty() {
            let resolved = resolved(open, Resolution::Unwatched, now);
            OpenFailure::update(open, |open| {
                open.notified = NotifiedAt::default();
                open.due = false;
            });
            next.resolved.insert(key.clone(), resolved);
        }
    }
    next.pack_hints
        .retain(|key, _| context.scope.covers_pack(key));
    for (source, empty_source) in &mut next.empty_sources {
        if !context.scope.sources.contains(source) {
            empty_source.ended = Some(EmptySourceResolution::OutOfScope);
        }
    }
}

/// Caches the account names of the observation. Names expire, and are not part of a failure.
fn cache_account_names(next: &mut Ledger, observation: &Observation) {
    let at = observation.ended_at;
    let cached = |(id, account): (&AccountId, &Option<Account>)| {
        (
            id.clone(),
            CachedAccount {
                at,
                account: account.clone(),
            },
        )
    };
    next.accounts
        .extend(observation.accounts.iter().map(cached));
    next.accounts.retain(|_, cached| cached.is_fresh(at));
}

/// Removes the resolution of a failure that came back before all receivers were notified of its
/// end. For those receivers the failure never ended. It keeps its start only if that is so for
/// every receiver: for the others it is a new failure, which may not be due yet.
fn cancel_undelivered_resolutions(next: &mut Ledger, context: EvaluationContext<'_>) {
    let receivers: Vec<_> = next
        .receivers
        .values()
        .map(|receiver| receiver.id)
        .collect();
    for (key, open) in &mut next.open {
        if context.covers(key)
            && !context.policy.ignores(key)
            && let Some(resolved) = next.resolved.remove(key)
        {
            let never_ended = receivers
                .iter()
                .all(|receiver| resolved.unnotified.contains(*receiver));
            OpenFailure::update(open, |open| {
                if never_ended {
                    open.failing_since = open.failing_since.min(resolved.failing_since);
                }
                let cause = open.changed_group_id.unwrap_or(open.group_id);
                open.group_id = resolved.group_id;
                open.notified.merge(resolved.unnotified);
                open.set_cause(cause);
            });
        }
    }
}
