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
use crate::ledger::{CommitCheck, RecentRun};
use crate::metrics::RunMetrics;
use crate::model::{AccountId, ApiError, SourceTarget};
use crate::ports::Clock;
use crate::report::{DigestStatus, DigestSummary, Outcome, RunResponse};

use commit::CommitOutcome;
use execution::{RESPONSE_RESERVE, Run, duration_until};
use ledger_store::{LatestSource, LedgerStore, MAX_COMMIT_ATTEMPTS, StoredLedger};

pub use error::RunError;
pub use services::{ServiceSet, Services};

/// Executes `plan`. `own_account` is the account of the function's own credentials, or the error of
/// the STS call. Measurements are added to `metrics`, even if the run fails.
pub async fn run<S: Services>(
    services: &S,
    plan: &RunPlan,
    own_account: &Result<AccountId, ApiError>,
    metrics: &RefCell<RunMetrics>,
) -> Result<RunResponse, RunError> {
    let deadline = Instant::now()
        + duration_until(
            services.clock().now(),
            plan.timing.deadline - RESPONSE_RESERVE,
        );
    let store = LedgerStore::new(services.store(), plan, deadline);
    // If STS fails, the ledger supplies the own account of the last run, so it is loaded first.
    let preloaded = match own_account {
        Ok(_) => None,
        Err(_) => Some(store.load().await?),
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
        store,
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

/// Result of a read and the attempts to commit it.
enum Attempt {
    /// The run has ended.
    Finished(Box<RunResponse>),
    /// A newer read was committed first, and there is time for another read. The ledger is the one
    /// that has the newer read.
    ReadAgain(Box<StoredLedger>),
}

impl Attempt {
    fn finished(response: RunResponse) -> Self {
        Self::Finished(Box::new(response))
    }
}

impl<S: Services> Run<'_, S> {
    /// Reads and commits; if a newer read is committed first, once more.
    async fn run(
        &self,
        targets: &[SourceTarget],
        mut preloaded: Option<StoredLedger>,
    ) -> Result<RunResponse, RunError> {
        let mut may_read_again = true;
        loop {
            let attempt = self.read_and_commit(targets, preloaded, may_read_again);
            match attempt.await? {
                Attempt::Finished(response) => return Ok(*response),
                Attempt::ReadAgain(stored) => preloaded = Some(*stored),
            }
            may_read_again = false;
        }
    }

    async fn read_and_commit(
        &self,
        targets: &[SourceTarget],
        preloaded: Option<StoredLedger>,
        may_read_again: bool,
    ) -> Result<Attempt, RunError> {
        let started_at = self.now();
        let collector = self.collector(targets, started_at);
        let identified_targets = self.identified_targets(targets);
        let load = async {
            match preloaded {
                Some(stored) => Ok(stored),
                None => self.store.load().await,
            }
        };
        let (current, listings) = collector.list(&identified_targets, load).await;
        self.config_calls.set(collector.config_calls());
        let current = current?;
        match self.check_commit(&current.ledger, started_at) {
            _ if self.plan.mode.dry_run => {}
            CommitCheck::Resume(run) => {
                return self.resume(current, run).await.map(Attempt::finished);
            }
            CommitCheck::Superseded { covered } => {
                return self.superseded(current, covered, started_at, may_read_again);
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
            return Err(self.record_all_sources_failed(current, &observation).await);
        }
        observation.accounts = self
            .resolve_account_names(&observation, &current.ledger)
            .await;
        if self.plan.mode.dry_run {
            return Ok(Attempt::finished(self.dry_run(&current, &observation)));
        }
        self.commit_with_retries(current, observation, may_read_again)
            .await
    }

    /// Commits the observation, again after each conflict, and delivers the digests.
    async fn commit_with_retries(
        &self,
        mut current: StoredLedger,
        observation: Observation,
        may_read_again: bool,
    ) -> Result<Attempt, RunError> {
        let started_at = observation.started_at;
        let mut last_cause = None;
        for _ in 0..MAX_COMMIT_ATTEMPTS {
            let (pending, cause) = match self.commit(current, &observation).await? {
                CommitOutcome::Committed(committed) => {
                    // Frees memory first: many failures make both the observation and the digest
                    // large.
                    drop(observation);
                    let (pending, current) = *committed;
                    return self
                        .deliver_and_report(pending, current)
                        .await
                        .map(Attempt::finished);
                }
                CommitOutcome::Conflict(pending, cause) => (pending, cause),
            };
            current = self
                .store
                .load()
                .await
                .map_err(|error| RunError::StoreFailed {
                    what:
                        "the commit was not confirmed, and the ledger could not be read to check it"
                            .to_owned(),
                    source: Some(Box::new(error)),
                })?;
            match self.check_commit(&current.ledger, started_at) {
                CommitCheck::AlreadyCommitted(run) => {
                    return self
                        .deliver_and_report(pending.adopt(run), current)
                        .await
                        .map(Attempt::finished);
                }
                CommitCheck::Resume(run) => {
                    return self.resume(current, run).await.map(Attempt::finished);
                }
                CommitCheck::Superseded { covered } => {
                    return self.superseded(current, covered, started_at, may_read_again);
                }
                CommitCheck::Proceed => last_cause = cause,
            }
        }
        Err(self.commit_conflict_error(last_cause))
    }

    /// Returns whether a second read, if it takes as long as the first, ends before the deadline.
    fn has_time_to_read_again(&self, started_at: Timestamp) -> bool {
        let now = self.now();
        now + now.duration_since(started_at) < self.plan.timing.read_deadline
    }

    /// A newer read is committed: reads again if there is time, else ends the run; with an error if
    /// the newer read does not cover this scope.
    fn superseded(
        &self,
        current: StoredLedger,
        covered: bool,
        started_at: Timestamp,
        may_read_again: bool,
    ) -> Result<Attempt, RunError> {
        if may_read_again && self.has_time_to_read_again(started_at) {
            return Ok(Attempt::ReadAgain(Box::new(current)));
        }
        if !covered {
            return Err(RunError::StoreFailed {
                what:
                    "another run committed a newer read of a part of this run's scope, and there was no time to \
                       read again"
                        .to_owned(),
                source: None,
            });
        }
        let ledger = current.ledger;
        let last = ledger.last_commit.as_ref();
        Ok(Attempt::finished(RunResponse {
            run_id: self.plan.run.id.clone(),
            sequence: ledger.sequence,
            outcome: Outcome::Superseded,
            complete: ledger.recent_runs.last().is_some_and(|run| run.complete),
            snapshot: last.map(|last| self.store.address(&last.snapshot)),
            totals: last.map(|last| last.totals).unwrap_or_default(),
            digest: DigestSummary::with_status(DigestStatus::None),
            config_calls: self.config_calls.get(),
        }))
    }

    /// Finishes a run that an earlier execution committed: sends its outgoing digests that are free
    /// to lease.
    async fn resume(
        &self,
        mut current: StoredLedger,
        run: RecentRun,
    ) -> Result<RunResponse, RunError> {
        let now = self.now();
        self.store
            .update(&mut current, |ledger| {
                ledger.acquire_leases(
                    self.plan.receivers(),
                    &self.plan.run.execution,
                    self.plan.timing.deadline,
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
            snapshot: Some(self.store.address(&run.snapshot)),
            totals: run.totals,
            digest,
            config_calls: self.config_calls.get(),
        })
    }

    /// Records the gaps when no source could be listed. Open failures stay open, and
    /// pending digests are still sent. Returns the error of the run.
    async fn record_all_sources_failed(
        &self,
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
                if self.plan.mode.announce == NotifyMode::Never {
                    notification_context.suppress(ledger, &before);
                } else {
                    notification_context.enqueue(ledger, |_| false);
                }
                ledger.acquire_leases(
                    self.plan.receivers(),
                    &self.plan.run.execution,
                    self.plan.timing.deadline,
                    now,
                );
            })
            .await;
        if let Err(source) = recorded {
            return RunError::StoreFailed {
                what: format!("{failure}; and that could not be recorded"),
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
