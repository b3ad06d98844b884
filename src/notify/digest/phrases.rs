//! Words that several forms of a digest use: numbers with their nouns, times, and lists.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::contents::Digest;
use crate::model::{PackName, Source};
use crate::report::{EmptySourceRecord, Group, sanitize};

/// Maximum number of names in a list of packs.
const MAX_PACKS: usize = 4;

/// Returns a number with its noun, such as `1 pack` or `2 packs`.
pub fn counted(number: usize, noun: &str) -> String {
    let plural = match noun {
        _ if number == 1 => "",
        noun if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{number} {noun}{plural}")
}

/// Returns a number of accounts, or of packs themselves where no account fails, or both.
pub fn subjects(accounts: usize, packs_themselves: usize) -> String {
    match (accounts, packs_themselves) {
        (accounts, 0) => counted(accounts, "account"),
        (0, 1) => "1 pack itself".to_owned(),
        (0, packs) => format!("{packs} packs themselves"),
        (accounts, packs) => format!("{}, {}", counted(accounts, "account"), subjects(0, packs)),
    }
}

/// Returns a time such as `Mon 2 Mar 03:00 UTC`, with the year if it is not that of `now`.
pub fn time(at: Timestamp, now: Timestamp) -> String {
    let format = if same_year(at, now) {
        "%a %-d %b %H:%M UTC"
    } else {
        "%a %-d %b %Y %H:%M UTC"
    };
    at.strftime(format).to_string()
}

fn same_year(one: Timestamp, other: Timestamp) -> bool {
    let year = |at: Timestamp| at.to_zoned(TimeZone::UTC).year();
    year(one) == year(other)
}

/// Returns a duration such as `15 min`, `1 h 15 min` or `2 d 17 h`.
pub fn duration(duration: SignedDuration) -> String {
    let minutes = duration.as_mins().max(0);
    let parts = [
        (minutes / 1440, "d"),
        (minutes % 1440 / 60, "h"),
        (minutes % 60, "min"),
    ];
    let first = parts.iter().position(|(number, _)| *number > 0);
    let Some(first) = first else {
        return "less than 1 min".to_owned();
    };
    // Minutes are left out if there are days.
    let parts = parts.into_iter().skip(first).take(2);
    parts
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number} {unit}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Returns when something began and how long ago, such as `Mon 2 Mar 01:45 UTC (1 h 15 min)`.
pub fn since(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", time(at, now), duration(now.duration_since(at)))
}

/// Returns the age in days, or in hours below two days, such as `8 days`.
pub(super) fn age(at: Timestamp, now: Timestamp) -> String {
    let hours = now.duration_since(at).as_hours().max(0);
    let number = |hours: i64| usize::try_from(hours).unwrap_or_default();
    if hours >= 48 {
        counted(number(hours / 24), "day")
    } else {
        counted(number(hours), "hour")
    }
}

/// Joins items with commas.
pub fn listed(items: impl IntoIterator<Item = impl ToString>) -> String {
    items
        .into_iter()
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Returns the name of a pack as people see it.
pub(super) fn pack_name(pack: &PackName) -> String {
    sanitize(pack.as_str())
}

/// Returns the packs of a group: `all 20 packs`, the first four and the number of the others, or
/// the name of the only one.
pub(super) fn packs_of(group: &Group, digest: &Digest) -> String {
    if digest.are_all_packs(&group.packs, &group.regions) {
        return format!("all {} packs", group.packs.len());
    }
    let names = listed(group.packs.iter().take(MAX_PACKS).map(pack_name));
    match group.packs.len().saturating_sub(MAX_PACKS) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

/// Returns the packs of a group in few words: the name of the only one, or their number.
pub(super) fn packs_in_short(group: &Group, digest: &Digest) -> String {
    match (group.packs.len(), group.packs.first()) {
        (1, Some(pack)) => pack_name(pack),
        (many, _) if digest.are_all_packs(&group.packs, &group.regions) => {
            format!("all {many} packs")
        }
        (many, _) => format!("{many} packs"),
    }
}

/// Returns a source as people see it, such as `eu-west-1 of 111122223333`.
pub(super) fn source_name(source: &Source) -> String {
    format!("{} of {}", source.region, source.caller)
}

/// Returns how many packs sources had that list none. Which of them have the same name is unknown.
pub(super) fn packs_before(records: &[&EmptySourceRecord]) -> String {
    let numbers: BTreeSet<usize> = records.iter().map(|record| record.packs_before).collect();
    let most = counted(numbers.last().copied().unwrap_or_default(), "pack");
    match (records.len(), numbers.len()) {
        (0 | 1, _) => most,
        (_, 1) => format!("{most} in each"),
        _ => format!("up to {most} in each"),
    }
}

/// Returns a text with its first letter in upper case.
pub fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::{age, counted, duration, since, subjects, time};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap_or_default()
    }

    #[test]
    fn times_and_durations_are_short_and_exact() {
        let now = at("2026-03-02T03:00:00Z");
        assert_eq!(
            since(at("2026-03-02T01:45:00Z"), now),
            "Mon 2 Mar 01:45 UTC (1 h 15 min)"
        );
        assert_eq!(
            time(at("2025-12-31T23:59:59Z"), now),
            "Wed 31 Dec 2025 23:59 UTC"
        );
        for (seconds, text) in [
            (-5, "less than 1 min"),
            (59, "less than 1 min"),
            (60, "1 min"),
            (3_600, "1 h"),
            (86_400 + 60, "1 d"),
            (2 * 86_400 + 20 * 3_600 + 59, "2 d 20 h"),
        ] {
            assert_eq!(duration(SignedDuration::from_secs(seconds)), text);
        }
        assert_eq!(age(at("2026-02-22T03:00:00Z"), now), "8 days");
        assert_eq!(age(at("2026-03-01T03:00:00Z"), now), "24 hours");
    }

    #[test]
    fn every_number_has_its_noun() {
        assert_eq!(
            [counted(1, "pack"), counted(2, "pack")],
            ["1 pack", "2 packs"]
        );
        assert_eq!(subjects(3, 0), "3 accounts");
        assert_eq!(subjects(0, 1), "1 pack itself");
        assert_eq!(subjects(1, 2), "1 account, 2 packs themselves");
    }
}
