//! The events of a digest for an event bus: the digest itself, and one event for each cause that
//! changed.

use std::collections::{BTreeMap, BTreeSet};

use super::contents::Digest;
use super::document::{IncidentChange, cause, document, ended_cause};
use crate::ledger::NotifiedCause;
use crate::model::{BusEvent, BusEventType, GroupId, MAX_EVENTS_SIZE};
use crate::report::{Group, GroupEvent};

/// Maximum size of the `detail` of an event.
const MAX_DETAIL: usize = MAX_EVENTS_SIZE - 1_000;

/// The causes that a bus was notified of.
type Causes = BTreeMap<GroupId, NotifiedCause>;

/// Which open causes a bus gets events about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenCauses {
    /// Those that changed.
    Changed,
    /// All, because the event of the run asks for everything.
    All,
    /// None, because the bus is new to an existing ledger.
    None,
}

impl Digest {
    /// Returns the events of the digest, in the order in which they are sent, and the causes that
    /// are open for the bus after them. `before` are those that were open for it until now.
    ///
    /// Ends come first. A cause has ended if no failure of it is open except muted ones. Each one in
    /// `before` that has ended gets an event, whether or not this digest lists it.
    pub fn bus_events(&self, before: &Causes, open: OpenCauses) -> (Vec<BusEvent>, Causes) {
        let mut causes = before.clone();
        let mut events = self.ends(&mut causes);
        if open == OpenCauses::None {
            causes.append(&mut self.open_groups(before));
        } else {
            for (group_id, group) in self.first_groups() {
                let is_open = group.open_after > 0;
                if is_open && (open == OpenCauses::All || is_news(group, before)) {
                    let notified = self.notified(group, before);
                    let change = IncidentChange {
                        label: notified.label.as_deref(),
                        cause: &group_id.to_string(),
                        action: "trigger",
                    };
                    events.push(cause_event(cause(self, group, change, MAX_DETAIL)));
                    causes.insert(group_id, notified);
                }
            }
        }
        events.push(self.digest_event());
        (events, causes)
    }

    /// Returns the causes that are open for a bus after a run whose changes are not notified.
    pub fn suppressed_causes(&self, before: &Causes) -> Causes {
        let mut causes = before.clone();
        causes.append(&mut self.open_groups(before));
        causes
    }

    /// Returns the events of a test notification: the digest, and one invented cause that begins
    /// and ends.
    pub fn test_events(&self) -> Vec<BusEvent> {
        let mut events = vec![self.digest_event()];
        for group in &self.groups {
            events.extend(["trigger", "resolve"].map(|action| {
                let group = Group {
                    open_after: usize::from(action == "trigger"),
                    ..group.clone()
                };
                let change = IncidentChange {
                    label: self.label.as_deref(),
                    cause: "test",
                    action,
                };
                cause_event(cause(self, &group, change, MAX_DETAIL))
            }));
        }
        events
    }

    fn digest_event(&self) -> BusEvent {
        BusEvent {
            detail_type: BusEventType::Digest,
            detail: document(self, MAX_DETAIL, str::len),
        }
    }

    /// Returns the events of the causes that have ended, and removes these from `causes`.
    fn ends(&self, causes: &mut Causes) -> Vec<BusEvent> {
        let groups = self.first_groups();
        let ended = groups.iter().filter(|(_, group)| has_ended(group));
        let listed: BTreeSet<GroupId> = ended.map(|(group_id, _)| *group_id).collect();
        let candidates: BTreeSet<GroupId> = causes.keys().copied().chain(listed).collect();
        let mut events = Vec::new();
        for group_id in candidates {
            if self.open_causes.contains_key(&group_id) {
                continue;
            }
            let notified = causes.remove(&group_id);
            let known = notified.as_ref();
            let change = IncidentChange {
                label: known.map_or(self.label.as_deref(), |cause| cause.label.as_deref()),
                cause: &group_id.to_string(),
                action: "resolve",
            };
            let detail = match (groups.get(&group_id), known) {
                (Some(group), _) => cause(self, group, change, MAX_DETAIL),
                (None, Some(notified)) => ended_cause(self, group_id, notified, change),
                (None, None) => continue,
            };
            events.push(cause_event(detail));
        }
        events
    }

    /// Returns the first group of each cause, which has what is new of it if anything is.
    fn first_groups(&self) -> BTreeMap<GroupId, &Group> {
        let mut groups = BTreeMap::new();
        for group in &self.groups {
            groups.entry(group.group_id).or_insert(group);
        }
        groups
    }

    fn open_groups(&self, before: &Causes) -> Causes {
        let open = self.groups.iter().filter(|group| group.open_after > 0);
        open.map(|group| (group.group_id, self.notified(group, before)))
            .collect()
    }

    /// Returns what a bus is notified of about the cause of a group.
    fn notified(&self, group: &Group, before: &Causes) -> NotifiedCause {
        let groups = self.groups.iter();
        let shown = groups.filter(|other| other.group_id == group.group_id);
        let shown = shown.map(|other| other.since);
        let notified = before.get(&group.group_id);
        NotifiedCause {
            title: group.cause.title.clone(),
            status: group.status.clone(),
            error_code: group.error_code.clone(),
            since: shown
                .chain(notified.map(|cause| cause.since))
                .min()
                .unwrap_or(group.since),
            open: group.open_after,
            label: notified.map_or(&self.label, |cause| &cause.label).clone(),
        }
    }
}

/// Returns whether something about an open cause is new to the bus.
fn is_news(group: &Group, before: &Causes) -> bool {
    // Failures that were muted, or whose mutes ended, change only the number of open ones.
    let number = before.get(&group.group_id).map(|cause| cause.open);
    matches!(group.event, GroupEvent::Appeared | GroupEvent::Cleared)
        || number != Some(group.open_after)
}

/// Returns whether something of a group ended.
fn has_ended(group: &Group) -> bool {
    group.event == GroupEvent::Cleared
}

fn cause_event(detail: String) -> BusEvent {
    BusEvent {
        detail_type: BusEventType::Cause,
        detail,
    }
}
