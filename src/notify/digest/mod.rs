//! The digest: one notification of the changes of one run, rendered for people and for programs. A
//! pure function of the ledger and the pending changes.
//!
//! | file | content |
//! | --- | --- |
//! | `contents` | what a digest contains, before it is rendered |
//! | `subject`, `text` | the subject, and the text of the email |
//! | `sns_body`, `document` | the body for the digest topic: email, SMS and JSON, cut to the size limit of SNS |
//! | `chat` | the body for the chat topic |
//! | `last_digest` | what the report says about it later |
//! | `bus_events` | the events for an event bus |
//! | `attributes` | the message attributes for subscription filters |
//! | `summary_sentences` | what only a summary says |
//! | `gap_groups`, `account_label`, `phrases` | parts that several of them use |

mod account_label;
mod attributes;
mod bus_events;
mod chat;
mod contents;
mod document;
mod gap_groups;
mod last_digest;
mod phrases;
mod sns_body;
mod subject;
mod summary_sentences;
mod text;

use crate::model::{SIZE_LIMIT, SnsMessage};

pub use account_label::AccountLabel;
pub use bus_events::OpenCauses;
pub use contents::{
    Digest, DigestKind, DigestRequest, DryRunNote, GapNotice, Muted, PartialRecovery, Pending,
    RecordList, Records, Recoveries, SummaryFacts, Tallies, Tally,
};
pub use phrases::{capitalized, listed, since, subjects, time};

impl Digest {
    /// Returns the subject, which is the same for every topic.
    pub fn subject(&self) -> String {
        subject::subject(self)
    }

    /// Returns the text for people.
    pub fn text(&self) -> String {
        text::text(self)
    }

    /// Returns the SNS message for a topic, and its short form for a topic that refuses the content
    /// of the first.
    pub fn messages(&self, for_chat: bool) -> (SnsMessage, SnsMessage) {
        if for_chat {
            (self.chat_message(), self.chat_last_form())
        } else {
            (self.message(), self.last_form())
        }
    }

    /// Returns the SNS message for the digest topic.
    pub fn message(&self) -> SnsMessage {
        let (attributes, size) = attributes::of(self);
        SnsMessage {
            subject: self.subject(),
            body: sns_body::body(self, SIZE_LIMIT.saturating_sub(size)),
            message_structure_json: true,
            attributes,
            deduplication_id: self.id.clone(),
        }
    }

    /// Returns the SNS message for the chat topic.
    pub fn chat_message(&self) -> SnsMessage {
        SnsMessage {
            subject: self.subject(),
            body: chat::body(self),
            message_structure_json: false,
            attributes: attributes::of(self).0,
            deduplication_id: self.id.clone(),
        }
    }

    /// Returns the short SNS message for the digest topic, for a topic that refuses the content of
    /// [`message`](Self::message). It fits in 1,024 bytes, the smallest maximum that a topic can
    /// have, unless the address of the snapshot is long.
    pub fn last_form(&self) -> SnsMessage {
        SnsMessage {
            subject: self.subject(),
            body: sns_body::last_form(self),
            message_structure_json: true,
            attributes: attributes::truncated(),
            deduplication_id: self.id.clone(),
        }
    }

    /// Returns the short SNS message for the chat topic.
    pub fn chat_last_form(&self) -> SnsMessage {
        SnsMessage {
            subject: self.subject(),
            body: chat::last_form(self),
            message_structure_json: false,
            attributes: attributes::truncated(),
            deduplication_id: self.id.clone(),
        }
    }
}

/// Returns the JSON schema of the JSON for programs, which is the `detail` of `packwatch Digest`
/// too.
pub fn digest_schema() -> schemars::Schema {
    document::document_schema()
}

/// Returns the JSON schema of the `detail` of `packwatch Cause`.
pub fn cause_schema() -> schemars::Schema {
    document::cause_schema()
}
