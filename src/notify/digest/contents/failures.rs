//! The failures of a digest: its groups, and the counts of what is not due.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::request::DigestRequest;
use crate::model::{FailureKey, GroupId, PackName, Region, Resolution};
use crate::report::{
    Group, GroupEvent, Grouped, Member, NotificationState, Omitted, group_members,
};

/// Maximum number of groups that are built. More than that do not fit into a message.
const MAX_GROUPS: usize = 1_000;

/// Open failures that are not due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pending {
    /// Their number.
    pub failures: usize,
    /// When the next one is old enough, if it only has to grow older.
    pub next_due: Option<Timestamp>,
}

/// Open failures that are muted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Muted {
    /// Their number.
    pub failures: usize,
    /// When the first of them is no longer muted.
    pub next_end: Option<Timestamp>,
}

/// What failures have in number, each counted once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Failures.
    pub failures: usize,
    /// Member accounts.
    pub accounts: usize,
    /// Failures of packs themselves.
    pub packs_themselves: usize,
    /// Distinct names of packs.
    pub packs: usize,
    /// Distinct regions.
    pub regions: usize,
    /// Causes.
    pub causes: usize,
    /// When the first of them began.
    pub since: Option<Timestamp>,
}

impl Tally {
    /// Counts failures.
    fn of<'a>(members: impl Iterator<Item = &'a Member<'a>>) -> Self {
        let mut tally = Self::default();
        let mut accounts = BTreeSet::new();
        let (mut packs, mut regions) = (BTreeSet::new(), BTreeSet::new());
        let mut causes = BTreeSet::new();
        for member in members {
            tally.failures += 1;
            tally.packs_themselves += usize::from(member.key.is_pack());
            tally.since = [tally.since, Some(member.since)]
                .into_iter()
                .flatten()
                .min();
            accounts.extend(&member.key.account_id);
            packs.insert(&member.key.pack.pack);
            regions.insert(&member.key.pack.source.region);
            causes.insert(member.group_id);
        }
        Self {
            accounts: accounts.len(),
            packs: packs.len(),
            regions: regions.len(),
            causes: causes.len(),
            ..tally
        }
    }
}

/// The failures of a digest by what happened to them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tallies {
    /// Those that appeared.
    pub appeared: Tally,
    /// Those that cleared.
    pub cleared: Tally,
    /// Those that a reminder is due for.
    pub reminders: Tally,
    /// Those that are listed besides.
    pub open: Tally,
    /// All that are open.
    pub failing: Tally,
}

impl Tallies {
    fn of(members: &[Member<'_>]) -> Self {
        let with = |event| {
            let members = members.iter();
            Tally::of(members.filter(move |member| member.event == event))
        };
        let is_cleared =
            |member: &&Member<'_>| member.resolution.is_some_and(Resolution::is_clearing);
        Self {
            appeared: with(GroupEvent::Appeared),
            cleared: Tally::of(members.iter().filter(is_cleared)),
            reminders: with(GroupEvent::Reminder),
            open: with(GroupEvent::Open),
            failing: Tally::of(members.iter().filter(|member| member.resolution.is_none())),
        }
    }
}

/// The failures of a digest.
pub(super) struct Listed {
    pub groups: Vec<Group>,
    /// Number of open failures that the receiver is notified of, by cause.
    pub open_causes: BTreeMap<GroupId, usize>,
    pub omitted: Omitted,
    pub pending: Pending,
    pub muted: Muted,
    pub ignored: usize,
    /// Open failures that are neither ignored nor muted, in scope or not.
    pub open: usize,
    pub tallies: Tallies,
    /// Names of the packs that the digest is about.
    pub packs: BTreeSet<PackName>,
    /// The regions that the digest is about.
    pub regions: BTreeSet<Region>,
}

/// Lists the failures of a digest: those that changed, and all that the receiver knows as open.
#[expect(
    clippy::too_many_lines,
    reason = "one pass over the failures fills all lists"
)]
pub(super) fn list_failures(request: &DigestRequest<'_>) -> Listed {
    let DigestRequest {
        ledger,
        receiver,
        changes,
        plan,
        scope,
        at,
        ..
    } = *request;
    let policy = &plan.settings.policy;
    let mut members = Vec::new();
    let mut muted_members = Vec::new();
    let mut open_after: BTreeMap<GroupId, usize> = BTreeMap::new();
    let mut pending = Pending::default();
    let mut muted = Muted::default();
    let (mut ignored, mut open_count) = (0, 0);
    let (mut packs, mut regions) = (BTreeSet::new(), BTreeSet::new());
    let mut route = |key: &FailureKey| {
        if !packs.contains(&key.pack.pack) {
            packs.insert(key.pack.pack.clone());
        }
        if !regions.contains(&key.pack.source.region) {
            regions.insert(key.pack.source.region.clone());
        }
    };
    for (key, open) in &ledger.open {
        let state = NotificationState::of(key, open, policy, Some(receiver.id), at);
        let is_open = !matches!(state, NotificationState::Ignored | NotificationState::Muted);
        open_count += usize::from(is_open);
        let appeared = changes.appeared.contains(key);
        if is_open && (appeared || state == NotificationState::Ongoing) {
            *open_after.entry(open.group_id).or_default() += 1;
        }
        if scope.narrowed && !scope.covers(key) {
            continue;
        }
        let event = match state {
            NotificationState::Ignored => {
                ignored += 1;
                continue;
            }
            NotificationState::Muted => {
                muted.failures += 1;
                muted.next_end = [muted.next_end, open.muted_until]
                    .into_iter()
                    .flatten()
                    .min();
                if open.notified.contains(receiver.id) {
                    let account = ledger.account(key);
                    muted_members.push(Member::open(GroupEvent::Open, key, open, account, at));
                }
                continue;
            }
            _ if appeared => GroupEvent::Appeared,
            NotificationState::Ongoing if changes.reminders.contains(key) => GroupEvent::Reminder,
            NotificationState::Ongoing => GroupEvent::Open,
            NotificationState::Appeared | NotificationState::Pending => {
                pending.failures += 1;
                let due = open.failing_since + policy.announce_after;
                let due = (due > at).then_some(due);
                pending.next_due = [pending.next_due, due].into_iter().flatten().min();
                if !request.lists_everything() {
                    continue;
                }
                GroupEvent::Open
            }
        };
        if event != GroupEvent::Open || request.lists_everything() {
            route(key);
        }
        members.push(Member {
            pending: matches!(
                state,
                NotificationState::Appeared | NotificationState::Pending
            ) && event == GroupEvent::Open,
            ..Member::open(event, key, open, ledger.account(key), at)
        });
    }
    for key in changes.ended().chain(&changes.unwatched) {
        if let Some(resolved) = ledger.resolved.get(key) {
            route(key);
            members.push(Member::resolved(key, resolved, ledger.account(key)));
        }
    }
    let tallies = Tallies::of(&members);
    // Programs learn from a group of its own that nothing of a cause is open but what is muted.
    let ids: BTreeSet<GroupId> = members.iter().map(|member| member.group_id).collect();
    muted_members.retain(|member| !ids.contains(&member.group_id));
    members.append(&mut muted_members);
    let Grouped {
        mut groups,
        omitted,
    } = group_members(members, MAX_GROUPS);
    for group in &mut groups {
        group.open_after = open_after.get(&group.group_id).copied().unwrap_or_default();
    }
    Listed {
        groups,
        open_causes: open_after,
        omitted,
        pending,
        muted,
        ignored,
        open: open_count,
        tallies,
        packs,
        regions,
    }
}
