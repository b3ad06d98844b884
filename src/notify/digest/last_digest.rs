//! What the report says about a digest after it was delivered.

use super::contents::Digest;
use crate::ledger::{LastDigest, NotifiedGroup};
use crate::report::{Group, GroupEvent};

/// Maximum number of groups of new and of cleared failures that the ledger keeps of a digest.
const MAX_GROUPS: usize = 20;

impl Digest {
    /// Returns what the report says about the digest after it was delivered.
    pub fn last_digest(&self) -> LastDigest {
        let groups = |event| {
            let groups = self.groups.iter().filter(|group| group.event == event);
            groups.take(MAX_GROUPS).map(notified).collect()
        };
        LastDigest {
            subject: self.subject(),
            at: self.created_at,
            appeared: self.totals.appeared,
            cleared: self.totals.cleared,
            new_groups: groups(GroupEvent::Appeared),
            cleared_groups: groups(GroupEvent::Cleared),
        }
    }
}

fn notified(group: &Group) -> NotifiedGroup {
    NotifiedGroup {
        group_id: group.group_id,
        title: group.cause.title.clone(),
        accounts: group.accounts.len(),
        packs: group.packs.len(),
        failures: group.failures,
    }
}
