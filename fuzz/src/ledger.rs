//! Fuzzes stored ledgers: any bytes are rejected, or a run continues from them.
//!
//! An accepted ledger survives a round trip. Every receiver is notified once, in a message that SNS
//! accepts, and delivery leaves no outgoing digest.

use jiff::Timestamp;
use packwatch::input::event::{ManualRequest, Trigger};
use packwatch::ledger::{Delivery, Ledger, OutgoingContent};
use packwatch::model::{AccountId, SIZE_LIMIT, SnsMessage};
use packwatch::notify::{AskedFor, NotificationContext};

use super::{NOW, plan, settings_of_two_topics};

/// Upper bound of counters, so that they can still be incremented. No run reaches it.
const MAX_COUNTER: u64 = 1 << 31;

/// Panics if an invariant is violated.
pub fn check_invariants(bytes: &[u8]) {
    let Ok(mut ledger) = Ledger::from_bytes(bytes) else {
        return;
    };
    assert_round_trip(&ledger);
    let max_digests = ledger
        .receivers
        .values()
        .map(|receiver| receiver.digest_count)
        .max()
        .unwrap_or_default();
    if max_digests.max(ledger.next_receiver_id.into()) > MAX_COUNTER {
        return;
    }

    let plan = plan(
        Trigger::Manual(ManualRequest::default()),
        &settings_of_two_topics(),
    )
    .expect("a valid request");
    let topics: Vec<_> = plan.receivers().cloned().collect();
    let scope = plan.scope(
        &plan
            .targets(&AccountId::from("111122223333"))
            .expect("at least one source"),
        true,
    );
    let now: Timestamp = NOW.parse().expect("a timestamp");
    let notification_context = NotificationContext {
        plan: &plan,
        scope: &scope,
        due_at: now,
        now,
        first_looks: true,
    };

    ledger.receivers.retain(|topic, _| topics.contains(topic));
    ledger.register_receivers(&topics, now);
    assert!(
        ledger.receivers.keys().eq(topics.iter().rev()),
        "the receivers differ from the settings"
    );
    for topic in notification_context.enqueue(&mut ledger, AskedFor::Before) {
        let receiver = &ledger.receivers[&topic];
        assert!(
            notification_context.changes(&ledger, receiver).is_empty(),
            "a notified change is still pending"
        );
        let outgoing = receiver
            .outgoing
            .as_ref()
            .expect("an enqueued digest is outgoing");
        match &outgoing.content {
            OutgoingContent::Message { message, .. } => {
                assert_eq!(outgoing.id, message.deduplication_id);
                assert_accepted_by_sns(message);
            }
            OutgoingContent::Events { .. } => panic!("there is no event bus"),
        }
    }
    assert_round_trip(&ledger);

    ledger.acquire_leases(&topics, &plan.run.execution, plan.timing.deadline, now);
    let leased_to: Vec<_> = ledger
        .leased_to(&plan.run.execution)
        .map(|(topic, outgoing)| (topic.clone(), outgoing.id.clone()))
        .collect();
    for (topic, digest_id) in leased_to {
        ledger.settle(
            &topic,
            &digest_id,
            &plan.run.execution,
            &Delivery::Published,
        );
    }
    assert!(
        ledger.leased_to(&plan.run.execution).next().is_none(),
        "a delivered digest is still leased"
    );
    assert_round_trip(&ledger);
}

fn assert_round_trip(ledger: &Ledger) {
    let written = ledger.to_bytes().expect("the ledger can be written");
    let decoded = Ledger::from_bytes(&written).expect("a written ledger can be read");
    assert!(decoded == *ledger, "{ledger:?}\nis decoded as\n{decoded:?}");
    assert!(
        decoded.to_bytes().expect("the ledger can be written") == written,
        "equal ledgers give different bytes"
    );
}

fn assert_accepted_by_sns(message: &SnsMessage) {
    let attributes = message.attributes.iter();
    let attributes: usize = attributes
        .map(|(name, value)| name.len() + value.data_type().len() + value.value().len())
        .sum();
    assert!(message.body.len() + message.subject.len() + attributes < SIZE_LIMIT);
    let subject = message.subject.as_bytes();
    assert!(
        subject.len() < 100
            && subject
                .iter()
                .all(|byte| byte.is_ascii_graphic() || *byte == b' '),
        "{message:?}"
    );
    let subject = message.subject.to_ascii_lowercase();
    assert!(
        !subject.contains("://") && !subject.contains("www."),
        "the subject has a live address: {message:?}"
    );
}
