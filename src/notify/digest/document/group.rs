//! A group in the JSON for programs.

use jiff::Timestamp;
use serde::Serialize;

use crate::ledger::NotifiedCause;
use crate::model::{AccountId, AwsText, GroupId, PackName, Region, Resolution};
use crate::report::{Group, GroupEvent};

/// A group. Its lists may be cut; the numbers are those of the whole lists.
#[derive(Serialize, schemars::JsonSchema)]
pub(super) struct GroupDocument<'a> {
    group_id: GroupId,
    event: GroupEvent,
    title: &'a str,
    status: &'a str,
    error_code: Option<&'a str>,
    error_message: Option<&'a str>,
    action: &'a str,
    resolution: Option<Resolution>,
    account_count: usize,
    accounts: Vec<AccountDocument<'a>>,
    pack_count: usize,
    packs: Vec<&'a PackName>,
    regions: Vec<&'a Region>,
    callers: Vec<&'a AccountId>,
    since: Timestamp,
    until: Option<Timestamp>,
    failures: usize,
    open_after: usize,
}

#[derive(Serialize, schemars::JsonSchema)]
struct AccountDocument<'a> {
    id: &'a AccountId,
    name: Option<&'a str>,
    state: Option<&'a str>,
}

impl<'a> GroupDocument<'a> {
    /// Returns the document of a cause that has no failures left.
    pub(super) fn ended(group_id: GroupId, cause: &'a NotifiedCause, at: Timestamp) -> Self {
        Self {
            group_id,
            event: GroupEvent::Cleared,
            title: &cause.title,
            status: &cause.status,
            error_code: cause.error_code.as_deref(),
            error_message: None,
            action: "",
            resolution: None,
            account_count: 0,
            accounts: Vec::new(),
            pack_count: 0,
            packs: Vec::new(),
            regions: Vec::new(),
            callers: Vec::new(),
            since: cause.since,
            until: Some(at),
            failures: 0,
            open_after: 0,
        }
    }

    /// Returns the document of a group, with at most `limit` entries in each list.
    pub(super) fn of(group: &'a Group, limit: usize) -> Self {
        Self {
            group_id: group.group_id,
            event: group.event,
            title: &group.cause.title,
            status: &group.status,
            error_code: group.error_code.as_deref(),
            error_message: group.error_message.as_deref(),
            action: &group.cause.action,
            resolution: group.resolution,
            account_count: group.accounts.len(),
            accounts: group
                .accounts
                .iter()
                .take(limit)
                .map(|(id, view)| AccountDocument {
                    id,
                    name: view.name.as_ref().map(AwsText::as_str),
                    state: view.state.as_ref().map(AwsText::as_str),
                })
                .collect(),
            pack_count: group.packs.len(),
            packs: group.packs.iter().take(limit).collect(),
            regions: group.regions.iter().take(limit).collect(),
            callers: group.callers.iter().take(limit).collect(),
            since: group.since,
            until: group.until,
            failures: group.failures,
            open_after: group.open_after,
        }
    }
}
