//! The run: its steps in order, and the error of each.
//!
//! Load the ledger and collect the observation, evaluate, store the snapshot, commit the ledger,
//! publish digests, settle the outbox, respond. Nothing is notified before it is committed, and no
//! observation is committed after a newer one.

mod commit;
mod deliver;
mod dry_run;
mod error;
mod execution;
mod ledger_store;
mod services;

use std::cell::{Cell, OnceCell, RefCell};

use jiff::Timestamp;
use tokio::time::Instant;

use crate::collect::Observation;
use crate::evaluate::update_gaps;
use crate::input::event::NotifyMode;
use crate::input::plan::RunPlan;
use crate::ledger::{CommitCheck, Ledger, RecentRun};
use crate::metrics::RunMetrics;
use crate::model::{AccountId, ApiError, SourceTarget};
use crate::ports::{Clock, ConfigApi, Notifier, ObjectStore};
use crate::report::{DigestStatus, DigestSummary, Outcome, RunResponse};

use commit::CommitOutcome;
use execution::{MAX_COMMIT_ATTEMPTS, RESPONSE_RESERVE, Run, duration_until};
use ledger_store::{LatestSource, StoredLedger};

pub use error::RunError;
pub use services::Services;

/// Executes `plan`. `own_account` is the account of the function's own credentials, or the error of
/// the STS call. Measurements are added to `metrics`, even if the run fails.
pub async fn run<S: ConfigApi, A: ObjectStore, N: Notifier, C: Clock>(
    services: &Services<S, A, N, C>,
    plan: &RunPlan,
    own_account: &Result<AccountId, ApiError>,
    metrics: &RefCell<RunMetrics>,
) -> Result<RunResponse, RunError> {
    let deadline =
        Instant::now() + duration_until(services.clock.now(), plan.deadline - RESPONSE_RESERVE);
    // If STS fails, the ledger supplies the own account of the last run, so it is loaded first.
    let preloaded = match own_account {
        Ok(_) => None,
        Err(_) => Some(ledger_store::load(services, plan, deadline).await?),
    };
    let account = match (own_account, &preloaded) {
        (Ok(account), _) => account.clone(),
        (Err(_), Some(stored)) => stored
            .ledger
            .own_account
            .clone()
            .unwrap_or_else(AccountId::unknown),
        (Err(_), None) => AccountId::unknown(),
    };
    let targets = plan.targets(&account).map_err(RunError::InvalidSettings)?;
    let scope = plan.scope(&targets, own_account.is_ok());
    let run = Run {
        services,
        plan,
        scope,
        own_account,
        deadline,
        snapshot_keys_tried: Cell::new(0),
        config_calls: Cell::new(0),
        metrics,
        accounts: OnceCell::new(),
    };
    let result = run.run(&targets, preloaded).await;
    metrics.borrow_mut().config_calls = run.config_calls.get();
    result
}

impl<S: ConfigApi, A: ObjectStore, N: Notifier, C: Clock> Run<'_, S, A, N, C> {
    async fn run(
        &self,
        targets: &[SourceTarget],
        mut stored: Option<StoredLedger>,
    ) -> Result<RunResponse, RunError> {
        let mut read_again = false;
        let mut attempts = 0;
        loop {
            let started_at = self.now();
            let collector = self.collector(targets, started_at);
            let identified_targets = self.identified_targets(targets);
            let preloaded = stored.take();
            let load = async {
                match preloaded {
                    Some(stored) => Ok(stored),
                    None => self.load().await,
                }
            };
            let (current, listings) = collector.list(&identified_targets, load).await;
            self.config_calls.set(collector.config_calls());
            let mut current = current?;
            match self.check_commit(&current.ledger, started_at) {
                _ if self.plan.dry_run => {}
                CommitCheck::Resume(run) => return self.resume(current, run).await,
                CommitCheck::Superseded { .. }
                    if !read_again && self.has_time_to_read_again(started_at) =>
                {
                    read_again = true;
                    stored = Some(current);
                    continue;
                }
                CommitCheck::Superseded { covered } => {
                    return self.superseded(&current.ledger, covered);
                }
                CommitCheck::Proceed | CommitCheck::AlreadyCommitted(_) => {}
            }
            let mut observation = collector
                .read(listings, &current.ledger, || self.now())
                .await;
            self.config_calls.set(observation.config_calls);
            self.metrics.borrow_mut().read_time +=
                observation.ended_at.duration_since(observation.started_at);
            if observation.no_source_listed() {
                return self.record_all_sources_failed(current, &observation).await;
            }
            observation.accounts = self
                .resolve_account_names(&observation, &current.ledger)
                .await;
            if self.plan.dry_run {
                return Ok(self.dry_run(&current, &observation));
            }
            loop {
                match self.commit(current, &observation).await? {
                    CommitOutcome::Committed(committed) => {
                        // Frees memory first: many failures make both the observation and the
                        // digest large.
                        drop(observation);
                        let (pending, current) = *committed;
                        return self.deliver_and_report(pending, current).await;
                    }
                    CommitOutcome::Conflict(pending, cause) => {
                        attempts += 1;
                        current = self.load().await.map_err(|error| RunError::StoreFailed {
                            what: "the commit was not confirmed, and the ledger could not be read to check it".to_owned(),
                            source: Some(Box::new(error)),
                        })?;
                        match self.check_commit(&current.ledger, started_at) {
                            CommitCheck::AlreadyCommitted(run) => {
                                return self.deliver_and_report(pending.adopt(run), current).await;
                            }
                            CommitCheck::Resume(run) => return self.resume(current, run).await,
                            CommitCheck::Superseded { .. }
                                if !read_again && self.has_time_to_read_again(started_at) =>
                            {
                                break;
                            }
                            CommitCheck::Superseded { covered } => {
                                return self.superseded(&current.ledger, covered);
                            }
                            CommitCheck::Proceed if attempts < MAX_COMMIT_ATTEMPTS => {}
                            CommitCheck::Proceed => return Err(self.commit_conflict_error(cause)),
                        }
                    }
                }
            }
            read_again = true;
            stored = Some(current);
        }
    }

    /// Returns whether a second read, if it takes as long as the first, ends before the deadline.
    fn has_time_to_read_again(&self, started_at: Timestamp) -> bool {
        let now = self.now();
        now + now.duration_since(started_at) < self.plan.read_deadline
    }

    /// Responds that a newer read is committed; an error if that read does not cover this scope.
    fn superseded(&self, ledger: &Ledger, covered: bool) -> Result<RunResponse, RunError> {
        if !covered {
            return Err(RunError::StoreFailed {
                what:
                    "another run committed a newer read of a part of this run's scope, and there was no time to \
                       read again"
                        .to_owned(),
                source: None,
            });
        }
        let last = ledger.last_commit.as_ref();
        Ok(RunResponse {
            run_id: self.plan.run_id.clone(),
            sequence: ledger.sequence,
            outcome: Outcome::Superseded,
            complete: ledger.recent_runs.last().is_some_and(|run| run.complete),
            snapshot: last.map(|last| self.address(&last.snapshot)),
            totals: last.map(|last| last.totals).unwrap_or_default(),
            digest: DigestSummary::with_status(DigestStatus::None),
            config_calls: self.config_calls.get(),
        })
    }

    /// Finishes a run that an earlier execution committed: sends its outgoing digests that are free
    /// to lease.
    async fn resume(
        &self,
        mut current: StoredLedger,
        run: RecentRun,
    ) -> Result<RunResponse, RunError> {
        let now = self.now();
        self.update_ledger(&mut current, |ledger| {
            ledger.acquire_leases(
                self.plan.receivers(),
                &self.plan.execution,
                self.plan.deadline,
                now,
            );
        })
        .await
        .map_err(|source| RunError::StoreFailed {
            what: "this run is committed, but the lease on its digest could not be stored"
                .to_owned(),
            source,
        })?;
        let latest = (!run.narrowed).then_some((run.sequence, LatestSource::Key(&run.snapshot)));
        let results = self.deliver(&mut current, latest).await;
        self.record_committed(&current.ledger, run.complete, None);
        let digest = results.report(&current.ledger, self.plan)?;
        Ok(RunResponse {
            run_id: run.run_id,
            sequence: run.sequence,
            outcome: Outcome::Resumed,
            complete: run.complete,
            snapshot: Some(self.address(&run.snapshot)),
            totals: run.totals,
            digest,
            config_calls: self.config_calls.get(),
        })
    }

    /// Records the gaps when no source could be listed. Open failures stay open, and
    /// pending digests are still sent. Always returns an error.
    async fn record_all_sources_failed(
        &self,
        mut current: StoredLedger,
        observation: &Observation,
    ) -> Result<RunResponse, RunError> {
        let gaps = observation
            .gaps
            .iter()
            .map(|(key, cause)| (key.clone(), cause.clone()))
            .collect();
        let failure = RunError::AllSourcesFailed(gaps);
        if self.plan.dry_run {
            return Err(failure);
        }
        let now = self.now();
        self.update_ledger(&mut current, |ledger| {
            let before = ledger.clone();
            // The gaps of a newer committed read replace these.
            if ledger.newer_read(observation.started_at, now).is_none() {
                update_gaps(ledger, observation, self.evaluation_context());
                ledger.prune_delivered();
            }
            ledger.register_receivers(self.plan.receivers());
            let due_at = ledger
                .last_commit
                .as_ref()
                .map_or(observation.ended_at, |last| last.at);
            let notification_context = self.notification_context(due_at, observation.ended_at);
            if self.plan.announce == NotifyMode::Never {
                notification_context.suppress(ledger, &before);
            } else {
                notification_context.enqueue(ledger, |_| false);
            }
            ledger.acquire_leases(
                self.plan.receivers(),
                &self.plan.execution,
                self.plan.deadline,
                now,
            );
        })
        .await
        .map_err(|source| RunError::StoreFailed {
            what: format!("{failure}; and that could not be recorded"),
            source,
        })?;
        let results = self.send(&mut current).await;
        self.record_gauges(&current.ledger, false);
        if let Err(error) = results.report(&current.ledger, self.plan) {
            tracing::error!(error = error.to_report(), "a digest could not be delivered");
        }
        Err(failure)
    }
}
