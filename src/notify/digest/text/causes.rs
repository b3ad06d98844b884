//! The entries of the text for groups of failures: what each says about accounts, packs, times, the
//! message of AWS and what to do.

use super::layout::{
    COLUMNS, INDENT, INNER_INDENT, labeled, labeled_command, list, paragraph, unwrapped,
};
use super::room::{Entry, Piece};
use crate::model::Resolution;
use crate::notify::digest::account_label::{AccountLabel, is_plain};
use crate::notify::digest::contents::Digest;
use crate::notify::digest::phrases::{
    capitalized, listed, packs_in_short, packs_of, since, subjects, time,
};
use crate::report::{Group, counted, duration, sanitize_line};

/// Maximum number of accounts in a list.
const MAX_ACCOUNTS: usize = 10;

/// Maximum number of accounts in the list of a group of failures that ended.
const MAX_ACCOUNTS_ENDED: usize = 4;

/// Number of accounts that every group shows before any shows more.
const FIRST_ACCOUNTS: usize = 3;

/// Numbers of characters of a message that are shown of its start and of its end.
const MESSAGE_ENDS: (usize, usize) = (150, 90);

/// The same for a known cause, about which the action says more than the message.
const KNOWN_MESSAGE_ENDS: (usize, usize) = (100, 60);

/// Returns the entry of a group of failing accounts, with all details.
pub(super) fn failing(state: &str, group: &Group, digest: &Digest) -> Entry {
    let since = since(group.since, digest.created_at);
    let remarks = remarks(group);
    let mut pieces = Vec::new();
    if is_in_heading(group, digest) {
        let text = format!("{since} in {}{remarks}", listed(&group.regions));
        pieces.extend([piece(2, Vec::new()), piece(3, labeled("Since", &text))]);
    } else {
        let place = place(group, digest);
        pieces.extend([
            piece(2, labeled("Where", &place)),
            piece(3, labeled("Since", &format!("{since}{remarks}"))),
        ]);
    }
    pieces.push(piece(5, to_do(group)));
    let message = message(group).map(|message| piece(4, labeled("AWS", &message)));
    let first_accounts = piece(1, accounts(group, FIRST_ACCOUNTS));
    // An action that refers to the message is of no use without it.
    let (needed, message) = match message {
        Some(message) if group.cause.action.contains("the message") => (Some(message), None),
        message => (None, message),
    };
    pieces.extend(needed);
    pieces.push(first_accounts);
    pieces.push(piece(6, labeled("Group", &group.group_id.to_string())));
    pieces.extend(more(group, digest));
    if group.accounts.len() > FIRST_ACCOUNTS {
        pieces.push(piece(1, accounts(group, MAX_ACCOUNTS)));
    }
    pieces.extend(message);
    Entry {
        heading: heading(state, group, digest),
        pieces,
        accounts: group.accounts.len(),
    }
}

/// Returns the overview of a group: one line, or two if its title and names are long.
pub(super) fn heading(state: &str, group: &Group, digest: &Digest) -> Vec<String> {
    let (title, packs) = (title(group), packs_in_short(group, digest));
    let heading = |size: &str| paragraph(INDENT, &format!("{state} {title}: {size}, {packs}"));
    let without_total = heading(&subjects(group.accounts.len(), group.packs_themselves));
    let with_total = heading(&size(group, digest));
    // One line matters more than the total.
    if without_total.len() < with_total.len() {
        without_total
    } else {
        with_total
    }
}

/// Returns whether the heading names the packs, and there is only one region and one caller.
fn is_in_heading(group: &Group, digest: &Digest) -> bool {
    let is_named = group.packs.len() == 1 || digest.are_all_packs(&group.packs, &group.regions);
    is_named && group.regions.len() == 1 && !names_callers(group, digest)
}

/// Returns whether there are several callers.
fn names_callers(group: &Group, digest: &Digest) -> bool {
    let mut watched = digest.watched.keys();
    group.callers.len() > 1 || watched.any(|source| !group.callers.contains(&source.caller))
}

/// Returns the title of a group: short, because it shares a line with the numbers.
pub(super) fn title(group: &Group) -> String {
    capitalized(&group.cause.short_title)
}

/// Returns the number of accounts, with the total if it is exact.
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
    if names_callers(group, digest) {
        let callers = group.callers.iter().map(|caller| {
            let view = digest.callers.get(caller);
            let label = view.map(|view| AccountLabel::new(caller, view).entry(COLUMNS));
            label.unwrap_or_else(|| caller.to_string())
        });
        place.extend([", deployed from ", &listed(callers)]);
    }
    place
}

/// Returns what else there is to know about the beginning of a group, each after a semicolon.
pub(in crate::notify::digest) fn remarks(group: &Group) -> String {
    let mut remarks = String::new();
    if group.was_muted > 0 {
        remarks.push_str(if group.was_muted == group.failures {
            "; no longer muted"
        } else {
            "; some are no longer muted"
        });
    }
    if group.cause_changed > 0 {
        remarks.push_str("; cause changed");
    }
    if group.pending > 0 {
        remarks.push_str(if group.pending == group.failures {
            "; pending, not notified yet"
        } else {
            "; some are pending, not notified yet"
        });
    }
    remarks
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
        unwrapped(INNER_INDENT, &sanitize_line(&label))
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
    let limits = if group.cause.unknown {
        MESSAGE_ENDS
    } else {
        KNOWN_MESSAGE_ENDS
    };
    Some(ends(&text, limits))
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

/// Returns what to do. For an unknown cause, it is the command that shows more.
fn to_do(group: &Group) -> Vec<String> {
    match &group.example {
        Some(example) if group.cause.unknown => {
            let text = format!("To see why, run this in account {}:", example.account);
            let mut lines = labeled("To do", &text);
            lines.push(unwrapped(INNER_INDENT, &example.command()));
            lines
        }
        _ => labeled("To do", &group.cause.action),
    }
}

/// Returns the command that shows more, and the link to the account.
fn more(group: &Group, digest: &Digest) -> Vec<Piece> {
    let Some(example) = &group.example else {
        return Vec::new();
    };
    let mut pieces = Vec::new();
    if group.accounts.len() <= 1 && !group.cause.unknown {
        pieces.push(piece(7, labeled_command("More", &example.command())));
    }
    if let Some(link) = digest.link_target.config(&example.account, &example.region) {
        pieces.push(piece(8, labeled_command("Open", &link)));
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
            format!("{title}: {packs}; the failing accounts are listed above"),
        ),
        Resolution::Unwatched => ("NO LONGER WATCHED", format!("{title}: {size}, {packs}")),
    };
    let mut times = format!("from {}", time(group.since, digest.created_at));
    if let Some(until) = group.until {
        let lasted = duration(until.duration_since(group.since));
        times.extend([" to ", &time(until, digest.created_at), " (", &lasted, ")"]);
    }
    let not_cleared = match resolution {
        Resolution::Unwatched => "Not cleared: the settings no longer cover it. ",
        _ => "",
    };
    let regions = listed(&group.regions);
    let place = if is_in_heading(group, digest) {
        regions
    } else {
        place(group, digest)
    };
    let text = if resolution == Resolution::Attributed {
        let since = time(group.since, digest.created_at);
        format!(
            "Not fixed: the pack itself has failed in {place} since {since}, because of the accounts above."
        )
    } else {
        format!("{not_cleared}Failed in {place} {times}.")
    };
    let mut pieces = vec![piece(2, paragraph(INNER_INDENT, &text))];
    let shown = group.accounts.iter().take(MAX_ACCOUNTS_ENDED);
    let shown: Vec<String> = shown
        .map(|(id, view)| AccountLabel::new(id, view).entry(COLUMNS - INNER_INDENT - 1))
        .collect();
    if !shown.is_empty() {
        let ending = match group.accounts.len() - shown.len() {
            0 => String::new(),
            more => format!("and {more} more"),
        };
        pieces.push(piece(3, list(INNER_INDENT, &shown, &ending)));
    }
    Entry {
        heading: paragraph(INDENT, &format!("{state} {words}")),
        pieces,
        accounts: group.accounts.len(),
    }
}

/// Returns the line of a group that the receiver was notified of before.
pub(super) fn reported_before(group: &Group, digest: &Digest) -> Vec<String> {
    let changed = if group.cause_changed > 0 {
        "; cause changed"
    } else {
        ""
    };
    let size = size(group, digest);
    let packs = packs_in_short(group, digest);
    let title = title(group);
    // The account to look at, if it fits on the line.
    let only = group.accounts.first_key_value();
    let only = only.filter(|_| group.accounts.len() == 1 && group.packs_themselves == 0);
    let who = only.map_or_else(String::new, |(id, view)| {
        let name = AccountLabel::new(id, view).name();
        match name.filter(|name| is_plain(name)) {
            Some(name) => format!(" ({id} {name})"),
            None => format!(" ({id})"),
        }
    });
    let regions = match group.regions.len() {
        1 => format!(" in {}", listed(&group.regions)),
        _ => String::new(),
    };
    let text = format!("{title}: {size}{who}, {packs}{regions}{changed}");
    paragraph(INNER_INDENT, &text)
}

fn piece(position: u8, lines: Vec<String>) -> Piece {
    Piece { position, lines }
}
