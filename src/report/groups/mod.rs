//! Groups: failures with the same cause and the same event, over all packs, regions and callers.
//!
//! They are computed once, and shared by everything that shows failures to people or programs.
//!
//! | file | content |
//! | --- | --- |
//! | `mod` | a group, and the order of groups |
//! | `build` | how members become groups |
//! | `common_message` | the message of a group, with placeholders where its members differ |
//! | `cause` | title and action of a cause |

mod build;
mod cause;
mod common_message;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ledger::{OpenFailure, ResolvedFailure};
use crate::model::{
    Account, AccountId, AwsText, FailureKey, GroupId, PackKey, PackName, Region, Resolution,
    StatusRecord,
};

pub use build::{Grouped, Omitted, group};
pub use cause::GroupCause;

/// What happened to the failures of a group, in the order in which groups are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupEvent {
    /// They are due and the receiver was not notified of them before.
    Appeared,
    /// The receiver was notified of them, and they are no longer open.
    Cleared,
    /// The receiver was notified of them, they are still open, and a reminder is due.
    Reminder,
    /// They are open, and nothing of that is new.
    Open,
}

/// One failure of a group.
#[derive(Debug, Clone, Copy)]
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
            stuck: false,
            was_muted: false,
            muted: false,
            cause_changed: false,
        }
    }

    /// Returns what the members of a group have in common.
    fn group_key(&self) -> (GroupEvent, Option<Resolution>, GroupId) {
        (self.event, self.resolution, self.group_id)
    }
}

/// Failures with the same cause and the same event. Texts from AWS are sanitized; pack names are
/// not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The id of the cause.
    pub group_id: GroupId,
    /// What happened to the failures.
    pub event: GroupEvent,
    /// The evidence by which they ended, if they did.
    pub resolution: Option<Resolution>,
    /// What to call the cause, and what to do about it.
    pub cause: GroupCause,
    /// The status of the first failure.
    pub status: String,
    /// The error code.
    pub error_code: Option<String>,
    /// The message, with placeholders where those of the failures differ.
    pub error_message: Option<String>,
    /// The member accounts.
    pub accounts: BTreeMap<AccountId, AccountView>,
    /// Number of failures of packs themselves.
    pub packs_themselves: usize,
    /// Names of the packs.
    pub packs: BTreeSet<PackName>,
    /// The pack, if it is only one in one source.
    pub only_pack: Option<PackKey>,
    /// The regions.
    pub regions: BTreeSet<Region>,
    /// The accounts that the packs are deployed from.
    pub callers: BTreeSet<AccountId>,
    /// When the first failure began.
    pub since: Timestamp,
    /// When the last failure ended, if they did.
    pub until: Option<Timestamp>,
    /// Number of failures.
    pub failures: usize,
    /// Those that are open because they are in progress for too long.
    pub stuck: usize,
    /// Those that were muted before and are not muted now.
    pub was_muted: usize,
    /// Those that are muted.
    pub muted: usize,
    /// Those whose cause has changed since they were first notified.
    pub cause_changed: usize,
    /// The failure of a member account that can be looked up there, if there is one.
    pub example: Option<Example>,
    /// Number of failures of the cause that the receiver was notified of and that are still open
    /// after this; muted ones are not counted.
    pub open_after: usize,
}

/// An account as it is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountView {
    /// The name, if it is known.
    pub name: Option<AwsText>,
    /// The state, if it is known and not `ACTIVE`.
    pub state: Option<AwsText>,
}

/// Where more can be seen about a failure of a member account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The member account.
    pub account: AccountId,
    /// The region.
    pub region: Region,
    /// The name of the pack inside the account.
    pub conformance_pack_name: AwsText,
}

impl Example {
    /// Returns the command that shows the status, to be run in the account.
    pub fn command(&self) -> String {
        format!(
            "aws configservice describe-conformance-pack-status --region {} --conformance-pack-names {}",
            self.region, self.conformance_pack_name
        )
    }
}
