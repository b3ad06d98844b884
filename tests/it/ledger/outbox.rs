//! The outbox operations of a ledger, in states that a complete run cannot be made to reach.

use jiff::SignedDuration;
use packwatch::ledger::{Delivery, Lease, Ledger, OutgoingContent, OutgoingDigest, Receiver};
use packwatch::model::{ReceiverArn, SnsMessage};

use crate::support::harness::{TOPIC, time};

const OURS: &str = "execution-1";

/// Returns a ledger with an outgoing digest that is leased to `execution` until 08:01.
fn ledger_leased_to(execution: &str) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.register_receivers([&ReceiverArn::from(TOPIC)], time("2026-03-01T08:00:00Z"));
    receiver(&mut ledger).outgoing = Some(OutgoingDigest {
        id: "run-1.0.1".to_owned(),
        content: OutgoingContent::Message {
            message: message(),
            last_form: message(),
        },
        refused: false,
        created_at: None,
        lease: Some(Lease {
            holder: execution.to_owned(),
            expires_at: time("2026-03-01T08:01:00Z"),
        }),
    });
    ledger
}

fn message() -> SnsMessage {
    SnsMessage {
        subject: String::new(),
        body: String::new(),
        message_structure_json: true,
        attributes: [].into(),
        deduplication_id: "run-1.0.1".to_owned(),
    }
}

fn receiver(ledger: &mut Ledger) -> &mut Receiver {
    ledger
        .receivers
        .get_mut(&ReceiverArn::from(TOPIC))
        .expect("the receiver is registered")
}

#[test]
fn outgoing_digest_is_settled_only_by_lease_holder() {
    for delivery in [Delivery::Published, Delivery::Failed, Delivery::Dropped] {
        for (holder, id) in [("execution-2", "run-1.0.1"), (OURS, "run-1.0.0")] {
            let mut ledger = ledger_leased_to(holder);
            ledger.settle(&ReceiverArn::from(TOPIC), id, OURS, &delivery);
            assert_eq!(
                ledger,
                ledger_leased_to(holder),
                "{delivery:?}: another lease or digest id changes nothing"
            );
        }
        let mut ledger = ledger_leased_to(OURS);
        ledger.settle(&ReceiverArn::from(TOPIC), "run-1.0.1", OURS, &delivery);
        let outgoing = &receiver(&mut ledger).outgoing;
        let settled = match delivery {
            Delivery::Published | Delivery::Dropped => outgoing.is_none(),
            Delivery::Failed | Delivery::PartlySent(_) => outgoing
                .as_ref()
                .is_some_and(|outgoing| outgoing.lease.is_none() && outgoing.refused),
        };
        assert!(settled, "{delivery:?}: {outgoing:?}");
    }
}

#[test]
fn lease_is_acquired_only_after_expiry() {
    let expires_at = time("2026-03-01T08:01:00Z");
    for (milliseconds, holder) in [(0, "execution-2"), (1, OURS)] {
        let mut ledger = ledger_leased_to("execution-2");
        let now = expires_at + SignedDuration::from_millis(milliseconds);
        ledger.acquire_leases(
            [&ReceiverArn::from(TOPIC)],
            OURS,
            expires_at + SignedDuration::from_mins(2),
            now,
        );
        assert_eq!(
            ledger.leased_to(holder).count(),
            1,
            "{milliseconds} ms after the expiry of the lease"
        );
    }
}

#[test]
fn lease_with_excessive_expiry_is_acquired_early() {
    let expires_at = time("2026-03-01T08:01:00Z");
    for (minutes, holder) in [(30, "execution-2"), (31, OURS)] {
        let mut ledger = ledger_leased_to("execution-2");
        let now = expires_at - SignedDuration::from_mins(minutes);
        ledger.acquire_leases(
            [&ReceiverArn::from(TOPIC)],
            OURS,
            now + SignedDuration::from_mins(2),
            now,
        );
        assert_eq!(
            ledger.leased_to(holder).count(),
            1,
            "{minutes} minutes before the expiry of the lease"
        );
    }
}
