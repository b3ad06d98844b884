//! The digest: one notification of the changes of one run, rendered for people and for programs. A
//! pure function of the ledger and the pending changes.
//!
//! | file | content |
//! | --- | --- |
//! | `contents` | what a digest contains, before it is rendered |
//! | `subject`, `text`, `text_layout` | the subject and the text of the email |
//! | `sns_body` | the body for the digest topic: email, SMS and JSON, cut to the size limit of SNS |
//! | `chat` | the body for the chat topic |
//! | `grouping`, `remediation`, `empty_sources`, `account_label` | parts that several of them use |
//! | `sanitize`, `sanitized` | texts from AWS made safe to show |

mod account_label;
mod chat;
mod contents;
mod empty_sources;
mod grouping;
mod remediation;
mod sanitize;
mod sanitized;
mod snapshot_address;
mod sns_body;
mod subject;
mod text;
mod text_layout;

use std::collections::BTreeMap;

use crate::model::{Attribute, SIZE_LIMIT, SnsMessage};

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
        let attributes = self.attributes();
        let attribute_bytes: usize = attributes
            .iter()
            .map(|(name, value)| name.len() + value.data_type().len() + value.value().len())
            .sum();
        SnsMessage {
            subject: self.subject(),
            body: sns_body::body(self, SIZE_LIMIT.saturating_sub(attribute_bytes)),
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
            attributes: self.attributes(),
            deduplication_id: self.id.clone(),
        }
    }
}

impl Digest {
    /// Returns the message attributes, for subscription filters.
    fn attributes(&self) -> BTreeMap<String, Attribute> {
        let packs = self.packs().into_iter().map(ToString::to_string).collect();
        BTreeMap::from([
            (
                "appeared".to_owned(),
                Attribute::Number(self.totals.appeared),
            ),
            ("cleared".to_owned(), Attribute::Number(self.totals.cleared)),
            ("open".to_owned(), Attribute::Number(self.totals.open_total)),
            ("packs".to_owned(), Attribute::Strings(packs)),
            (
                "regions".to_owned(),
                Attribute::Strings(
                    self.regions()
                        .into_iter()
                        .map(ToString::to_string)
                        .collect(),
                ),
            ),
        ])
    }
}
