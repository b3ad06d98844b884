//! Transitions of one failure: first seen, updated, resolved.

use std::sync::Arc;

use jiff::Timestamp;

use crate::ledger::{Ledger, NotifiedAt, OpenFailure, ResolvedFailure};
use crate::model::{
    FailureKey, GroupId, NotificationPolicy, Resolution, StatusKind, StatusRecord,
    shorten_for_ledger,
};

/// Closes an open failure. If no receiver was notified of it, its end is not notified either.
pub(super) fn close(next: &mut Ledger, key: &FailureKey, resolution: Resolution, now: Timestamp) {
    if let Some(open) = next.open.remove(key)
        && !open.notified.is_empty()
    {
        next.resolved
            .insert(key.clone(), resolved(&open, resolution, now));
    }
}

/// Returns the resolved form of an open failure.
pub(super) fn resolved(
    open: &OpenFailure,
    resolution: Resolution,
    now: Timestamp,
) -> ResolvedFailure {
    ResolvedFailure {
        resolution,
        row: Arc::clone(open.failing_record()),
        group_id: open.group_id,
        failing_since: open.failing_since,
        resolved_at: now,
        unnotified: open.notified.clone(),
    }
}

impl OpenFailure {
    /// Creates a failure that is seen for the first time.
    pub(super) fn first_seen(row: &Arc<StatusRecord>, run_id: &str, now: Timestamp) -> Self {
        Self {
            row: stored_form(row),
            failing_row: None,
            group_id: GroupId::of(row),
            changed_group_id: None,
            stuck_since: None,
            muted_until: None,
            was_muted: false,
            failing_since: row.last_update_time.map_or(now, |updated| updated.min(now)),
            changed_at: None,
            first_run: run_id.into(),
            seen_again: false,
            due: false,
            unconfirmed: false,
            absent_since: None,
            successful_since: None,
            notified: NotifiedAt::default(),
        }
    }

    /// Stores the newest status record of a failure that stays open, and keeps the last failing
    /// one.
    pub(super) fn update_status(&mut self, observed: &Arc<StatusRecord>, now: Timestamp) {
        let row = stored_form(observed);
        if row.kind() == StatusKind::Failed {
            self.failing_row = None;
        } else if self.row.kind() == StatusKind::Failed {
            self.failing_row = Some(Arc::clone(&self.row));
        }
        if !self.row.same_status_and_error(&row) {
            self.changed_at = Some(now);
            // While the status is in progress, the cause stays that of the last failed one.
            if self.failing_row.is_none() {
                self.set_cause(GroupId::of(observed));
            }
        }
        self.row = row;
        self.absent_since = None;
    }

    /// Records the group of the present cause. A failure that a receiver was notified of stays in
    /// its group.
    pub(super) fn set_cause(&mut self, cause: GroupId) {
        if self.notified.is_empty() {
            self.group_id = cause;
        }
        self.changed_group_id = (cause != self.group_id).then_some(cause);
    }

    /// Records whether a member account in progress counts as failing, and since when. Once it
    /// does, newer update times do not matter.
    pub(super) fn update_stuck(&mut self, policy: &NotificationPolicy, now: Timestamp) {
        let in_progress = self.row.kind() == StatusKind::InProgress;
        self.stuck_since = self
            .stuck_since
            .or(self.row.last_update_time)
            .filter(|since| in_progress && policy.is_stuck(*since, now));
    }
}

/// Returns the record as the ledger keeps it, with a shortened message: a ledger can hold tens of
/// thousands of them, each with a message of its own.
fn stored_form(row: &Arc<StatusRecord>) -> Arc<StatusRecord> {
    let Some(message) = &row.error_message else {
        return Arc::clone(row);
    };
    let shortened = shorten_for_ledger(message);
    if shortened == *message {
        return Arc::clone(row);
    }
    Arc::new(StatusRecord {
        error_message: Some(shortened),
        ..StatusRecord::clone(row)
    })
}
