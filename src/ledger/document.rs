//! The ledger as it is stored: which bytes are one, and of which schema.

use std::collections::BTreeMap;
use std::fmt;
use std::iter;
use std::marker::PhantomData;

use litemap::LiteMap;
use serde::de::{DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Ledger;

/// The mark by which a ledger is known.
const FORMAT: &str = "packwatch.ledger";
/// The newest schema that this version reads, and the one that it writes.
const SCHEMA_VERSION: u32 = 1;

/// Why bytes are not a ledger that can be gone on from.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Torn, or of another product.
    #[error("it does not parse")]
    Torn(#[source] serde_json::Error),
    /// JSON, but not ours.
    #[error("it has no format mark \"{FORMAT}\"")]
    NotOurs,
    /// Written by a newer version, which may have promised what this one does not know.
    #[error(
        "its schema is version {found}, and this version of packwatch knows none newer than {SCHEMA_VERSION}"
    )]
    Newer {
        /// The schema that was found.
        found: u64,
    },
}

#[derive(Deserialize)]
struct Mark {
    #[serde(default)]
    format: Option<String>,
    #[serde(default)]
    schema_version: u64,
}

#[derive(Serialize)]
struct Document<'a> {
    format: &'a str,
    schema_version: u32,
    /// The key of the last committed snapshot, where readers of the chain begin.
    snapshot: Option<&'a str>,
    #[serde(flatten)]
    ledger: &'a Ledger,
}

/// Room for a document with so many failures. Bytes that grow past their room are copied, and take
/// twice the memory at that moment; room that is not used takes none.
pub(crate) fn room_for(failures: usize) -> usize {
    256 * 1024 + failures * 640
}

impl Ledger {
    /// Reads a stored ledger.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mark: Mark = serde_json::from_slice(bytes).map_err(Unreadable::Torn)?;
        if mark.format.as_deref() != Some(FORMAT) {
            return Err(Unreadable::NotOurs);
        }
        if mark.schema_version > u64::from(SCHEMA_VERSION) {
            return Err(Unreadable::Newer {
                found: mark.schema_version,
            });
        }
        serde_json::from_slice(bytes).map_err(Unreadable::Torn)
    }

    /// The bytes to store. Equal ledgers give equal bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let document = Document {
            format: FORMAT,
            schema_version: SCHEMA_VERSION,
            snapshot: self.last.as_ref().map(|last| last.snapshot.as_str()),
            ledger: self,
        };
        let mut bytes = Vec::with_capacity(room_for(self.open.len() + self.closed.len()));
        serde_json::to_writer(&mut bytes, &document)?;
        Ok(bytes)
    }
}

/// Writes a map as a list of pairs: JSON has no keys but strings.
pub(super) fn write_pairs<K: Serialize, V: Serialize, S: Serializer>(
    map: &BTreeMap<K, V>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(map)
}

/// Writes a map as an object, also where it is empty.
pub(super) fn write_map<K: Serialize, V: Serialize, S: Serializer>(
    map: &LiteMap<K, V>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(map.iter())
}

/// Reads a map from a list of pairs, one after another.
pub(super) fn read_pairs<
    'de,
    K: DeserializeOwned + Ord,
    V: DeserializeOwned,
    D: Deserializer<'de>,
>(
    deserializer: D,
) -> Result<BTreeMap<K, V>, D::Error> {
    deserializer.deserialize_seq(Pairs(PhantomData))
}

struct Pairs<K, V>(PhantomData<(K, V)>);

impl<'de, K: DeserializeOwned + Ord, V: DeserializeOwned> Visitor<'de> for Pairs<K, V> {
    type Value = BTreeMap<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of pairs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut pairs: A) -> Result<Self::Value, A::Error> {
        iter::from_fn(|| pairs.next_element().transpose()).collect()
    }
}
