//! Ledger format: the stored JSON document, with its format marker and schema version.
//!
//! Equal ledgers have equal bytes. A document with a newer schema version is rejected, never
//! overwritten.

use std::io;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::state::Ledger;
use crate::model::schema_of;
use crate::object_body::ObjectBody;

/// Marker in the field `format` that identifies a ledger.
const FORMAT: &str = "packwatch.ledger";

/// Schema version that this version of packwatch writes, and the newest that it reads.
const SCHEMA_VERSION: u32 = 1;

/// Why stored bytes cannot be decoded as a ledger.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not valid JSON, or not the JSON of a ledger.
    #[error("it does not parse")]
    InvalidJson(#[source] serde_json::Error),
    /// The bytes are JSON without the format marker of a ledger.
    #[error("it has no format marker \"{FORMAT}\"")]
    UnknownFormat,
    /// A newer version of packwatch wrote the ledger, which may hold state that this version would
    /// lose.
    #[error(
        "its schema version is {found}, but this version of packwatch supports versions up to {SCHEMA_VERSION}"
    )]
    UnsupportedVersion {
        /// The schema version of the stored ledger.
        found: u64,
    },
}

/// The fields that decide whether the rest of a document can be decoded.
#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    format: Option<String>,
    #[serde(default)]
    schema_version: u64,
}

/// The stored document.
#[derive(Serialize, schemars::JsonSchema)]
struct Document<'a> {
    format: &'a str,
    schema_version: u32,
    /// Key of the last committed snapshot. Each snapshot names the one before it.
    snapshot: Option<&'a str>,
    #[serde(flatten)]
    ledger: &'a Ledger,
}

/// Returns the JSON schema of the stored document.
pub fn ledger_schema() -> schemars::Schema {
    schema_of::<Document<'static>>("packwatch ledger")
}

impl Ledger {
    /// Decodes a stored ledger.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        Self::from_body(&bytes.to_vec().into())
    }

    /// Decodes the body of a stored ledger.
    pub fn from_body(body: &ObjectBody) -> Result<Self, DecodeError> {
        let header: Header = body.parse().map_err(DecodeError::InvalidJson)?;
        if header.format.as_deref() != Some(FORMAT) {
            return Err(DecodeError::UnknownFormat);
        }
        if header.schema_version > u64::from(SCHEMA_VERSION) {
            return Err(DecodeError::UnsupportedVersion {
                found: header.schema_version,
            });
        }
        body.parse().map_err(DecodeError::InvalidJson)
    }

    /// Returns the document to store. Equal ledgers have equal bytes.
    pub fn to_body(&self) -> io::Result<ObjectBody> {
        let document = Document {
            format: FORMAT,
            schema_version: SCHEMA_VERSION,
            snapshot: self.last_commit.as_ref().map(|last| last.snapshot.as_str()),
            ledger: self,
        };
        ObjectBody::json(&document)
    }

    /// Returns the bytes of [`to_body`](Self::to_body).
    pub fn to_bytes(&self) -> io::Result<Bytes> {
        self.to_body()?.bytes()
    }
}
