//! Random observations of two sources with two packs each.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use packwatch::collect::{Coverage, Listing, Observation, ObservationBuilder};
use packwatch::model::{ApiError, GapKey, PackKey, Scope, Source, StatusRecord};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::harness::{OWN, time};

pub const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];
pub const PACKS: [&str; 2] = ["baseline", "guardrails"];
pub const ACCOUNTS: [&str; 3] = ["222233334444", "333344445555", "444455556666"];
pub const STATUSES: [&str; 8] = [
    "CREATE_SUCCESSFUL",
    "UPDATE_SUCCESSFUL",
    "CREATE_FAILED",
    "UPDATE_FAILED",
    "UPDATE_IN_PROGRESS",
    "DELETE_SUCCESSFUL",
    "WONDERING",
    "ROLLBACK_FAILED",
];

/// The result of one AWS Config call, or its failure.
#[derive(Debug, Clone)]
pub enum Found {
    Listing(usize, Listing),
    SourceGap(usize),
    Pack(usize, usize, StatusRecord),
    NoPack(usize, usize),
    PackGap(usize, usize),
    Coverage(usize, usize, Coverage),
    Member(usize, usize, usize, StatusRecord),
    NoMember(usize, usize, usize),
    RecheckStatus(usize, usize, &'static str),
}

pub fn source(region: usize) -> Source {
    Source {
        caller: OWN.into(),
        region: REGIONS[region].into(),
    }
}

pub fn pack(region: usize, pack: usize) -> PackKey {
    PackKey {
        source: source(region),
        pack: PACKS[pack].into(),
    }
}

pub fn cause() -> ApiError {
    ApiError {
        operation: "Describe".into(),
        code: "AccessDeniedException".into(),
        message: "no".into(),
    }
}

pub fn row() -> impl Strategy<Value = StatusRecord> {
    (
        select(&STATUSES[..]),
        proptest::option::of(select(vec!["Broken", "Denied"])),
        proptest::option::of(0..300_i64),
    )
        .prop_map(|(status, code, updated)| StatusRecord {
            error_code: code.map(Into::into),
            last_update_time: updated
                .map(|minutes| time("2026-03-01T06:00:00Z") + SignedDuration::from_mins(minutes)),
            ..StatusRecord::new(status)
        })
}

pub fn coverage() -> impl Strategy<Value = Coverage> {
    use Coverage::{AllPages, FailingOnly, NotRead, Partial, SinglePage};
    select(vec![
        SinglePage,
        SinglePage,
        FailingOnly,
        AllPages,
        Partial,
        NotRead,
    ])
}

/// Generates the findings of one pack.
pub fn found_of_pack(r: usize, p: usize) -> impl Strategy<Value = Vec<Found>> {
    let members = vec((0..ACCOUNTS.len(), row()), 0..4);
    let absent = vec(0..ACCOUNTS.len(), 0..2);
    let after = proptest::option::of(select(&STATUSES[..5]));
    (row(), coverage(), members, absent, after, 0..11_u8).prop_map(
        move |(row, coverage, members, absent, after, outcome)| {
            let mut found = match outcome {
                // The listing lacks the pack, and the request by name was not made, says that the
                // pack is gone, or fails.
                0 => return vec![],
                1 => return vec![Found::NoPack(r, p)],
                2 => return vec![Found::PackGap(r, p)],
                3 => vec![Found::PackGap(r, p)],
                _ => vec![],
            };
            found.push(Found::Pack(r, p, row));
            found.push(Found::Coverage(r, p, coverage));
            let seen: BTreeSet<usize> = members.iter().map(|(account, _)| *account).collect();
            found.extend(
                members
                    .into_iter()
                    .map(|(account, row)| Found::Member(r, p, account, row)),
            );
            found.extend(
                absent
                    .into_iter()
                    .filter(|a| !seen.contains(a))
                    .map(|account| Found::NoMember(r, p, account)),
            );
            found.extend(after.map(|status| Found::RecheckStatus(r, p, status)));
            found
        },
    )
}

pub fn found_of_source(r: usize) -> impl Strategy<Value = Vec<Found>> {
    let listing = prop_oneof![
        5 => Just(Listing { pages: 1, complete: true }),
        2 => Just(Listing { pages: 2, complete: true }),
        1 => Just(Listing { pages: 1, complete: false }),
    ];
    let rarely = || proptest::bool::weighted(0.15);
    (
        listing,
        rarely(),
        rarely(),
        found_of_pack(r, 0),
        found_of_pack(r, 1),
    )
        .prop_map(move |(listing, unreadable, without_packs, one, two)| {
            if unreadable {
                return vec![Found::SourceGap(r)];
            }
            let mut found = vec![Found::Listing(r, listing)];
            if !listing.complete {
                found.push(Found::SourceGap(r));
            }
            if without_packs {
                found.extend([Found::NoPack(r, 0), Found::NoPack(r, 1)]);
            } else {
                found.extend(one.into_iter().chain(two));
            }
            found
        })
}

pub fn found() -> impl Strategy<Value = Vec<Found>> {
    (found_of_source(0), found_of_source(1))
        .prop_map(|(one, two)| one.into_iter().chain(two).collect())
}

/// Builds the observation. A pack is added before its findings; the order of all other findings is
/// free.
pub fn observe(
    found: &[Found],
    scope: &Scope,
    started_at: Timestamp,
    reversed: bool,
) -> Observation {
    let mut builder = ObservationBuilder::new(started_at);
    let covers = |r: usize, p: usize| scope.covers_pack(&pack(r, p));
    for part in found {
        match part {
            Found::Pack(r, p, row) if covers(*r, *p) => {
                builder.found_pack(&pack(*r, *p), row.clone());
            }
            Found::Pack(r, p, row) if scope.sources.contains(&source(*r)) => {
                builder.found_out_of_scope(pack(*r, *p), row);
            }
            Found::Listing(r, listing) if scope.sources.contains(&source(*r)) => {
                builder.found_listing(&source(*r), *listing);
            }
            _ => {}
        }
    }
    let mut rest: Vec<&Found> = found.iter().collect();
    if reversed {
        rest.reverse();
    }
    for part in rest {
        match part {
            Found::SourceGap(r) if scope.sources.contains(&source(*r)) => {
                builder.found_gap(GapKey::source(&source(*r)), cause());
            }
            Found::PackGap(r, p) if covers(*r, *p) => {
                builder.found_gap(GapKey::pack(&pack(*r, *p)), cause());
            }
            Found::Coverage(r, p, coverage) => {
                builder.found_coverage(&pack(*r, *p), *coverage, |_| true);
            }
            Found::Member(r, p, a, row) => {
                builder.found_member(&pack(*r, *p), &ACCOUNTS[*a].into(), row.clone());
            }
            Found::NoMember(r, p, a) => {
                builder.found_no_member(&pack(*r, *p), &ACCOUNTS[*a].into());
            }
            Found::RecheckStatus(r, p, status) => {
                builder.found_recheck_status(&pack(*r, *p), (*status).into());
            }
            _ => {}
        }
    }
    for part in found {
        if let Found::NoPack(r, p) = part
            && covers(*r, *p)
        {
            builder.found_no_pack(&pack(*r, *p));
        }
    }
    builder.build(started_at + SignedDuration::from_secs(3))
}
