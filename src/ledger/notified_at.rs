//! [`NotifiedAt`]: when each receiver was last notified of a failure.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Number of a receiver in the ledger: shorter than its ARN, and never reused.
pub type ReceiverId = u32;

/// When each receiver was last notified of a failure, ordered by receiver.
///
/// A sorted list instead of a `BTreeMap`, because every failure has one and it holds one or two
/// receivers: a map would take ten times the memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotifiedAt(Vec<(ReceiverId, Timestamp)>);

impl NotifiedAt {
    fn position(&self, receiver: ReceiverId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&receiver, |(id, _)| *id)
    }

    /// Returns when `receiver` was last notified; `None` if it never was.
    pub fn get(&self, receiver: ReceiverId) -> Option<Timestamp> {
        let position = self.position(receiver).ok()?;
        Some(self.0.get(position)?.1)
    }

    /// Returns whether `receiver` was notified.
    pub fn contains(&self, receiver: ReceiverId) -> bool {
        self.position(receiver).is_ok()
    }

    /// Returns whether no receiver was notified.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Records that `receiver` was notified at `at`.
    pub fn insert(&mut self, receiver: ReceiverId, at: Timestamp) {
        match self.position(receiver) {
            Ok(position) => self.0[position].1 = at,
            Err(position) => {
                self.0.reserve_exact(1);
                self.0.insert(position, (receiver, at));
            }
        }
    }

    /// Removes `receiver`. Returns whether it was notified.
    pub fn remove(&mut self, receiver: ReceiverId) -> bool {
        let position = self.position(receiver);
        if let Ok(position) = position {
            self.0.remove(position);
        }
        position.is_ok()
    }

    /// Removes the receivers for which `keep` returns false.
    pub fn retain(&mut self, keep: impl Fn(ReceiverId) -> bool) {
        self.0.retain(|(receiver, _)| keep(*receiver));
    }

    /// Adds the receivers of `other`, with their times.
    pub fn merge(&mut self, other: Self) {
        for (receiver, at) in other.0 {
            self.insert(receiver, at);
        }
    }
}

impl FromIterator<(ReceiverId, Timestamp)> for NotifiedAt {
    fn from_iter<I: IntoIterator<Item = (ReceiverId, Timestamp)>>(receivers: I) -> Self {
        let mut notified = Self::default();
        for (receiver, at) in receivers {
            notified.insert(receiver, at);
        }
        notified
    }
}

impl schemars::JsonSchema for NotifiedAt {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NotifiedAt".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        BTreeMap::<ReceiverId, Timestamp>::json_schema(generator)
    }
}

impl Serialize for NotifiedAt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(receiver, at)| (receiver, at)))
    }
}

impl<'de> Deserialize<'de> for NotifiedAt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(BTreeMap::deserialize(deserializer)?.into_iter().collect())
    }
}
