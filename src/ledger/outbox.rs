//! Outbox: leases on outgoing digests, and settling them after delivery.
//!
//! Only the execution that holds the lease of an outgoing digest may send or settle it. Like every
//! change of the ledger, a lease takes effect only once the compare-and-swap has succeeded.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::receiver::{Lease, OutgoingContent, OutgoingDigest};
use super::state::Ledger;
use crate::model::ReceiverArn;

/// The result of sending an outgoing digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The receiver accepted the digest.
    Published,
    /// The receiver rejected the digest, or did not respond.
    Failed,
    /// An event bus did not accept all events. Holds the positions of those that are not to be sent
    /// again.
    PartlySent(BTreeSet<usize>),
    /// A topic refuses the content of the digest even in its last form, or an event bus that of
    /// some of its events.
    Dropped,
}

/// Maximum clock skew between executions. A timestamp in the ledger that is further ahead than this
/// is wrong and is ignored.
pub(super) const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(15);

/// Maximum duration of an invocation, a
/// [quota of Lambda](https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
pub(super) const MAX_INVOCATION: SignedDuration = SignedDuration::from_mins(15);

impl Ledger {
    /// Leases the outgoing digests of `receivers` to `execution` until `expires_at`.
    ///
    /// Skips a digest under a valid lease of any execution. A lease is invalid if it has expired,
    /// or if it expires later than any execution can run, which means that the holder's clock was
    /// wrong.
    pub fn acquire_leases<'a>(
        &mut self,
        receivers: impl IntoIterator<Item = &'a ReceiverArn>,
        execution: &str,
        expires_at: Timestamp,
        now: Timestamp,
    ) {
        let plausible = now..=now + MAX_INVOCATION + MAX_CLOCK_SKEW;
        for arn in receivers {
            if let Some(outgoing) = self
                .receivers
                .get_mut(arn)
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

    /// Returns the outgoing digests that are leased to `execution`, with their receivers.
    pub fn leased_to(
        &self,
        execution: &str,
    ) -> impl Iterator<Item = (&ReceiverArn, &OutgoingDigest)> {
        let outbox = self
            .receivers
            .iter()
            .filter_map(|(topic, receiver)| Some((topic, receiver.outgoing.as_ref()?)));
        outbox.filter(move |(_, outgoing)| outgoing.is_leased_to(execution))
    }

    /// Settles an outgoing digest: removes it if it was published or dropped, otherwise releases
    /// its lease. Events that a bus accepted are removed.
    ///
    /// Does nothing if the outbox no longer holds this digest under a lease of `execution`.
    pub fn settle(
        &mut self,
        topic: &ReceiverArn,
        digest_id: &str,
        execution: &str,
        delivery: &Delivery,
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
            Delivery::Failed | Delivery::PartlySent(_) => {
                if let Some(outgoing) = &mut receiver.outgoing {
                    if let (Delivery::PartlySent(sent), OutgoingContent::Events { events, .. }) =
                        (delivery, &mut outgoing.content)
                    {
                        let mut position = 0..;
                        events.retain(|_| !position.next().is_some_and(|at| sent.contains(&at)));
                    }
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
