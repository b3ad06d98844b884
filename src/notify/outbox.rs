//! Gives digests to audiences, in the ledger: what is here is claimed and counts as told, and is
//! then sent.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::input::plan::RunPlan;
use crate::ledger::PendingChanges;
use crate::ledger::{Lease, Ledger, OutgoingDigest, Receiver};
use crate::model::Scope;
use crate::model::SnsMessage;
use crate::model::TopicArn;
use crate::notify::digest::Digest;

/// When digests are given out.
#[derive(Debug, Clone, Copy)]
pub struct NotificationContext<'a> {
    /// The run.
    pub plan: &'a RunPlan,
    /// A narrowed run tells only of what is in its scope.
    pub scope: &'a Scope,
    /// The end of the last committed reading: what is due is asked of this time.
    pub due_at: Timestamp,
    /// Now.
    pub now: Timestamp,
}

impl NotificationContext<'_> {
    /// What `receiver` is to be told.
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

    /// Gives every audience without a head its next digest, if there is something to tell it, or if
    /// it gets one in any case; says who got one.
    pub fn enqueue(
        &self,
        ledger: &mut Ledger,
        force: impl Fn(&TopicArn) -> bool,
    ) -> BTreeSet<TopicArn> {
        let mut offered = BTreeSet::new();
        for topic in self.plan.audiences() {
            let Some(receiver) = ledger
                .audiences
                .get(topic)
                .filter(|receiver| receiver.head.is_none())
            else {
                continue;
            };
            let changes = self.changes(ledger, receiver);
            if changes.is_empty() && !force(topic) {
                continue;
            }
            let message = self.message(ledger, receiver, &changes, topic);
            changes.mark_notified(ledger, receiver.id, self.now);
            if let Some(receiver) = ledger.audiences.get_mut(topic) {
                receiver.digests += 1;
                receiver.newly_watched.clear();
                receiver.head = Some(OutgoingDigest {
                    id: message.deduplication_id.clone(),
                    message,
                    made_at: Some(self.now),
                    owner: Some(Lease {
                        execution: self.plan.execution.clone(),
                        until: self.plan.deadline,
                    }),
                });
            }
            offered.insert(topic.clone());
        }
        offered
    }

    /// Notes what this run changed as told, to everybody: what was still to be told `before` stays
    /// so.
    pub fn suppress(&self, ledger: &mut Ledger, before: &Ledger) {
        for topic in self.plan.audiences() {
            let Some(receiver) = ledger.audiences.get(topic) else {
                continue;
            };
            let due_at = before.last.as_ref().map_or(self.due_at, |last| last.at);
            let mut changes = self
                .changes(ledger, receiver)
                .minus(&NotificationContext { due_at, ..*self }.changes(before, receiver));
            changes.reminders.clear();
            changes.mark_notified(ledger, receiver.id, self.now);
        }
    }

    /// The digest of `changes`.
    pub fn digest(&self, ledger: &Ledger, receiver: &Receiver, changes: &PendingChanges) -> Digest {
        Digest::of(ledger, receiver, changes, self.plan, self.due_at, self.now)
    }

    /// The request that sends a digest. The digest itself can be large, and is not kept.
    fn message(
        &self,
        ledger: &Ledger,
        receiver: &Receiver,
        changes: &PendingChanges,
        topic: &TopicArn,
    ) -> SnsMessage {
        let digest = self.digest(ledger, receiver, changes);
        if self.plan.chat_topic.as_ref() == Some(topic) {
            digest.chat_message()
        } else {
            digest.message()
        }
    }
}
