//! How a pack is read with the fewest calls that still give proof.

use jiff::{SignedDuration, Timestamp};

use crate::ledger::{LargePack, OpenFailure};
use crate::model::{PackKey, Status};
use crate::ports::PAGE_SIZE;

/// The failing statuses that AWS Config can be asked for; others are found by the daily reading.
pub(super) const FAILING: [&str; 3] = ["CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED"];

const DAY_SECONDS: u64 = 24 * 60 * 60;
/// A pack that is open and moving is read whole no more often.
const IN_PROGRESS_SCAN_INTERVAL: SignedDuration = SignedDuration::from_hours(1);

/// How a pack is read at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadStrategy {
    /// One page, which may be all.
    FirstPage,
    /// The failing members.
    FailingOnly,
    /// All members.
    Full,
}

/// The cheapest reading of a pack with these open failures of members.
pub(super) fn reading<'a>(
    large: Option<&LargePack>,
    open: impl Iterator<Item = &'a Status>,
) -> ReadStrategy {
    match large {
        None => ReadStrategy::FirstPage,
        Some(large) if large.sparse => ReadStrategy::Full,
        Some(large) => match pages(large) {
            Some(pages) if pages <= cost_of_failing_read(open) => ReadStrategy::Full,
            _ => ReadStrategy::FailingOnly,
        },
    }
}

/// How many pages of all members are worth reading before so many are asked for by name: never more
/// than the names cost, since a pack may have grown. One that was never counted has two at least.
pub(super) fn pages_worth_scanning(names: usize, large: Option<&LargePack>) -> usize {
    if large.and_then(pages).unwrap_or(2) < names {
        names
    } else {
        0
    }
}

/// Whether the daily reading of a pack is due: every pack has its own time of the day, so that no
/// run pays for all, and the first comes within a day of the first sight.
pub(super) fn daily_scan_due(pack: &PackKey, large: &LargePack, now: Timestamp) -> bool {
    let first = large
        .since
        .as_second()
        .saturating_add_unsigned(stable_hash(pack) % DAY_SECONDS);
    let Ok(passed) = u64::try_from(now.as_second() - first) else {
        return false;
    };
    let slot = now
        .as_second()
        .saturating_sub_unsigned(passed % DAY_SECONDS);
    large.whole.is_none_or(|whole| whole.at.as_second() < slot)
}

/// Whether a pack that is itself open and moving is to be read whole: only two such readings an
/// hour apart close it.
pub(super) fn in_progress_scan_due(
    itself: &OpenFailure,
    large: Option<&LargePack>,
    now: Timestamp,
) -> bool {
    let last = itself.settled_since.or_else(|| Some(large?.whole?.at));
    last.is_none_or(|last| now.duration_since(last) >= IN_PROGRESS_SCAN_INTERVAL)
}

fn pages(large: &LargePack) -> Option<usize> {
    large
        .whole
        .map(|whole| whole.total.div_ceil(PAGE_SIZE.into()))
}

/// What reading the failing members costs if they are those that were open, and asking by name for
/// the others.
fn cost_of_failing_read<'a>(open: impl Iterator<Item = &'a Status>) -> usize {
    let mut rows = [0_usize; FAILING.len()];
    let mut others = 0;
    for status in open {
        match FAILING
            .iter()
            .position(|failing| *failing == status.as_str())
        {
            Some(filter) => rows[filter] += 1,
            None => others += 1,
        }
    }
    rows.iter()
        .map(|rows| rows.div_ceil(PAGE_SIZE.into()).max(1))
        .sum::<usize>()
        + others
}

/// FNV-1a: the same in every process and version.
fn stable_hash(pack: &PackKey) -> u64 {
    let words = [
        pack.source.caller.as_str(),
        pack.source.region.as_str(),
        pack.pack.as_str(),
    ]
    .join(" ");
    words.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
