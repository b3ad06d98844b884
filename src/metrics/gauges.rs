//! What the ledger says of everything that is watched, as numbers.

use crate::input::plan::RunPlan;
use crate::ledger::Ledger;
use crate::model::FailureKey;
use jiff::{SignedDuration, Timestamp};

/// What a ledger says of everything that is watched, whatever the run looked at. Ignored failures
/// do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Packs with an open failure.
    pub packs_failing: usize,
    /// Open failures of member accounts.
    pub accounts_failing: usize,
    /// Open failures.
    pub failures_open: usize,
    /// What was not read when it was last to be.
    pub gaps: usize,
    /// How long the oldest open failure has been failing.
    pub oldest_failure_age: SignedDuration,
    /// How long a digest has been waiting for the digest topic to take it.
    pub oldest_untold_age: SignedDuration,
}

impl Gauges {
    /// What `ledger` says at the time `now`.
    pub fn of(ledger: &Ledger, plan: &RunPlan, now: Timestamp) -> Self {
        let age = |since: Timestamp| now.duration_since(since).max(SignedDuration::ZERO);
        let mut gauges = Self::default();
        let mut pack = None;
        for (key, open) in ledger
            .open
            .iter()
            .filter(|(key, _)| !plan.policy.ignores(key))
        {
            // The failures of a pack are beside each other.
            if pack.replace(&key.pack) != Some(&key.pack) {
                gauges.packs_failing += 1;
            }
            gauges.accounts_failing += usize::from(!FailureKey::is_pack(key));
            gauges.failures_open += 1;
            gauges.oldest_failure_age = gauges.oldest_failure_age.max(age(open.failing_since));
        }
        gauges.gaps = ledger
            .gaps
            .values()
            .filter(|gap| gap.ended.is_none())
            .count();
        let head = ledger
            .audiences
            .get(&plan.topic)
            .and_then(|receiver| receiver.head.as_ref());
        gauges.oldest_untold_age = head
            .and_then(|head| head.made_at)
            .map(age)
            .unwrap_or_default();
        gauges
    }
}
