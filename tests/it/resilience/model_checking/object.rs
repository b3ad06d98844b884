//! Objects of the bucket, and their decoded form.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use packwatch::ledger::{Ledger, OutgoingContent};
use packwatch::model::BusEvent;
use serde_json::Value;

pub const LEDGER: &str = "ledger.json";
pub const LATEST: &str = "latest.json";
pub const REPORT: &str = "report.html";

/// Content of an object, compared by fingerprint, as S3 compares by `ETag`.
#[derive(Clone)]
pub struct Bytes(Arc<Content>);

/// An object in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoredObject {
    pub bytes: Bytes,
    /// Sequence in the metadata.
    pub sequence: Option<u64>,
}

/// Bytes and their decoded form, which is cached because every state reads it.
struct Content {
    bytes: Vec<u8>,
    fingerprint: u64,
    ledger: OnceLock<Ledger>,
    link: OnceLock<Link>,
    outgoing_events: OnceLock<BTreeMap<String, Vec<String>>>,
}

/// Position of a snapshot in the chain.
pub struct Link {
    pub sequence: Value,
    pub previous: Option<String>,
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let fingerprint = hasher.finish();
        Self(Arc::new(Content {
            bytes,
            fingerprint,
            ledger: OnceLock::new(),
            link: OnceLock::new(),
            outgoing_events: OnceLock::new(),
        }))
    }
}

impl From<&BusEvent> for Bytes {
    fn from(event: &BusEvent) -> Self {
        serde_json::to_vec(event).expect("JSON").into()
    }
}

impl Bytes {
    pub fn to_vec(&self) -> Vec<u8> {
        self.0.bytes.clone()
    }

    /// Returns the `ETag`.
    pub fn version(&self) -> String {
        format!("{:016x}", self.0.fingerprint)
    }

    /// Returns the id of an event with this content in a digest.
    pub fn event_id(&self, digest: &str) -> String {
        format!("{digest} {}", self.version())
    }

    pub fn ledger(&self) -> &Ledger {
        self.0
            .ledger
            .get_or_init(|| Ledger::from_bytes(&self.0.bytes).expect("a ledger"))
    }

    /// Returns the ids of the outgoing events of a ledger, by event bus. They are cached, because every
    /// state compares them with the events that were sent.
    pub fn outgoing_events(&self) -> &BTreeMap<String, Vec<String>> {
        self.0.outgoing_events.get_or_init(|| {
            let receivers = self.ledger().receivers.iter();
            let events = receivers.filter_map(|(bus, receiver)| {
                let outgoing = receiver.outgoing.as_ref()?;
                let OutgoingContent::Events { events, .. } = &outgoing.content else {
                    return None;
                };
                let ids = events
                    .iter()
                    .map(|event| Self::from(event).event_id(&outgoing.id));
                Some((bus.as_str().to_owned(), ids.collect()))
            });
            events.collect()
        })
    }

    pub fn link(&self) -> &Link {
        self.0.link.get_or_init(|| {
            let run = &self.json()["run"];
            Link {
                sequence: run["sequence"].clone(),
                previous: run["previous"].as_str().map(str::to_owned),
            }
        })
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.0.bytes).expect("JSON")
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        self.0.fingerprint == other.0.fingerprint
    }
}

impl Eq for Bytes {}

impl Hash for Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.fingerprint.hash(state);
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.version())
    }
}
