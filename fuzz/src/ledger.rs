//! Any bytes as a ledger: refused, or gone on from as a run does. What is written is read again as
//! it was, every audience is told once, in a message that SNS takes, and sending leaves nothing
//! behind.

use super::{NOW, plan, settings_of_two_topics};
use jiff::Timestamp;
use packwatch::input::event::{ManualRequest, Trigger};
use packwatch::ledger::{Delivery, Ledger};
use packwatch::model::AccountId;
use packwatch::model::{SIZE_LIMIT, SnsMessage};
use packwatch::notify::NotificationContext;

/// Numbers that no run reaches are not counted on: the next one has to have room.
const COUNTED: u64 = 1 << 31;

/// Panics where a rule is broken.
pub fn check_invariants(bytes: &[u8]) {
    let Ok(mut ledger) = Ledger::from_bytes(bytes) else {
        return;
    };
    is_kept(&ledger);
    let given = ledger
        .audiences
        .values()
        .map(|receiver| receiver.digests)
        .max()
        .unwrap_or_default();
    if given.max(ledger.next_audience.into()) > COUNTED {
        return;
    }

    let plan = plan(
        Trigger::Manual(ManualRequest::default()),
        &settings_of_two_topics(),
    )
    .expect("a run");
    let topics: Vec<_> = plan.audiences().cloned().collect();
    let scope = plan.scope(
        &plan
            .targets(&AccountId::from("111122223333"))
            .expect("sources"),
        true,
    );
    let now: Timestamp = NOW.parse().expect("a time");
    let notification_context = NotificationContext {
        plan: &plan,
        scope: &scope,
        due_at: now,
        now,
    };

    ledger.forget_audiences_but(&topics);
    ledger.register_receivers(&topics);
    assert!(
        ledger.audiences.keys().eq(topics.iter().rev()),
        "the audiences are those of the settings"
    );
    for topic in notification_context.enqueue(&mut ledger, |_| false) {
        let receiver = &ledger.audiences[&topic];
        assert!(
            notification_context.changes(&ledger, receiver).is_empty(),
            "what was told is not to be told again"
        );
        let head = receiver
            .head
            .as_ref()
            .expect("what is offered is to be sent");
        assert_eq!(head.id, head.message.deduplication_id);
        is_taken_by_sns(&head.message);
    }
    is_kept(&ledger);

    ledger.acquire_leases(&topics, &plan.execution, plan.deadline, now);
    let leased_to: Vec<_> = ledger
        .leased_to(&plan.execution)
        .map(|(topic, head)| (topic.clone(), head.id.clone()))
        .collect();
    for (topic, digest_id) in leased_to {
        ledger.settle(&topic, &digest_id, &plan.execution, Delivery::Published);
    }
    assert!(
        ledger.leased_to(&plan.execution).next().is_none(),
        "what was sent is nobody's"
    );
    is_kept(&ledger);
}

fn is_kept(ledger: &Ledger) {
    let written = ledger.to_bytes().expect("a ledger can be written");
    let again = Ledger::from_bytes(&written).expect("what was written is a ledger");
    assert!(again == *ledger, "{ledger:?}\nis read again as\n{again:?}");
    assert!(
        again.to_bytes().expect("a ledger can be written") == written,
        "equal ledgers give equal bytes"
    );
}

fn is_taken_by_sns(message: &SnsMessage) {
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
}
