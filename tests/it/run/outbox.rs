//! The steps of the commit protocol on a ledger alone, where no run can be made to come to them.

use jiff::SignedDuration;
use packwatch::ledger::{Delivery, Lease, Ledger, OutgoingDigest, Receiver};
use packwatch::model::SnsMessage;
use packwatch::model::TopicArn;

use crate::support::harness::{TOPIC, time};

const OURS: &str = "execution-1";

/// A ledger with a head that `execution` may send for a minute.
fn owned_by(execution: &str) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.register_receivers([&TopicArn::from(TOPIC)]);
    receiver(&mut ledger).head = Some(OutgoingDigest {
        id: "run-1.0.1".to_owned(),
        message: SnsMessage {
            subject: String::new(),
            body: String::new(),
            message_structure_json: true,
            attributes: [].into(),
            deduplication_id: "run-1.0.1".to_owned(),
        },
        made_at: None,
        owner: Some(Lease {
            execution: execution.to_owned(),
            until: time("2026-03-01T08:01:00Z"),
        }),
    });
    ledger
}

fn receiver(ledger: &mut Ledger) -> &mut Receiver {
    ledger
        .audiences
        .get_mut(&TopicArn::from(TOPIC))
        .expect("it is welcome")
}

#[test]
fn a_head_is_settled_by_its_owner_alone() {
    for sent in [Delivery::Published, Delivery::Failed] {
        for (owner, id) in [("execution-2", "run-1.0.1"), (OURS, "run-1.0.0")] {
            let mut ledger = owned_by(owner);
            ledger.settle(&TopicArn::from(TOPIC), id, OURS, sent);
            assert_eq!(
                ledger,
                owned_by(owner),
                "{sent:?}: neither what another may send nor what was not sent"
            );
        }
        let mut ledger = owned_by(OURS);
        ledger.settle(&TopicArn::from(TOPIC), "run-1.0.1", OURS, sent);
        let head = &receiver(&mut ledger).head;
        let right = match sent {
            Delivery::Published => head.is_none(),
            Delivery::Failed => head.as_ref().is_some_and(|head| head.owner.is_none()),
        };
        assert!(right, "{sent:?}: {head:?}");
    }
}

#[test]
fn a_head_is_taken_over_only_when_its_owners_time_is_over() {
    let end = time("2026-03-01T08:01:00Z");
    for (milliseconds, owner) in [(0, "execution-2"), (1, OURS)] {
        let mut ledger = owned_by("execution-2");
        let now = end + SignedDuration::from_millis(milliseconds);
        ledger.acquire_leases(
            [&TopicArn::from(TOPIC)],
            OURS,
            end + SignedDuration::from_mins(2),
            now,
        );
        assert_eq!(
            ledger.leased_to(owner).count(),
            1,
            "{milliseconds} ms after the end of its time"
        );
    }
}

#[test]
fn a_head_whose_owners_time_is_longer_than_any_is_taken_over() {
    let end = time("2026-03-01T08:01:00Z");
    for (minutes, owner) in [(30, "execution-2"), (31, OURS)] {
        let mut ledger = owned_by("execution-2");
        let now = end - SignedDuration::from_mins(minutes);
        ledger.acquire_leases(
            [&TopicArn::from(TOPIC)],
            OURS,
            now + SignedDuration::from_mins(2),
            now,
        );
        assert_eq!(
            ledger.leased_to(owner).count(),
            1,
            "{minutes} minutes before the end of its time"
        );
    }
}
