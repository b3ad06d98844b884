//! Outbox: leases on outgoing digests, and settling them after delivery.
//!
//! Only the execution that holds the lease of an outgoing digest may send or settle it. Like every
//! change of the ledger, a lease takes effect only once the compare-and-swap has succeeded.

use jiff::{SignedDuration, Timestamp};

use super::state::{Lease, Ledger, OutgoingDigest};
use crate::model::TopicArn;

/// The result of sending an outgoing digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The receiver accepted the digest.
    Published,
    /// The receiver rejected the digest, or did not respond.
    Failed,
    /// The receiver refuses the content of the digest even in its last form.
    Dropped,
}

/// Maximum clock skew between executions. A timestamp in the ledger that is further ahead than this
/// is wrong and is ignored.
pub(super) const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(15);

/// Maximum duration of an invocation, a
/// [quota of Lambda](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
pub(super) const MAX_INVOCATION: SignedDuration = SignedDuration::from_mins(15);

impl Ledger {
    /// Leases the outgoing digests of `topics` to `execution` until `expires_at`.
    ///
    /// Skips a digest under a valid lease of any execution. A lease is invalid if it has expired,
    /// or if it expires later than any execution can run, which means that the holder's clock was
    /// wrong.
    pub fn acquire_leases<'a>(
        &mut self,
        topics: impl IntoIterator<Item = &'a TopicArn>,
        execution: &str,
        expires_at: Timestamp,
        now: Timestamp,
    ) {
        let plausible = now..=now + MAX_INVOCATION + MAX_CLOCK_SKEW;
        for topic in topics {
            if let Some(outgoing) = self
                .receivers
                .get_mut(topic)
                .and_then(|receiver| receiver.outgoing.as_mut())
                && outgoing
                    .lease
                    .as_ref()
                    .is_none_or(|lease| !plausible.contains(&lease.expires_at))
            {
                outgoing.lease = Some(Lease {
                    holder: execution.to_owned(),
                    expires_at,
                });
            }
        }
    }

    /// Returns the outgoing digests that are leased to `execution`, with their topics.
    pub fn leased_to(&self, execution: &str) -> impl Iterator<Item = (&TopicArn, &OutgoingDigest)> {
        let outbox = self
            .receivers
            .iter()
            .filter_map(|(topic, receiver)| Some((topic, receiver.outgoing.as_ref()?)));
        outbox.filter(move |(_, outgoing)| outgoing.is_leased_to(execution))
    }

    /// Settles an outgoing digest: removes it if it was published or dropped, otherwise releases
    /// its lease.
    ///
    /// Does nothing if the outbox no longer holds this digest under a lease of `execution`.
    pub fn settle(
        &mut self,
        topic: &TopicArn,
        digest_id: &str,
        execution: &str,
        delivery: Delivery,
    ) {
        let Some(receiver) = self.receivers.get_mut(topic) else {
            return;
        };
        let is_leased = receiver
            .outgoing
            .as_ref()
            .is_some_and(|outgoing| outgoing.id == digest_id && outgoing.is_leased_to(execution));
        if !is_leased {
            return;
        }
        match delivery {
            Delivery::Published | Delivery::Dropped => receiver.outgoing = None,
            Delivery::Failed => {
                if let Some(outgoing) = &mut receiver.outgoing {
                    outgoing.lease = None;
                    outgoing.refused = true;
                }
            }
        }
    }
}

impl OutgoingDigest {
    fn is_leased_to(&self, execution: &str) -> bool {
        self.lease
            .as_ref()
            .is_some_and(|lease| lease.holder == execution)
    }
}
