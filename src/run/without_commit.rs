//! Runs that end without a commit of their own: superseded by a newer read, resumed after an
//! earlier execution committed them, or without any source that could be listed.

use super::commit::log_suppressed;
use super::error::{RunError, Unstored};
use super::execution::Run;
use super::latest::LatestRun;
use super::ledger_store::StoredLedger;
use super::services::Services;
use crate::collect::Observation;
use crate::evaluate::update_gaps;
use crate::input::event::NotifyMode;
use crate::ledger::RecentRun;
use crate::notify::AskedFor;
use crate::report::{DigestStatus, DigestSummary, Outcome, RunResponse};

impl<S: Services> Run<'_, S> {
    /// Ends a run that another one superseded; with an error if the newer read does not cover this
    /// scope. A digest that the event asks for is sent from the newer ledger.
    pub(super) async fn superseded(
        &mut self,
        mut current: StoredLedger,
        covered: bool,
    ) -> Result<RunResponse, RunError> {
        if !covered {
            return Err(RunError::StoreFailed {
                what:
                    "another run committed a newer read of a part of this run's scope, and there was no time to \
                       read again"
                        .to_owned(),
                unstored: self.unstored(),
                source: None,
            });
        }
        let digest = if self.plan.mode.asks_for_digest() {
            self.send_requested_digest(&mut current).await?
        } else {
            DigestSummary::with_status(DigestStatus::None)
        };
        let ledger = current.ledger;
        let last = ledger.last_commit.as_ref();
        Ok(RunResponse {
            run_id: self.plan.run.id.clone(),
            sequence: ledger.sequence,
            outcome: Outcome::Superseded,
            complete: ledger.recent_runs.last().is_some_and(|run| run.complete),
            snapshot: last.map(|last| self.store.address(&last.snapshot)),
            report: None,
            totals: last.map(|last| last.totals).unwrap_or_default(),
            warnings: Vec::new(),
            digest,
            config_calls: self.metrics.config_calls,
        })
    }

    /// Sends the digest that the event asks for from a ledger that another run committed.
    async fn send_requested_digest(
        &mut self,
        current: &mut StoredLedger,
    ) -> Result<DigestSummary, RunError> {
        let now = self.now();
        let prefix = format!("{}.", self.plan.run.id);
        let enqueued = self.store.update(current, |ledger| {
            // An update must be idempotent, so the digest of this run is enqueued once.
            let is_enqueued = ledger.receivers.values().any(|receiver| {
                let outgoing = receiver.outgoing.as_ref();
                outgoing.is_some_and(|outgoing| outgoing.id.starts_with(&prefix))
            });
            let due_at = ledger.last_commit.as_ref().map(|last| last.at);
            if let (false, Some(due_at)) = (is_enqueued, due_at)
                && self.may_write(ledger)
            {
                self.notification_context(due_at, now)
                    .enqueue(ledger, AskedFor::Now);
            }
            self.acquire_leases(ledger, now);
        });
        enqueued.await.map_err(|source| RunError::StoreFailed {
            what: "another run was committed first, and the digest that the event asks for could not be stored"
                .to_owned(),
            unstored: Unstored::Request,
            source,
        })?;
        let results = self.send(current).await;
        results.report(&current.ledger, self.plan)
    }

    /// Finishes a run that an earlier execution committed: sends its outgoing digests that are free
    /// to lease.
    pub(super) async fn resume(
        &mut self,
        mut current: StoredLedger,
        run: RecentRun,
    ) -> Result<RunResponse, RunError> {
        let now = self.now();
        self.store
            .update(&mut current, |ledger| {
                self.acquire_leases(ledger, now);
            })
            .await
            .map_err(|source| RunError::StoreFailed {
                what: "this run is committed, but the lease on its digest could not be stored"
                    .to_owned(),
                unstored: Unstored::Lease,
                source,
            })?;
        let latest = (!run.narrowed).then(|| LatestRun {
            run: run.clone(),
            ledger: current.ledger.clone(),
            snapshot: None,
            facts: None,
        });
        let (results, report) = self.deliver(&mut current, latest).await;
        self.record_committed(&current.ledger, run.complete, None);
        let digest = results.report(&current.ledger, self.plan)?;
        Ok(RunResponse {
            run_id: run.run_id,
            sequence: run.sequence,
            outcome: Outcome::Resumed,
            complete: run.complete,
            snapshot: Some(self.store.address(&run.snapshot)),
            report,
            totals: run.totals,
            warnings: Vec::new(),
            digest,
            config_calls: self.metrics.config_calls,
        })
    }

    /// Records the gaps when no source could be listed. Open failures stay open, and
    /// outgoing digests are still sent. Returns the error of the run.
    pub(super) async fn record_all_sources_failed(
        &mut self,
        mut current: StoredLedger,
        observation: &Observation,
    ) -> RunError {
        let gaps = observation
            .gaps
            .iter()
            .map(|(key, cause)| (key.clone(), cause.clone()))
            .collect();
        let failure = RunError::AllSourcesFailed(gaps);
        if self.plan.mode.dry_run {
            return failure;
        }
        let now = self.now();
        let recorded = self
            .store
            .update(&mut current, |ledger| {
                if !self.may_write(ledger) {
                    return;
                }
                let before = ledger.clone();
                // The gaps of a newer committed read replace these.
                if ledger
                    .later_reads(observation.started_at, now)
                    .next()
                    .is_none()
                {
                    update_gaps(ledger, observation, self.evaluation_context(&[]));
                    ledger.prune_delivered();
                }
                ledger.claim(&self.caller.deployment);
                ledger.register_receivers(self.plan.receivers(), observation.ended_at);
                let due_at = ledger
                    .last_commit
                    .as_ref()
                    .map_or(observation.ended_at, |last| last.at);
                let notification_context = self.notification_context(due_at, observation.ended_at);
                if self.plan.mode.announce == NotifyMode::Never {
                    log_suppressed(notification_context.suppress(ledger, &before));
                } else {
                    notification_context.enqueue(ledger, AskedFor::Before);
                }
                self.acquire_leases(ledger, now);
            })
            .await;
        if let Err(source) = recorded {
            return RunError::StoreFailed {
                what: format!("{failure}; recording this in the ledger failed too"),
                unstored: self.unstored(),
                source,
            };
        }
        let results = self.send(&mut current).await;
        self.record_gauges(&current.ledger, false);
        if let Err(error) = results.report(&current.ledger, self.plan) {
            tracing::error!(error = error.to_report(), "a digest could not be delivered");
        }
        failure
    }
}
