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
use crate::ledger::{CommitCheck, ForeignLedger, Ledger, RecentRun};
use crate::metrics::RunMetrics;
use crate::model::{PackName, Scope, SourceTarget, drop_unused_strings};
use crate::ports::Clock;
use crate::report::{Response, RunResponse};

use commit::CommitOutcome;
use execution::{RESPONSE_RESERVE, Run, duration_until};
use ledger_store::{LedgerStore, MAX_COMMIT_ATTEMPTS, StoredLedger};

pub use caller::Caller;
pub use error::{RunError, Unstored};
pub use services::{ServiceSet, Services};

/// Executes `plan` for `caller`. Returns the measurements of the run as well, even if it fails.
pub async fn run<S: Services>(
    services: &S,
    plan: &RunPlan,
    caller: &Caller,
) -> (Result<Response, RunError>, RunMetrics) {
    let last_response = plan.timing.deadline - RESPONSE_RESERVE;
    let deadline = Instant::now() + duration_until(services.clock().now(), last_response);
    let store = LedgerStore::new(services.store(), plan, deadline);
    let result = match &plan.task {
        Task::Run => match read_and_notify(services, store, plan, caller, deadline).await {
            Ok(ended) => return ended,
            Err(error) => Err(error),
        },
        Task::Check => return check::check(services, plan, caller, deadline).await,
        Task::AdoptLedger => {
            let adopted = adopt::adopt_ledger(&store, plan, &caller.deployment).await;
            adopted.map(Response::Adopted)
        }
        Task::Mutes(request) => {
            let changed = mutes::change_mutes(&store, plan, caller, request).await;
            changed.map(Response::Mutes)
        }
        Task::Test => {
            let sent = test_notification::send_test(services, &store, plan, caller, deadline).await;
            sent.map(Response::Test)
        }
    };
    (result, RunMetrics::default())
}

/// Executes a run. Fails if it cannot start.
async fn read_and_notify<S: Services>(
    services: &S,
    store: LedgerStore<'_, S::Store>,
    plan: &RunPlan,
    caller: &Caller,
    deadline: Instant,
) -> Result<(Result<Response, RunError>, RunMetrics), RunError> {
    let (account, preloaded) = store.own_account(caller).await?;
    let targets = plan.targets(&account).map_err(RunError::InvalidSettings)?;
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
        snapshots_tried: 0,
        first_looks: false,
        accounts: None,
    };
    let response = run.run(&targets, preloaded).await;
    let response = response.map(|response| Response::Run(Box::new(response)));
    Ok((response, run.metrics))
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

/// A loaded ledger that does not stop the run.
struct CheckedLedger {
    stored: StoredLedger,
    /// The scopes of narrowed runs that read later. This run leaves them as they are.
    later_reads: Vec<Scope>,
    /// The commit of this execution, if an earlier write succeeded although it was not answered.
    committed: Option<RecentRun>,
}

impl AsRef<Ledger> for CheckedLedger {
    fn as_ref(&self) -> &Ledger {
        &self.stored.ledger
    }
}

/// Why a read is not committed.
enum Stop {
    /// The ledger could not be loaded.
    Failed(RunError),
    /// Another execution has committed this run.
    Resume(Box<StoredLedger>, Box<RecentRun>),
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
        mut preloaded: Option<StoredLedger>,
    ) -> Result<RunResponse, RunError> {
        let mut pass = ReadPass::First;
        loop {
            let attempt = self.read_and_commit(targets, preloaded, pass);
            match attempt.await? {
                Attempt::Finished(response) => return Ok(*response),
                Attempt::ReadAgain(stored) => {
                    (preloaded, pass) = (Some(*stored), ReadPass::Second);
                }
            }
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
            let stored = self.store.load_unless(preloaded).await;
            self.check_loaded(stored.map_err(Stop::Failed)?, started_at)
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
        let ledger = &current.stored.ledger;
        if observation.no_source_listed() {
            let recorded = self.record_all_sources_failed(current.stored, &observation);
            return Err(recorded.await);
        }
        observation.accounts = self.resolve_account_names(&observation, ledger).await;
        if self.plan.mode.dry_run {
            return Ok(Attempt::finished(self.dry_run(ledger, &observation)));
        }
        self.commit_with_retries(current, observation, pass).await
    }

    /// Returns the ledger, unless the read that started at `started_at` must not be committed over
    /// it. A dry run always gets it.
    fn check_loaded(
        &self,
        stored: StoredLedger,
        started_at: Timestamp,
    ) -> Result<CheckedLedger, Stop> {
        let checked = |stored, later_reads, committed| CheckedLedger {
            stored,
            later_reads,
            committed,
        };
        match self.check_commit(&stored.ledger, started_at) {
            // It writes nothing.
            _ if self.plan.mode.dry_run => Ok(checked(stored, Vec::new(), None)),
            CommitCheck::Proceed { later_reads } => Ok(checked(stored, later_reads, None)),
            CommitCheck::AlreadyCommitted(run) => Ok(checked(stored, Vec::new(), Some(run))),
            CommitCheck::Resume(run) => Err(Stop::Resume(Box::new(stored), Box::new(run))),
            CommitCheck::Superseded { covered } => Err(Stop::Superseded(Box::new(stored), covered)),
            CommitCheck::Foreign(foreign) => Err(Stop::Foreign(foreign)),
        }
    }

    /// Commits the observation, again after each conflict, and delivers the digests.
    async fn commit_with_retries(
        &mut self,
        mut current: CheckedLedger,
        observation: Observation,
        pass: ReadPass,
    ) -> Result<Attempt, RunError> {
        let started_at = observation.started_at;
        let mut last_cause = None;
        for _ in 0..MAX_COMMIT_ATTEMPTS {
            let CheckedLedger {
                stored,
                later_reads,
                ..
            } = current;
            let (pending, cause) = match self.commit(stored, &observation, &later_reads).await? {
                CommitOutcome::Committed(committed) => {
                    // Frees memory first: many failures make both the observation and the digest
                    // large.
                    drop(observation);
                    drop_unused_strings();
                    let (pending, current) = *committed;
                    let delivered = self.deliver_and_report(pending, current);
                    return delivered.await.map(Attempt::finished);
                }
                CommitOutcome::Conflict(pending, cause) => (pending, cause),
            };
            let stored = self
                .store
                .load()
                .await
                .map_err(|error| RunError::StoreFailed {
                    what:
                        "the commit was not confirmed, and the ledger could not be read to check it"
                            .to_owned(),
                    unstored: self.unstored(),
                    source: Some(Box::new(error)),
                })?;
            current = match self.check_loaded(stored, started_at) {
                Ok(checked) => checked,
                Err(stop) => return self.stop(stop, started_at, pass).await,
            };
            if let Some(run) = current.committed {
                let delivered = self.deliver_and_report(pending.adopt(run), current.stored);
                return delivered.await.map(Attempt::finished);
            }
            last_cause = cause;
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
        let response = match stop {
            Stop::Failed(error) => return Err(error),
            Stop::Foreign(foreign) => {
                return Err(RunError::LedgerOwnedByAnother {
                    object: self.store.address(&self.plan.keys.ledger),
                    foreign,
                });
            }
            Stop::Superseded(stored, _)
                if pass == ReadPass::First && self.has_time_to_read_again(started_at) =>
            {
                return Ok(Attempt::ReadAgain(stored));
            }
            Stop::Superseded(stored, covered) => self.superseded(*stored, covered).await?,
            Stop::Resume(stored, run) => self.resume(*stored, *run).await?,
        };
        Ok(Attempt::finished(response))
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
