//! SNS message: the publish request that the outbox stores and SNS receives.
//!
//! The stored request is complete, so a retry publishes identical content.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A publish request to SNS, stored in full so that a retry sends the same request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SnsMessage {
    /// The subject: one line of ASCII, at most 99 characters.
    pub subject: String,
    /// The message body.
    pub body: String,
    /// Whether the body is a JSON object with a text per protocol (`MessageStructure: json`).
    pub message_structure_json: bool,
    /// Message attributes, which subscription filter policies match on.
    pub attributes: BTreeMap<String, Attribute>,
    /// The deduplication id for a FIFO topic.
    pub deduplication_id: String,
}

/// A message attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Attribute {
    /// An attribute of the type `Number`.
    Number(usize),
    /// An attribute of the type `String.Array`, which is never empty.
    Strings(Vec<String>),
    /// An attribute of the type `String`.
    Text(String),
}

impl Attribute {
    /// Returns the SNS data type.
    pub fn data_type(&self) -> &'static str {
        match self {
            Self::Number(_) => "Number",
            Self::Strings(_) => "String.Array",
            Self::Text(_) => "String",
        }
    }

    /// Returns the value in the format of SNS.
    pub fn value(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Strings(strings) => serde_json::Value::from(strings.clone()).to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// Maximum size in bytes of an SNS message, its
/// [attributes included](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html). Messages of
/// packwatch stay below it.
pub const SIZE_LIMIT: usize = 262_144;
