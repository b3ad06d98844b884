//! The reads that a ledger remembers: by them a run knows that another one has read later.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use packwatch::ledger::{CommitCheck, CommitRequest, CommittedRead, Ledger};
use packwatch::model::{Deployment, Scope, Watched};
use serde_json::json;

use crate::support::harness::{OWN, REGION, time};

/// Longest time in which a run that is in progress can have missed a narrowed read: the longest
/// invocation and the largest difference of two clocks.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(30);

fn scope(regions: &[&str], narrowed: bool) -> Scope {
    let source = |region: &&str| json!({"caller": OWN, "region": region});
    let scope = json!({
        "sources": regions.iter().map(source).collect::<Vec<_>>(),
        "identified": true,
        "include": ["*"],
        "exclude": [],
        "packs": null,
        "accounts": null,
        "narrowed": narrowed,
    });
    serde_json::from_value(scope).expect("a scope")
}

fn read(until: Timestamp, narrowed: bool) -> CommittedRead {
    CommittedRead {
        until,
        scope: scope(&[REGION], narrowed),
        partial: false,
    }
}

/// Returns the ends of the reads that a ledger remembers, in minutes after `start`.
fn remembered(ledger: &Ledger, start: Timestamp) -> Vec<i64> {
    let reads = ledger.recent_reads.iter();
    reads
        .map(|read| read.until.duration_since(start).as_mins())
        .collect()
}

fn start() -> Timestamp {
    time("2026-03-01T08:00:00Z")
}

fn minutes(number: i64) -> SignedDuration {
    SignedDuration::from_mins(number)
}

/// Returns what a run of these regions finds that began to read at `read_started_at`.
fn check(
    ledger: &Ledger,
    regions: &[&str],
    read_started_at: Timestamp,
    now: Timestamp,
) -> CommitCheck {
    let Scope {
        sources,
        include,
        exclude,
        ..
    } = scope(regions, false);
    let watched = Watched {
        sources,
        include,
        exclude,
        receivers: BTreeSet::new(),
    };
    let request = CommitRequest {
        run_id: "run",
        execution: "execution",
        deployment: &Deployment::Local,
        watched: &watched,
        scope: &scope(regions, true),
        read_started_at,
    };
    ledger.check_commit(request, now)
}

#[test]
fn full_read_replaces_earlier_full_read() {
    let mut ledger = Ledger::with_sequence(1);
    ledger.record_read(read(start(), false));
    ledger.record_read(read(start() + minutes(100), false));
    assert_eq!(remembered(&ledger, start()), [100]);
}

#[test]
fn narrowed_read_is_remembered_for_half_an_hour() {
    let mut ledger = Ledger::with_sequence(1);
    ledger.record_read(read(start(), false));
    ledger.record_read(read(start() + minutes(1), true));
    ledger.record_read(read(start() + minutes(2), true));
    let until = start() + minutes(1) + REMEMBERED;
    ledger.record_read(read(until - SignedDuration::from_secs(1), true));
    assert_eq!(remembered(&ledger, start()), [0, 1, 2, 30]);
    ledger.record_read(read(until, true));
    assert_eq!(remembered(&ledger, start()), [0, 2, 30, 31]);
    ledger.record_read(read(until + minutes(1), false));
    assert_eq!(remembered(&ledger, start()), [30, 31, 32]);
}

/// A read counts if it ended after the other began, unless its clock must be wrong.
#[test]
fn later_read_supersedes_what_it_covers() {
    let mut ledger = Ledger::with_sequence(1);
    ledger.record_read(read(start() + minutes(5), true));
    let superseded = |covered| CommitCheck::Superseded { covered };
    let proceeds = |later_reads: &[Scope]| CommitCheck::Proceed {
        later_reads: later_reads.to_vec(),
    };
    let before = start() + minutes(4);
    let now = start() + minutes(6);
    assert_eq!(check(&ledger, &[REGION], before, now), superseded(true));
    let wider = [REGION, "us-east-1"];
    let narrowed = scope(&[REGION], true);
    assert_eq!(check(&ledger, &wider, before, now), proceeds(&[narrowed]));
    let at_its_end = start() + minutes(5);
    assert_eq!(check(&ledger, &[REGION], at_its_end, now), proceeds(&[]));
    let behind = start() + minutes(5) - minutes(15);
    assert_eq!(check(&ledger, &[REGION], before, behind), superseded(true));
    let too_far_behind = behind - SignedDuration::from_secs(1);
    assert_eq!(
        check(&ledger, &[REGION], before, too_far_behind),
        proceeds(&[])
    );
    let mut partial = read(start() + minutes(5), true);
    partial.partial = true;
    let mut ledger = Ledger::with_sequence(1);
    ledger.record_read(partial);
    let partly = scope(&[REGION], true);
    assert_eq!(
        check(&ledger, &[REGION], before, now),
        proceeds(&[partly]),
        "a run that left out a part covers nothing"
    );
}
