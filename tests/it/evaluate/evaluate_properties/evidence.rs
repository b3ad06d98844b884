//! The evidence by which a failure may clear.

use jiff::Timestamp;
use packwatch::collect::Coverage;
use packwatch::model::{FailureKey, StatusKind, StatusRecord};

use super::histories::Run;

/// Returns whether there is evidence that clears a failure: an independent implementation of the
/// rules of the program.
pub fn has_evidence(
    key: &FailureKey,
    absent_since: Option<Timestamp>,
    successful_since: Option<Timestamp>,
    run: &Run,
) -> bool {
    let seen = &run.observation;
    let hour_ago = |since: Option<Timestamp>| {
        since.is_some_and(|since| seen.ended_at.duration_since(since).as_mins() >= 60)
    };
    if !run.scope.covers(key) {
        return !run.scope.narrowed;
    }
    let Some(observed) = seen.packs.get(&key.pack) else {
        if key.is_pack()
            && run
                .evaluation
                .ledger
                .open
                .keys()
                .any(|open| open.pack == key.pack && !open.is_pack())
        {
            return true;
        }
        return seen.gone.contains(&key.pack);
    };
    let kind = |row: &StatusRecord| row.status.kind();
    match &key.account_id {
        Some(account) if observed.successful.contains(account) => true,
        Some(account) => match observed.not_successful.get(account).map(|row| kind(row)) {
            Some(StatusKind::Successful) => true,
            Some(StatusKind::Failed | StatusKind::InProgress) => false,
            None | Some(StatusKind::Deleted) => {
                let absent =
                    observed.coverage == Coverage::SinglePage || observed.absent.contains(account);
                let stable = observed
                    .recheck_status
                    .as_ref()
                    .is_some_and(|status| status.kind() != StatusKind::InProgress);
                absent && (stable || hour_ago(absent_since))
            }
        },
        None => {
            let failing = observed
                .not_successful
                .values()
                .any(|row| kind(row) == StatusKind::Failed);
            let all_deleted = observed
                .not_successful
                .values()
                .all(|row| kind(row) == StatusKind::Deleted);
            let complete = matches!(observed.coverage, Coverage::SinglePage | Coverage::AllPages);
            let attributed = || {
                run.evaluation
                    .ledger
                    .open
                    .keys()
                    .any(|open| open.pack == key.pack && !open.is_pack())
            };
            failing
                || attributed()
                || kind(&observed.row) == StatusKind::Successful
                || (kind(&observed.row) == StatusKind::InProgress
                    && complete
                    && all_deleted
                    && hour_ago(successful_since))
        }
    }
}
