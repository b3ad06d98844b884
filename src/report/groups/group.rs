//! A group of failures.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::cause::GroupCause;
use super::member::GroupEvent;
use crate::model::{Account, AccountId, AwsText, GroupId, PackKey, PackName, Region, Resolution};
use crate::report::sanitize::sanitize;

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
    /// Those that are not due.
    pub pending: usize,
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

impl AccountView {
    /// Returns the account as it is shown.
    pub fn of(account: Option<&Account>) -> Self {
        let text = |text: Option<&AwsText>| sanitized(text).map(AwsText::from);
        Self {
            name: text(account.map(|account| &account.name)),
            state: text(account.and_then(|account| account.state.as_ref())),
        }
    }
}

pub(super) fn sanitized(text: Option<&AwsText>) -> Option<String> {
    let text = sanitize(text?.as_str());
    (!text.is_empty()).then_some(text)
}
