//! The room of the JSON for programs: records are cut first, then lists inside groups, then groups.

use serde_json::value::RawValue;

use super::group::GroupDocument;
use super::json::{raw, to_json};
use crate::notify::digest::contents::{GapNotice, RecordList};
use crate::report::{GapRecord, Group};

/// Maximum lengths of the lists inside groups that are tried one after the other.
pub(super) const LIST_LIMITS: [usize; 5] = [usize::MAX, 200, 50, 10, 0];

/// Maximum numbers of characters of the messages of gaps that are tried one after the other.
const MESSAGE_LIMITS: [usize; 3] = [usize::MAX, 200, 0];

/// The bytes that are left for lists.
pub(super) struct Room {
    pub(super) bytes: usize,
    /// Whether something was cut.
    pub(super) truncated: bool,
}

impl Room {
    /// Takes the items that fit, up to the first that does not.
    fn take(&mut self, items: Vec<Box<RawValue>>) -> Vec<Box<RawValue>> {
        let mut kept = Vec::with_capacity(items.len());
        for item in items {
            let cost = cost(&item);
            if cost > self.bytes {
                self.truncated = true;
                // What comes after is less important.
                break;
            }
            self.bytes -= cost;
            kept.push(item);
        }
        kept
    }

    /// Takes the items that fit into a part of the room.
    pub(super) fn part(&mut self, bytes: usize, items: Vec<Box<RawValue>>) -> Vec<Box<RawValue>> {
        let bytes = bytes.min(self.bytes);
        let mut part = Self {
            bytes,
            truncated: self.truncated,
        };
        let kept = part.take(items);
        self.bytes -= bytes - part.bytes;
        self.truncated = part.truncated;
        kept
    }

    /// Takes the records that fit. Once one does not, no later list has any.
    pub(super) fn records(&mut self, list: &RecordList) -> Vec<Box<RawValue>> {
        let kept = self.take(list.records.clone());
        if kept.len() < list.total {
            self.truncated = true;
            self.bytes = 0;
        }
        kept
    }

    /// Takes the gaps, with shorter messages if they do not fit into half of the room.
    pub(super) fn gaps(&mut self, gaps: &[GapNotice]) -> Vec<Box<RawValue>> {
        let half = self.bytes / 2;
        let mut items = Vec::new();
        for limit in MESSAGE_LIMITS {
            items = raw(gaps.iter().map(|gap| with_message_limit(gap, limit)));
            if items.iter().map(|item| cost(item)).sum::<usize>() <= half {
                break;
            }
        }
        self.part(half, items)
    }

    /// Takes the groups, with shorter lists if they do not fit.
    pub(super) fn groups(&mut self, groups: &[Group]) -> Vec<Box<RawValue>> {
        let mut items = Vec::new();
        for limit in LIST_LIMITS {
            items = raw(groups.iter().map(|group| GroupDocument::of(group, limit)));
            if items.iter().map(|item| cost(item)).sum::<usize>() <= self.bytes {
                let longest = |group: &Group| group.accounts.len().max(group.packs.len());
                self.truncated |= groups.iter().any(|group| longest(group) > limit);
                break;
            }
        }
        self.take(items)
    }
}

/// Returns the bytes that an item takes. The document is a JSON string inside the message, so an
/// item counts with its quotes escaped, and with a comma.
fn cost(item: &RawValue) -> usize {
    to_json(item.get()).len() - 1
}

fn with_message_limit(gap: &GapNotice, limit: usize) -> GapRecord {
    let mut record = gap.record.clone();
    if let Some((end, _)) = record.cause.message.char_indices().nth(limit) {
        record.cause.message.truncate(end);
    }
    record
}
