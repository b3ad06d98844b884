//! Packs and their members: what stays open, what a proof closes, what opens.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::context::EvaluationContext;
use super::transitions::close;
use crate::collect::{Coverage, Observation, PackObservation};
use crate::ledger::{LargePack, LastFullScan, Ledger, OpenFailure, PackHint};
use crate::model::Scope;
use crate::model::{AccountId, FailureKey, PackKey, Resolution, StatusKind, StatusRecord};

/// What is seen twice this far apart, and in every reading between, is no passing state of a pack
/// that is being rewritten.
const STABILITY_PERIOD: SignedDuration = SignedDuration::from_hours(1);

/// What a reading says of an open failure.
enum Verdict {
    Close(Resolution),
    KeepOpen,
    Unconfirmed,
}

/// Follows every open failure in scope; gives those that could not be read.
pub(super) fn update_open(
    next: &mut Ledger,
    observation: &Observation,
    scope: &Scope,
) -> BTreeSet<FailureKey> {
    let now = observation.ended_at;
    let keys: Vec<FailureKey> = next
        .open
        .keys()
        .filter(|key| scope.covers(key))
        .cloned()
        .collect();
    let mut unconfirmed = BTreeSet::new();
    for key in keys {
        let Some(open) = next.open.get_mut(&key) else {
            continue;
        };
        let verdict = match observation.packs.get(&key.pack) {
            Some(reading) => match &key.account_id {
                Some(account) => {
                    OpenFailure::update(open, |open| member(open, reading, account, now))
                }
                None => OpenFailure::update(open, |open| pack_itself(open, reading, now)),
            },
            None if observation.proves_absent(&key.pack) => Verdict::Close(Resolution::PackRemoved),
            None => Verdict::Unconfirmed,
        };
        match verdict {
            Verdict::Close(how) => close(next, &key, how, now),
            Verdict::KeepOpen => {}
            Verdict::Unconfirmed => {
                unconfirmed.insert(key);
            }
        }
    }
    unconfirmed
}

fn member(
    open: &mut OpenFailure,
    reading: &PackObservation,
    account: &AccountId,
    now: Timestamp,
) -> Verdict {
    match reading.unsettled_row(account) {
        None if reading.settled.contains(account) => Verdict::Close(Resolution::Recovered),
        Some(row) => {
            open.update_status(row, now);
            Verdict::KeepOpen
        }
        None if reading.proves_absent(account) => {
            let absent_since = *open.absent_since.get_or_insert(now);
            let pack_stands_still = reading
                .recheck_status
                .as_ref()
                .is_some_and(|status| status.kind() != StatusKind::InProgress);
            if pack_stands_still || now.duration_since(absent_since) >= STABILITY_PERIOD {
                Verdict::Close(Resolution::AccountRemoved)
            } else {
                Verdict::KeepOpen
            }
        }
        None => Verdict::Unconfirmed,
    }
}

fn pack_itself(open: &mut OpenFailure, reading: &PackObservation, now: Timestamp) -> Verdict {
    if reading.count(StatusKind::Failed) > 0 {
        return Verdict::Close(Resolution::Explained);
    }
    match reading.row.kind() {
        StatusKind::Successful => return Verdict::Close(Resolution::Recovered),
        StatusKind::InProgress if reading.is_complete() => {
            let settled = reading.count(StatusKind::Successful);
            if settled == 0 || settled < reading.present() {
                open.settled_since = None;
            } else if now.duration_since(*open.settled_since.get_or_insert(now)) >= STABILITY_PERIOD
            {
                return Verdict::Close(Resolution::Recovered);
            }
        }
        StatusKind::InProgress => {}
        StatusKind::Failed | StatusKind::Deleted => open.settled_since = None,
    }
    open.update_status(&reading.row, now);
    if reading.failing_known() {
        Verdict::KeepOpen
    } else {
        Verdict::Unconfirmed
    }
}

/// Ends the failure of a pack itself where one of its members is open: that explains it.
pub(super) fn close_attributed(next: &mut Ledger, scope: &Scope, now: Timestamp) {
    let alone: Vec<FailureKey> = next
        .open
        .keys()
        .filter(|key| key.is_pack() && scope.covers(key))
        .cloned()
        .collect();
    for key in alone {
        if has_open_member(next, &key.pack) {
            close(next, &key, Resolution::Explained, now);
        }
    }
}

/// Opens what fails and was not open, and notes what another run had seen before.
pub(super) fn open_new(
    next: &mut Ledger,
    observation: &Observation,
    context: EvaluationContext<'_>,
) {
    let now = observation.ended_at;
    let mut new = Vec::new();
    let mut record =
        |next: &mut Ledger, key: FailureKey, row: &Arc<StatusRecord>| match next.open.get_mut(&key)
        {
            Some(open) => OpenFailure::update(open, |open| {
                open.seen_again |= open.first_run.as_str() != context.run_id
            }),
            None => new.push((
                key,
                Arc::new(OpenFailure::first_seen(row, context.run_id, now)),
            )),
        };
    for (pack, reading) in observation
        .packs
        .iter()
        .filter(|(pack, _)| context.scope.covers_pack(pack))
    {
        for (account, row) in &reading.unsettled {
            if row.kind() == StatusKind::Failed && context.scope.covers_account(Some(account)) {
                record(next, FailureKey::member(pack, account), row);
            }
        }
        if fails_by_itself(next, pack, reading, context.scope) {
            record(next, FailureKey::pack_itself(pack), &reading.row);
        }
    }
    // All at once, which leaves the map densely packed.
    next.open.append(&mut new.into_iter().collect());
}

/// Whether a pack fails and no member explains it: neither one that this reading found nor one that
/// is open.
fn fails_by_itself(
    next: &Ledger,
    pack: &PackKey,
    reading: &PackObservation,
    scope: &Scope,
) -> bool {
    let itself = FailureKey::pack_itself(pack);
    scope.covers(&itself)
        && reading.row.kind() == StatusKind::Failed
        && reading.failing_known()
        && reading.count(StatusKind::Failed) == 0
        && !has_open_member(next, pack)
}

fn has_open_member(next: &Ledger, pack: &PackKey) -> bool {
    next.open_in(pack).any(|(key, _)| !key.is_pack())
}

/// Notes which packs were tried, and forgets those that are not there; unless the run is too narrow
/// to say that a source is emptied, because who says so later has to know that there were some.
pub(super) fn record_attempts(next: &mut Ledger, observation: &Observation, scope: &Scope) {
    let may_forget = |pack: &PackKey| scope.covers_source(&pack.source) && scope.covers_pack(pack);
    next.packs
        .retain(|pack, _| !may_forget(pack) || !observation.proves_absent(pack));
    let tried = |reading: &PackObservation| reading.coverage != Coverage::NotRead;
    for (pack, reading) in observation
        .packs
        .iter()
        .filter(|(pack, reading)| scope.covers_pack(pack) && tried(reading))
    {
        let before = next.packs.get(pack).and_then(|hint| hint.large);
        let large = update_size_hint(reading, before, observation.ended_at);
        next.packs.insert(
            pack.clone(),
            PackHint {
                attempted_at: observation.ended_at,
                large,
            },
        );
    }
}

/// What is known of the size of a pack after a reading.
fn update_size_hint(
    reading: &PackObservation,
    before: Option<LargePack>,
    now: Timestamp,
) -> Option<LargePack> {
    let known = before.unwrap_or(LargePack {
        since: now,
        sparse: false,
        whole: None,
    });
    let known = LargePack {
        sparse: known.sparse || reading.sparse,
        ..known
    };
    match reading.coverage {
        Coverage::SinglePage => None,
        Coverage::NotRead | Coverage::Partial => {
            (before.is_some() || reading.sparse).then_some(known)
        }
        Coverage::FailingOnly => Some(known),
        Coverage::AllPages => {
            let count = |kind| reading.count(kind);
            let [moving, settled] = [StatusKind::InProgress, StatusKind::Successful].map(count);
            Some(LargePack {
                whole: Some(LastFullScan {
                    at: now,
                    total: reading.present(),
                    moving,
                    settled,
                }),
                ..known
            })
        }
    }
}
