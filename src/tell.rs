//! Gives digests to audiences, in the ledger: what is here is claimed and counts as told, and is
//! then sent.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::difference::Difference;
use crate::digest::Digest;
use crate::ledger::{Audience, Head, Ledger, Owner};
use crate::message::SnsMessage;
use crate::model::TopicArn;
use crate::plan::Plan;
use crate::scope::Scope;

/// When digests are given out.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'a> {
    /// The run.
    pub plan: &'a Plan,
    /// A narrowed run tells only of what is in its scope.
    pub scope: &'a Scope,
    /// The end of the last committed reading: what is due is asked of this time.
    pub due_at: Timestamp,
    /// Now.
    pub now: Timestamp,
}

impl Occasion<'_> {
    /// What `audience` is to be told.
    pub fn difference(&self, ledger: &Ledger, audience: &Audience) -> Difference {
        let narrowed = self.scope.narrowed.then_some(self.scope);
        Difference::of(
            ledger,
            audience.id,
            &self.plan.policy,
            narrowed,
            self.due_at,
        )
    }

    /// Gives every audience without a head its next digest, if there is something to tell it, or if
    /// it gets one in any case; says who got one.
    pub fn offer(
        &self,
        ledger: &mut Ledger,
        in_any_case: impl Fn(&TopicArn) -> bool,
    ) -> BTreeSet<TopicArn> {
        let mut offered = BTreeSet::new();
        for topic in self.plan.audiences() {
            let Some(audience) = ledger
                .audiences
                .get(topic)
                .filter(|audience| audience.head.is_none())
            else {
                continue;
            };
            let difference = self.difference(ledger, audience);
            if difference.is_empty() && !in_any_case(topic) {
                continue;
            }
            let message = self.message(ledger, audience, &difference, topic);
            difference.note_told(ledger, audience.id, self.now);
            if let Some(audience) = ledger.audiences.get_mut(topic) {
                audience.digests += 1;
                audience.newly_watched.clear();
                audience.head = Some(Head {
                    id: message.deduplication_id.clone(),
                    message,
                    made_at: Some(self.now),
                    owner: Some(Owner {
                        execution: self.plan.execution.clone(),
                        until: self.plan.ends_at,
                    }),
                });
            }
            offered.insert(topic.clone());
        }
        offered
    }

    /// Notes what this run changed as told, to everybody: what was still to be told `before` stays
    /// so.
    pub fn keep_silent(&self, ledger: &mut Ledger, before: &Ledger) {
        for topic in self.plan.audiences() {
            let Some(audience) = ledger.audiences.get(topic) else {
                continue;
            };
            let due_at = before.last.as_ref().map_or(self.due_at, |last| last.at);
            let mut changes = self
                .difference(ledger, audience)
                .since(&Occasion { due_at, ..*self }.difference(before, audience));
            changes.reminded.clear();
            changes.note_told(ledger, audience.id, self.now);
        }
    }

    /// The digest of `difference`.
    pub fn digest(&self, ledger: &Ledger, audience: &Audience, difference: &Difference) -> Digest {
        Digest::of(
            ledger,
            audience,
            difference,
            self.plan,
            self.due_at,
            self.now,
        )
    }

    /// The request that sends a digest. The digest itself can be large, and is not kept.
    fn message(
        &self,
        ledger: &Ledger,
        audience: &Audience,
        difference: &Difference,
        topic: &TopicArn,
    ) -> SnsMessage {
        let digest = self.digest(ledger, audience, difference);
        if self.plan.chat_topic.as_ref() == Some(topic) {
            digest.chat_message()
        } else {
            digest.message()
        }
    }
}
