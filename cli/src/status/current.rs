//! The current state: the failures of a snapshot, its gaps, and what is only counted.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use packwatch::model::{Account, AccountId, FailureKey, GroupId, PackKey, StatusRecord};
use packwatch::report::{Group, GroupEvent, Member, NotificationState, group_members};

use super::gaps::{GapGroup, gap_groups};
use super::snapshot::{Pack, Snapshot, Unconfirmed};

/// An open failure.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) key: FailureKey,
    pub(super) group_id: GroupId,
    pub(super) record: StatusRecord,
    pub(super) account: Option<Account>,
    pub(super) since: Timestamp,
    pub(super) stuck: bool,
    pub(super) change: NotificationState,
}

/// The current state.
#[derive(Debug)]
pub(crate) struct Current {
    pub(super) snapshot: Snapshot,
    /// The failures that are neither muted nor ignored.
    pub(super) failures: Vec<Failure>,
    /// Failures whose pack has no data, so that only the key is known.
    pub(super) unseen: Vec<Unconfirmed>,
    pub(super) gaps: Vec<GapGroup>,
    /// Number of member accounts, of packs that were read in full.
    pub(super) members: BTreeMap<PackKey, usize>,
}

impl Current {
    pub(crate) fn new(mut snapshot: Snapshot) -> Self {
        let mut failures = Vec::new();
        let mut members = BTreeMap::new();
        for pack in std::mem::take(&mut snapshot.packs) {
            if let (Some(total), "full") = (pack.members.total, pack.coverage.as_str()) {
                members.insert(pack.key.clone(), total);
            }
            failures.extend(failures_of(pack));
        }
        let known: BTreeSet<&FailureKey> = failures.iter().map(|failure| &failure.key).collect();
        let unseen = snapshot
            .unconfirmed
            .iter()
            .filter(|unconfirmed| !known.contains(&unconfirmed.key))
            .cloned()
            .collect();
        failures.retain(|failure| {
            !matches!(
                failure.change,
                NotificationState::Muted | NotificationState::Ignored
            )
        });
        Self {
            gaps: gap_groups(&snapshot),
            snapshot,
            failures,
            unseen,
            members,
        }
    }

    /// Returns when AWS Config was read.
    pub(super) fn as_of(&self) -> Timestamp {
        self.snapshot.run.finished_at
    }

    /// Returns whether everything was read.
    pub(crate) fn is_complete(&self) -> bool {
        self.snapshot.run.complete
    }

    /// Returns the failures by cause, as digests group them.
    pub(super) fn groups(&self) -> Vec<Group> {
        let members = self.failures.iter().map(|failure| Member {
            event: GroupEvent::Open,
            resolution: None,
            group_id: failure.group_id,
            key: &failure.key,
            record: &failure.record,
            since: failure.since,
            until: None,
            account: failure.account.as_ref(),
            stuck: failure.stuck,
            was_muted: false,
            muted: false,
            pending: false,
            cause_changed: GroupId::of(&failure.record) != failure.group_id,
        });
        group_members(members.collect(), usize::MAX).groups
    }

    /// Returns the failing accounts.
    pub(super) fn accounts(&self) -> BTreeSet<&AccountId> {
        let seen = self.failures.iter().map(|failure| &failure.key);
        let keys = seen.chain(self.unseen.iter().map(|unconfirmed| &unconfirmed.key));
        keys.filter_map(|key| key.account_id.as_ref()).collect()
    }

    /// Returns the number of pending failures.
    pub(super) fn pending(&self) -> usize {
        let is_pending = |failure: &&Failure| failure.change == NotificationState::Pending;
        self.failures.iter().filter(is_pending).count()
    }

    /// Returns the end of the next mute that matches something.
    pub(super) fn next_mute_end(&self) -> Option<Timestamp> {
        let mutes = self.snapshot.mutes.iter();
        mutes
            .filter(|record| record.matches > 0)
            .map(|record| record.mute.until.at())
            .min()
    }
}

fn failures_of(pack: Pack) -> Vec<Failure> {
    let mut failures = Vec::new();
    if let (Some(since), Some(change)) = (pack.failing_since, pack.change) {
        failures.push(Failure {
            key: FailureKey::pack_itself(&pack.key),
            group_id: GroupId::of(&pack.record),
            record: pack.record,
            account: None,
            since,
            stuck: false,
            change,
        });
    }
    for account in pack.failing_accounts {
        failures.push(Failure {
            key: FailureKey::member(&pack.key, &account.account_id),
            group_id: account.group_id,
            record: account.record,
            account: account.account_name.map(|name| Account {
                name,
                state: account.account_state,
            }),
            since: account.failing_since,
            stuck: account.stuck,
            change: account.change,
        });
    }
    failures
}
