//! The message body for the digest topic: text for email, the subject for SMS, and JSON for
//! programs, within the size limit of SNS.

use serde::Serialize;

use super::contents::Digest;
use super::document::{document, to_json};
use crate::model::RunTotals;
use crate::report::{ObjectAddress, SCHEMA_VERSION};

/// One message for each protocol, for `MessageStructure: json`.
#[derive(Serialize)]
struct ProtocolMessages<'a> {
    default: &'a str,
    email: &'a str,
    sms: &'a str,
}

/// Returns the body. The JSON is cut to keep the body and the subject within `max_bytes`.
pub(super) fn body(digest: &Digest, max_bytes: usize) -> String {
    let (email, sms) = (digest.text(), digest.subject());
    let protocol_messages = |default: &str| {
        to_json(&ProtocolMessages {
            default,
            email: &email,
            sms: &sms,
        })
    };
    let frame = |default: &str| protocol_messages(default).len() + sms.len();
    protocol_messages(&document(digest, max_bytes, frame))
}

/// The JSON of the last form.
#[derive(Serialize)]
struct LastForm<'a> {
    schema_version: u32,
    kind: &'a str,
    digest_id: &'a str,
    subject: &'a str,
    totals: RunTotals,
    truncated: bool,
    snapshot: Option<String>,
}

/// Returns the short body that every topic accepts.
pub(super) fn last_form(digest: &Digest) -> String {
    let subject = digest.subject();
    let document = LastForm {
        schema_version: SCHEMA_VERSION,
        kind: digest.kind.as_str(),
        digest_id: &digest.id,
        subject: &subject,
        totals: digest.totals,
        truncated: true,
        snapshot: digest.snapshot.as_ref().map(ObjectAddress::uri),
    };
    to_json(&ProtocolMessages {
        default: &to_json(&document),
        email: &subject,
        sms: &subject,
    })
}
