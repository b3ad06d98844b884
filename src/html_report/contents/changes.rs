//! What is new and cleared in the last digest and since.

use jiff::Timestamp;

use crate::input::plan::RunPlan;
use crate::ledger::{LastDigest, Ledger, NotifiedGroup, PendingChanges};
use crate::model::GroupId;

/// Maximum number of groups that are shown of each list.
const MAX_GROUPS: usize = 5;

/// A group of the last digest.
pub(in crate::html_report) type ChangedGroup = NotifiedGroup;

/// What is new and cleared in the last digest to the digest topic, and since.
#[derive(Debug)]
pub(in crate::html_report) struct Changes<'a> {
    /// The last digest; `None` before the first one.
    pub last: Option<&'a LastDigest>,
    /// Whether the topic refused it, so that it waits for the next run.
    pub is_refused: bool,
    /// Failures that are due since, and wait for the next digest.
    pub appeared_since: usize,
    /// Failures that cleared since, and wait for the next digest.
    pub cleared_since: usize,
}

impl<'a> Changes<'a> {
    pub(super) fn new(ledger: &'a Ledger, plan: &RunPlan, at: Timestamp) -> Self {
        let Some(receiver) = ledger.receivers.get(&plan.settings.topic) else {
            return Self {
                last: None,
                is_refused: false,
                appeared_since: 0,
                cleared_since: 0,
            };
        };
        let outgoing = receiver.outgoing.as_ref();
        let changes = PendingChanges::compute(ledger, receiver.id, &plan.settings.policy, None, at);
        Self {
            last: receiver.last_digest.as_ref(),
            is_refused: outgoing.is_some_and(|outgoing| outgoing.refused),
            appeared_since: changes.appeared.len(),
            cleared_since: changes.cleared.len(),
        }
    }

    /// Returns whether the last digest reports failures of a group as new.
    pub(super) fn is_new(&self, group: GroupId) -> bool {
        let mut new = self.last.into_iter().flat_map(|last| &last.new_groups);
        new.any(|known| known.group_id == group)
    }

    /// Returns the groups that are shown of a list, and how many there are more.
    pub(in crate::html_report) fn shown(groups: &[ChangedGroup]) -> (&[ChangedGroup], usize) {
        let (shown, more) = groups.split_at(groups.len().min(MAX_GROUPS));
        (shown, more.len())
    }
}
