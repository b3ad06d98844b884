//! What opened and ended since the last summary, from the counts of the days.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::notified_at::ReceiverId;
use super::receiver::LastSummary;
use super::state::Ledger;

/// The time that the first summary of a receiver covers.
const FIRST_PERIOD: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Failures that opened and ended in the ledger, whether or not they were notified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turnover {
    /// The time of the last summary; `None` if there was none, and the numbers are those of the
    /// last seven days.
    pub since: Option<Timestamp>,
    /// Failures that opened.
    pub opened: usize,
    /// Failures that ended.
    pub ended: usize,
}

impl Ledger {
    /// Returns what opened and ended until `at` since the last summary to `receiver`.
    pub fn turnover(&self, receiver: ReceiverId, at: Timestamp) -> Turnover {
        let mut receivers = self.receivers.values();
        let receiver = receivers.find(|known| known.id == receiver);
        let last = receiver.and_then(|receiver| receiver.last_summary);
        let from = last.map_or(at - FIRST_PERIOD, |last| last.at);
        let days = self.history.range(from.to_zoned(TimeZone::UTC).date()..);
        let (opened, ended) = days.fold((0, 0), |(opened, ended), (_, day)| {
            (opened + day.opened, ended + day.ended)
        });
        Turnover {
            since: last.map(|last| last.at),
            opened: opened.saturating_sub(last.map_or(0, |last| last.opened)),
            ended: ended.saturating_sub(last.map_or(0, |last| last.ended)),
        }
    }

    /// Records a summary to `receiver` of the read that ended at `at`.
    pub fn record_summary(&mut self, receiver: ReceiverId, at: Timestamp) {
        let day = self.history.get(&at.to_zoned(TimeZone::UTC).date());
        let day = day.copied().unwrap_or_default();
        let mut receivers = self.receivers.values_mut();
        if let Some(receiver) = receivers.find(|known| known.id == receiver) {
            receiver.last_summary = Some(LastSummary {
                at,
                opened: day.opened,
                ended: day.ended,
            });
        }
    }
}
