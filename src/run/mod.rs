//! The run: its steps in order, and the error of each.
//!
//! Load the ledger and collect the observation, evaluate, store the snapshot, commit the ledger,
//! publish digests, settle the outbox, respond. Nothing is notified before it is committed, and no
//! observation is committed after a newer one.

mod adopt;
mod caller;
mod commit;
mod deliver;
mod dry_run;
mod error;
mod execution;
mod ledger_store;
mod services;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::collect::Observation;
use crate::evaluate::update_gaps;
use crate::input::event::NotifyMode;
use crate::input::plan::{RunPlan, Task};
use crate::ledger::{CommitCheck, ForeignLedger, RecentRun};
use crate::metrics::RunMetrics;
use crate::model::{AccountId, SourceTarget};
use crate::ports::{Clock, ObjectStore};
use crate::report::{DigestStatus, DigestSummary, Outcome, Response, RunResponse};

use commit::CommitOutcome;
use execution::{RESPONSE_RESERVE, Run, duration_until};
use ledger_store::{LatestSource, LedgerStore, MAX_COMMIT_ATTEMPTS, StoredLedger};

pub use caller::Caller;
pub use error::RunError;
pub use services::{ServiceSet, Services};

/// Executes `plan` for `caller`. Returns the measurements of the run as well, even if it fails.
pub async fn run<S: Services>(
    services: &S,
    plan: &RunPlan,
    caller: &Caller,
) -> (Result<Response, RunError>, RunMetrics) {
    let deadline = Instant::now()
        + duration_until(
            services.clock().now(),
            plan.timing.deadline - RESPONSE_RESERVE,
        );
    let store = LedgerStore::new(services.store(), plan, deadline);
    if plan.task == Task::AdoptLedger {
        let adopted = adopt::adopt_ledger(&store, plan, &caller.deployment).await;
        return (adopted.map(Response::Adopted), RunMetrics::default());
    }
    let (account, preloaded) = match resolve_account(caller, &store).await {
        Ok(resolved) => resolved,
        Err(error) => return (Err(error), RunMetrics::default()),
    };
    let targets = match plan.targets(&account) {
        Ok(targets) => targets,
        Err(error) => {
            return (Err(RunError::InvalidSettings(error)), RunMetrics::default());
        }
    };
    let scope = plan.scope(&targets, caller.own_account.is_ok());
    let mut run = Run {
        services,
        store,
        plan,
        scope: &scope,
        caller,
        watched: plan.watched(&account),
        deadline,
        metrics: RunMetrics::default(),
        accounts: None,
    };
    let result = run.run(&targets, preloaded).await;
    (
        result.map(|response| Response::Run(Box::new(response))),
        run.metrics,
    )
}

/// Returns the function's own account, and the ledger if it had to be loaded for it: if STS fails,
/// the ledger supplies the own account of the last run.
async fn resolve_account<S: ObjectStore>(
    caller: &Caller,
    store: &LedgerStore<'_, S>,
) -> Result<(AccountId, Option<StoredLedger>), RunError> {
    if let Ok(account) = &caller.own_account {
        return Ok((account.clone(), None));
    }
    let stored = store.load().await?;
    let account = stored.ledger.own_account.clone();
    Ok((account.unwrap_or_else(AccountId::unknown), Some(stored)))
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

/// Why a read is not committed.
enum Stop {
    /// The ledger could not be loaded.
    Failed(RunError),
    /// Another execution has committed this run.
    Resume(Box<StoredLedger>, RecentRun),
    /// A newer read is committed. The flag says whether it covers the scope of this run.
    Superseded(Box<StoredLedger>, bool),
    /// The ledger belongs to another function.
    Foreign(ForeignLedger),
}

/// Which of the two reads that a run may make this is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ReadPass {
    First,
    /// A newer read was committed before the first one.
    Second,
}

impl<S: Services> Run<'_, S> {
    /// Reads and commits; if a newer read is committed first, once more.
    async fn run(
        &mut self,
        targets: &[SourceTarget],
        preloaded: Option<StoredLedger>,
    ) -> Result<RunResponse, RunError> {
        let first = self.read_and_commit(targets, preloaded, ReadPass::First);
        let stored = match first.await? {
            Attempt::Finished(response) => return Ok(*response),
            Attempt::ReadAgain(stored) => Some(*stored),
        };
        let second = self.read_and_commit(targets, stored, ReadPass::Second);
        match second.await? {
            Attempt::Finished(response) => Ok(*response),
            Attempt::ReadAgain(_) => unreachable!("the second read is not followed by another"),
        }
    }

    async fn read_and_commit(
        &mut self,
        targets: &[SourceTarget],
        preloaded: Option<StoredLedger>,
        pass: ReadPass,
    ) -> Result<Attempt, RunError> {
        let started_at = self.now();
        let load = async {
            let stored = match preloaded {
                Some(stored) => stored,
                None => self.store.load().await.map_err(Stop::Failed)?,
            };
            match self.check_commit(&stored.ledger, started_at) {
                _ if self.plan.mode.dry_run => {}
                CommitCheck::Resume(run) => return Err(Stop::Resume(Box::new(stored), run)),
                CommitCheck::Superseded { covered } => {
                    return Err(Stop::Superseded(Box::new(stored), covered));
                }
                CommitCheck::Foreign(foreign) => return Err(Stop::Foreign(foreign)),
                CommitCheck::Proceed { .. } | CommitCheck::AlreadyCommitted(_) => {}
            }
            Ok(stored)
        };
        let collector = self.collector(targets, started_at);
        let collected = collector.collect(load, || self.now()).await;
        self.metrics.config_calls += collector.config_calls();
        let (current, mut observation) = match collected {
            Ok(collected) => collected,
            Err(stop) => return self.stop(stop, started_at, pass).await,
        };
        observation.config_calls = self.metrics.config_calls;
        self.metrics.read_time += observation.ended_at.duration_since(observation.started_at);
        if observation.no_source_listed() {
            return Err(self.record_all_sources_failed(current, &observation).await);
        }
        observation.accounts = self
            .resolve_account_names(&observation, &current.ledger)
            .await;
        if self.plan.mode.dry_run {
            return Ok(Attempt::finished(self.dry_run(&current, &observation)));
        }
        self.commit_with_retries(current, observation, pass).await
    }

    /// Commits the observation, again after each conflict, and delivers the digests.
    async fn commit_with_retries(
        &mut self,
        mut current: StoredLedger,
        observation: Observation,
        pass: ReadPass,
    ) -> Result<Attempt, RunError> {
        let started_at = observation.started_at;
        let mut last_cause = None;
        let mut later_reads = match self.check_commit(&current.ledger, started_at) {
            CommitCheck::Proceed { later_reads } => later_reads,
            _ => Vec::new(),
        };
        for attempt in 0..MAX_COMMIT_ATTEMPTS {
            let attempt = match pass {
                ReadPass::First => attempt,
                ReadPass::Second => MAX_COMMIT_ATTEMPTS + attempt,
            };
            let (pending, cause) = match self
                .commit(current, &observation, &later_reads, attempt)
                .await?
            {
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
            let stop = match self.check_commit(&current.ledger, started_at) {
                CommitCheck::Proceed { later_reads: later } => {
                    (last_cause, later_reads) = (cause, later);
                    continue;
                }
                CommitCheck::AlreadyCommitted(run) => {
                    return self
                        .deliver_and_report(pending.adopt(run), current)
                        .await
                        .map(Attempt::finished);
                }
                CommitCheck::Resume(run) => Stop::Resume(Box::new(current), run),
                CommitCheck::Superseded { covered } => Stop::Superseded(Box::new(current), covered),
                CommitCheck::Foreign(foreign) => Stop::Foreign(foreign),
            };
            return self.stop(stop, started_at, pass).await;
        }
        Err(self.commit_conflict_error(last_cause))
    }

    /// Ends a read that is not committed.
    async fn stop(
        &mut self,
        stop: Stop,
        started_at: Timestamp,
        pass: ReadPass,
    ) -> Result<Attempt, RunError> {
        match stop {
            Stop::Failed(error) => Err(error),
            Stop::Foreign(foreign) => Err(RunError::LedgerOwnedByAnother {
                object: self.store.address(&self.plan.keys.ledger),
                foreign,
            }),
            Stop::Resume(stored, run) => self.resume(*stored, run).await.map(Attempt::finished),
            Stop::Superseded(stored, _)
                if pass == ReadPass::First && self.has_time_to_read_again(started_at) =>
            {
                Ok(Attempt::ReadAgain(stored))
            }
            Stop::Superseded(stored, covered) => self
                .superseded(*stored, covered)
                .await
                .map(Attempt::finished),
        }
    }

    /// Returns whether a second read, if it takes as long as the first, ends before the deadline.
    fn has_time_to_read_again(&self, started_at: Timestamp) -> bool {
        let now = self.now();
        now + now.duration_since(started_at) < self.plan.timing.read_deadline
    }

    /// Ends a run that another one superseded; with an error if the newer read does not cover this
    /// scope. A digest that the event asks for is sent from the newer ledger.
    async fn superseded(
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
                source: None,
            });
        }
        let digest = if self.plan.mode.announce == NotifyMode::Always {
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
            totals: last.map(|last| last.totals).unwrap_or_default(),
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
            if let (false, Some(due_at)) = (is_enqueued, due_at) {
                self.notification_context(due_at, now)
                    .enqueue(ledger, |_| true);
            }
            self.acquire_leases(ledger, now);
        });
        enqueued.await.map_err(|source| RunError::StoreFailed {
            what: "another run was committed first, and the digest that the event asks for could not be stored"
                .to_owned(),
            source,
        })?;
        let results = self.send(current).await;
        results.report(&current.ledger, self.plan)
    }

    /// Finishes a run that an earlier execution committed: sends its outgoing digests that are free
    /// to lease.
    async fn resume(
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
            config_calls: self.metrics.config_calls,
        })
    }

    /// Records the gaps when no source could be listed. Open failures stay open, and
    /// pending digests are still sent. Returns the error of the run.
    async fn record_all_sources_failed(
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
                ledger.register_receivers(self.plan.receivers(), observation.ended_at);
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
                self.acquire_leases(ledger, now);
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
