//! The message body for the chat topic: a [custom
//! notification](https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html) of Amazon
//! Q Developer, which drops messages of any other form.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Serialize;

use super::contents::Digest;
use super::grouping::{FailureGroup, group_by_cause};
use super::sanitize::{sanitize, sanitize_line};
use super::snapshot_address::SnapshotAddress;
use super::{text, text_layout};

/// Maximum size of the description. The service truncates longer ones; a limit here ends the text
/// at a line, with the number of lines left out.
const MAX_DESCRIPTION_BYTES: usize = 6_000;

/// Maximum number of next steps and of keywords.
const MAX_LIST_ITEMS: usize = 10;

#[derive(Serialize)]
struct Notification<'a> {
    version: &'static str,
    source: &'static str,
    id: &'a str,
    content: Content<'a>,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    text_type: &'static str,
    title: &'a str,
    description: String,
    next_steps: BTreeSet<&'static str>,
    keywords: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    thread_id: String,
    summary: &'a str,
    event_type: &'static str,
    related_resources: Vec<String>,
    additional_context: BTreeMap<&'static str, String>,
}

/// Returns the body as JSON.
pub(super) fn body(digest: &Digest) -> String {
    let subject = digest.subject();
    let packs = digest.packs();
    let label = digest
        .label
        .as_ref()
        .map_or_else(String::new, |label| format!("-{label}"));
    let thread = match packs.iter().next() {
        Some(pack) if packs.len() == 1 => format!("packwatch{label}-{}", sanitize(pack.as_str())),
        _ => format!("packwatch{label}"),
    };
    let groups = group_by_cause(&digest.appeared);
    let notification = Notification {
        version: "1.0",
        source: "custom",
        id: &digest.id,
        content: Content {
            text_type: "client-markdown",
            title: &subject,
            description: description(digest, &groups),
            next_steps: groups
                .iter()
                .filter_map(FailureGroup::remediation)
                .take(MAX_LIST_ITEMS)
                .collect(),
            keywords: packs
                .iter()
                .take(MAX_LIST_ITEMS)
                .map(|pack| sanitize(pack.as_str()))
                .collect(),
        },
        metadata: Metadata {
            thread_id: thread,
            summary: &subject,
            event_type: "packwatch digest",
            related_resources: digest.snapshot.iter().map(SnapshotAddress::uri).collect(),
            additional_context: BTreeMap::from([
                ("appeared", digest.totals.appeared.to_string()),
                ("cleared", digest.totals.cleared.to_string()),
                ("digest_id", digest.id.clone()),
                ("open", digest.open.to_string()),
                ("sequence", digest.sequence.to_string()),
            ]),
        },
    };
    serde_json::to_string(&notification).unwrap_or_default()
}

/// Returns the short body for a topic that refuses the content of [`body`].
pub(super) fn last_form(digest: &Digest) -> String {
    let snapshot = digest.snapshot.as_ref().map(SnapshotAddress::uri);
    let notification = serde_json::json!({
        "version": "1.0",
        "source": "custom",
        "id": digest.id,
        "content": {
            "textType": "client-markdown",
            "title": digest.subject(),
            "description": format!(
                "The details are too large for this topic. Snapshot: {}",
                snapshot.as_deref().unwrap_or("none"),
            ),
        },
    });
    notification.to_string()
}

/// Returns the overview, the accounts of each group, and the link to the snapshot.
fn description(digest: &Digest, groups: &[FailureGroup<'_>]) -> String {
    let mut description = String::new();
    let mut omitted = 0;
    let accounts = groups.iter().filter(|group| !group.accounts.is_empty());
    let accounts = accounts.map(|group| {
        format!(
            "{}: {}",
            group.name(),
            text_layout::account_list(&group.accounts)
        )
    });
    for line in text::summary(digest, groups)
        .into_iter()
        .chain(accounts)
        .map(|line| sanitize_line(&line))
    {
        if description.len() + line.len() < MAX_DESCRIPTION_BYTES {
            description.push_str(&line);
            description.push('\n');
        } else {
            omitted += 1;
        }
    }
    if omitted > 0 {
        let _ = writeln!(description, "and {omitted} more");
    }
    if let Some(address) = &digest.snapshot {
        let _ = write!(description, "[Snapshot]({})", address.console());
    }
    description
}
