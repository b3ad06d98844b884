//! History: what the ledger had open, opened and ended on each UTC day.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::state::Ledger;

/// Number of days that are kept, today included.
const HISTORY_DAYS: usize = 400;

impl Ledger {
    /// Records the commit of a read that ended at `at` over the ledger `before`. `complete` is
    /// whether it is a full run without gaps.
    pub fn record_history(&mut self, before: &Self, complete: bool, at: Timestamp) {
        let now = at.to_zoned(TimeZone::UTC);
        let day_start = now.start_of_day().map_or(at, |start| start.timestamp());
        let without_data_since = before
            .last_complete_read
            .map_or(at, |last| last.max(day_start));
        let hours = at.duration_since(without_data_since).as_hours();
        let day = self.history.entry(now.date()).or_default();
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
        day.hours_without_data = day
            .hours_without_data
            .max(u32::try_from(hours).unwrap_or_default());
        while self.history.len() > HISTORY_DAYS {
            self.history.pop_first();
        }
        if complete {
            self.last_complete_read = self.last_complete_read.max(Some(at));
        }
    }
}
