//! The run: its steps in order, and the error of each.
//!
//! Load the ledger and collect the observation, evaluate, store the snapshot, commit the ledger,
//! publish digests, settle the outbox, respond. Nothing is notified before it is committed, and no
//! observation is committed after a newer one.

mod adopt;
mod advice;
mod caller;
mod check;
mod commit;
mod deliver;
mod dry_run;
mod error;
mod execution;
mod latest;
mod ledger_store;
mod mutes;
mod overlap;
mod publish;
mod put_events;
mod services;
mod test_notification;
mod without_commit;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::collect::Observation;
use crate::input::plan::{RunPlan, Task};
use crate::ledger::{CommitCheck, ForeignLedger, RecentRun};
use crate::metrics::RunMetrics;
use crate::model::{AccountId, PackName, SourceTarget, drop_unused_strings};
use crate::ports::{Clock, ObjectStore};
use crate::report::{Response, RunResponse};

use commit::CommitOutcome;
use execution::{RESPONSE_RESERVE, Run, duration_until};
use ledger_store::{LedgerStore, MAX_COMMIT_ATTEMPTS, StoredLedger};

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
    if plan.task == Task::Check {
        return check::check(services, plan, caller, deadline).await;
    }
    let (account, preloaded) = match resolve_account(caller, &store).await {
        Ok(resolved) => resolved,
        Err(error) => return (Err(error), RunMetrics::default()),
    };
    if plan.task == Task::Test {
        let send = test_notification::send_test(services, &store, plan, caller, &account, deadline);
        return (send.await.map(Response::Test), RunMetrics::default());
    }
    let watched = plan.watched(&account);
    if plan.task != Task::Run {
        let mutes = mutes::change_mutes(&store, plan, &caller.deployment, &watched).await;
        return (mutes.map(Response::Mutes), RunMetrics::default());
    }
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
        watched,
        deadline,
        metrics: RunMetrics::default(),
        snapshots_tried: 0,
        first_looks: false,
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
        log_gaps(&observation);
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
        for _ in 0..MAX_COMMIT_ATTEMPTS {
            let (pending, cause) = match self.commit(current, &observation, &later_reads).await? {
                CommitOutcome::Committed(committed) => {
                    // Frees memory first: many failures make both the observation and the digest
                    // large.
                    drop(observation);
                    drop_unused_strings();
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
}

/// Logs one line for each gap, so that log queries can filter by its parts.
fn log_gaps(observation: &Observation) {
    for (key, cause) in &observation.gaps {
        tracing::warn!(
            caller = key.source.caller.as_str(),
            region = key.source.region.as_str(),
            pack = key.pack.as_ref().map_or("-", PackName::as_str),
            operation = cause.operation,
            code = cause.code,
            effect = "no data: the failures that are open there stay open",
            "{}",
            cause.message
        );
    }
}
