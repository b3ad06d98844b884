//! The trend: open failures per UTC day.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::ledger::{History, HistoryDay};
use crate::report::counted;

/// Maximum number of days that are shown.
const MAX_DAYS: usize = 400;

/// Number of days to look back for the comparison with an earlier week.
const WEEK: usize = 7;

/// A UTC day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::html_report) struct TrendDay {
    pub date: Date,
    /// Its counts; `None` without a commit on that day.
    pub counts: Option<HistoryDay>,
}

/// Open failures per UTC day, without holes: a day without a commit is shown as such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::html_report) struct Trend {
    /// The days, today last.
    pub days: Vec<TrendDay>,
}

impl Trend {
    pub(super) fn new(history: &History, at: Timestamp) -> Self {
        let today = at.to_zoned(TimeZone::UTC).date();
        let first = history.keys().next().copied().unwrap_or(today);
        let mut days = Vec::new();
        let mut date = today;
        while date >= first && days.len() < MAX_DAYS {
            let counts = history.get(&date).copied();
            days.push(TrendDay { date, counts });
            match date.yesterday() {
                Ok(yesterday) => date = yesterday,
                Err(_) => break,
            }
        }
        days.reverse();
        Self { days }
    }

    /// Returns the largest number of open failures of a day.
    pub(in crate::html_report) fn max_open(&self) -> usize {
        let open = self.days.iter().filter_map(|day| Some(day.counts?.open));
        open.max().unwrap_or_default()
    }

    /// Returns the number of open failures `days` days before today, if there is data of that day.
    fn open_before(&self, days: usize) -> Option<usize> {
        let index = self.days.len().checked_sub(days + 1)?;
        Some(self.days.get(index)?.counts?.open)
    }

    /// Returns whether it is getting better, in words; `None` without an earlier day.
    pub(in crate::html_report) fn in_words(&self) -> Option<String> {
        let now = self.open_before(0)?;
        if self.days.len() < 2 {
            return None;
        }
        let yesterday = match self.open_before(1) {
            Some(open) => format!("{open} yesterday"),
            None => "no data yesterday".to_owned(),
        };
        let week = match (self.days.len() > WEEK, self.open_before(WEEK)) {
            (true, Some(open)) => format!(", {open} a week ago"),
            (true, None) => ", no data a week ago".to_owned(),
            (false, _) => String::new(),
        };
        Some(format!(
            "{} now, {yesterday}{week}",
            counted(now, "open failure")
        ))
    }
}
