//! Pack hints: what the ledger keeps of the size of a pack after each kind of read.

use packwatch::collect::Coverage;
use packwatch::ledger::Ledger;

use crate::support::observed::{ACCOUNT, evaluated, minute, observed, pack, scope};

/// Evaluates a read of this extent at this minute.
fn read(ledger: &Ledger, minutes: i64, coverage: Coverage) -> Ledger {
    let members = [(ACCOUNT, "UPDATE_FAILED")];
    let mut found = observed(minute(minutes), "UPDATE_SUCCESSFUL", &members);
    found.found_coverage(&pack(), coverage, |_| true);
    evaluated(ledger, found, &scope(), &[])
}

#[test]
fn partial_read_tells_nothing_new_about_the_size() {
    for coverage in [Coverage::NotRead, Coverage::Partial] {
        let small = read(&Ledger::default(), 0, Coverage::SinglePage);
        let small = read(&small, 15, coverage);
        assert_eq!(small.pack_hints[&pack()].large, None, "{coverage:?}");

        let large = read(&Ledger::default(), 0, Coverage::AllPages);
        let known = large.pack_hints[&pack()].large;
        assert!(known.is_some_and(|large| large.last_full_scan.is_some()));
        let large = read(&large, 15, coverage);
        assert_eq!(large.pack_hints[&pack()].large, known, "{coverage:?}");
    }
}

#[test]
fn pack_that_was_not_read_keeps_its_place_in_the_order() {
    let ledger = read(&Ledger::default(), 0, Coverage::SinglePage);
    let attempted_at = |ledger: &Ledger| ledger.pack_hints[&pack()].attempted_at;
    assert_eq!(
        attempted_at(&read(&ledger, 15, Coverage::NotRead)),
        minute(0)
    );
    assert_eq!(
        attempted_at(&read(&ledger, 15, Coverage::Partial)),
        minute(15)
    );
}
