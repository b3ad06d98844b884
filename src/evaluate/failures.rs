//! Failures of packs and of their members: which open, which stay open, and which close. A failure
//! closes only on evidence.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::context::EvaluationContext;
use super::transitions::close;
use crate::collect::{Coverage, Observation, PackObservation, StatusFilters};
use crate::ledger::{LargePack, LastFullScan, Ledger, OpenFailure, PackHint};
use crate::model::{AccountId, FailureKey, PackKey, Resolution, StatusKind, StatusRecord};

/// Minimum time between two observations that close a failure of a pack in progress. A state that
/// is seen in both of them, and in all observations in between, is not a transient state of a pack
/// whose records are being rewritten.
const STABILITY_PERIOD: SignedDuration = SignedDuration::from_hours(1);

/// What an observation means for an open failure.
enum Verdict {
    Close(Resolution),
    KeepOpen,
    Unconfirmed,
}

/// Updates every open failure in scope. Returns those that could not be read.
pub(super) fn update_open(
    next: &mut Ledger,
    observation: &Observation,
    context: EvaluationContext<'_>,
) -> BTreeSet<FailureKey> {
    let now = observation.ended_at;
    let keys: Vec<FailureKey> = next
        .open
        .keys()
        .filter(|key| context.covers(key))
        .cloned()
        .collect();
    let mut unconfirmed = BTreeSet::new();
    for key in keys {
        let Some(open) = next.open.get_mut(&key) else {
            continue;
        };
        let verdict = match observation.packs.get(&key.pack) {
            Some(observed) => match &key.account_id {
                Some(account) => {
                    let member = MemberContext {
                        account,
                        context,
                        now,
                    };
                    OpenFailure::update(open, |open| member_verdict(open, observed, member))
                }
                None => {
                    OpenFailure::update(open, |open| pack_verdict(open, observed, context, now))
                }
            },
            None if observation.proves_absent(&key.pack) => Verdict::Close(Resolution::PackRemoved),
            None => Verdict::Unconfirmed,
        };
        if let Verdict::Close(resolution) = verdict {
            close(next, &key, resolution, now);
            continue;
        }
        let is_unconfirmed = matches!(verdict, Verdict::Unconfirmed);
        OpenFailure::update(open, |open| open.unconfirmed = is_unconfirmed);
        if is_unconfirmed {
            unconfirmed.insert(key);
        }
    }
    unconfirmed
}

/// The member account that a verdict is about, and the run that gives it.
#[derive(Clone, Copy)]
struct MemberContext<'a> {
    account: &'a AccountId,
    context: EvaluationContext<'a>,
    now: Timestamp,
}

/// Returns the verdict on the failure of a member account.
fn member_verdict(
    open: &mut OpenFailure,
    observed: &PackObservation,
    member: MemberContext<'_>,
) -> Verdict {
    let MemberContext {
        account,
        context,
        now,
    } = member;
    match observed.not_successful_row(account) {
        None if observed.successful.contains(account) => Verdict::Close(Resolution::Recovered),
        Some(row) => {
            let was_only_stuck =
                open.is_stuck() && open.failing_record().kind() != StatusKind::Failed;
            open.update_status(row, now);
            let stuck_before = open.stuck_since;
            open.update_stuck(context.policy, now);
            let no_longer_counts =
                was_only_stuck && row.kind() == StatusKind::InProgress && !open.is_stuck();
            if !no_longer_counts {
                return Verdict::KeepOpen;
            }
            // Only a full run knows what the settings no longer cover.
            if context.scope.narrowed {
                open.stuck_since = stuck_before;
                return Verdict::KeepOpen;
            }
            Verdict::Close(Resolution::Unwatched)
        }
        None if observed.proves_absent(account) => {
            let absent_since = *open.absent_since.get_or_insert(now);
            let pack_is_stable = observed
                .recheck_status
                .as_ref()
                .is_some_and(|status| status.kind() != StatusKind::InProgress);
            if pack_is_stable || now.duration_since(absent_since) >= STABILITY_PERIOD {
                Verdict::Close(Resolution::AccountRemoved)
            } else {
                Verdict::KeepOpen
            }
        }
        None => Verdict::Unconfirmed,
    }
}

/// Returns the verdict on the failure of the pack itself.
fn pack_verdict(
    open: &mut OpenFailure,
    observed: &PackObservation,
    context: EvaluationContext<'_>,
    now: Timestamp,
) -> Verdict {
    if failing_members(observed, context, now).next().is_some() {
        return Verdict::Close(Resolution::Attributed);
    }
    match observed.row.kind() {
        StatusKind::Successful => return Verdict::Close(Resolution::Recovered),
        StatusKind::InProgress if observed.is_complete() => {
            let successful = observed.count(StatusKind::Successful);
            if successful == 0 || successful < observed.present() {
                open.successful_since = None;
            } else if now.duration_since(*open.successful_since.get_or_insert(now))
                >= STABILITY_PERIOD
            {
                return Verdict::Close(Resolution::Recovered);
            }
        }
        StatusKind::InProgress => {}
        StatusKind::Failed | StatusKind::Deleted => open.successful_since = None,
    }
    open.update_status(&observed.row, now);
    if observed.failing_known() {
        Verdict::KeepOpen
    } else {
        Verdict::Unconfirmed
    }
}

/// Closes the failure of a pack itself where a member of it has an open failure, to which it is
/// attributed.
pub(super) fn close_attributed(next: &mut Ledger, context: EvaluationContext<'_>, now: Timestamp) {
    let pack_failures: Vec<FailureKey> = next
        .open
        .keys()
        .filter(|key| key.is_pack() && context.covers(key))
        .cloned()
        .collect();
    for key in pack_failures {
        if has_open_member(next, &key.pack) {
            close(next, &key, Resolution::Attributed, now);
        }
    }
}

/// Opens the failures that are new, and marks the open ones that an earlier run has seen as well.
pub(super) fn open_new(
    next: &mut Ledger,
    observation: &Observation,
    context: EvaluationContext<'_>,
) {
    let now = observation.ended_at;
    let mut new = Vec::new();
    let mut record = |next: &mut Ledger, key: FailureKey, row: &Arc<StatusRecord>| {
        if !context.covers(&key) {
            return;
        }
        match next.open.get_mut(&key) {
            Some(open) => OpenFailure::update(open, |open| {
                open.seen_again |= open.first_run.as_str() != context.run_id;
            }),
            None => {
                let mut open = OpenFailure::first_seen(row, context.run_id, now);
                if !key.is_pack() {
                    open.update_stuck(context.policy, now);
                }
                new.push((key, Arc::new(open)));
            }
        }
    };
    for (pack, observed) in &observation.packs {
        for (account, row) in failing_members(observed, context, now) {
            record(next, FailureKey::member(pack, account), row);
        }
        if fails_by_itself(next, pack, observed, context, now) {
            record(next, FailureKey::pack_itself(pack), &observed.row);
        }
    }
    // Appending all at once leaves the map densely packed.
    next.open.append(&mut new.into_iter().collect());
}

/// Returns the members that fail: those with a failed status, and those that are in progress for
/// too long.
fn failing_members<'a>(
    observed: &'a PackObservation,
    context: EvaluationContext<'a>,
    now: Timestamp,
) -> impl Iterator<Item = (&'a AccountId, &'a Arc<StatusRecord>)> {
    let rows = observed.not_successful.iter();
    rows.filter(move |(_, row)| context.policy.counts_as_failing(row, now))
}

/// Returns whether a pack fails without a failing member, both in the observation and among the
/// open failures.
fn fails_by_itself(
    next: &Ledger,
    pack: &PackKey,
    observed: &PackObservation,
    context: EvaluationContext<'_>,
    now: Timestamp,
) -> bool {
    observed.row.kind() == StatusKind::Failed
        && observed.failing_known()
        && failing_members(observed, context, now).next().is_none()
        && !has_open_member(next, pack)
}

fn has_open_member(next: &Ledger, pack: &PackKey) -> bool {
    next.open_in(pack).any(|(key, _)| !key.is_pack())
}

/// Marks the failures as due that this run has read as failing and that are old enough. The failure
/// of a pack itself must also have been seen by two runs.
pub(super) fn mark_due(next: &mut Ledger, context: EvaluationContext<'_>, now: Timestamp) {
    let policy = context.policy;
    for (key, open) in next.open.iter_mut().filter(|(key, _)| context.covers(key)) {
        let is_due = open.was_read_failing()
            && now.duration_since(open.failing_since) >= policy.announce_after
            && (!key.is_pack() || open.seen_again);
        // A failure that is no longer ignored or muted is due only once it is read again.
        let due = !open.is_suppressed(key, policy, now) && (open.due || is_due);
        if open.due != due {
            OpenFailure::update(open, |open| open.due = due);
        }
    }
}

/// Records which packs were read, and removes the hints of packs that are gone. The hints remain if
/// the run does not see the whole source, or if a later read may have found the pack again: a later
/// run needs them to detect that the source has become empty.
pub(super) fn record_attempts(
    next: &mut Ledger,
    observation: &Observation,
    context: EvaluationContext<'_>,
) {
    let may_forget = |pack: &PackKey| {
        context.covers_source(&pack.source)
            && context.scope.covers_pack(pack)
            && !context.pack_read_later(pack)
    };
    next.pack_hints
        .retain(|pack, _| !may_forget(pack) || !observation.proves_absent(pack));
    let tried = |observed: &PackObservation| observed.coverage != Coverage::NotRead;
    for (pack, observed) in observation
        .packs
        .iter()
        .filter(|(pack, observed)| context.covers_pack(pack) && tried(observed))
    {
        let before = next.pack_hints.get(pack).and_then(|hint| hint.large);
        let large = update_size_hint(observed, before, observation.ended_at);
        next.pack_hints.insert(
            pack.clone(),
            PackHint {
                attempted_at: observation.ended_at,
                members: observed.is_complete().then(|| observed.present()),
                large,
            },
        );
    }
}

/// Returns the size hint of a pack after an observation; `None` for a pack that fits in a page.
fn update_size_hint(
    observed: &PackObservation,
    before: Option<LargePack>,
    now: Timestamp,
) -> Option<LargePack> {
    let known = before.unwrap_or(LargePack {
        since: now,
        filters_ineffective: false,
        last_full_scan: None,
    });
    let known = LargePack {
        filters_ineffective: match observed.status_filters {
            StatusFilters::NotTried => known.filters_ineffective,
            StatusFilters::Effective => false,
            StatusFilters::Ineffective => true,
        },
        ..known
    };
    match observed.coverage {
        Coverage::SinglePage => None,
        Coverage::NotRead | Coverage::Partial => {
            (before.is_some() || known.filters_ineffective).then_some(known)
        }
        Coverage::FailingOnly => Some(known),
        Coverage::AllPages => {
            let count = |kind| observed.count(kind);
            let [in_progress, successful] =
                [StatusKind::InProgress, StatusKind::Successful].map(count);
            Some(LargePack {
                last_full_scan: Some(LastFullScan {
                    at: now,
                    total: observed.present(),
                    in_progress,
                    successful,
                }),
                ..known
            })
        }
    }
}
