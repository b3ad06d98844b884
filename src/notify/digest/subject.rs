//! The subject line, which is the SMS too: ASCII, at most 99 characters. It begins with a state word;
//! the first 40 characters say what happened to whom. Parts that do not fit are left out.

use std::collections::BTreeSet;

use super::account_label::{AccountLabel, is_plain, shortened};
use super::contents::{Digest, DigestKind, Tally};
use super::gap_groups::{GapGroup, gap_groups};
use super::phrases::{age, counted, pack_name, subjects};
use super::standing_clause::{standing, state, unchanged};
use super::subject_clause::{Clause, places, regions};
use crate::model::Region;
use crate::report::{EmptySourceRecord, EmptySourceState, Group, GroupEvent};

/// Maximum length of a subject. [SNS](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html)
/// requires fewer than 100 characters.
const MAX_SUBJECT_CHARS: usize = 99;

/// Maximum number of characters of a name in the subject.
const MAX_NAME_CHARS: usize = 32;

/// Returns the subject of the digest.
pub(super) fn subject(digest: &Digest) -> String {
    let label = digest.label.as_deref().unwrap_or("packwatch");
    let prefix = format!("[{label}] ");
    let mut clauses = clauses(digest).into_iter();
    let lead = clauses.next().map_or_else(Vec::new, |clause| clause.lead);
    let mut subject = (1..=lead.len())
        .rev()
        .map(|parts| ascii(&format!("{prefix}{}", lead[..parts].concat())))
        .find(|subject| subject.len() <= MAX_SUBJECT_CHARS)
        .unwrap_or_else(|| {
            ascii(&format!(
                "{prefix}{}",
                lead.first().map_or("", String::as_str)
            ))
        });
    subject.truncate(MAX_SUBJECT_CHARS);
    for clause in clauses {
        let clause = ascii(&clause.follow);
        if !clause.is_empty() && subject.len() + 2 + clause.len() <= MAX_SUBJECT_CHARS {
            subject.push_str("; ");
            subject.push_str(&clause);
        }
    }
    subject
}

/// Returns the clauses: first the state that leads.
fn clauses(digest: &Digest) -> Vec<Clause> {
    let mut changes = changes(digest);
    match digest.kind {
        DigestKind::Test => {
            let lead = vec![
                "TEST of packwatch".to_owned(),
                ", the failure in it is invented".to_owned(),
            ];
            vec![
                Clause {
                    lead,
                    follow: String::new(),
                },
                standing(digest),
            ]
        }
        DigestKind::Summary => {
            changes.insert(0, state("SUMMARY", digest));
            changes
        }
        DigestKind::Changes | DigestKind::Status => {
            if changes.is_empty() {
                changes.push(unchanged(digest));
            }
            changes.extend(unread(digest));
            // A gap that lasts is a part of every subject, after what leads it.
            if changes.len() > 2
                && changes
                    .last()
                    .is_some_and(|last| last.follow.starts_with("no data"))
            {
                changes[1..].rotate_right(1);
            }
            changes.push(standing(digest));
            changes
        }
    }
}

/// Returns the states that are changes, in the order of their weight.
fn changes(digest: &Digest) -> Vec<Clause> {
    let gaps = gap_groups(digest);
    let lasting: Vec<&GapGroup<'_>> = gaps
        .iter()
        .filter(|group| group.end.is_none() && (group.triggers || digest.first_look))
        .collect();
    let ended: Vec<&GapGroup<'_>> = gaps.iter().filter(|group| group.end.is_some()).collect();
    let with_state = |states: &[EmptySourceState]| -> Vec<&EmptySourceRecord> {
        let sources = digest.empty_sources.iter();
        sources
            .filter(|record| states.contains(&record.state) && record.packs_before > 0)
            .collect()
    };
    let emptied = with_state(&[EmptySourceState::Began]);
    let filled = with_state(&[EmptySourceState::Ended]);
    [
        failing(digest),
        no_data(&lasting),
        no_packs(&emptied),
        still_failing(digest),
        cleared(digest),
        data_back(&ended),
        packs_back(&filled),
        no_longer_watched(digest),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn failing(digest: &Digest) -> Option<Clause> {
    let tally = digest.tally(GroupEvent::Appeared);
    if tally.failures == 0 {
        return None;
    }
    let groups: Vec<&Group> = digest.groups_with(GroupEvent::Appeared).collect();
    let (state, verb) = if digest.first_look {
        (
            "FIRST LOOK",
            if tally.accounts + tally.packs_themselves == 1 {
                " fails"
            } else {
                " fail"
            },
        )
    } else {
        ("FAILING", "")
    };
    let who = who(tally, &groups, digest);
    let why = if digest.first_look && tally.causes > 1 {
        format!(", {}", counted(tally.causes, "cause"))
    } else {
        format!(": {}", why(tally, &groups))
    };
    let muted = groups.iter().all(|group| group.was_muted == group.failures);
    let muted = if muted { " (no longer muted)" } else { "" };
    let mut lead = vec![format!("{state} {who}{verb}"), format!("{why}{muted}")];
    lead.push(format!(", {}", packs(tally, &groups)));
    lead.extend(only_region(tally, &groups, digest).map(|region| format!(", {region}")));
    Some(Clause {
        lead,
        follow: format!("{} new", subjects(tally.accounts, tally.packs_themselves)),
    })
}

/// Returns whom failures are about: the only account or pack, or how many.
fn who(tally: &Tally, groups: &[&Group], digest: &Digest) -> String {
    let first = groups.first();
    match (tally.accounts, tally.packs_themselves) {
        (1, 0) => {
            let account = first.and_then(|group| group.accounts.iter().next());
            account.map_or_else(String::new, |(id, view)| {
                let name = AccountLabel::new(id, view).name();
                let name = name.filter(|name| is_plain(name) && name.len() <= MAX_NAME_CHARS);
                name.unwrap_or_else(|| id.to_string())
            })
        }
        (0, 1) => {
            let pack = first.and_then(|group| group.packs.first());
            let pack = pack.map(pack_name).unwrap_or_default();
            format!("pack {} itself", shortened(&pack, MAX_NAME_CHARS))
        }
        (accounts, 0) => match groups {
            [only] => super::text::size(only, digest),
            _ => counted(accounts, "account"),
        },
        (accounts, packs) => subjects(accounts, packs),
    }
}

fn why(tally: &Tally, groups: &[&Group]) -> String {
    let first = groups
        .first()
        .map_or("", |group| group.cause.short_title.as_str());
    match tally.causes {
        0 | 1 => first.to_owned(),
        many => format!("{first} and {}", counted(many - 1, "more cause")),
    }
}

fn packs(tally: &Tally, groups: &[&Group]) -> String {
    let first = groups.first().and_then(|group| group.packs.first());
    match (tally.packs, first) {
        (1, Some(pack)) => pack_name(pack),
        (many, _) => counted(many, "pack"),
    }
}

/// Returns the region of the failures, if it is one of several that are watched.
fn only_region(tally: &Tally, groups: &[&Group], digest: &Digest) -> Option<String> {
    let watched: BTreeSet<&Region> = digest.watched.keys().map(|source| &source.region).collect();
    let region = groups.first()?.regions.first()?;
    (tally.regions == 1 && watched.len() > 1).then(|| region.to_string())
}

fn no_data(groups: &[&GapGroup<'_>]) -> Option<Clause> {
    let first = groups.first()?;
    let place = places(groups);
    let words = &first.words.title;
    let code = &first.cause.code;
    let mut lead = vec![format!("NO DATA {place}"), format!(": {code}")];
    if words != code {
        lead.push(format!(" ({words})"));
    }
    Some(Clause {
        lead,
        follow: format!("no data {place}"),
    })
}

fn no_packs(sources: &[&EmptySourceRecord]) -> Option<Clause> {
    let place = regions(sources)?;
    let before: usize = sources.iter().map(|record| record.packs_before).sum();
    Some(Clause {
        lead: vec![
            format!("NO PACKS any more in {place}"),
            format!(", {} before", counted(before, "pack")),
        ],
        follow: format!("no packs in {place}"),
    })
}

fn still_failing(digest: &Digest) -> Option<Clause> {
    let tally = digest.tally(GroupEvent::Reminder);
    let since = tally.since?;
    let groups: Vec<&Group> = digest.groups_with(GroupEvent::Reminder).collect();
    let who = who(tally, &groups, digest);
    let age = age(since, digest.created_at);
    let mut lead = vec![
        format!("STILL FAILING {age}: {who}"),
        format!(", {}", packs(tally, &groups)),
    ];
    lead.push(format!(" ({})", why(tally, &groups)));
    Some(Clause {
        lead,
        follow: format!("{who} still failing after {age}"),
    })
}

fn cleared(digest: &Digest) -> Option<Clause> {
    let tally = digest.tally(GroupEvent::Cleared);
    if tally.failures == 0 {
        return None;
    }
    let groups: Vec<&Group> = digest
        .groups_with(GroupEvent::Cleared)
        .filter(|group| {
            group
                .resolution
                .is_some_and(crate::model::Resolution::is_clearing)
        })
        .collect();
    let partial = digest.recoveries.partial_count();
    let who = who(tally, &groups, digest);
    let in_part = match partial {
        0 => String::new(),
        partial if partial == tally.accounts => " in part".to_owned(),
        partial => format!(", {partial} in part"),
    };
    let mut lead = vec![format!("CLEARED {who}{in_part}")];
    let failing = digest.tallies.failing.accounts;
    if failing > 0 {
        lead.push(format!("; {failing} still failing"));
    } else {
        let muted = groups.first().map(|group| group.cause.short_title.clone());
        lead.extend(
            muted
                .filter(|_| tally.causes == 1)
                .map(|title| format!(": {title}")),
        );
        lead.push(format!(", {}", packs(tally, &groups)));
    }
    Some(Clause {
        lead,
        follow: format!(
            "{} cleared{in_part}",
            subjects(tally.accounts, tally.packs_themselves)
        ),
    })
}

fn data_back(groups: &[&GapGroup<'_>]) -> Option<Clause> {
    groups.first()?;
    let place = places(groups);
    Some(Clause {
        lead: vec![format!("DATA BACK {place}")],
        follow: format!("data back {place}"),
    })
}

fn packs_back(sources: &[&EmptySourceRecord]) -> Option<Clause> {
    let place = regions(sources)?;
    Some(Clause {
        lead: vec![format!("PACKS BACK in {place}")],
        follow: format!("packs back in {place}"),
    })
}

fn no_longer_watched(digest: &Digest) -> Option<Clause> {
    let unwatched = digest.records.unwatched.total;
    let sources = digest
        .empty_sources
        .iter()
        .filter(|record| record.state == EmptySourceState::Unwatched)
        .count();
    let what = match (unwatched, sources) {
        (0, 0) => return None,
        (0, sources) => counted(sources, "source"),
        (failures, _) => counted(failures, "failure"),
    };
    Some(Clause {
        lead: vec![
            format!("NO LONGER WATCHED {what}"),
            ", not cleared".to_owned(),
        ],
        follow: format!("{what} no longer watched"),
    })
}

/// Returns what was not read, if that is not among the changes.
fn unread(digest: &Digest) -> Option<Clause> {
    if digest.first_look {
        return None;
    }
    let gaps = gap_groups(digest);
    let lasting: Vec<&GapGroup<'_>> = gaps
        .iter()
        .filter(|group| group.end.is_none() && !group.triggers)
        .collect();
    no_data(&lasting)
}

fn ascii(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c == ' ' || c.is_ascii_graphic() {
                c
            } else {
                '?'
            }
        })
        .collect()
}
