//! The comparison: from what was open and what was seen, to what is open now. One function makes
//! both the changes and the next ledger, so they cannot disagree, and comparing again with the same
//! observation changes nothing.

mod emptied;
mod gaps;
mod packs;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::ledger::{Closed, Ledger, Named, Open, Told};
use crate::model::{
    Account, AccountId, ApiError, FailureKey, GapKey, Resolution, StatusKind, StatusRecord,
};
use crate::observation::Observation;
use crate::plan::Policy;
use crate::scope::Scope;

pub(crate) use gaps::compare_gaps;

/// What a comparison is made under.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// What the run looks at.
    pub scope: &'a Scope,
    /// What is told.
    pub policy: &'a Policy,
    /// The id of the run.
    pub run_id: &'a str,
}

/// The state after an observation. Which changes an audience is to be told is the
/// [`Difference`](crate::difference::Difference) that this leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The next ledger, before anybody is told.
    pub ledger: Ledger,
    /// Open failures in scope that could not be read.
    pub unconfirmed: BTreeSet<FailureKey>,
    /// What this run did not read, and whether another run had met the same before.
    pub gaps: Vec<(GapKey, ApiError, Timestamp, bool)>,
}

/// Compares.
pub fn compare(ledger: &Ledger, observation: &Observation, terms: Terms<'_>) -> Comparison {
    let mut next = ledger.clone();
    let now = observation.ended_at;
    if !terms.scope.narrowed && terms.scope.identified {
        unwatch(&mut next, terms, now);
    }
    let mut unconfirmed = packs::follow_open(&mut next, observation, terms.scope);
    packs::open_new(&mut next, observation, terms);
    packs::explain(&mut next, terms.scope, now);
    unconfirmed.retain(|key| next.open.contains_key(key));
    packs::note_attempts(&mut next, observation, terms.scope);
    emptied::follow_emptied(&mut next, ledger, observation, terms.scope);
    restore_what_was_told(&mut next, terms);
    let gaps = compare_gaps(&mut next, observation, terms);
    next.drop_what_nobody_waits_for();
    note_names(&mut next, observation);
    Comparison {
        ledger: next,
        unconfirmed,
        gaps,
    }
}

/// What the settings no longer cover is not watched any more: that is neither a clearing nor open.
fn unwatch(next: &mut Ledger, terms: Terms<'_>, now: Timestamp) {
    let left: Vec<FailureKey> = next
        .open
        .keys()
        .filter(|key| !terms.scope.covers(key))
        .cloned()
        .collect();
    for key in left {
        close(next, &key, Resolution::Unwatched, now);
    }
    for (key, open) in &mut next.open {
        if terms.policy.ignores(key) && !open.told.is_empty() {
            let ended = ended(open, Resolution::Unwatched, now);
            Open::revise(open, |open| open.told.clear());
            next.closed.insert(key.clone(), ended);
        }
    }
    next.packs.retain(|key, _| terms.scope.covers_pack(key));
    next.emptied
        .retain(|source, _| terms.scope.sources.contains(source));
}

/// Names are kept for a while, and are no part of what a failure is.
fn note_names(next: &mut Ledger, observation: &Observation) {
    let at = observation.ended_at;
    let named = |(id, account): (&AccountId, &Option<Account>)| {
        (
            id.clone(),
            Named {
                at,
                account: account.clone(),
            },
        )
    };
    next.names.extend(observation.accounts.iter().map(named));
    next.names.retain(|_, named| named.is_good(at));
}

/// Ends an open failure. One that nobody was told of is never told.
fn close(next: &mut Ledger, key: &FailureKey, how: Resolution, now: Timestamp) {
    if let Some(open) = next.open.remove(key)
        && !open.told.is_empty()
    {
        next.closed.insert(key.clone(), ended(&open, how, now));
    }
}

fn ended(open: &Open, how: Resolution, now: Timestamp) -> Closed {
    Closed {
        how,
        row: Arc::clone(open.cause()),
        failing_since: open.failing_since,
        closed_at: now,
        told: false,
        owed: open.told.clone(),
    }
}

/// A failure that came back before its end was told has never ended for those who were to be told.
fn restore_what_was_told(next: &mut Ledger, terms: Terms<'_>) {
    for (key, open) in &mut next.open {
        if terms.scope.covers(key)
            && !terms.policy.ignores(key)
            && let Some(closed) = next.closed.remove(key)
        {
            Open::revise(open, |open| {
                open.told.extend(closed.owed);
                if !closed.told {
                    open.failing_since = open.failing_since.min(closed.failing_since);
                }
            });
        }
    }
}

impl Open {
    fn first_seen(row: &Arc<StatusRecord>, run_id: &str, now: Timestamp) -> Self {
        Self {
            row: Arc::clone(row),
            failed: None,
            failing_since: row.last_update_time.map_or(now, |updated| updated.min(now)),
            changed_at: None,
            first_run: run_id.into(),
            seen_again: false,
            absent_since: None,
            settled_since: None,
            told: Told::new(),
        }
    }

    /// Takes the newest row of a failure that stays open.
    fn follow(&mut self, row: &Arc<StatusRecord>, now: Timestamp) {
        if row.kind() == StatusKind::Failed {
            self.failed = None;
        } else if self.row.kind() == StatusKind::Failed {
            self.failed = Some(Arc::clone(&self.row));
        }
        if !self.row.same_status_and_error(row) {
            self.changed_at = Some(now);
        }
        self.row = Arc::clone(row);
        self.absent_since = None;
    }
}
