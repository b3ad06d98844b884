//! The clauses of the subject about failures.

use std::collections::BTreeSet;

use super::blind_spots::places;
use super::clause::{Clause, MAX_NAME_CHARS};
use crate::model::{Region, Resolution};
use crate::notify::digest::account_label::{AccountLabel, is_plain, shortened};
use crate::notify::digest::contents::{Digest, Tally};
use crate::notify::digest::gap_groups::GapGroup;
use crate::notify::digest::phrases::{age, pack_name, subjects};
use crate::notify::digest::text::size;
use crate::report::{EmptySourceState, Group, GroupEvent, counted};

pub(super) fn failing(digest: &Digest) -> Option<Clause> {
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

/// Returns what failures affect: the only account or pack, or how many there are.
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
            [only] => size(only, digest),
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

pub(super) fn still_failing(digest: &Digest) -> Option<Clause> {
    let tally = digest.tally(GroupEvent::Reminder);
    let since = tally.since?;
    let groups: Vec<&Group> = digest.groups_with(GroupEvent::Reminder).collect();
    let who = who(tally, &groups, digest);
    let age = age(since, digest.created_at);
    Some(Clause {
        lead: vec![
            format!("STILL FAILING {age}: {who}"),
            format!(", {}", packs(tally, &groups)),
        ],
        follow: if tally.failures == 1 {
            format!("{who} still failing after {age}")
        } else {
            format!("{who} still failing, for up to {age}")
        },
    })
}

pub(super) fn cleared(digest: &Digest) -> Option<Clause> {
    let tally = digest.tally(GroupEvent::Cleared);
    if tally.failures == 0 {
        return None;
    }
    let groups: Vec<&Group> = digest
        .groups_with(GroupEvent::Cleared)
        .filter(|group| group.resolution.is_some_and(Resolution::is_clearing))
        .collect();
    let partial = digest.recoveries.partial_count();
    let who = match (tally.accounts, tally.packs_themselves) {
        // Of how many would read as if the others still failed.
        (2.., 0) => counted(tally.accounts, "account"),
        _ => who(tally, &groups, digest),
    };
    let in_part = match partial {
        0 => String::new(),
        partial if partial == tally.accounts => " in part".to_owned(),
        partial => format!(", {partial} in part"),
    };
    let mut lead = vec![format!("CLEARED {who}{in_part}")];
    let failing = &digest.tallies.failing;
    if failing.packs_themselves > 0 {
        let still = subjects(failing.accounts, failing.packs_themselves);
        lead.push(format!("; {still} still failing"));
    } else if failing.accounts > 0 {
        lead.push(format!("; {} still failing", failing.accounts));
    } else {
        let title = groups.first().map(|group| group.cause.short_title.clone());
        lead.extend(
            title
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

pub(super) fn no_longer_watched(digest: &Digest, gaps: &[&GapGroup<'_>]) -> Option<Clause> {
    let unwatched = digest.records.unwatched.total;
    let sources = digest
        .empty_sources
        .iter()
        .filter(|record| record.state == EmptySourceState::Unwatched)
        .count();
    let what = match (unwatched, sources, gaps) {
        (0, 0, []) => return None,
        (0, 0, gaps) => places(gaps),
        (0, sources, _) => counted(sources, "source"),
        (failures, ..) => counted(failures, "failure"),
    };
    Some(Clause {
        lead: vec![
            format!("NO LONGER WATCHED {what}"),
            ", not cleared".to_owned(),
        ],
        follow: format!("{what} no longer watched"),
    })
}
