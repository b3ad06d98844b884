//! One failure of a group.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ledger::{OpenFailure, ResolvedFailure};
use crate::model::{Account, FailureKey, GroupId, Resolution, StatusKind, StatusRecord};

/// What happened to the failures of a group, in the order in which groups are shown.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GroupEvent {
    /// They are due and the receiver was not notified of them before.
    Appeared,
    /// The receiver was notified of them, and they are no longer open.
    Cleared,
    /// The receiver was notified of them, they are still open, and a reminder is due.
    Reminder,
    /// They are open, and nothing about them is new.
    Open,
}

/// One failure of a group.
#[derive(Debug, Clone, Copy)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the flags are independent of each other"
)]
pub struct Member<'a> {
    /// What happened to it.
    pub event: GroupEvent,
    /// The evidence by which it ended, if it did.
    pub resolution: Option<Resolution>,
    /// The group that it belongs to.
    pub group_id: GroupId,
    /// Its key.
    pub key: &'a FailureKey,
    /// The status record that shows its cause.
    pub record: &'a StatusRecord,
    /// When it began.
    pub since: Timestamp,
    /// When it ended, if it did.
    pub until: Option<Timestamp>,
    /// Its account, if AWS Organizations was asked.
    pub account: Option<&'a Account>,
    /// Whether it is open because it is in progress for too long.
    pub stuck: bool,
    /// Whether it was muted before and is not muted now.
    pub was_muted: bool,
    /// Whether it is muted.
    pub muted: bool,
    /// Whether it is not due.
    pub pending: bool,
    /// Whether its present cause belongs to another group.
    pub cause_changed: bool,
}

impl<'a> Member<'a> {
    /// Returns an open failure as a member.
    pub fn open(
        event: GroupEvent,
        key: &'a FailureKey,
        open: &'a OpenFailure,
        account: Option<&'a Account>,
        at: Timestamp,
    ) -> Self {
        Self {
            event,
            resolution: None,
            group_id: open.group_id,
            key,
            record: open.failing_record(),
            since: open.failing_since,
            until: None,
            account,
            stuck: open.is_stuck() && open.failing_row.is_none(),
            was_muted: open.was_muted,
            muted: open.is_muted(at),
            pending: false,
            cause_changed: open.changed_group_id.is_some(),
        }
    }

    /// Returns a failure that ended as a member.
    pub fn resolved(
        key: &'a FailureKey,
        resolved: &'a ResolvedFailure,
        account: Option<&'a Account>,
    ) -> Self {
        Self {
            event: GroupEvent::Cleared,
            resolution: Some(resolved.resolution),
            group_id: resolved.group_id,
            key,
            record: &resolved.row,
            since: resolved.failing_since,
            until: Some(resolved.resolved_at),
            account,
            // The record has the cause: it is in progress only if that took too long.
            stuck: resolved.row.kind() == StatusKind::InProgress,
            was_muted: false,
            muted: false,
            pending: false,
            cause_changed: false,
        }
    }

    /// Returns what the members of a group have in common.
    pub(super) fn group_key(&self) -> (GroupEvent, Option<Resolution>, GroupId) {
        (self.event, self.resolution, self.group_id)
    }
}
