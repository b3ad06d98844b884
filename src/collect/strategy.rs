//! Choice of the read strategy of a pack: the fewest calls that still give evidence for every open
//! failure.

use jiff::{SignedDuration, Timestamp};

use crate::ledger::{LargePack, OpenFailure};
use crate::model::{PackKey, Status};
use crate::ports::PAGE_SIZE;

/// The failing statuses that AWS Config can filter by. Members with any other are found by the
/// daily full read.
pub(super) const FAILING: [&str; 3] = ["CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED"];

const DAY_SECONDS: u64 = 24 * 60 * 60;
/// Minimum time between full reads of a pack that is open and in progress.
const IN_PROGRESS_SCAN_INTERVAL: SignedDuration = SignedDuration::from_hours(1);

/// How to start reading a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadStrategy {
    /// One page, which may have all members.
    FirstPage,
    /// The failing members.
    FailingOnly,
    /// All members.
    Full,
    /// The first page of every failing status, to try the filters again, then all members.
    FilterTrialAndFull,
}

/// Returns the cheapest read strategy of a pack whose members have open failures with the statuses
/// `open`. If filters save nothing in the pack, they are tried again once a day, when its daily
/// scan is due.
pub(super) fn choose<'a>(
    large: Option<&LargePack>,
    open: impl Iterator<Item = &'a Status>,
    daily_scan_due: bool,
) -> ReadStrategy {
    match large {
        None => ReadStrategy::FirstPage,
        Some(large) if large.filters_ineffective && daily_scan_due => {
            ReadStrategy::FilterTrialAndFull
        }
        Some(large) if large.filters_ineffective => ReadStrategy::Full,
        Some(large) => match pages(large) {
            Some(pages) if pages <= cost_of_failing_read(open) => ReadStrategy::Full,
            _ => ReadStrategy::FailingOnly,
        },
    }
}

/// Returns how many pages of all members are worth reading in place of `lookups` requests by
/// account. This is never more than the lookups cost, because the pack may have grown. A pack that
/// was never counted has at least two pages.
pub(super) fn pages_worth_scanning(lookups: usize, large: Option<&LargePack>) -> usize {
    if large.and_then(pages).unwrap_or(2) < lookups {
        lookups
    } else {
        0
    }
}

/// Returns whether the daily full read of a pack is due. Every pack has its own time of day, so
/// that no single run reads all packs in full. The first full read is due within a day after the
/// pack was first seen to be large.
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
    large
        .last_full_scan
        .is_none_or(|last_full_scan| last_full_scan.at.as_second() < slot)
}

/// Returns whether a full read of a pack that is itself open and in progress is due. Only two full
/// reads at least an hour apart can close its failure.
pub(super) fn in_progress_scan_due(
    pack_failure: &OpenFailure,
    large: Option<&LargePack>,
    now: Timestamp,
) -> bool {
    let last = pack_failure
        .successful_since
        .or_else(|| Some(large?.last_full_scan?.at));
    last.is_none_or(|last| now.duration_since(last) >= IN_PROGRESS_SCAN_INTERVAL)
}

/// Returns the number of pages at the last full read.
fn pages(large: &LargePack) -> Option<usize> {
    large
        .last_full_scan
        .map(|last_full_scan| last_full_scan.total.div_ceil(PAGE_SIZE.into()))
}

/// Returns the number of calls of a failing-only read, if the failing members are those that were
/// open: the pages of every failing status, and a request by account for each other open failure.
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

/// Returns the FNV-1a hash of a pack key, which is the same in every process and version.
fn stable_hash(pack: &PackKey) -> u64 {
    let key = [
        pack.source.caller.as_str(),
        pack.source.region.as_str(),
        pack.pack.as_str(),
    ]
    .join(" ");
    key.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
