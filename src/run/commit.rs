//! The commit: stores the snapshot, then the ledger by compare-and-swap against the version that
//! was loaded. After a conflict the run evaluates its observation again, over the newer ledger.

use std::collections::BTreeSet;
use std::io;

use super::error::RunError;
use super::execution::{Run, log_warnings};
use super::latest::LatestRun;
use super::ledger_store::StoredLedger;
use super::overlap::while_answered;
use super::services::Services;
use crate::collect::Observation;
use crate::html_report::RunFacts;
use crate::input::event::NotifyMode;
use crate::ledger::{CommittedRead, LastCommit, Ledger, RUN_ID_RETENTION, RecentRun};
use crate::metrics::ChangeCounts;
use crate::model::{RunTotals, Scope, drop_unused_strings};
use crate::notify::AskedFor;
use crate::object_body::ObjectBody;
use crate::ports::{BoxError, PutError, PutMode};
use crate::report::{DigestRef, Outcome, RunFindings, RunResponse, Warning};

/// How often one commit attempt tries to store its snapshot, each time under another key.
const MAX_SNAPSHOT_ATTEMPTS: usize = 2;

/// Result of one commit attempt.
pub(super) enum CommitOutcome {
    /// The commit is stored. Holds the ledger as it is now.
    Committed(Box<(PendingCommit, StoredLedger)>),
    /// Another writer changed the ledger first, or the write was not answered and may have
    /// succeeded. The error is that of the unanswered write.
    Conflict(Box<PendingCommit>, Option<BoxError>),
}

/// A commit whose snapshot is stored, with what the response, `latest.json` and the report need.
pub(super) struct PendingCommit {
    sequence: u64,
    snapshot_key: String,
    /// The snapshot; `None` if an earlier attempt wrote the committed one.
    snapshot: Option<ObjectBody>,
    totals: RunTotals,
    complete: bool,
    warnings: Vec<Warning>,
    changes: ChangeCounts,
    /// What the report shows of the run.
    facts: RunFacts,
}

impl PendingCommit {
    /// Returns the commit that the ledger records although its write was not answered. It may be
    /// that of an earlier attempt, with another snapshot.
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
            warnings: self.warnings,
            changes: self.changes,
            facts: self.facts,
        }
    }
}

impl<S: Services> Run<'_, S> {
    /// Evaluates the observation, stores the snapshot and tries to commit the ledger once.
    pub(super) async fn commit(
        &mut self,
        current: StoredLedger,
        observation: &Observation,
        later_reads: &[Scope],
    ) -> Result<CommitOutcome, RunError> {
        let (evaluation, changes) = self.evaluate(&current.ledger, observation, later_reads);
        let findings = RunFindings::new(self.plan, self.scope, observation, &evaluation, &changes);
        let previous = current
            .ledger
            .last_commit
            .as_ref()
            .map(|last| last.snapshot.as_str());
        let mut cause = None;
        for _ in 0..MAX_SNAPSHOT_ATTEMPTS {
            let key = self.next_snapshot_key();
            let (mut next, digest) = self.next_ledger(&current.ledger, &findings, &key);
            next.record_read(CommittedRead {
                until: observation.ended_at,
                scope: self.scope.clone(),
                partial: !later_reads.is_empty(),
            });
            // The texts of the digests, before the snapshot needs its memory.
            drop_unused_strings();
            let snapshot = findings
                .snapshot(next.sequence, previous, self.now(), digest)
                .map_err(|error| RunError::StoreFailed {
                    what: "the snapshot could not be written as JSON".to_owned(),
                    unstored: self.unstored(),
                    source: Some(Box::new(error)),
                })?;
            let put = self.store.put(&key, snapshot.clone(), &PutMode::Create);
            let prepare = async || {
                let pending = PendingCommit {
                    sequence: next.sequence,
                    snapshot_key: key.clone(),
                    snapshot: Some(snapshot),
                    totals: findings.totals,
                    complete: findings.is_complete(),
                    warnings: findings.warnings.clone(),
                    changes: self.change_counts(&current.ledger, &changes),
                    facts: RunFacts::of(&findings),
                };
                (pending, next.to_body().map(ObjectBody::hashed))
            };
            match while_answered(put, prepare).await {
                (Ok(_), (pending, body)) => {
                    // Frees memory before the ledger is sent.
                    let put_mode = current.put_mode;
                    drop((evaluation, changes, current.ledger));
                    return self.store_ledger(pending, next, body, &put_mode).await;
                }
                (Err(PutError::PreconditionFailed), _) => {
                    cause.get_or_insert_with(|| "there is an object with this key already".into());
                }
                (Err(PutError::Rejected(error)), _) => {
                    cause = Some(error);
                    break;
                }
                (Err(PutError::Indeterminate(error)), _) => {
                    cause = Some(error);
                    if tokio::time::Instant::now() >= self.deadline {
                        break;
                    }
                }
            }
        }
        let what = format!(
            "the snapshot {} could not be stored",
            self.store.address(&self.plan.keys.snapshot)
        );
        Err(RunError::StoreFailed {
            what,
            unstored: self.unstored(),
            source: cause,
        })
    }

    /// Returns the key to try next for a snapshot. No key is tried twice in a run: an unanswered
    /// write may have succeeded, and a snapshot is never overwritten.
    fn next_snapshot_key(&mut self) -> String {
        let number = self.snapshots_tried;
        self.snapshots_tried += 1;
        let keys = &self.plan.keys;
        match number {
            0 => keys.snapshot.clone(),
            _ => keys.snapshot_with(&format!("{}-{number}", self.plan.run.execution)),
        }
    }

    /// Returns the next ledger, with new digests in the outbox and leased to this execution, and
    /// the id and subject of the new one for the digest topic.
    fn next_ledger(
        &self,
        before: &Ledger,
        findings: &RunFindings<'_>,
        key: &str,
    ) -> (Ledger, Option<DigestRef>) {
        let mut next = findings.evaluation.ledger.clone();
        self.record_commit(&mut next, before, findings, key);
        let at = findings.observation.ended_at;
        let notification_context = self.committing_context(at);
        let mut enqueued = BTreeSet::new();
        if self.plan.mode.announce == NotifyMode::Never {
            let changes = notification_context.suppress(&mut next, before);
            log_suppressed(changes);
        } else {
            enqueued = notification_context.enqueue(&mut next, AskedFor::Now);
        }
        self.acquire_leases(&mut next, self.now());
        let outgoing = enqueued
            .get(&self.plan.settings.topic)
            .and_then(|topic| next.receivers.get(topic)?.outgoing.as_ref());
        let digest = outgoing.map(DigestRef::from);
        (next, digest)
    }

    async fn store_ledger(
        &self,
        pending: PendingCommit,
        next: Ledger,
        body: io::Result<ObjectBody>,
        put_mode: &PutMode,
    ) -> Result<CommitOutcome, RunError> {
        let put = self.store.put_ledger_body(next.sequence, body, put_mode);
        match put.await {
            Ok(etag) => {
                let stored = StoredLedger {
                    ledger: next,
                    put_mode: PutMode::Update(etag),
                };
                Ok(CommitOutcome::Committed(Box::new((pending, stored))))
            }
            Err(PutError::Rejected(cause)) => Err(RunError::StoreFailed {
                what: format!(
                    "{} could not be stored",
                    self.store.address(&self.plan.keys.ledger)
                ),
                unstored: self.unstored(),
                source: Some(cause),
            }),
            Err(PutError::PreconditionFailed) => {
                Ok(CommitOutcome::Conflict(Box::new(pending), None))
            }
            Err(PutError::Indeterminate(cause)) => {
                Ok(CommitOutcome::Conflict(Box::new(pending), Some(cause)))
            }
        }
    }

    /// Records the commit in `next`: sequence, watched sources, history, owner, own account, last
    /// commit and recent runs. `key` is the key of the snapshot.
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
            let watched_before = next
                .watched
                .replace(self.watched.clone())
                .map_or_else(|| self.scope.sources.clone(), |watched| watched.sources);
            for receiver in next.receivers.values_mut() {
                receiver
                    .newly_watched
                    .extend(self.scope.sources.difference(&watched_before).cloned());
                receiver
                    .newly_watched
                    .retain(|source| self.scope.sources.contains(source));
            }
        }
        let complete = findings.is_complete() && !self.scope.narrowed;
        next.record_history(before, complete, at);
        next.claim(&self.caller.deployment);
        if self.caller.own_account.is_ok()
            && let Some(account) = self.caller.account()
        {
            next.own_account = Some(account.clone());
        }
        let totals = findings.totals;
        next.last_commit = Some(LastCommit {
            run_id: self.plan.run.id.clone(),
            at,
            snapshot: key.to_owned(),
            totals,
            first: !self.scope.narrowed && before.watched.is_none(),
            warnings: findings.warnings.clone(),
        });
        next.recent_runs
            .retain(|run| at.duration_since(run.at) < RUN_ID_RETENTION);
        next.recent_runs.push(RecentRun {
            run_id: self.plan.run.id.clone(),
            execution: self.plan.run.execution.clone(),
            sequence: next.sequence,
            snapshot: key.to_owned(),
            at,
            totals,
            complete: findings.is_complete(),
            narrowed: self.scope.narrowed,
        });
    }

    /// Delivers the digests of a committed run and returns the response.
    pub(super) async fn deliver_and_report(
        &mut self,
        committed: PendingCommit,
        mut current: StoredLedger,
    ) -> Result<RunResponse, RunError> {
        let PendingCommit {
            sequence,
            snapshot_key,
            snapshot,
            totals,
            complete,
            warnings,
            changes,
            facts,
        } = committed;
        log_warnings(&warnings);
        self.first_looks = !self.scope.narrowed;
        let mut runs = current.ledger.recent_runs.iter();
        let run = runs.find(|run| run.sequence == sequence && !run.narrowed);
        let latest = run.map(|run| LatestRun {
            run: run.clone(),
            ledger: current.ledger.clone(),
            snapshot,
            facts: Some(&facts),
        });
        let (results, report) = self.deliver(&mut current, latest).await;
        self.record_committed(&current.ledger, complete, Some(changes));
        Ok(RunResponse {
            run_id: self.plan.run.id.clone(),
            sequence,
            outcome: Outcome::Committed,
            complete,
            snapshot: Some(self.store.address(&snapshot_key)),
            report,
            totals,
            warnings,
            digest: results.report(&current.ledger, self.plan)?,
            config_calls: self.metrics.config_calls,
        })
    }
}

/// Logs how many changes the event keeps from being notified, so that they can be found later.
pub(super) fn log_suppressed(changes: usize) {
    tracing::warn!(
        changes,
        "the event has \"announce\": \"never\": these changes are recorded and will not be notified"
    );
}
