//! The stored form of the ledger: its bytes, its format mark and its schema version.

use serde::{Deserialize, Serialize};

use super::state::Ledger;

/// The mark by which a ledger is known.
const FORMAT: &str = "packwatch.ledger";

/// The newest schema that this version reads, and the one that it writes.
const SCHEMA_VERSION: u32 = 1;

/// Why bytes are not a ledger that can be gone on from.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Torn, or of another product.
    #[error("it does not parse")]
    InvalidJson(#[source] serde_json::Error),
    /// JSON, but not ours.
    #[error("it has no format mark \"{FORMAT}\"")]
    UnknownFormat,
    /// Written by a newer version, which may have promised what this one does not know.
    #[error(
        "its schema is version {found}, and this version of packwatch knows none newer than {SCHEMA_VERSION}"
    )]
    UnsupportedVersion {
        /// The schema that was found.
        found: u64,
    },
}

#[derive(Deserialize)]
struct Header {
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
pub(crate) fn estimated_size(failures: usize) -> usize {
    256 * 1024 + failures * 640
}

impl Ledger {
    /// Reads a stored ledger.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let header: Header = serde_json::from_slice(bytes).map_err(DecodeError::InvalidJson)?;
        if header.format.as_deref() != Some(FORMAT) {
            return Err(DecodeError::UnknownFormat);
        }
        if header.schema_version > u64::from(SCHEMA_VERSION) {
            return Err(DecodeError::UnsupportedVersion {
                found: header.schema_version,
            });
        }
        serde_json::from_slice(bytes).map_err(DecodeError::InvalidJson)
    }

    /// The bytes to store. Equal ledgers give equal bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let document = Document {
            format: FORMAT,
            schema_version: SCHEMA_VERSION,
            snapshot: self.last.as_ref().map(|last| last.snapshot.as_str()),
            ledger: self,
        };
        let mut bytes = Vec::with_capacity(estimated_size(self.open.len() + self.closed.len()));
        serde_json::to_writer(&mut bytes, &document)?;
        Ok(bytes)
    }
}
