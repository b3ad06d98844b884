//! Times and lists, in words.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::report::duration;

/// Returns a time such as `Mon 2 Mar 2026, 03:00 UTC`.
pub(in crate::html_report) fn time(at: Timestamp) -> String {
    at.strftime("%a %-d %b %Y, %H:%M UTC").to_string()
}

/// Returns a day such as `Mon 2 Mar 2026`.
pub(in crate::html_report) fn date(date: Date) -> String {
    date.strftime("%a %-d %b %Y").to_string()
}

/// Returns when something began and how long ago, such as `Mon 2 Mar 2026, 01:45 UTC (1 h 15 min)`.
pub(in crate::html_report) fn since(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", time(at), duration(now.duration_since(at)))
}

/// Joins the first `max` items with commas, and says how many there are more.
pub(in crate::html_report) fn listed<T: ToString>(
    items: impl ExactSizeIterator<Item = T>,
    max: usize,
) -> String {
    let more = items.len().saturating_sub(max);
    let shown: Vec<String> = items.take(max).map(|item| item.to_string()).collect();
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
