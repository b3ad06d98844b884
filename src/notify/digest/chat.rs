//! The body for the chat topic: Amazon Q Developer's [custom
//! notification](https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html), the
//! only form that it does not drop.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Serialize;

use super::contents::Digest;
use super::grouping::{FailureGroup, group_by_cause};
use super::sanitize::sanitize;
use super::text;
use super::text_layout;

/// The service cuts longer descriptions; ours ends where it chooses to.
const DESCRIPTION: usize = 6_000;
const LIST: usize = 10;

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
                .take(LIST)
                .collect(),
            keywords: packs
                .iter()
                .take(LIST)
                .map(|pack| sanitize(pack.as_str()))
                .collect(),
        },
        metadata: Metadata {
            thread_id: thread,
            summary: &subject,
            event_type: "packwatch digest",
            related_resources: digest
                .snapshot
                .iter()
                .map(super::snapshot_address::SnapshotAddress::uri)
                .collect(),
            additional_context: BTreeMap::from([
                ("appeared", digest.totals.appeared.to_string()),
                ("cleared", digest.totals.cleared.to_string()),
                ("digest_id", digest.id.clone()),
                ("open", digest.totals.open_all.to_string()),
                ("sequence", digest.sequence.to_string()),
            ]),
        },
    };
    serde_json::to_string(&notification).unwrap_or_default()
}

fn description(digest: &Digest, groups: &[FailureGroup<'_>]) -> String {
    let mut description = String::new();
    let mut left_out = 0;
    let accounts = groups.iter().filter(|group| !group.accounts.is_empty());
    let accounts = accounts.map(|group| {
        format!(
            "{}: {}",
            group.name(),
            text_layout::accounts_listed(&group.accounts)
        )
    });
    for line in text::summary(digest, groups)
        .into_iter()
        .chain(accounts)
        .map(|line| sanitize(&line))
    {
        if description.len() + line.len() < DESCRIPTION {
            description.push_str(&line);
            description.push('\n');
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        let _ = writeln!(description, "and {left_out} more");
    }
    if let Some(address) = &digest.snapshot {
        let _ = write!(description, "[Snapshot]({})", address.console());
    }
    description
}
