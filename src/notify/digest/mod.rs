//! The digest: one notification of one run's changes, worded for people and for programs. Pure: a
//! ledger and pending changes in, a message out.

mod account_label;
mod chat;
mod contents;
mod empty_sources;
mod grouping;
mod json;
mod remediation;
mod sanitize;
mod sanitized;
mod snapshot_address;
mod subject;
mod text;
mod text_layout;

use std::collections::BTreeMap;

pub use contents::Digest;
pub use sanitize::sanitize;
pub use snapshot_address::SnapshotAddress;

use crate::model::{Attribute, SIZE_LIMIT, SnsMessage};

impl Digest {
    /// The subject, for both audiences.
    pub fn subject(&self) -> String {
        subject::subject(self)
    }

    /// The text for people.
    pub fn text(&self) -> String {
        text::text(self)
    }

    /// The request for the digest topic.
    pub fn message(&self) -> SnsMessage {
        let attributes = self.attributes();
        let taken: usize = attributes
            .iter()
            .map(|(name, value)| name.len() + value.data_type().len() + value.value().len())
            .sum();
        SnsMessage {
            subject: self.subject(),
            body: json::body(self, SIZE_LIMIT.saturating_sub(taken)),
            message_structure_json: true,
            attributes,
            deduplication_id: self.id.clone(),
        }
    }

    /// The request for the chat topic.
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
    fn attributes(&self) -> BTreeMap<String, Attribute> {
        let packs = self.packs().into_iter().map(ToString::to_string).collect();
        BTreeMap::from([
            (
                "appeared".to_owned(),
                Attribute::Number(self.totals.appeared),
            ),
            ("cleared".to_owned(), Attribute::Number(self.totals.cleared)),
            ("open".to_owned(), Attribute::Number(self.totals.open_all)),
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
