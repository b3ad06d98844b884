//! How members become groups.

use std::collections::{BTreeMap, BTreeSet};

use super::cause::GroupCause;
use super::common_message::CommonMessage;
use super::group::{AccountView, Example, Group, sanitized};
use super::member::{GroupEvent, Member};
use crate::model::AccountId;
use crate::report::known_causes::Cause;
use crate::report::sanitize::sanitize;

/// Groups, the largest of each event first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grouped {
    /// The groups.
    pub groups: Vec<Group>,
    /// What was left out.
    pub omitted: Omitted,
}

/// Groups that were left out because there are too many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Omitted {
    /// Number of groups.
    pub groups: usize,
    /// Number of member accounts in them.
    pub accounts: usize,
    /// Number of failures in them.
    pub failures: usize,
}

/// Groups members by event, evidence and cause, ordered by event, then by number of accounts. At
/// most `limit` groups are built, to limit the memory: each of fifty thousand failures can have a
/// cause of its own.
pub fn group_members(mut members: Vec<Member<'_>>, limit: usize) -> Grouped {
    members.sort_by_key(Member::group_key);
    let mut runs: Vec<(usize, &[Member<'_>])> = members
        .chunk_by(|one, other| one.group_key() == other.group_key())
        .map(|run| (accounts(run).len(), run))
        .collect();
    runs.sort_by(|(one_size, one), (other_size, other)| {
        let event =
            |run: &[Member<'_>]| run.first().map(|member| (member.event, member.resolution));
        event(one)
            .cmp(&event(other))
            .then(other_size.cmp(one_size))
            .then(other.len().cmp(&one.len()))
    });
    let (shown, left_out) = runs.split_at(limit.min(runs.len()));
    let mut left_out_accounts = BTreeSet::new();
    for (_, run) in left_out {
        left_out_accounts.extend(accounts(run));
    }
    Grouped {
        groups: shown.iter().filter_map(|(_, run)| build(run)).collect(),
        omitted: Omitted {
            groups: left_out.len(),
            accounts: left_out_accounts.len(),
            failures: left_out.iter().map(|(_, run)| run.len()).sum(),
        },
    }
}

fn accounts<'a>(members: &[Member<'a>]) -> BTreeSet<&'a AccountId> {
    members
        .iter()
        .filter_map(|member| member.key.account_id.as_ref())
        .collect()
}

/// Builds the group of these members; `None` without any.
fn build(members: &[Member<'_>]) -> Option<Group> {
    // A failure whose cause has changed shows another message than the group is about.
    let unchanged = || members.iter().filter(|member| !member.cause_changed);
    let first = unchanged().next().or(members.first())?;
    let mut accounts: BTreeMap<AccountId, AccountView> = BTreeMap::new();
    let mut message = CommonMessage::default();
    for member in members {
        if let Some(account) = &member.key.account_id {
            accounts
                .entry(account.clone())
                .or_insert_with(|| AccountView::of(member.account));
        }
        if member.cause_changed == first.cause_changed
            && let Some(text) = &member.record.error_message
        {
            message.add(text.as_str());
        }
    }
    let count = |is: fn(&Member<'_>) -> bool| members.iter().filter(|member| is(member)).count();
    let error_code = sanitized(first.record.error_code.as_ref());
    let error_message = message
        .shown()
        .map(|text| sanitize(&text))
        .filter(|text| !text.is_empty());
    let status = sanitize(first.record.status.as_str());
    let stuck = count(|member| member.stuck);
    let example = members.iter().find_map(example);
    let packs: BTreeSet<_> = members.iter().map(|member| &member.key.pack).collect();
    Some(Group {
        group_id: first.group_id,
        event: first.event,
        resolution: first.resolution,
        cause: GroupCause::of(
            &Cause {
                status: &status,
                code: error_code.as_deref(),
                message: error_message.as_deref(),
                account_state: common_state(&accounts),
                is_stuck: stuck == members.len(),
                accounts: accounts.len(),
            },
            example.as_ref().map(Example::command),
        ),
        status,
        error_code,
        error_message,
        packs_themselves: count(|member| member.key.is_pack()),
        packs: packs.iter().map(|key| key.pack.clone()).collect(),
        only_pack: packs
            .first()
            .filter(|_| packs.len() == 1)
            .map(|key| (*key).clone()),
        regions: packs.iter().map(|key| key.source.region.clone()).collect(),
        callers: packs.iter().map(|key| key.source.caller.clone()).collect(),
        since: members.iter().map(|member| member.since).min()?,
        until: members.iter().filter_map(|member| member.until).max(),
        failures: members.len(),
        stuck,
        was_muted: count(|member| member.was_muted && member.event == GroupEvent::Appeared),
        muted: count(|member| member.muted),
        pending: count(|member| member.pending),
        cause_changed: count(|member| member.cause_changed),
        example,
        open_after: 0,
        accounts,
    })
}

/// Returns the state that all accounts have; `None` if there is none.
fn common_state(accounts: &BTreeMap<AccountId, AccountView>) -> Option<&str> {
    let mut states = accounts.values().map(|account| account.state.as_ref());
    let first = states.next()??;
    states
        .all(|state| state == Some(first))
        .then(|| first.as_str())
}

/// Returns where a failure can be looked up, if the name of the pack can be part of a command.
fn example(member: &Member<'_>) -> Option<Example> {
    let name = member.record.conformance_pack_name.as_ref()?;
    // The pattern of the API reference, which has no character with a meaning in a shell.
    let is_plain = name
        .as_str()
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && name
            .as_str()
            .starts_with(|first: char| first.is_ascii_alphabetic())
        && name.as_str().len() <= 256;
    is_plain.then(|| Example {
        account: member
            .key
            .account_id
            .clone()
            .unwrap_or_else(|| member.key.pack.source.caller.clone()),
        region: member.key.pack.source.region.clone(),
        conformance_pack_name: name.clone(),
    })
}
