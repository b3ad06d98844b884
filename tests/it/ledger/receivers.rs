//! Receivers that are no longer in the settings: the ledger keeps them for seven days.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use packwatch::ledger::{EmptySource, Gap, Ledger, NotifiedAt, OpenFailure, ReceiverId};
use packwatch::model::{ApiError, GapKey, ReceiverArn};

use crate::support::harness::{CHAT, TOPIC};
use crate::support::observed::{
    ACCOUNT, OTHER_ACCOUNT, evaluated, minute, observed, pack, scope, source,
};

fn arn(text: &str) -> ReceiverArn {
    text.into()
}

/// Returns a ledger with an open and an ended failure, a gap and an empty source, of all of which
/// both receivers were notified. The chat topic left the settings at minute 15.
fn ledger() -> Ledger {
    let (topic, chat) = (arn(TOPIC), arn(CHAT));
    let members = [(ACCOUNT, "UPDATE_FAILED"), (OTHER_ACCOUNT, "UPDATE_FAILED")];
    let found = observed(minute(0), "UPDATE_SUCCESSFUL", &members);
    let mut ledger = evaluated(&Ledger::default(), found, &scope(), &[]);
    ledger.register_receivers([&topic, &chat], minute(15));
    let ids: Vec<_> = ledger.receivers.values().map(|known| known.id).collect();
    for open in ledger.open.values_mut() {
        OpenFailure::update(open, |open| {
            open.notified = ids.iter().map(|id| (*id, minute(0))).collect();
        });
    }
    let members = [
        (ACCOUNT, "UPDATE_FAILED"),
        (OTHER_ACCOUNT, "UPDATE_SUCCESSFUL"),
    ];
    let found = observed(minute(15), "UPDATE_SUCCESSFUL", &members);
    let mut ledger = evaluated(&ledger, found, &scope(), &[]);
    let ids = BTreeSet::from_iter(ids);
    let gap = Gap {
        cause: ApiError {
            operation: "Describe".into(),
            code: "AccessDenied".into(),
            message: "no".into(),
        },
        since: minute(0),
        first_run: "run".into(),
        seen_again: true,
        ended: None,
        announced: ids.clone(),
        notified: ids.clone(),
    };
    ledger.gaps.insert(GapKey::pack(&pack()), gap);
    let empty = EmptySource {
        packs: ["another".into()].into(),
        since: minute(0),
        ended: None,
        notified: ids,
    };
    ledger.empty_sources.insert(source(), empty);
    ledger.register_receivers([&topic], minute(30));
    ledger
}

/// Returns whom each of the records says was notified.
fn notified(ledger: &Ledger) -> [BTreeSet<ReceiverId>; 5] {
    let [open] = ledger.open.values().collect::<Vec<_>>()[..] else {
        panic!("one failure is open")
    };
    let [resolved] = ledger.resolved.values().collect::<Vec<_>>()[..] else {
        panic!("one failure has ended")
    };
    let gap = &ledger.gaps[&GapKey::pack(&pack())];
    let empty = &ledger.empty_sources[&source()];
    let receivers = |notified: &NotifiedAt| {
        (0..ledger.next_receiver_id)
            .filter(|id| notified.contains(*id))
            .collect()
    };
    [
        receivers(&open.notified),
        receivers(&resolved.unnotified),
        gap.announced.clone(),
        gap.notified.clone(),
        empty.notified.clone(),
    ]
}

#[test]
fn receiver_is_forgotten_after_seven_days_with_all_its_records() {
    let mut ledger = ledger();
    let topic = ledger.receiver_id(&arn(TOPIC)).expect("a receiver");
    let both = notified(&ledger);
    assert!(both.iter().all(|notified| notified.len() == 2), "{both:?}");
    let forgotten_at = minute(15 + 7 * 24 * 60);
    ledger.forget_receivers(forgotten_at - SignedDuration::from_secs(1));
    assert_eq!((ledger.receivers.len(), notified(&ledger)), (2, both));
    ledger.forget_receivers(forgotten_at);
    let left: Vec<_> = ledger.receivers.keys().map(ReceiverArn::as_str).collect();
    assert_eq!(left, [TOPIC]);
    assert_eq!(notified(&ledger), std::array::from_fn(|_| [topic].into()));
}
