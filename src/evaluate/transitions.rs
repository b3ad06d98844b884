//! The transitions of one failure: first seen, updated, resolved.

use std::sync::Arc;

use jiff::Timestamp;

use crate::ledger::{Ledger, NotifiedAt, OpenFailure, ResolvedFailure};
use crate::model::{FailureKey, Resolution, StatusKind, StatusRecord};

/// Ends an open failure. One that nobody was told of is never told.
pub(super) fn close(next: &mut Ledger, key: &FailureKey, how: Resolution, now: Timestamp) {
    if let Some(open) = next.open.remove(key)
        && !open.told.is_empty()
    {
        next.closed.insert(key.clone(), resolved(&open, how, now));
    }
}

pub(super) fn resolved(open: &OpenFailure, how: Resolution, now: Timestamp) -> ResolvedFailure {
    ResolvedFailure {
        how,
        row: Arc::clone(open.cause()),
        failing_since: open.failing_since,
        closed_at: now,
        told: false,
        owed: open.told.clone(),
    }
}

impl OpenFailure {
    pub(super) fn first_seen(row: &Arc<StatusRecord>, run_id: &str, now: Timestamp) -> Self {
        Self {
            row: Arc::clone(row),
            failed: None,
            failing_since: row.last_update_time.map_or(now, |updated| updated.min(now)),
            changed_at: None,
            first_run: run_id.into(),
            seen_again: false,
            absent_since: None,
            settled_since: None,
            told: NotifiedAt::new(),
        }
    }

    /// Takes the newest row of a failure that stays open.
    pub(super) fn update_status(&mut self, row: &Arc<StatusRecord>, now: Timestamp) {
        if row.kind() == StatusKind::Failed {
            self.failed = None;
        } else if self.row.kind() == StatusKind::Failed {
            self.failed = Some(Arc::clone(&self.row));
        }
        if !self.row.same_status_and_error(row) {
            self.changed_at = Some(now);
        }
        self.row = Arc::clone(row);
        self.absent_since = None;
    }
}
