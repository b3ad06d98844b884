//! Checks of what an execution writes, sends and returns. They record the first safety violation.

use packwatch::ledger::Ledger;
use packwatch::model::{BusEvent, BusEventType, FailureKey};
use serde_json::Value;

use super::digests::{
    MUTED_ACCOUNT, ReportedChange, changes_between, changes_in, form_id, is_last_form, message,
    open, reported_changes,
};
use super::execution::{End, ExecutionSpec, RunOutcome};
use super::object::Bytes;
use super::replay::Progress;
use super::world::{SafetyViolation, World};
use crate::support::harness::TOPIC;

impl World {
    /// Checks that a mute stays in the ledger, that it is applied as a whole, and that no digest is
    /// rendered that reports the muted failure as new.
    pub fn check_mutes(&mut self, next: &Ledger) {
        if self.is_muted() && next.mutes.is_empty() {
            self.record_violation(SafetyViolation::MuteLost);
        }
        if next.mutes.is_empty() {
            return;
        }
        let is_muted = |key: &FailureKey| {
            let account = key.account_id.as_ref();
            account.is_some_and(|account| account.as_str() == MUTED_ACCOUNT)
        };
        let mut open = next.open.iter();
        if open.any(|(key, open)| is_muted(key) != open.muted_until.is_some()) {
            self.record_violation(SafetyViolation::MuteHalfApplied);
        }
        for (topic, receiver) in &next.receivers {
            let Some(outgoing) = &receiver.outgoing else {
                continue;
            };
            let before = self.ledger().and_then(|before| before.receivers.get(topic));
            let before = before.and_then(|before| before.outgoing.as_ref());
            let is_new = before.is_none_or(|before| before.id != outgoing.id);
            let message = message(outgoing);
            if is_new
                && topic.as_str() == TOPIC
                && matches!(
                    reported_changes(TOPIC, &message).0,
                    ReportedChange::Accounts([true, _])
                )
            {
                self.record_violation(SafetyViolation::MutedFailureNotified);
            }
        }
    }

    /// Returns whether a mute is in the ledger.
    pub fn is_muted(&self) -> bool {
        self.ledger().is_some_and(|ledger| !ledger.mutes.is_empty())
    }

    pub fn commit(&mut self, spec: &ExecutionSpec, progress: &Progress, next: &Ledger) {
        let before = self.ledger().map_or(0, |ledger| ledger.sequence);
        if next.sequence < before {
            return self.record_violation(SafetyViolation::CommitLost);
        }
        let Some(last) = next
            .last_commit
            .as_ref()
            .filter(|last| last.run_id == spec.run_id)
        else {
            return;
        };
        if next.sequence == before
            && self.ledger().and_then(|ledger| ledger.last_commit.as_ref()) == Some(last)
        {
            return;
        }
        if next.sequence == before {
            self.record_violation(SafetyViolation::CommitLost);
        }
        if self.owner().is_some_and(|owner| owner != spec.function) {
            self.record_violation(SafetyViolation::WroteForeignLedger);
        }
        let (failing, ended) = progress.found.expect("a committing execution has read");
        if open(next) != failing {
            self.record_violation(SafetyViolation::CommitDiffersFromRead);
        }
        if progress.read_started < self.read_until {
            self.record_violation(SafetyViolation::StaleRead);
        }
        self.read_until = self.read_until.max(ended);
        if self
            .committed
            .insert(spec.run_id.clone(), spec.id.clone())
            .is_some()
        {
            self.record_violation(SafetyViolation::RunCommittedTwice);
        }
    }

    /// Sends a digest to the receiver of a topic.
    pub fn send(&mut self, spec: &ExecutionSpec, topic: &str, digest: &str, message: &Bytes) {
        let leased_to = self.is_leased_to(spec, topic, digest);
        let notified_accounts = self.notified_accounts(topic);
        let is_last_form = is_last_form(message);
        let allowed_duplicates = self.allowed_duplicates;
        let log = self.receivers.get_mut(topic).expect("a known topic");
        let mut violation = (!leased_to).then_some(SafetyViolation::SentWithoutLease);
        let form = form_id(digest, is_last_form);
        let was_sent = log.was_sent(digest);
        let first = log.digests.entry(form).or_insert_with(|| message.clone());
        if first != message {
            violation.get_or_insert(SafetyViolation::DigestIdReused);
        }
        if was_sent {
            log.duplicates += 1;
            if log.duplicates > allowed_duplicates {
                violation.get_or_insert(SafetyViolation::UnexplainedDuplicate);
            }
        } else if is_last_form {
            // The last form names no changes.
            log.reported_open = notified_accounts.unwrap_or(log.reported_open);
        } else {
            let (appeared, cleared) = reported_changes(topic, message);
            let after = notified_accounts.unwrap_or(log.reported_open);
            let (new, gone) = changes_between(log.reported_open, after);
            if (appeared, cleared)
                != (
                    ReportedChange::of(topic, new),
                    ReportedChange::of(topic, gone),
                )
            {
                violation.get_or_insert(SafetyViolation::WrongChanges);
            }
            log.reported_open = after;
        }
        if let Some(violation) = violation {
            self.record_violation(violation);
        }
    }

    /// Accepts events of a digest.
    pub fn put_events(&mut self, spec: &ExecutionSpec, bus: &str, digest: &str, events: &[Bytes]) {
        if !self.is_leased_to(spec, bus, digest) {
            self.record_violation(SafetyViolation::SentWithoutLease);
        }
        let after = self.notified_accounts(bus);
        let allowed_duplicates = self.allowed_duplicates;
        let log = self.receivers.get_mut(bus).expect("a known bus");
        let mut violation = None;
        let (mut repeated, mut wrong) = (false, false);
        for event in events {
            let id = event.event_id(digest);
            if log.digests.insert(id, event.clone()).is_some() {
                repeated = true;
                continue;
            }
            let event: BusEvent = serde_json::from_value(event.json()).expect("an event");
            let detail: Value = serde_json::from_str(&event.detail).expect("JSON");
            assert_eq!(detail["digest_id"], digest);
            match event.detail_type {
                BusEventType::Cause => log.incident = detail["event_action"] == "trigger",
                BusEventType::Digest => {
                    let after = after.unwrap_or(log.reported_open);
                    wrong |= changes_in(&detail) != changes_between(log.reported_open, after);
                    log.reported_open = after;
                }
            }
        }
        if wrong {
            violation = Some(SafetyViolation::WrongChanges);
        }
        if repeated {
            log.duplicates += 1;
            if log.duplicates > allowed_duplicates {
                violation = Some(SafetyViolation::UnexplainedDuplicate);
            }
        }
        if let Some(violation) = violation {
            self.record_violation(violation);
        }
    }

    /// Returns whether a digest is in the outbox of a receiver and leased to an execution.
    fn is_leased_to(&self, spec: &ExecutionSpec, receiver: &str, digest: &str) -> bool {
        let receivers = self
            .ledger()
            .into_iter()
            .flat_map(|ledger| &ledger.receivers);
        let mut outbox = receivers.filter(|(arn, _)| arn.as_str() == receiver);
        let outgoing = outbox.find_map(|(_, receiver)| receiver.outgoing.as_ref());
        let outgoing = outgoing.filter(|outgoing| outgoing.id == digest);
        let lease = outgoing.and_then(|outgoing| outgoing.lease.as_ref());
        lease.is_some_and(|lease| lease.holder == spec.id)
    }

    /// Checks the result that an execution returns.
    pub fn ended(&mut self, spec: &ExecutionSpec, end: &End) {
        let committed_by = self.committed.get(&spec.run_id);
        let consistent = match end {
            End::Succeeded(RunOutcome::Committed) => committed_by == Some(&spec.id),
            End::Succeeded(RunOutcome::Resumed) => committed_by.is_some(),
            End::Succeeded(RunOutcome::Superseded) | End::Failed(_) => true,
            End::Succeeded(RunOutcome::Muted) => {
                if !self.is_muted() {
                    self.record_violation(SafetyViolation::MuteLost);
                }
                true
            }
        };
        if !consistent {
            self.record_violation(SafetyViolation::RunNotStored);
        }
    }
}
