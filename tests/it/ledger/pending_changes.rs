//! Pending changes: what a receiver is still to be notified of, as the ledger implies it.

use jiff::{SignedDuration, Timestamp};
use packwatch::ledger::{EmptySourceResolution, Ledger, OpenFailure, PendingChanges, ReceiverId};
use packwatch::model::NotificationPolicy;

use crate::support::observed::{
    ACCOUNT, OTHER_ACCOUNT, evaluated, minute, observed, observed_without_packs, policy, scope,
    scope_of_packs, source,
};

/// The receiver of these tests.
const RECEIVER: ReceiverId = 0;

fn pending(ledger: &Ledger, policy: &NotificationPolicy, at: Timestamp) -> PendingChanges {
    PendingChanges::compute(ledger, RECEIVER, policy, None, at)
}

/// Returns a ledger with two open failures, which the receiver was notified of at these times.
fn notified_at(times: [Timestamp; 2]) -> Ledger {
    let members = [(ACCOUNT, "UPDATE_FAILED"), (OTHER_ACCOUNT, "UPDATE_FAILED")];
    let found = observed(minute(0), "UPDATE_SUCCESSFUL", &members);
    let mut ledger = evaluated(&Ledger::default(), found, &scope(), &[]);
    for (open, at) in ledger.open.values_mut().zip(times) {
        OpenFailure::update(open, |open| open.notified.insert(RECEIVER, at));
    }
    ledger
}

#[test]
fn source_that_never_had_packs_triggers_no_digest() {
    let full = || observed(minute(30), "UPDATE_SUCCESSFUL", &[]);
    let empty = evaluated(
        &Ledger::default(),
        observed_without_packs(minute(0)),
        &scope(),
        &[],
    );
    let changes = pending(&empty, &policy(), minute(0));
    assert_eq!(changes, PendingChanges::default());

    // It is shown in digests that something else triggers.
    let mut shown = empty;
    shown.mark_shown(RECEIVER, &scope(), true);
    let filled = evaluated(&shown, full(), &scope(), &[]);
    let changes = pending(&filled, &policy(), minute(30));
    assert_eq!(changes.first_packs, [source()].into());
    assert!(changes.is_empty(), "{changes:?}");
}

#[test]
fn source_that_loses_its_packs_triggers_a_digest() {
    let full = |minutes| observed(minute(minutes), "UPDATE_SUCCESSFUL", &[]);
    let ledger = evaluated(&Ledger::default(), full(0), &scope(), &[]);
    let mut empty = evaluated(&ledger, observed_without_packs(minute(15)), &scope(), &[]);
    let changes = pending(&empty, &policy(), minute(15));
    assert_eq!(
        (changes.len(), &changes.empty_sources),
        (1, &[source()].into())
    );
    changes.mark_notified(&mut empty, RECEIVER, minute(15));
    assert!(pending(&empty, &policy(), minute(15)).is_empty());

    let filled = evaluated(&empty, full(30), &scope(), &[]);
    let changes = pending(&filled, &policy(), minute(30));
    assert_eq!(
        (changes.len(), &changes.empty_sources_ended),
        (1, &[source()].into())
    );
}

#[test]
fn digest_shows_only_sources_in_scope_that_are_still_empty() {
    let empty = evaluated(
        &Ledger::default(),
        observed_without_packs(minute(0)),
        &scope(),
        &[],
    );
    let is_shown = |ledger: &Ledger| ledger.empty_sources[&source()].notified.contains(&RECEIVER);
    let narrowed = scope_of_packs("base*");
    for (scope, with_never_filled, expected) in [
        (scope(), true, true),
        (scope(), false, false),
        (narrowed, true, false),
    ] {
        let mut ledger = empty.clone();
        ledger.mark_shown(RECEIVER, &scope, with_never_filled);
        assert_eq!(is_shown(&ledger), expected, "{scope:?}");
    }
    let mut filled = empty;
    for empty_source in filled.empty_sources.values_mut() {
        empty_source.ended = Some(EmptySourceResolution::Repopulated);
    }
    filled.mark_shown(RECEIVER, &scope(), true);
    assert!(!is_shown(&filled));
}

#[test]
fn muted_failure_is_due_when_the_mute_ends() {
    let members = [(ACCOUNT, "UPDATE_FAILED")];
    let found = observed(minute(0), "UPDATE_SUCCESSFUL", &members);
    let mut ledger = evaluated(&Ledger::default(), found, &scope(), &[]);
    for open in ledger.open.values_mut() {
        OpenFailure::update(open, |open| open.muted_until = Some(minute(60)));
    }
    let second = SignedDuration::from_secs(1);
    let before = pending(&ledger, &policy(), minute(60) - second);
    assert!(before.is_empty(), "{before:?}");
    assert_eq!(pending(&ledger, &policy(), minute(60)).appeared.len(), 1);
}

/// A failure that is due within the next day joins a reminder that is due now.
#[test]
fn reminders_of_one_day_are_sent_together() {
    let hours = |hours: i64| minute(60 * hours);
    let every_two_days = NotificationPolicy {
        remind_after: Some(SignedDuration::from_hours(48)),
        ..policy()
    };
    let reminders = |second: i64, at: i64| {
        let ledger = notified_at([hours(0), hours(second)]);
        pending(&ledger, &every_two_days, hours(at)).reminders.len()
    };
    assert_eq!(reminders(0, 47), 0);
    assert_eq!(reminders(24, 48), 2, "the second is due in 24 hours");
    assert_eq!(reminders(25, 48), 1, "the second is due in 25 hours");
}

#[test]
fn only_failure_that_was_read_as_failing_is_reminded() {
    let hourly = NotificationPolicy {
        remind_after: Some(SignedDuration::from_hours(1)),
        ..policy()
    };
    let reminders = |change: fn(&mut OpenFailure)| {
        let mut ledger = notified_at([minute(0), minute(0)]);
        for open in ledger.open.values_mut() {
            OpenFailure::update(open, change);
        }
        pending(&ledger, &hourly, minute(60)).reminders.len()
    };
    assert_eq!(reminders(|_| {}), 2);
    assert_eq!(reminders(|open| open.unconfirmed = true), 0);
    assert_eq!(reminders(|open| open.absent_since = Some(minute(0))), 0);
}
