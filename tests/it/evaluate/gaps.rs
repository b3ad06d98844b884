//! Gaps: whom the ledger counts as notified of a gap that comes back.

use packwatch::ledger::{GapResolution, Ledger};
use packwatch::model::{ApiError, GapKey};

use crate::support::observed::{ACCOUNT, evaluated, minute, observed, pack, scope};

#[test]
fn returned_gap_is_new_for_receivers_that_know_of_its_end() {
    let with_gap = |minutes| {
        let members = [(ACCOUNT, "UPDATE_FAILED")];
        let mut found = observed(minute(minutes), "UPDATE_SUCCESSFUL", &members);
        let cause = ApiError {
            operation: "Get".into(),
            code: "AccessDenied".into(),
            message: "no".into(),
        };
        found.found_gap(GapKey::pack(&pack()), cause);
        found
    };
    let key = GapKey::pack(&pack());
    let mut ledger = evaluated(&Ledger::default(), with_gap(0), &scope(), &[]);
    let gap = ledger.gaps.get_mut(&key).expect("the gap is there");
    // Receiver 0 was notified of the end, receiver 1 was not, and receiver 2 was only shown the gap.
    gap.announced = [0, 1].into();
    gap.notified = [1, 2].into();
    gap.ended = Some(GapResolution::Read);
    let next = evaluated(&ledger, with_gap(60), &scope(), &[]);
    let gap = &next.gaps[&key];
    assert_eq!(
        (gap.ended, gap.since, gap.seen_again),
        (None, minute(60), false)
    );
    assert_eq!(gap.announced, [1].into());
    let next = evaluated(&next, with_gap(75), &scope(), &[]);
    let gap = &next.gaps[&key];
    assert_eq!((gap.since, gap.seen_again), (minute(60), true));
}
