//! Gauges of the ledger: counts and ages over everything that is watched.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::input::plan::RunPlan;
use crate::ledger::Ledger;

/// Counts and ages over everything in the ledger, regardless of the scope of the run. Ignored
/// and muted failures are not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Packs with at least one open failure.
    pub packs_failing: usize,
    /// Member accounts with an open failure.
    pub accounts_failing: usize,
    /// Open failures, of packs and of member accounts.
    pub failures_open: usize,
    /// Open gaps.
    pub gaps: usize,
    /// Age of the oldest open failure.
    pub oldest_failure_age: SignedDuration,
    /// Age of the oldest outgoing digest of any configured receiver; zero if there is none.
    pub oldest_undelivered_digest_age: SignedDuration,
}

impl Gauges {
    /// Computes the gauges of `ledger` at `now`.
    pub fn of(ledger: &Ledger, plan: &RunPlan, now: Timestamp) -> Self {
        let age = |since: Timestamp| now.duration_since(since).max(SignedDuration::ZERO);
        let mut gauges = Self::default();
        let mut pack = None;
        let mut accounts = BTreeSet::new();
        for (key, open) in ledger
            .open
            .iter()
            .filter(|(key, open)| !open.is_suppressed(key, &plan.settings.policy, now))
        {
            // Failures are ordered by pack, so a new pack starts where the key changes.
            if pack.replace(&key.pack) != Some(&key.pack) {
                gauges.packs_failing += 1;
            }
            accounts.extend(&key.account_id);
            gauges.failures_open += 1;
            gauges.oldest_failure_age = gauges.oldest_failure_age.max(age(open.failing_since));
        }
        gauges.accounts_failing = accounts.len();
        gauges.gaps = ledger
            .gaps
            .values()
            .filter(|gap| gap.ended.is_none())
            .count();
        let outgoing = plan
            .receivers()
            .filter_map(|topic| ledger.receivers.get(topic)?.outgoing.as_ref());
        gauges.oldest_undelivered_digest_age = outgoing
            .filter_map(|outgoing| outgoing.created_at)
            .map(age)
            .max()
            .unwrap_or_default();
        gauges
    }
}
