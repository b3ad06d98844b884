//! Failures in the ledger: open ones, and those whose end a receiver is still to be notified of.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::notified_at::NotifiedAt;
use crate::model::{
    FailureKey, GroupId, NotificationPolicy, Resolution, RunId, StatusKind, StatusRecord,
};

/// An open failure.
///
/// Successive ledgers share the failures that did not change, through [`Arc`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the flags are independent of each other"
)]
pub struct OpenFailure {
    /// The newest status record.
    pub row: Arc<StatusRecord>,
    /// The last record with a failed status, if the newest record has another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_row: Option<Arc<StatusRecord>>,
    /// The group that the failure belongs to: that of its cause, and once a receiver was notified
    /// of it, the group that it was first notified under.
    pub group_id: GroupId,
    /// The group of its present cause, if that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_group_id: Option<GroupId>,
    /// When the failure was first seen, or the update time of its status if that is earlier.
    pub failing_since: Timestamp,
    /// Since when the member account has been in progress, if it is open because that is too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck_since: Option<Timestamp>,
    /// When the status, error code or error message last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// The run that first saw the failure.
    pub first_run: RunId,
    /// Whether another run saw it failing too.
    pub seen_again: bool,
    /// Whether it has been read as failing at an age at which receivers are to be notified.
    #[serde(default, skip_serializing_if = "is_false")]
    pub due: bool,
    /// The latest end of the mutes that match it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub muted_until: Option<Timestamp>,
    /// Whether it was muted before and is not muted now.
    #[serde(default, skip_serializing_if = "is_false")]
    pub was_muted: bool,
    /// Whether the last run in whose scope it is could not read it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub unconfirmed: bool,
    /// When the account was first proved absent from the pack; reset when it is seen again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_since: Option<Timestamp>,
    /// For a pack itself: when a full read first found every member account successful while the
    /// status of the pack was in progress; reset when a later read contradicts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successful_since: Option<Timestamp>,
    /// The receivers that were notified of the failure, and when last.
    pub notified: NotifiedAt,
}

impl OpenFailure {
    /// Applies `change` to a shared failure. It stays shared with other ledgers if nothing changed.
    pub fn update<T>(this: &mut Arc<Self>, change: impl FnOnce(&mut Self) -> T) -> T {
        let mut updated = Self::clone(this);
        let result = change(&mut updated);
        if updated != **this {
            *this = Arc::new(updated);
        }
        result
    }

    /// Returns the newest record with a failed status, which has the cause of the failure; of a
    /// member account that is only stuck, the record in progress.
    pub fn failing_record(&self) -> &Arc<StatusRecord> {
        self.failing_row.as_ref().unwrap_or(&self.row)
    }

    /// Returns whether receivers are to be notified of the failure at the time `at`.
    pub fn is_due(&self, key: &FailureKey, policy: &NotificationPolicy, at: Timestamp) -> bool {
        self.due && !self.is_suppressed(key, policy, at)
    }

    /// Returns whether the failure is ignored or muted.
    pub fn is_suppressed(
        &self,
        key: &FailureKey,
        policy: &NotificationPolicy,
        at: Timestamp,
    ) -> bool {
        self.is_muted(at) || policy.ignores(key)
    }

    /// Returns whether the failure is muted at the time `at`.
    pub fn is_muted(&self, at: Timestamp) -> bool {
        self.muted_until.is_some_and(|until| at < until)
    }

    /// Returns whether the failure is open because its member account is in progress for too long.
    pub fn is_stuck(&self) -> bool {
        self.stuck_since.is_some()
    }

    /// Returns whether the last run in whose scope the failure is has read it with a status that
    /// counts as failing.
    pub fn was_read_failing(&self) -> bool {
        !self.unconfirmed
            && self.absent_since.is_none()
            && (self.row.kind() == StatusKind::Failed || self.is_stuck())
    }
}

/// A failure that ended, kept until every receiver that was notified of it is notified of the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ResolvedFailure {
    /// The evidence by which it ended.
    pub resolution: Resolution,
    /// The record that has the cause.
    pub row: Arc<StatusRecord>,
    /// The group that the failure belonged to.
    pub group_id: GroupId,
    /// When the failure began.
    pub failing_since: Timestamp,
    /// When the failure ended.
    pub resolved_at: Timestamp,
    /// The receivers that are still to be notified of the end, and when each was last notified of
    /// the failure.
    pub unnotified: NotifiedAt,
}

/// For serde: a flag that is not set is left out.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
pub(super) fn is_false(flag: &bool) -> bool {
    !flag
}
