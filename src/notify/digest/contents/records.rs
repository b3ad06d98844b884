//! The records for programs, as many as can fit into a message. There can be tens of thousands, so
//! they are serialized one at a time, and no more than are needed.

use serde::Serialize;
use serde_json::value::RawValue;

use super::request::DigestRequest;
use crate::model::{FailureKey, SIZE_LIMIT};
use crate::report::{FailureRecord, ResolvedRecord};

/// The records of a digest.
#[derive(Debug, Clone, Default)]
pub struct Records {
    /// Failures that are due and were not notified before.
    pub appeared: RecordList,
    /// Notified failures that are no longer open, attributed ones included.
    pub cleared: RecordList,
    /// Notified failures that are no longer watched.
    pub unwatched: RecordList,
    /// Failures that are still open and due for a reminder.
    pub reminders: RecordList,
}

/// The first records of a list, as JSON.
#[derive(Debug, Clone, Default)]
pub struct RecordList {
    /// The records.
    pub records: Vec<Box<RawValue>>,
    /// Number of records in the whole list.
    pub total: usize,
}

impl RecordList {
    /// Serializes records until `remaining` bytes are used.
    pub(super) fn of<T: Serialize>(
        records: impl ExactSizeIterator<Item = Option<T>>,
        remaining: &mut usize,
    ) -> Self {
        let total = records.len();
        let mut list = Self {
            records: Vec::new(),
            total,
        };
        for record in records.flatten() {
            let Ok(record) = serde_json::value::to_raw_value(&record) else {
                continue;
            };
            let fits = record.get().len() <= *remaining;
            *remaining = if fits {
                *remaining - record.get().len()
            } else {
                0
            };
            if !fits {
                break;
            }
            list.records.push(record);
        }
        list
    }
}

impl Records {
    pub(super) fn of(request: &DigestRequest<'_>) -> Self {
        let DigestRequest {
            ledger,
            receiver,
            changes,
            plan,
            at,
            ..
        } = *request;
        let open = |key| {
            let open = ledger.open.get(key)?;
            let receiver = Some(receiver.id);
            Some(FailureRecord::of(
                ledger,
                key,
                open,
                &plan.settings.policy,
                receiver,
                at,
            ))
        };
        let resolved = |key: &FailureKey| {
            Some(ResolvedRecord::of(ledger, key, ledger.resolved.get(key)?).sanitized())
        };
        let mut remaining = SIZE_LIMIT;
        let cleared: Vec<_> = changes.ended().collect();
        Self {
            appeared: RecordList::of(changes.appeared.iter().map(open), &mut remaining),
            cleared: RecordList::of(cleared.into_iter().map(resolved), &mut remaining),
            unwatched: RecordList::of(changes.unwatched.iter().map(resolved), &mut remaining),
            reminders: RecordList::of(changes.reminders.iter().map(open), &mut remaining),
        }
    }
}
