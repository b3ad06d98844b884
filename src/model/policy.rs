//! Which failures a receiver is notified of, and when.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::ids::AccountId;
use super::keys::FailureKey;

/// Which failures are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationPolicy {
    /// Member accounts whose failures are never told.
    pub ignored_accounts: BTreeSet<AccountId>,
    /// How old a failure is when it is told.
    pub announce_after: SignedDuration,
    /// How long after it was last told an open failure is told again.
    pub remind_after: Option<SignedDuration>,
}

impl NotificationPolicy {
    /// Whether a failure is recorded but never notified.
    pub fn ignores(&self, key: &FailureKey) -> bool {
        key.account_id
            .as_ref()
            .is_some_and(|account| self.ignored_accounts.contains(account))
    }

    /// Whether a failure that was last notified at `notified_at` is due for a reminder.
    pub fn reminder_is_due(&self, notified_at: Timestamp, now: Timestamp) -> bool {
        self.remind_after
            .is_some_and(|after| now.duration_since(notified_at) >= after)
    }
}
