//! Notification policy: what counts as a failure, which failures a receiver is notified of, and
//! when.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::ids::AccountId;
use super::keys::FailureKey;
use super::status::{StatusKind, StatusRecord};

/// The settings that decide what counts as a failure, which failures a receiver is notified of, and
/// when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationPolicy {
    /// Member accounts whose failures are recorded but never notified.
    pub ignored_accounts: BTreeSet<AccountId>,
    /// Minimum age at which a failure becomes due.
    pub announce_after: SignedDuration,
    /// Age at which a member account in progress counts as failing; `None` for never.
    pub stuck_after: Option<SignedDuration>,
    /// Time after the last notification at which an open failure is notified again; `None` disables
    /// reminders.
    pub remind_after: Option<SignedDuration>,
}

impl NotificationPolicy {
    /// Returns whether a failure is recorded but never notified.
    pub fn ignores(&self, key: &FailureKey) -> bool {
        key.account_id
            .as_ref()
            .is_some_and(|account| self.ignored_accounts.contains(account))
    }

    /// Returns whether a member account that has been in progress since `since` counts as failing.
    pub fn is_stuck(&self, since: Timestamp, now: Timestamp) -> bool {
        self.stuck_after
            .is_some_and(|after| now.duration_since(since) >= after)
    }

    /// Returns whether a member account with this record counts as failing.
    pub fn counts_as_failing(&self, row: &StatusRecord, now: Timestamp) -> bool {
        match row.kind() {
            StatusKind::Failed => true,
            StatusKind::InProgress => row
                .last_update_time
                .is_some_and(|since| self.is_stuck(since, now)),
            StatusKind::Successful | StatusKind::Deleted => false,
        }
    }

    /// Returns whether a failure that was last notified at `notified_at` is due for a reminder.
    pub fn reminder_is_due(&self, notified_at: Timestamp, now: Timestamp) -> bool {
        self.remind_after
            .is_some_and(|after| now.duration_since(notified_at) >= after)
    }
}
