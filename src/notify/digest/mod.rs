//! The digest: one notification of the changes of one run, rendered for people and for programs. A
//! pure function of the ledger and the pending changes.
//!
//! | file | content |
//! | --- | --- |
//! | `contents` | what a digest contains, before it is rendered |
//! | `subject`, `text`, `text_layout` | the subject and the text of the email |
//! | `sns_body` | the body for the digest topic: email, SMS and JSON, cut to the size limit of SNS |
//! | `chat` | the body for the chat topic |
//! | `attributes` | the message attributes for subscription filters |
//! | `grouping`, `remediation`, `empty_sources`, `account_label` | parts that several of them use |
//! | `known_causes`, `gap_actions` | titles and actions for failures and gaps |
//! | `message_names` | names in messages of AWS, such as roles and denied APIs |
//! | `sanitize`, `sanitized` | texts from AWS made safe to show |

mod account_label;
mod attributes;
mod chat;
mod contents;
mod empty_sources;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the digests do not use the actions yet")
)]
mod gap_actions;
mod grouping;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the digests do not use the known causes yet")
)]
mod known_causes;
mod message_names;
mod remediation;
mod sanitize;
mod sanitized;
mod snapshot_address;
mod sns_body;
mod subject;
mod text;
mod text_layout;

use crate::model::{SIZE_LIMIT, SnsMessage};

pub use contents::Digest;
pub use sanitize::sanitize;
pub use snapshot_address::SnapshotAddress;

impl Digest {
    /// Returns the subject, which is the same for every topic.
    pub fn subject(&self) -> String {
        subject::subject(self)
    }

    /// Returns the text for people.
    pub fn text(&self) -> String {
        text::text(self)
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
