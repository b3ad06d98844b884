//! Receivers in the ledger, and the digests in their outboxes.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::failure::is_false;
use super::last_digest::LastDigest;
use super::notified_at::ReceiverId;
use crate::model::{BusEvent, GroupId, SnsMessage, Source};

/// The last summary of a receiver, with the counts of its day until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LastSummary {
    /// The end of the read that it shows.
    pub at: Timestamp,
    /// Failures that had opened on that day.
    pub opened: usize,
    /// Failures that had ended on that day.
    pub ended: usize,
}

/// A cause that an event bus was notified of. The event about its end repeats this data if none of
/// its failures is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct NotifiedCause {
    /// What the cause is called.
    pub title: String,
    /// The status of its first failure.
    pub status: String,
    /// The error code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// When its first failure began.
    pub since: Timestamp,
    /// Number of its open failures in the last event about it, without muted ones.
    #[serde(default)]
    pub open: usize,
    /// The label in the keys of its events. All have the same, so that they are about one incident
    /// although `LABEL` was changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// A digest that an event asks for, whatever changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestedDigest {
    /// A summary.
    Summary,
    /// Everything that is open.
    Status,
}

/// A configured topic or event bus, and its state in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Receiver {
    /// Number of the receiver in the ledger.
    pub id: ReceiverId,
    /// Number of digests that were put into the outbox for this receiver.
    pub digest_count: u64,
    /// Whether the next full run sends it a digest even if nothing changed: its first look.
    #[serde(default, skip_serializing_if = "is_false")]
    pub awaits_first_look: bool,
    /// Whether a full run had been committed before the receiver was in the settings. Such an event
    /// bus is not notified of the causes that are open then.
    #[serde(default, skip_serializing_if = "is_false")]
    pub joined_later: bool,
    /// Sources that were added to the scope since the last digest.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub newly_watched: BTreeSet<Source>,
    /// When a run last had the receiver in its settings.
    #[serde(default)]
    pub configured_at: Timestamp,
    /// The causes that an event bus was notified of, until it is notified of their end. Empty for
    /// topics.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub causes: BTreeMap<GroupId, NotifiedCause>,
    /// The last summary that was put into the outbox for this receiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_summary: Option<LastSummary>,
    /// The digest that an event asked for while another one was in the outbox. The next one is of
    /// this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested: Option<RequestedDigest>,
    /// What the last digest was about that was put into the outbox for this receiver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_digest: Option<LastDigest>,
    /// The digest in the outbox, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outgoing: Option<OutgoingDigest>,
}

impl Receiver {
    /// Returns a receiver that was notified of nothing.
    pub fn new(id: ReceiverId, configured_at: Timestamp) -> Self {
        Self {
            id,
            digest_count: 0,
            awaits_first_look: false,
            joined_later: false,
            newly_watched: BTreeSet::new(),
            configured_at,
            causes: BTreeMap::new(),
            last_summary: None,
            requested: None,
            last_digest: None,
            outgoing: None,
        }
    }
}

/// A rendered digest in the outbox, which may be in delivery.
///
/// Its receiver counts as notified as soon as the digest is in the outbox, because it is sent until
/// the receiver accepts it; only one whose content is refused in every form is dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OutgoingDigest {
    /// The id of the digest, which stays the same across retries.
    pub id: String,
    /// What is sent.
    #[serde(flatten)]
    pub content: OutgoingContent,
    /// Whether a delivery has failed, so that further failures are not new.
    #[serde(default, skip_serializing_if = "is_false")]
    pub refused: bool,
    /// When the digest was rendered; `None` if a version of packwatch rendered it that did not
    /// record the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The lease; `None` after a delivery failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
}

/// What is sent of a digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum OutgoingContent {
    /// A message to a topic.
    Message {
        /// The publish request.
        message: SnsMessage,
        /// The short publish request that is sent in its place if the topic refuses the content of
        /// `message`.
        last_form: SnsMessage,
    },
    /// Events for a bus.
    Events {
        /// The subject of the digest.
        subject: String,
        /// The events that the bus has not accepted yet, in the order in which they are sent.
        events: Vec<BusEvent>,
    },
}

impl OutgoingContent {
    /// Returns the subject of the digest.
    pub fn subject(&self) -> &str {
        match self {
            Self::Message { message, .. } => &message.subject,
            Self::Events { subject, .. } => subject,
        }
    }
}

/// The exclusive permission of one execution to send an outgoing digest, until it expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Lease {
    /// The id of the execution.
    pub holder: String,
    /// The deadline of the holder's invocation.
    pub expires_at: Timestamp,
}
