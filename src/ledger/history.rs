//! History: what the ledger had open, opened and ended on each UTC day.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::state::Ledger;

/// Number of days that are kept, today included.
const HISTORY_DAYS: usize = 400;

impl Ledger {
    /// Records the commit of a read that ended at `at` over the ledger `before`. `complete` is
    /// whether it is a full run without gaps.
    pub fn record_history(&mut self, before: &Self, complete: bool, at: Timestamp) {
        let today = at.to_zoned(TimeZone::UTC).date();
        let day = self.history.entry(today).or_default();
        day.open = self.open.len();
        day.opened += self
            .open
            .keys()
            .filter(|key| !before.open.contains_key(*key))
            .count();
        day.ended += before
            .open
            .keys()
            .filter(|key| !self.open.contains_key(*key))
            .count();
        // The time without data can have begun on an earlier day.
        let since = before.last_complete_read.unwrap_or(at);
        let first = since.to_zoned(TimeZone::UTC).date();
        for (date, day) in self.history.range_mut(first.min(today)..=today) {
            let hours = hours_on(*date, since, at);
            day.hours_without_data = day.hours_without_data.max(hours);
        }
        while self.history.len() > HISTORY_DAYS {
            self.history.pop_first();
        }
        if complete {
            self.last_complete_read = self.last_complete_read.max(Some(at));
        }
    }
}

/// Returns the number of whole hours between `since` and `until` on a UTC day.
fn hours_on(date: Date, since: Timestamp, until: Timestamp) -> u32 {
    let midnight = |date: Date| date.to_zoned(TimeZone::UTC).map(|start| start.timestamp());
    let (Ok(start), Ok(end)) = (midnight(date), date.tomorrow().and_then(midnight)) else {
        return 0;
    };
    let hours = until.min(end).duration_since(since.max(start)).as_hours();
    u32::try_from(hours).unwrap_or_default()
}
