//! Failures by cause, with what to do about each.

use packwatch::notify::digest::{AccountLabel, capitalized, listed, since, subjects};
use packwatch::report::{Group, counted, sanitize};
use serde_json::{Value, json};

use super::current::Current;
use super::entry::{heading, labeled, unlabeled};
use crate::terminal::ALARM;

/// Maximum number of accounts in a list.
const MAX_ACCOUNTS: usize = 10;

/// Maximum number of packs in a list.
const MAX_PACKS: usize = 4;

/// Maximum number of characters of a message.
const MAX_MESSAGE: usize = 400;

/// Returns one entry for each cause.
pub(super) fn text(current: &Current, width: usize) -> Vec<Vec<String>> {
    let groups = current.groups();
    groups
        .iter()
        .map(|group| entry(group, current, width))
        .collect()
}

fn entry(group: &Group, current: &Current, width: usize) -> Vec<String> {
    let title = capitalized(&group.cause.short_title);
    let text = format!(
        "{title}: {}, {}",
        size(group, current),
        packs_in_short(group)
    );
    let mut lines = heading("FAILING", ALARM, &text, width);
    lines.extend(labeled("Where", &place(group), width));
    let began = since(group.since, current.as_of());
    lines.extend(labeled("Since", &began, width));
    if group.packs_themselves > 0 {
        let text = "AWS Config says that the pack failed, and names no account.";
        lines.extend(labeled("Who", text, width));
    }
    let names: Vec<String> = group
        .accounts
        .iter()
        .take(MAX_ACCOUNTS)
        .map(|(id, view)| AccountLabel::new(id, view).line(width.saturating_sub(9)))
        .collect();
    if let Some((first, others)) = names.split_first() {
        lines.extend(labeled("Who", first, width));
        lines.extend(others.iter().map(|name| unlabeled(name)));
    }
    if group.accounts.len() > MAX_ACCOUNTS {
        let more = group.accounts.len() - MAX_ACCOUNTS;
        lines.push(unlabeled(&format!("and {more} more: --by account")));
    }
    match &group.example {
        Some(example) if group.cause.unknown => {
            let text = format!("To see why, run this in account {}:", example.account);
            lines.extend(labeled("To do", &text, width));
            lines.push(unlabeled(&example.command()));
        }
        _ => lines.extend(labeled("To do", &group.cause.action, width)),
    }
    if let Some(message) = message(group) {
        lines.extend(labeled("AWS", &message, width));
    }
    lines.extend(labeled("Group", &group.group_id.to_string(), width));
    lines
}

/// Returns the number of accounts, with the total if it is exact.
fn size(group: &Group, current: &Current) -> String {
    let total = group
        .only_pack
        .as_ref()
        .filter(|_| group.packs_themselves == 0)
        .and_then(|pack| current.members.get(pack));
    match total {
        Some(total) if *total > 1 => {
            format!("{} of {}", group.accounts.len(), counted(*total, "account"))
        }
        _ => subjects(group.accounts.len(), group.packs_themselves),
    }
}

fn packs_in_short(group: &Group) -> String {
    match (group.packs.len(), group.packs.first()) {
        (1, Some(pack)) => sanitize(pack.as_str()),
        (many, _) => counted(many, "pack"),
    }
}

fn place(group: &Group) -> String {
    let packs = group.packs.iter().take(MAX_PACKS);
    let packs = listed(packs.map(|pack| sanitize(pack.as_str())));
    let more = match group.packs.len().saturating_sub(MAX_PACKS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "{packs}{more} in {}, deployed from {}",
        listed(&group.regions),
        listed(&group.callers)
    )
}

/// Returns the code and the message of AWS.
fn message(group: &Group) -> Option<String> {
    let parts = [&group.error_code, &group.error_message];
    let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
    let text = parts.join(": ");
    match text.char_indices().nth(MAX_MESSAGE) {
        _ if text.is_empty() => None,
        Some((end, _)) => Some(format!("{} ...", text[..end].trim_end())),
        None => Some(text),
    }
}

/// Returns the groups for programs, with the names that the JSON of a digest uses.
pub(super) fn json(current: &Current) -> Value {
    let groups = current.groups();
    groups
        .iter()
        .map(|group| {
            let accounts = group.accounts.iter();
            let accounts: Vec<Value> = accounts
                .map(|(id, view)| json!({"id": id, "name": view.name, "state": view.state}))
                .collect();
            json!({
                "group_id": group.group_id,
                "title": group.cause.title,
                "action": group.cause.action,
                "status": group.status,
                "error_code": group.error_code,
                "error_message": group.error_message,
                "account_count": group.accounts.len(),
                "accounts": accounts,
                "pack_count": group.packs.len(),
                "packs": group.packs,
                "regions": group.regions,
                "callers": group.callers,
                "since": group.since,
                "failures": group.failures,
            })
        })
        .collect()
}
