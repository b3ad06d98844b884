//! What the ledger drops by age: old days of the history, and mutes that have ended.

use jiff::SignedDuration;
use packwatch::ledger::Ledger;
use packwatch::model::{Mute, MuteEnd, MuteMatcher};

use crate::support::observed::minute;

#[test]
fn history_keeps_400_days_and_stays_small() {
    let at = |day: i64| minute(day * 24 * 60);
    let mut ledger = Ledger::default();
    for day in 0..402 {
        let before = ledger.clone();
        ledger.record_history(&before, true, at(day));
        let expected = usize::try_from(day + 1).expect("a count").min(400);
        assert_eq!(ledger.history.len(), expected, "after day {day}");
    }
    let days = ledger.history.keys().map(ToString::to_string);
    let days: Vec<_> = days.collect();
    let last = at(401).to_string();
    assert_eq!([days[0].as_str(), &days[399]], ["2026-03-03", &last[..10]]);
    let bytes = ledger.to_bytes().expect("JSON").to_vec().len();
    println!("a ledger with 400 days takes {bytes} bytes");
    assert!(bytes < 32 * 1024, "{bytes}");
}

#[test]
fn mute_is_dropped_thirty_days_after_its_end() {
    let mute = Mute {
        id: "m".to_owned(),
        matcher: MuteMatcher::default(),
        until: MuteEnd::Time(minute(0)),
        reason: "test".to_owned(),
        by: None,
        created_at: minute(0),
    };
    let mut ledger = Ledger {
        mutes: vec![mute],
        ..Ledger::default()
    };
    let dropped_at = minute(30 * 24 * 60);
    ledger.drop_ended_mutes(dropped_at - SignedDuration::from_secs(1));
    assert_eq!(ledger.mutes.len(), 1);
    ledger.drop_ended_mutes(dropped_at);
    assert!(ledger.mutes.is_empty());
}
