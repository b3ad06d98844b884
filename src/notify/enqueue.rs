//! The outbox: puts a rendered digest into the ledger for each receiver with pending changes. What
//! is in the outbox counts as notified and is leased to the execution that sends it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::input::plan::RunPlan;
use crate::ledger::{
    Lease, Ledger, OpenFailure, OutgoingDigest, PendingChanges, Receiver, ReceiverId,
};
use crate::model::{Scope, SnsMessage, TopicArn};
use crate::notify::digest::Digest;

/// The plan, scope and times for which pending changes are computed and digests rendered.
#[derive(Debug, Clone, Copy)]
pub struct NotificationContext<'a> {
    /// The plan of the run.
    pub plan: &'a RunPlan,
    /// The scope of the run. A narrowed run notifies only changes within its scope.
    pub scope: &'a Scope,
    /// Time at which failures and reminders are due: the end of the last committed read.
    pub due_at: Timestamp,
    /// Creation time of the digests.
    pub now: Timestamp,
}

impl NotificationContext<'_> {
    /// Returns the pending changes of `receiver`.
    pub fn changes(&self, ledger: &Ledger, receiver: &Receiver) -> PendingChanges {
        let narrowed = self.scope.narrowed.then_some(self.scope);
        PendingChanges::compute(
            ledger,
            receiver.id,
            &self.plan.policy,
            narrowed,
            self.due_at,
        )
    }

    /// Puts a digest into the empty outbox of each receiver that has pending changes, or for which
    /// `force` returns true. The digest is leased to this execution and counts as notified. Returns
    /// the topics that got one.
    pub fn enqueue(
        &self,
        ledger: &mut Ledger,
        force: impl Fn(&TopicArn) -> bool,
    ) -> BTreeSet<TopicArn> {
        let mut enqueued = BTreeSet::new();
        for topic in self.plan.receivers() {
            let Some(receiver) = ledger
                .receivers
                .get(topic)
                .filter(|receiver| receiver.outgoing.is_none())
            else {
                continue;
            };
            let changes = self.changes(ledger, receiver);
            if changes.is_empty() && !force(topic) {
                continue;
            }
            let (message, last_form) = self.messages(ledger, receiver, &changes, topic);
            let receiver_id = receiver.id;
            changes.mark_notified(ledger, receiver_id, self.now);
            if force(topic) {
                self.restart_reminders(ledger, receiver_id);
            }
            if let Some(receiver) = ledger.receivers.get_mut(topic) {
                receiver.digest_count += 1;
                receiver.newly_watched.clear();
                receiver.outgoing = Some(OutgoingDigest {
                    id: message.deduplication_id.clone(),
                    message,
                    last_form,
                    refused: false,
                    created_at: Some(self.now),
                    lease: Some(Lease {
                        holder: self.plan.run.execution.clone(),
                        expires_at: self.plan.timing.deadline,
                    }),
                });
            }
            enqueued.insert(topic.clone());
        }
        enqueued
    }

    /// Restarts the time until the reminders of the open failures in scope, all of which a forced
    /// digest lists.
    fn restart_reminders(&self, ledger: &mut Ledger, receiver: ReceiverId) {
        for (_, open) in ledger.open.iter_mut().filter(|(key, open)| {
            open.notified.contains(receiver) && (!self.scope.narrowed || self.scope.covers(key))
        }) {
            OpenFailure::update(open, |open| open.notified.insert(receiver, self.now));
        }
    }

    /// Marks the changes of this run as notified for every receiver, without a digest. Changes that
    /// were pending in the ledger `before` the run stay pending, and so do reminders. Returns the
    /// number of suppressed changes of the receiver that has the most.
    pub fn suppress(&self, ledger: &mut Ledger, before: &Ledger) -> usize {
        let mut suppressed = 0;
        for topic in self.plan.receivers() {
            let Some(receiver) = ledger.receivers.get(topic) else {
                continue;
            };
            let due_at = before
                .last_commit
                .as_ref()
                .map_or(self.due_at, |last| last.at);
            let mut changes = self
                .changes(ledger, receiver)
                .minus(&NotificationContext { due_at, ..*self }.changes(before, receiver));
            changes.reminders.clear();
            suppressed = suppressed.max(changes.len());
            changes.mark_notified(ledger, receiver.id, self.now);
        }
        suppressed
    }

    /// Returns the digest of `changes` for `receiver`.
    pub fn digest(&self, ledger: &Ledger, receiver: &Receiver, changes: &PendingChanges) -> Digest {
        Digest::of(ledger, receiver, changes, self.plan, self.due_at, self.now)
    }

    /// Renders the SNS message of a digest for `topic`, and its last form. Drops the digest itself,
    /// which can be large.
    fn messages(
        &self,
        ledger: &Ledger,
        receiver: &Receiver,
        changes: &PendingChanges,
        topic: &TopicArn,
    ) -> (SnsMessage, SnsMessage) {
        let digest = self.digest(ledger, receiver, changes);
        if self.plan.settings.chat_topic.as_ref() == Some(topic) {
            (digest.chat_message(), digest.chat_last_form())
        } else {
            (digest.message(), digest.last_form())
        }
    }
}
