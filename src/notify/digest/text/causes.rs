//! The entries of the text for groups of failures: what each says about accounts, packs, times, the
//! message of AWS and what to do.

use super::layout::{COLUMNS, INDENT, INNER_INDENT, labelled, list, paragraph, unwrapped};
use super::room::{Entry, Piece};
use crate::model::Resolution;
use crate::notify::digest::account_label::{AccountLabel, shortened};
use crate::notify::digest::contents::Digest;
use crate::notify::digest::phrases::{
    capitalized, counted, duration, listed, packs_in_short, packs_of, since, subjects, time,
};
use crate::report::Group;

/// Maximum number of accounts in a list.
const MAX_ACCOUNTS: usize = 10;

/// Number of accounts that every group shows before any shows more.
const FIRST_ACCOUNTS: usize = 3;

/// Numbers of characters of a message that are shown of its start and of its end.
const MESSAGE_ENDS: (usize, usize) = (150, 90);

/// Returns the entry of a group of failing accounts, with all details.
pub(super) fn failing(state: &str, group: &Group, digest: &Digest) -> Entry {
    let mut pieces = vec![
        piece(2, labelled("Where", &place(group, digest))),
        piece(3, labelled("Since", &began(group, digest))),
        piece(5, to_do(group)),
        piece(1, accounts(group, FIRST_ACCOUNTS)),
    ];
    if let Some(message) = message(group) {
        pieces.push(piece(4, labelled("AWS", &message)));
    }
    if group.accounts.len() > FIRST_ACCOUNTS {
        pieces.push(piece(1, accounts(group, MAX_ACCOUNTS)));
    }
    pieces.push(piece(6, labelled("Group", &group.group_id.to_string())));
    pieces.extend(more(group, digest));
    Entry {
        heading: heading(state, group, digest),
        pieces,
        accounts: group.accounts.len(),
    }
}

/// Returns the one-line overview of a group.
pub(super) fn heading(state: &str, group: &Group, digest: &Digest) -> Vec<String> {
    let size = size(group, digest);
    let packs = packs_in_short(group, digest);
    let state = if state.is_empty() {
        String::new()
    } else {
        format!("{state}  ")
    };
    let line = |title: &str| format!("{state}{title}: {size}, {packs}");
    let title = title(group);
    let too_long = (INDENT + line(&title).chars().count()).saturating_sub(COLUMNS);
    let kept = title.chars().count().saturating_sub(too_long + 4);
    let title = match too_long {
        0 => title,
        _ if kept >= 12 => shortened(&title, kept),
        _ => title,
    };
    paragraph(INDENT, &line(&title))
}

/// Returns the title of a group: short, because it shares a line with the numbers.
pub(super) fn title(group: &Group) -> String {
    capitalized(&group.cause.short_title)
}

/// Returns the number of accounts, of how many where that is exact.
pub(in crate::notify::digest) fn size(group: &Group, digest: &Digest) -> String {
    let size = subjects(group.accounts.len(), group.packs_themselves);
    let members = group
        .only_pack
        .as_ref()
        .filter(|_| group.packs_themselves == 0);
    match members.and_then(|pack| digest.members.get(pack)) {
        Some(total) if *total > 1 => {
            format!("{} of {}", group.accounts.len(), counted(*total, "account"))
        }
        _ => size,
    }
}

/// Returns the packs and regions of a group, and the callers where there are several.
fn place(group: &Group, digest: &Digest) -> String {
    let mut place = format!("{} in {}", packs_of(group, digest), listed(&group.regions));
    if digest
        .watched
        .keys()
        .any(|source| !group.callers.contains(&source.caller))
        || group.callers.len() > 1
    {
        place.push_str(&format!(", deployed from {}", listed(&group.callers)));
    }
    place
}

fn began(group: &Group, digest: &Digest) -> String {
    let mut began = since(group.since, digest.created_at);
    if group.was_muted > 0 {
        began.push_str(if group.was_muted == group.failures {
            "; no longer muted"
        } else {
            "; some were muted until now"
        });
    }
    if group.cause_changed > 0 {
        began.push_str("; cause changed");
    }
    began
}

/// Returns the first accounts, each on a line of its own.
fn accounts(group: &Group, max: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if group.packs_themselves > 0 {
        let text = "AWS Config says that the pack failed, and names no account.";
        lines.extend(paragraph(INNER_INDENT, text));
    }
    let shown = group.accounts.iter().take(max);
    lines.extend(shown.map(|(id, view)| {
        let label = AccountLabel::new(id, view).line(COLUMNS - INNER_INDENT);
        unwrapped(INNER_INDENT, &crate::report::sanitize_line(&label))
    }));
    if group.accounts.len() > max {
        let more = group.accounts.len() - max;
        lines.push(unwrapped(INNER_INDENT, &format!("and {more} more")));
    }
    lines
}

/// Returns the code and the message of AWS, of a long message both ends.
fn message(group: &Group) -> Option<String> {
    let text = match (&group.error_code, &group.error_message) {
        (None, None) => return None,
        (Some(code), None) => code.clone(),
        (None, Some(message)) => message.clone(),
        (Some(code), Some(message)) => format!("{code}: {message}"),
    };
    Some(ends(&text, MESSAGE_ENDS))
}

/// Returns a text with an ellipsis in the middle if it is longer than its two ends.
pub(super) fn ends(text: &str, (first, last): (usize, usize)) -> String {
    let length = text.chars().count();
    if length <= first + last + 5 {
        return text.to_owned();
    }
    let head: String = text.chars().take(first).collect();
    let tail: String = text.chars().skip(length - last).collect();
    // Both are cut at words.
    let head = head
        .rsplit_once(' ')
        .map_or(head.as_str(), |(head, _)| head);
    let tail = tail.split_once(' ').map_or(tail.as_str(), |(_, tail)| tail);
    format!("{head} ... {tail}")
}

/// Returns what to do. About an unknown cause, it is the command that shows more.
fn to_do(group: &Group) -> Vec<String> {
    match &group.example {
        Some(example) if group.cause.unknown => {
            let text = format!("See why, in account {}:", example.account);
            let mut lines = labelled("To do", &text);
            lines.push(unwrapped(INNER_INDENT, &example.command()));
            lines
        }
        _ => labelled("To do", &group.cause.action),
    }
}

/// Returns the command that shows more, and the link to the account.
fn more(group: &Group, digest: &Digest) -> Vec<Piece> {
    let Some(example) = &group.example else {
        return Vec::new();
    };
    let mut pieces = Vec::new();
    if group.accounts.len() <= 1 && !group.cause.unknown {
        pieces.push(piece(
            7,
            vec![
                unwrapped(INNER_INDENT, "More, in that account:"),
                unwrapped(INNER_INDENT, &example.command()),
            ],
        ));
    }
    if let Some(link) = digest.link_target.config(&example.account, &example.region) {
        pieces.push(piece(
            8,
            vec![
                unwrapped(INNER_INDENT, &format!("AWS Config in {}:", example.account)),
                unwrapped(INNER_INDENT, &link),
            ],
        ));
    }
    pieces
}

/// Returns the entry of a group of failures that ended.
pub(super) fn ended(group: &Group, digest: &Digest) -> Entry {
    let resolution = group.resolution.unwrap_or(Resolution::Recovered);
    let size = subjects(group.accounts.len(), group.packs_themselves);
    let packs = packs_in_short(group, digest);
    let title = title(group);
    let (state, words) = match resolution {
        Resolution::Recovered => ("CLEARED", format!("{title}: {size}, {packs}")),
        Resolution::AccountRemoved => ("CLEARED", format!("{title}: {size} no longer in {packs}")),
        Resolution::PackRemoved => ("CLEARED", format!("{title}: {size}, pack deleted: {packs}")),
        Resolution::Attributed => (
            "EXPLAINED",
            format!("{title}: {packs} fails in accounts, listed above"),
        ),
        Resolution::Unwatched => ("NO LONGER WATCHED", format!("{title}: {size}, {packs}")),
    };
    let mut times = format!("{} ", time(group.since, digest.created_at));
    if let Some(until) = group.until {
        let lasted = duration(until.duration_since(group.since));
        times.push_str(&format!("to {} ({lasted})", time(until, digest.created_at)));
    }
    let verb = match resolution {
        Resolution::Unwatched => "Not cleared: the settings no longer cover it. It failed from",
        _ => "Failed from",
    };
    let mut pieces = vec![
        piece(
            2,
            paragraph(INNER_INDENT, &format!("{verb} {}", times.trim_end())),
        ),
        piece(1, paragraph(INNER_INDENT, &place(group, digest))),
    ];
    let shown = group.accounts.iter().take(MAX_ACCOUNTS);
    let shown: Vec<String> = shown
        .map(|(id, view)| AccountLabel::new(id, view).with_max_name(28).to_string())
        .collect();
    if !shown.is_empty() {
        let ending = match group.accounts.len() - shown.len() {
            0 => String::new(),
            more => format!("and {more} more"),
        };
        pieces.push(piece(3, list(INNER_INDENT, &shown, &ending)));
    }
    Entry {
        heading: paragraph(INDENT, &format!("{state}  {words}")),
        pieces,
        accounts: group.accounts.len(),
    }
}

/// Returns the line of a group that the receiver was told of before.
pub(super) fn told_before(group: &Group, digest: &Digest) -> Vec<String> {
    let changed = if group.cause_changed > 0 {
        "; cause changed"
    } else {
        ""
    };
    let size = size(group, digest);
    let packs = packs_in_short(group, digest);
    let title = title(group);
    paragraph(INNER_INDENT, &format!("{title}: {size}, {packs}{changed}"))
}

fn piece(position: u8, lines: Vec<String>) -> Piece {
    Piece { position, lines }
}
