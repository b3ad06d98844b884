//! A request to SNS, as the ledger keeps it and the topic gets it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A request to SNS, word for word, so that it can be sent again as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnsMessage {
    /// One line of ASCII, at most 99 characters.
    pub subject: String,
    /// The body.
    pub body: String,
    /// Whether the body holds a text for each protocol (`MessageStructure: json`).
    pub message_structure_json: bool,
    /// What filter policies match on.
    pub attributes: BTreeMap<String, Attribute>,
    /// The deduplication id on a FIFO topic.
    pub deduplication_id: String,
}

/// A message attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Attribute {
    /// A `Number`.
    Number(usize),
    /// A `String.Array`.
    Strings(Vec<String>),
}

impl Attribute {
    /// The SNS data type.
    pub fn data_type(&self) -> &'static str {
        match self {
            Self::Number(_) => "Number",
            Self::Strings(_) => "String.Array",
        }
    }

    /// The value as SNS takes it.
    pub fn value(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Strings(words) => serde_json::Value::from(words.clone()).to_string(),
        }
    }
}

/// [Message and attributes together](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html)
/// stay under this.
pub const SIZE_LIMIT: usize = 262_144;
