//! The message body for the chat topic: a [custom
//! notification](https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html) of Amazon
//! Q Developer, which drops messages of any other form.
//!
//! The description has only what reads alike in Slack and Teams: plain paragraphs, and addresses on
//! lines of their own.

use std::collections::BTreeMap;

use serde::Serialize;

use super::account_label::AccountLabel;
use super::contents::{Digest, DigestKind};
use super::gap_groups::{GapGroup, gap_groups};
use super::phrases::{
    capitalized, listed, pack_name, packs_before, packs_of, since, source_name, subjects, time,
};
use super::summary_sentences::sentences;
use super::text::{opening_sentences, remarks, size};
use crate::ledger::GapResolution;
use crate::model::Resolution;
use crate::report::{
    EmptySourceRecord, EmptySourceState, Group, GroupEvent, ObjectAddress, counted, sanitize_line,
};

/// Maximum size of the description. The service truncates longer ones; a limit here ends the text
/// at a paragraph, with the number of paragraphs left out.
const MAX_DESCRIPTION_BYTES: usize = 6_000;

/// Maximum number of paragraphs about causes.
const MAX_PARAGRAPHS: usize = 5;

/// Maximum number of sources in a paragraph.
const MAX_SOURCES: usize = 8;

/// Maximum number of accounts in a paragraph.
const MAX_ACCOUNTS: usize = 4;

/// Maximum number of next steps and of keywords.
const MAX_LIST_ITEMS: usize = 10;

#[derive(Serialize)]
struct Notification<'a> {
    version: &'static str,
    source: &'static str,
    id: &'a str,
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Content<'a> {
    text_type: &'static str,
    title: &'a str,
    description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    next_steps: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keywords: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    summary: &'a str,
    event_type: &'static str,
    related_resources: Vec<String>,
    additional_context: BTreeMap<&'static str, String>,
}

/// Returns the body as JSON.
pub(super) fn body(digest: &Digest) -> String {
    let subject = digest.subject();
    let metadata = Metadata {
        summary: &subject,
        event_type: "packwatch digest",
        related_resources: digest.snapshot.iter().map(ObjectAddress::uri).collect(),
        additional_context: BTreeMap::from([
            ("appeared", digest.totals.appeared.to_string()),
            ("cleared", digest.totals.cleared.to_string()),
            ("digest_id", digest.id.clone()),
            ("kind", digest.kind.as_str().to_owned()),
            ("open", digest.open.to_string()),
            ("sequence", digest.sequence.to_string()),
        ]),
    };
    let keywords = digest.packs.iter().take(MAX_LIST_ITEMS);
    notification(
        digest,
        Content {
            text_type: "client-markdown",
            title: &subject,
            description: description(digest),
            next_steps: next_steps(digest),
            keywords: keywords.map(|pack| inert(&pack_name(pack))).collect(),
        },
        Some(metadata),
    )
}

/// Returns the short body for a topic that refuses the content of [`body`].
pub(super) fn last_form(digest: &Digest) -> String {
    let snapshot = digest.snapshot.as_ref().map(ObjectAddress::uri);
    let content = Content {
        text_type: "client-markdown",
        title: &digest.subject(),
        description: format!(
            "The details are too large for this topic. Snapshot: {}",
            snapshot.as_deref().unwrap_or("none"),
        ),
        next_steps: Vec::new(),
        keywords: Vec::new(),
    };
    notification(digest, content, None)
}

fn notification(digest: &Digest, content: Content<'_>, metadata: Option<Metadata<'_>>) -> String {
    let notification = Notification {
        version: "1.0",
        source: "custom",
        id: &digest.id,
        content,
        metadata,
    };
    serde_json::to_string(&notification).unwrap_or_default()
}

/// Returns the paragraphs.
fn description(digest: &Digest) -> String {
    let opening = opening_sentences(digest);
    let mut paragraphs: Vec<String> = opening
        .iter()
        .map(|sentences| sentences.join(" "))
        .collect();
    paragraphs.extend(blind_spots(digest));
    paragraphs.extend(limited(causes(digest)));
    paragraphs.extend(reported_before(digest));
    paragraphs.extend(not_reported(digest));
    paragraphs.extend(sentences(digest));
    let mut ending = vec![format!("As of {}.", time(digest.as_of, digest.created_at))];
    for (name, address) in [("Report", &digest.report), ("Snapshot", &digest.snapshot)] {
        if let Some(address) = address {
            ending.push(format!("{name}:\n{}", digest.link_target.object(address)));
        }
    }
    let room = MAX_DESCRIPTION_BYTES.saturating_sub(ending.iter().map(|part| part.len() + 2).sum());
    let mut description = String::new();
    let mut left_out = 0;
    for paragraph in paragraphs.iter().map(|paragraph| inert(paragraph)) {
        if left_out == 0 && description.len() + paragraph.len() + 40 < room {
            description.push_str(&paragraph);
            description.push_str("\n\n");
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        let more = counted(left_out, "more paragraph");
        description.extend(["And ", &more, ".\n\n"]);
    }
    description.push_str(&ending.join("\n\n"));
    description.trim_end().to_owned()
}

/// Returns the first paragraphs, and the number of the others.
fn limited(mut paragraphs: Vec<String>) -> Vec<String> {
    let more = paragraphs.len().saturating_sub(MAX_PARAGRAPHS);
    if more > 0 {
        paragraphs.truncate(MAX_PARAGRAPHS);
        paragraphs.push(format!("And {}.", counted(more, "more cause")));
    }
    paragraphs
}

fn blind_spots(digest: &Digest) -> Vec<String> {
    let mut paragraphs: Vec<String> = gap_groups(digest)
        .iter()
        .map(|group| gap(group, digest))
        .collect();
    for ((state, had_packs), records) in digest.empty_source_kinds() {
        let names = sources(&records);
        paragraphs.push(match state {
            EmptySourceState::Began | EmptySourceState::Lasting if had_packs => {
                let began = records.iter().map(|record| record.since).min();
                format!(
                    "NO PACKS any more: {names} since {}, {} before",
                    since(began.unwrap_or(digest.as_of), digest.created_at),
                    packs_before(&records)
                )
            }
            EmptySourceState::Began | EmptySourceState::Lasting => format!("NO PACKS: {names}"),
            EmptySourceState::Ended if had_packs => format!("PACKS BACK: {names}"),
            EmptySourceState::Ended => format!("FIRST PACKS: {names}"),
            EmptySourceState::Unwatched => format!("NO LONGER WATCHED: {names}"),
        });
    }
    paragraphs
}

/// Returns the names of the first sources, and the number of the others.
fn sources(records: &[&EmptySourceRecord]) -> String {
    let names = records.iter().take(MAX_SOURCES);
    let names = listed(names.map(|record| source_name(&record.source)));
    match records.len().saturating_sub(MAX_SOURCES) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

fn gap(group: &GapGroup<'_>, digest: &Digest) -> String {
    let place = group.place(digest);
    let began = time(group.since, digest.created_at);
    match group.end {
        Some(GapResolution::Read) => {
            return format!("DATA BACK: {place}; there had been no data since {began}");
        }
        Some(GapResolution::PackRemoved) => return format!("GONE: {place}; the pack was deleted"),
        Some(GapResolution::OutOfScope) => return format!("NO LONGER WATCHED: {place}"),
        None => {}
    }
    let hidden = match group.packs_known {
        0 => String::new(),
        packs => format!("; hides {}", counted(packs, "pack")),
    };
    format!(
        "NO DATA: {place} since {}: {} ({}){hidden}",
        since(group.since, digest.created_at),
        group.words.title,
        group.cause.code
    )
}

/// Returns a paragraph for each cause, new ones first.
fn causes(digest: &Digest) -> Vec<String> {
    let everything = digest.kind.lists_everything();
    let shown = digest.groups.iter().filter(|group| group.muted == 0);
    shown
        .filter(|group| everything || group.event != GroupEvent::Open)
        .map(|group| cause(group, digest))
        .collect()
}

fn cause(group: &Group, digest: &Digest) -> String {
    let state = match (group.event, group.resolution) {
        _ if digest.kind == DigestKind::Test => "TEST",
        (GroupEvent::Appeared | GroupEvent::Open, _) => "FAILING",
        (GroupEvent::Reminder, _) => "STILL FAILING",
        (GroupEvent::Cleared, Some(Resolution::Attributed)) => "EXPLAINED by its accounts",
        (GroupEvent::Cleared, Some(Resolution::Unwatched)) => "NO LONGER WATCHED, not cleared",
        (GroupEvent::Cleared, _) => "CLEARED",
    };
    let title = capitalized(&group.cause.short_title);
    let accounts = accounts(group);
    let packs = packs_of(group, digest);
    let regions = listed(&group.regions);
    let since = match group.until {
        Some(until) => format!(
            "failed from {} to {}",
            time(group.since, digest.created_at),
            time(until, digest.created_at)
        ),
        None => format!("since {}", since(group.since, digest.created_at)),
    };
    // The total shows how widespread a cause is, which no longer matters once it has ended.
    let size = match group.event {
        GroupEvent::Cleared => subjects(group.accounts.len(), group.packs_themselves),
        _ => size(group, digest),
    };
    let ended = match group.resolution {
        Some(Resolution::PackRemoved) => "; pack deleted",
        Some(Resolution::AccountRemoved) => "; no longer in the pack",
        _ => "",
    };
    let remarks = remarks(group);
    format!("{state}: {title}: {size}{accounts}; {packs} in {regions}; {since}{ended}{remarks}")
}

/// Returns the first accounts of a group in parentheses.
fn accounts(group: &Group) -> String {
    if group.accounts.is_empty() {
        return String::new();
    }
    let shown = group.accounts.iter().take(MAX_ACCOUNTS);
    let shown = listed(shown.map(|(id, view)| AccountLabel::new(id, view)));
    match group.accounts.len().saturating_sub(MAX_ACCOUNTS) {
        0 => format!(" ({shown})"),
        more => format!(" ({shown} and {more} more)"),
    }
}

/// Returns how many failures were notified before, where not everything is listed.
fn reported_before(digest: &Digest) -> Option<String> {
    let tally = digest.tally(GroupEvent::Open);
    let text = format!(
        "ALSO FAILING, reported before: {}, {}",
        subjects(tally.accounts, tally.packs_themselves),
        counted(tally.causes, "cause")
    );
    (tally.failures > 0 && !digest.kind.lists_everything()).then_some(text)
}

fn not_reported(digest: &Digest) -> Option<String> {
    let counts = [
        (digest.pending.failures, "pending"),
        (digest.muted.failures, "muted"),
        (digest.ignored, "ignored"),
    ];
    let counts = counts.into_iter().filter(|(number, _)| *number > 0);
    let counts: Vec<String> = counts
        .map(|(number, words)| format!("{number} {words}"))
        .collect();
    let next_end = digest.muted.next_end.map_or_else(String::new, |end| {
        format!("; next mute ends {}", time(end, digest.created_at))
    });
    (!counts.is_empty()).then(|| format!("Failures not reported: {}{next_end}", listed(counts)))
}

/// Returns what to do, each step with the cause that it is about.
fn next_steps(digest: &Digest) -> Vec<String> {
    let gaps = gap_groups(digest);
    let gaps = gaps
        .iter()
        .filter(|group| group.end.is_none())
        .map(|group| format!("No data {}: {}", group.subject(), group.words.action));
    let everything = digest.kind.lists_everything();
    let is_listed = |group: &&Group| match group.event {
        GroupEvent::Appeared | GroupEvent::Reminder => true,
        GroupEvent::Open => everything && group.muted == 0,
        GroupEvent::Cleared => false,
    };
    let failing = digest.groups.iter().filter(is_listed);
    let failing = failing.map(|group| format!("{}: {}", group.cause.title, group.cause.action));
    gaps.chain(failing)
        .take(MAX_LIST_ITEMS)
        .map(|step| inert(&step))
        .collect()
}

/// Returns a text without characters that Slack or Teams give a meaning to.
fn inert(text: &str) -> String {
    sanitize_line(text)
        .chars()
        .map(|c| match c {
            '_' => '\u{ff3f}',
            '*' => '\u{2217}',
            '~' => '\u{223c}',
            '`' => '\'',
            '&' => '\u{ff06}',
            '\\' => '\u{2216}',
            c => c,
        })
        .collect()
}
