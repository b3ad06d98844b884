//! The JSON of an event about one cause.

use jiff::Timestamp;
use serde::Serialize;

use super::fields::{Links, is_false};
use super::group::GroupDocument;
use super::json::to_json;
use super::room::LIST_LIMITS;
use crate::ledger::NotifiedCause;
use crate::model::{GroupId, schema_of};
use crate::notify::digest::contents::{Digest, DigestKind};
use crate::report::{Group, SCHEMA_VERSION};

/// The event. Incident tools match it to an incident by `dedup_key` and `event_action`.
#[derive(Serialize, schemars::JsonSchema)]
struct CauseDocument<'a> {
    schema_version: u32,
    #[serde(skip_serializing_if = "is_false")]
    test: bool,
    dedup_key: String,
    event_action: &'static str,
    group: GroupDocument<'a>,
    digest_id: &'a str,
    created_at: Timestamp,
    label: Option<&'a str>,
    links: Links,
}

/// What an event does to an incident.
#[derive(Clone, Copy)]
pub(in crate::notify::digest) struct IncidentChange<'a> {
    /// The label in the key of the incident.
    pub label: Option<&'a str>,
    /// The end of the key.
    pub cause: &'a str,
    /// `trigger` or `resolve`.
    pub action: &'static str,
}

/// Returns the event about a group, with lists that fit into `max_bytes`.
pub(in crate::notify::digest) fn cause(
    digest: &Digest,
    group: &Group,
    change: IncidentChange<'_>,
    max_bytes: usize,
) -> String {
    let mut json = String::new();
    for limit in LIST_LIMITS {
        let group = GroupDocument::of(group, limit);
        json = to_json(&document(digest, group, change));
        if json.len() <= max_bytes {
            break;
        }
    }
    json
}

/// Returns the event about the end of a cause that has no failures left.
pub(in crate::notify::digest) fn ended_cause(
    digest: &Digest,
    group_id: GroupId,
    cause: &NotifiedCause,
    change: IncidentChange<'_>,
) -> String {
    let group = GroupDocument::ended(group_id, cause, digest.as_of);
    to_json(&document(digest, group, change))
}

fn document<'a>(
    digest: &'a Digest,
    group: GroupDocument<'a>,
    change: IncidentChange<'_>,
) -> CauseDocument<'a> {
    // Without a label, the key has the word that subjects begin with in its place.
    let label = change.label.unwrap_or("packwatch");
    CauseDocument {
        schema_version: SCHEMA_VERSION,
        test: digest.kind == DigestKind::Test,
        dedup_key: format!("packwatch/{label}/{}", change.cause),
        event_action: change.action,
        group,
        digest_id: &digest.id,
        created_at: digest.created_at,
        label: digest.label.as_deref(),
        links: Links::of(digest),
    }
}

/// Returns the JSON schema of the event.
pub(in crate::notify::digest) fn cause_schema() -> schemars::Schema {
    schema_of::<CauseDocument<'static>>("packwatch cause")
}
