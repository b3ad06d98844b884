//! The outbox: who may send an outgoing digest, until when, and what became of it.
//!
//! These are steps of the commit protocol. A run stores a changed ledger only over the version that
//! it read, so each of them happens whole or not at all.

use jiff::{SignedDuration, Timestamp};

use super::commit::MAX_CLOCK_SKEW;
use super::state::{Lease, Ledger, OutgoingDigest};
use crate::model::TopicArn;

/// What became of a head that was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// SNS took it.
    Published,
    /// SNS did not take it, or nobody knows.
    Failed,
}

/// The [longest time](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html) that
/// Lambda gives an invocation.
const MAX_INVOCATION: SignedDuration = SignedDuration::from_mins(15);

impl Ledger {
    /// Takes the heads of `topics` that nobody owns, whose owner's time is over, or whose owner's
    /// clock was so wrong that a digest would wait for the end of a time that nobody has.
    pub fn acquire_leases<'a>(
        &mut self,
        topics: impl IntoIterator<Item = &'a TopicArn>,
        execution: &str,
        until: Timestamp,
        now: Timestamp,
    ) {
        let honest = now..=now + MAX_INVOCATION + MAX_CLOCK_SKEW;
        for topic in topics {
            if let Some(head) = self
                .audiences
                .get_mut(topic)
                .and_then(|receiver| receiver.head.as_mut())
                && head
                    .owner
                    .as_ref()
                    .is_none_or(|owner| !honest.contains(&owner.until))
            {
                head.owner = Some(Lease {
                    execution: execution.to_owned(),
                    until,
                });
            }
        }
    }

    /// The heads that this execution may send.
    pub fn leased_to(&self, execution: &str) -> impl Iterator<Item = (&TopicArn, &OutgoingDigest)> {
        let heads = self
            .audiences
            .iter()
            .filter_map(|(topic, receiver)| Some((topic, receiver.head.as_ref()?)));
        heads.filter(move |(_, head)| head.is_leased_to(execution))
    }

    /// Notes what became of a head, if it is still the one that this execution owned: one that was
    /// published goes, one that failed is free for the next.
    pub fn settle(&mut self, topic: &TopicArn, digest_id: &str, execution: &str, sent: Delivery) {
        let Some(receiver) = self.audiences.get_mut(topic) else {
            return;
        };
        let ours = receiver
            .head
            .as_ref()
            .is_some_and(|head| head.id == digest_id && head.is_leased_to(execution));
        if !ours {
            return;
        }
        match sent {
            Delivery::Published => receiver.head = None,
            Delivery::Failed => {
                if let Some(head) = &mut receiver.head {
                    head.owner = None;
                }
            }
        }
    }
}

impl OutgoingDigest {
    fn is_leased_to(&self, execution: &str) -> bool {
        self.owner
            .as_ref()
            .is_some_and(|owner| owner.execution == execution)
    }
}
