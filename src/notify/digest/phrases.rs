//! Words that several forms of a digest use: times, names and lists.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::contents::Digest;
use crate::model::{PackName, Source};
use crate::report::{EmptySourceRecord, Group, counted, duration, sanitize};

/// Maximum number of names in a list of packs.
const MAX_PACKS: usize = 4;

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
    use jiff::Timestamp;

    use super::{age, since, subjects, time};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap_or_default()
    }

    #[test]
    fn times_are_short_and_exact() {
        let now = at("2026-03-02T03:00:00Z");
        assert_eq!(
            since(at("2026-03-02T01:45:00Z"), now),
            "Mon 2 Mar 01:45 UTC (1 h 15 min)"
        );
        assert_eq!(
            time(at("2025-12-31T23:59:59Z"), now),
            "Wed 31 Dec 2025 23:59 UTC"
        );
        assert_eq!(age(at("2026-02-22T03:00:00Z"), now), "8 days");
        assert_eq!(age(at("2026-03-01T03:00:00Z"), now), "24 hours");
    }

    #[test]
    fn accounts_and_packs_themselves_are_counted_apart() {
        assert_eq!(subjects(3, 0), "3 accounts");
        assert_eq!(subjects(0, 1), "1 pack itself");
        assert_eq!(subjects(1, 2), "1 account, 2 packs themselves");
    }
}
