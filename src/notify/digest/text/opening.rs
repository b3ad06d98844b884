//! The first sentences of the text, which say the whole.

use std::collections::BTreeSet;

use super::layout::{INDENT, paragraph};
use crate::ledger::GapResolution;
use crate::notify::digest::account_label::shortened;
use crate::notify::digest::contents::{Digest, DigestKind, DryRunNote, Tally};
use crate::notify::digest::gap_groups::{GapGroup, gap_groups};
use crate::notify::digest::phrases::{age, listed, since, subjects};
use crate::report::{GroupEvent, counted, sanitize};

/// Maximum number of names in a list of the scope.
const MAX_NAMES: usize = 5;

/// Returns the opening: what the text is, and the current state.
pub(super) fn opening(digest: &Digest) -> Vec<Vec<String>> {
    opening_sentences(digest)
        .into_iter()
        .map(|sentences| paragraph(INDENT, &sentences.join(" ")))
        .collect()
}

/// Returns the paragraphs of the opening, each as its sentences.
pub(in crate::notify::digest) fn opening_sentences(digest: &Digest) -> Vec<Vec<String>> {
    [about_text(digest), sentences(digest)]
        .into_iter()
        .filter(|sentences| !sentences.is_empty())
        .collect()
}

/// Returns what the text is, if it is not simply a digest.
fn about_text(digest: &Digest) -> Vec<String> {
    let mut sentences = Vec::new();
    if digest.kind == DigestKind::Test {
        sentences.push("TEST of packwatch: the failure below is invented.".to_owned());
    }
    sentences.extend(digest.note.clone());
    match digest.dry_run {
        Some(DryRunNote::WouldBeSent) => {
            sentences.push("DRY RUN: a run would send this digest now.".to_owned());
        }
        Some(DryRunNote::State) => sentences.push(
            "DRY RUN: a run would send no digest now. This is what packwatch knows.".to_owned(),
        ),
        None => {}
    }
    if let Some(scope) = &digest.scope {
        let mut parts = vec![
            format!("packs {}", some_of(&scope.packs)),
            format!("regions {}", some_of(&scope.regions)),
        ];
        if !scope.accounts.is_empty() {
            parts.push(format!("accounts {}", some_of(&scope.accounts)));
        }
        sentences.push(format!("This run looked only at: {}.", parts.join("; ")));
    }
    sentences
}

fn some_of(items: impl IntoIterator<Item = impl ToString, IntoIter: ExactSizeIterator>) -> String {
    let items = items.into_iter();
    let more = items.len().saturating_sub(MAX_NAMES);
    let shown = items.take(MAX_NAMES).map(|item| {
        let text = sanitize(&item.to_string());
        shortened(&text, 40)
    });
    match more {
        0 => listed(shown),
        more => format!("{} and {more} more", listed(shown)),
    }
}

/// Returns the sentences about the current state.
fn sentences(digest: &Digest) -> Vec<String> {
    let mut sentences = Vec::new();
    if digest.kind == DigestKind::Test {
        // Without a ledger, the real state is unknown.
        if digest.run_id.is_some() {
            sentences.push(format!("The real state: {}", state(digest)));
        }
        return sentences;
    }
    if digest.first_look || digest.kind.lists_everything() {
        sentences.push(watching(digest));
        sentences.push(state(digest));
    } else {
        sentences.extend(changes(digest));
    }
    if digest.first_look {
        sentences.push("From now on, you are notified of changes.".to_owned());
    }
    sentences
}

/// Returns what is watched.
fn watching(digest: &Digest) -> String {
    let packs = digest.pack_names().len();
    let filled = digest.watched.iter().filter(|(_, packs)| !packs.is_empty());
    let regions: BTreeSet<_> = filled.map(|(source, _)| &source.region).collect();
    if packs == 0 && digest.scope.is_some() {
        return "It found no packs.".to_owned();
    }
    if packs == 0 {
        return "packwatch sees no packs.".to_owned();
    }
    let places = match regions.len() {
        0..=3 => listed(regions),
        many => counted(many, "region"),
    };
    format!("packwatch watches {} in {places}.", counted(packs, "pack"))
}

/// Returns how many accounts fail, or that none does.
fn state(digest: &Digest) -> String {
    let failing = &digest.tallies.failing;
    if failing.failures > 0 {
        return format!(
            "{} {} in {}, due to {}.{}",
            subjects(failing.accounts, failing.packs_themselves),
            verb(failing, "fails", "fail"),
            counted(failing.packs, "pack"),
            counted(failing.causes, "cause"),
            unread(digest)
        );
    }
    if !digest.sees_everything() {
        let emptied = emptied(digest).map_or_else(String::new, |text| format!(" {text}"));
        return format!("No failure is known.{}{emptied}", unread(digest));
    }
    if digest.pack_names().is_empty() {
        return "Without packs, packwatch cannot see failures.".to_owned();
    }
    let mut parts = Vec::new();
    if digest.pending.failures > 0 {
        parts.push(format!("{} pending", digest.pending.failures));
    }
    if digest.muted.failures > 0 {
        parts.push(format!("{} muted", digest.muted.failures));
    }
    if digest.ignored > 0 {
        parts.push(format!("{} ignored", digest.ignored));
    }
    if parts.is_empty() {
        "Nothing fails, and everything was read.".to_owned()
    } else {
        format!("No failure is due: {}.", parts.join(", "))
    }
}

fn verb<'a>(tally: &Tally, one: &'a str, many: &'a str) -> &'a str {
    if tally.accounts + tally.packs_themselves == 1 {
        one
    } else {
        many
    }
}

/// Returns what could not be read, as a sentence with a space before it.
fn unread(digest: &Digest) -> String {
    let groups = gap_groups(digest);
    let lasting: Vec<String> = groups
        .iter()
        .filter(|group| group.end.is_none())
        .map(|group| {
            format!(
                "{} since {}",
                group.subject(),
                since(group.since, digest.created_at)
            )
        })
        .collect();
    match lasting.as_slice() {
        [] => String::new(),
        [one] => format!(" There has been no data from {one}."),
        [one, more @ ..] => format!(
            " There has been no data from {one}, and from {} more below.",
            more.len()
        ),
    }
}

/// Returns what has changed, and what has not.
fn changes(digest: &Digest) -> Vec<String> {
    let mut sentences = Vec::new();
    let appeared = digest.tally(GroupEvent::Appeared);
    if appeared.failures > 0 {
        let mut groups = digest.groups_with(GroupEvent::Appeared);
        let verb = if groups.all(|group| group.was_muted == group.failures) {
            let verb = verb(appeared, "fails", "fail");
            format!("{verb} now that a mute has ended")
        } else {
            "began to fail".to_owned()
        };
        let causes = counted(appeared.causes, "cause");
        sentences.push(if appeared.accounts == 0 {
            let packs = counted(appeared.packs_themselves, "pack");
            format!("{packs} {verb}, due to {causes}; AWS Config names no account.")
        } else {
            let who = subjects(appeared.accounts, appeared.packs_themselves);
            format!(
                "{who} {verb} in {}, due to {causes}.",
                counted(appeared.packs, "pack")
            )
        });
    }
    let reminders = digest.tally(GroupEvent::Reminder);
    if reminders.failures > 0 {
        let since = reminders.since.unwrap_or(digest.created_at);
        let age = age(since, digest.created_at);
        let who = subjects(reminders.accounts, reminders.packs_themselves);
        sentences.push(if reminders.failures == 1 {
            let verb = verb(reminders, "fails", "fail");
            format!("{who} still {verb} after {age}.")
        } else {
            let verb = verb(reminders, "fails", "fail");
            format!("{who} still {verb}, for up to {age}.")
        });
    }
    sentences.extend(recovered(digest));
    sentences.extend(emptied(digest));
    let groups = gap_groups(digest);
    let read = groups
        .iter()
        .filter(|group| group.end == Some(GapResolution::Read));
    let read: Vec<String> = read.map(GapGroup::subject).collect();
    if !read.is_empty() {
        sentences.push(format!("There is data again from {}.", listed(read)));
    }
    let unwatched = digest.records.unwatched.total;
    if unwatched > 0 {
        sentences.push(format!("{} no longer watched.", are(unwatched, "failure")));
    }
    let unread = unread(digest);
    if !unread.is_empty() {
        sentences.push(unread.trim_start().to_owned());
    }
    let before = digest.tally(GroupEvent::Open);
    if before.failures > 0 {
        let who = subjects(before.accounts, before.packs_themselves);
        let is_unconfirmed = groups
            .iter()
            .any(|group| group.end.is_none() && group.failures > 0);
        let verb = verb(before, "fails", "fail");
        sentences.push(if is_unconfirmed {
            format!("{who} failed when last read.")
        } else if digest.recoveries.partial_count() > 0 {
            // Accounts that recovered in part are among them.
            format!("In all, {who} still {verb}.")
        } else {
            format!("{who} {verb} as before.")
        });
    } else if digest.sees_everything()
        && digest.scope.is_none()
        && digest.pending.failures + digest.muted.failures + digest.ignored == 0
    {
        sentences.push(
            if appeared.failures + reminders.failures > 0 {
                "Nothing else fails."
            } else {
                "Nothing fails now."
            }
            .to_owned(),
        );
    }
    sentences
}

/// Returns how many accounts recovered. An account that still fails elsewhere has recovered in part
/// only.
fn recovered(digest: &Digest) -> Vec<String> {
    let cleared = digest.tally(GroupEvent::Cleared);
    let complete = digest.recoveries.complete;
    let partial = digest.recoveries.partial_count();
    let mut sentences = Vec::new();
    if cleared.failures == 0 {
        return sentences;
    }
    if complete > 0 || partial == 0 {
        let size = subjects(complete, cleared.packs_themselves);
        let verb = if complete + cleared.packs_themselves == 1 {
            "no longer fails"
        } else {
            "no longer fail"
        };
        sentences.push(format!("{size} {verb}."));
    }
    if partial > 0 {
        let verb = if partial == 1 { "fails" } else { "fail" };
        sentences.push(format!(
            "{} recovered in part and still {verb} elsewhere.",
            counted(partial, "account")
        ));
    }
    sentences
}

/// Returns which sources have lost their packs.
fn emptied(digest: &Digest) -> Option<String> {
    let regions = digest.emptied_sources().map(|record| &record.source.region);
    let regions: BTreeSet<_> = regions.collect();
    (!regions.is_empty()).then(|| format!("There are no longer any packs in {}.", listed(regions)))
}

fn are(number: usize, noun: &str) -> String {
    let verb = if number == 1 { "is" } else { "are" };
    format!("{} {verb}", counted(number, noun))
}
