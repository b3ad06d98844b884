//! The commit: the snapshot first, then the ledger over the version that was read. Whoever loses
//! the race compares again.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::error::RunError;
use super::execution::Run;
use super::ledger_store::{LatestSource, StoredLedger};
use crate::collect::Observation;
use crate::input::event::NotifyMode;
use crate::ledger::{LastCommit, LastRead, Ledger, RUN_ID_RETENTION, RecentRun};
use crate::metrics::ChangeCounts;
use crate::model::RunTotals;
use crate::ports::{BoxError, Clock, ConfigApi, Notifier, ObjectStore, PutError, PutMode};
use crate::report::{DigestRef, RunFindings};
use crate::report::{Outcome, RunResponse};

/// What became of one attempt.
pub(super) enum CommitOutcome {
    /// It is committed: the ledger as it is now.
    Committed(Box<(PendingCommit, StoredLedger)>),
    /// Another writer was first, or nobody knows.
    Conflict(PendingCommit, Option<BoxError>),
}

/// A commit as it was prepared.
pub(super) struct PendingCommit {
    sequence: u64,
    snapshot_key: String,
    /// Its bytes, where they are at hand.
    snapshot: Option<Bytes>,
    totals: RunTotals,
    complete: bool,
    changes: ChangeCounts,
}

impl PendingCommit {
    /// The commit that was found in the ledger though its write was not answered. It may be an
    /// earlier attempt of ours.
    pub(super) fn adopt(self, run: RecentRun) -> Self {
        let snapshot = self.snapshot.filter(|_| self.snapshot_key == run.snapshot);
        let RecentRun {
            sequence,
            snapshot: snapshot_key,
            totals,
            complete,
            ..
        } = run;
        Self {
            sequence,
            snapshot_key,
            snapshot,
            totals,
            complete,
            changes: self.changes,
        }
    }
}

/// Names that a snapshot is tried under, before something is wrong with the bucket.
const MAX_SNAPSHOT_KEYS: u32 = 16;

impl<S: ConfigApi, A: ObjectStore, N: Notifier, C: Clock> Run<'_, S, A, N, C> {
    /// Compares, archives and commits, once.
    pub(super) async fn commit(
        &self,
        current: StoredLedger,
        observation: &Observation,
    ) -> Result<CommitOutcome, RunError> {
        let (evaluation, changes) = self.evaluate(&current.ledger, observation);
        let findings = RunFindings {
            plan: self.plan,
            scope: &self.scope,
            observation,
            evaluation: &evaluation,
            changes: &changes,
        };
        let mut cause = None;
        while self.snapshot_keys_tried.get() < MAX_SNAPSHOT_KEYS {
            let key = self.snapshot_name();
            let (next, digest) = self.next_ledger(&current.ledger, &findings, &key);
            let previous = current
                .ledger
                .last
                .as_ref()
                .map(|last| last.snapshot.as_str());
            let snapshot: Bytes = findings
                .snapshot(next.sequence, previous, self.now(), digest)
                .map_err(|error| store_failed("the snapshot could not be written as JSON", error))?
                .into();
            // A name is used up by trying it: an unanswered write may have landed, and nothing
            // rewrites a snapshot.
            self.snapshot_keys_tried
                .set(self.snapshot_keys_tried.get() + 1);
            match self.put(&key, snapshot.clone(), &PutMode::Create).await {
                Ok(_) => {
                    let prepared = PendingCommit {
                        sequence: next.sequence,
                        snapshot_key: key,
                        snapshot: Some(snapshot),
                        totals: findings.totals(),
                        complete: findings.is_complete(),
                        changes: self.changes(&current.ledger, &evaluation, &changes),
                    };
                    // What is no longer needed makes room for the bytes of the ledger.
                    let expect = current.expect;
                    drop((evaluation, changes, current.ledger));
                    return self.store_ledger(prepared, next, &expect).await;
                }
                Err(PutError::PreconditionFailed) => {}
                Err(PutError::Rejected(refused)) => {
                    cause = Some(refused);
                    break;
                }
                Err(PutError::Indeterminate(unknown)) => {
                    cause = Some(unknown);
                    if tokio::time::Instant::now() >= self.deadline {
                        break;
                    }
                }
            }
        }
        let what = format!(
            "the snapshot {} could not be stored",
            self.address(&self.plan.snapshot_key)
        );
        Err(RunError::StoreFailed {
            what,
            source: cause,
        })
    }

    /// The next ledger, with the digests that it gives out claimed, and the name of the one for the
    /// digest topic.
    fn next_ledger(
        &self,
        before: &Ledger,
        findings: &RunFindings<'_>,
        key: &str,
    ) -> (Ledger, Option<DigestRef>) {
        let mut next = findings.evaluation.ledger.clone();
        self.record_commit(&mut next, before, findings, key);
        let at = findings.observation.ended_at;
        let notification_context = self.notification_context(at, at);
        let mut offered = BTreeSet::new();
        if self.plan.announce == NotifyMode::Never {
            notification_context.suppress(&mut next, before);
        } else {
            offered = notification_context
                .enqueue(&mut next, |_| self.plan.announce == NotifyMode::Always);
        }
        next.acquire_leases(
            self.plan.audiences(),
            &self.plan.execution,
            self.plan.deadline,
            self.now(),
        );
        let head = offered
            .get(&self.plan.topic)
            .and_then(|topic| next.audiences.get(topic)?.head.as_ref());
        let digest = head.map(DigestRef::from);
        (next, digest)
    }

    async fn store_ledger(
        &self,
        prepared: PendingCommit,
        next: Ledger,
        expect: &PutMode,
    ) -> Result<CommitOutcome, RunError> {
        match self.put_ledger(&next, expect).await {
            Ok(version) => {
                let stored = StoredLedger {
                    ledger: next,
                    expect: PutMode::Update(version),
                };
                Ok(CommitOutcome::Committed(Box::new((prepared, stored))))
            }
            Err(PutError::Rejected(cause)) => Err(RunError::StoreFailed {
                what: format!(
                    "{} could not be stored",
                    self.address(&self.plan.ledger_key)
                ),
                source: Some(cause),
            }),
            Err(PutError::PreconditionFailed) => Ok(CommitOutcome::Conflict(prepared, None)),
            Err(PutError::Indeterminate(cause)) => {
                Ok(CommitOutcome::Conflict(prepared, Some(cause)))
            }
        }
    }

    /// The planned name, then names of this execution alone.
    fn snapshot_name(&self) -> String {
        let execution = &self.plan.execution;
        match self.snapshot_keys_tried.get() {
            0 => self.plan.snapshot_key.clone(),
            1 => self.plan.snapshot_key_with(execution),
            taken => self.plan.snapshot_key_with(&format!("{execution}-{taken}")),
        }
    }

    /// Writes the commit itself into the next ledger.
    pub(super) fn record_commit(
        &self,
        next: &mut Ledger,
        before: &Ledger,
        findings: &RunFindings<'_>,
        key: &str,
    ) {
        let at = findings.observation.ended_at;
        next.sequence = before.sequence + 1;
        if !self.scope.narrowed {
            let known = next
                .watched
                .replace(self.scope.sources.clone())
                .unwrap_or_else(|| self.scope.sources.clone());
            for receiver in next.audiences.values_mut() {
                receiver
                    .newly_watched
                    .extend(self.scope.sources.difference(&known).cloned());
                receiver
                    .newly_watched
                    .retain(|source| self.scope.sources.contains(source));
            }
        }
        if let Ok(account) = self.own_account
            && *account != crate::model::AccountId::unknown()
        {
            next.own_account = Some(account.clone());
        }
        let totals = findings.totals();
        next.last = Some(LastCommit {
            run_id: self.plan.run_id.clone(),
            at,
            snapshot: key.to_owned(),
            totals,
            first: before.last.is_none(),
        });
        next.reading = Some(LastRead {
            until: at,
            scope: self.scope.clone(),
        });
        next.runs
            .retain(|run| at.duration_since(run.at) < RUN_ID_RETENTION);
        next.runs.push(RecentRun {
            run_id: self.plan.run_id.clone(),
            execution: self.plan.execution.clone(),
            sequence: next.sequence,
            snapshot: key.to_owned(),
            at,
            totals,
            complete: findings.is_complete(),
            narrowed: self.scope.narrowed,
        });
    }

    /// Tells what was committed.
    pub(super) async fn deliver_and_report(
        &self,
        committed: PendingCommit,
        mut current: StoredLedger,
    ) -> Result<RunResponse, RunError> {
        let PendingCommit {
            sequence,
            snapshot_key,
            snapshot,
            totals,
            complete,
            changes,
        } = committed;
        let latest = snapshot.map_or(LatestSource::Key(&snapshot_key), LatestSource::InMemory);
        let latest = (!self.scope.narrowed).then_some((sequence, latest));
        let sent = self.deliver(&mut current, latest).await;
        self.record_committed(&current.ledger, complete, Some(changes));
        Ok(RunResponse {
            run_id: self.plan.run_id.clone(),
            sequence,
            outcome: Outcome::Committed,
            complete,
            snapshot: Some(self.address(&snapshot_key)),
            totals,
            digest: sent.report(&current.ledger, self.plan)?,
            config_calls: self.config_calls.get(),
        })
    }
}

fn store_failed(what: &str, error: impl std::error::Error + Send + Sync + 'static) -> RunError {
    RunError::StoreFailed {
        what: what.to_owned(),
        source: Some(Box::new(error)),
    }
}
