//! Summaries: which days the counts of the first one cover.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use packwatch::ledger::{HistoryDay, Ledger, Turnover};

use crate::support::observed::minute;

fn date(day: i64) -> Date {
    minute(day * 24 * 60).to_zoned(TimeZone::UTC).date()
}

#[test]
fn first_summary_counts_what_changed_in_seven_days() {
    let mut ledger = Ledger::default();
    for (day, opened) in [(0, 1), (1, 10), (7, 100), (8, 1_000)] {
        let counts = HistoryDay {
            opened,
            ended: 2 * opened,
            ..HistoryDay::default()
        };
        ledger.history.insert(date(day), counts);
    }
    let turnover = ledger.turnover(0, minute(8 * 24 * 60));
    let expected = Turnover {
        since: None,
        opened: 1_110,
        ended: 2_220,
    };
    assert_eq!(turnover, expected);
}
