//! The steps of a run in order, and what each failure means.
//!
//! recall and collect, compare, archive, commit, publish, settle, answer: nothing is told that is
//! not committed, and nothing is committed over a reading newer than ours.

mod commit;
mod send;
mod store;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio::time::{Duration, Instant};

use crate::collect::Collector;
use crate::collect::Observation;
use crate::collect::account_names;
use crate::digest::Digest;
use crate::error::RunError;
use crate::evaluate::{EvaluationContext, update_gaps};
use crate::input::event::NotifyMode;
use crate::input::plan::RunPlan;
use crate::ledger::PendingChanges;
use crate::ledger::{CommitCheck, Ledger, RecentRun};
use crate::model::Identity;
use crate::model::Scope;
use crate::model::SourceTarget;
use crate::model::{Account, AccountId, ApiError};
use crate::ports::{BoxError, Clock, ConfigApi, Notifier, ObjectStore};
use crate::report::{DigestReport, DigestStatus, Outcome, Report};
use crate::snapshot::{Findings, clearings};
use crate::telemetry::{Changes, Gauges, Measures};
use crate::tell::Occasion;

use commit::Attempt;
use store::Recalled;

/// Everything outside that a run reaches.
#[derive(Debug)]
pub struct Ports<S, A, N, C> {
    /// AWS Config.
    pub source: S,
    /// The bucket.
    pub archive: A,
    /// The topics.
    pub notifier: N,
    /// The time.
    pub clock: C,
}

/// So often a commit is tried against other writers.
const ATTEMPTS: u32 = 5;
/// Kept of the invocation's time for answering.
const ANSWERING: jiff::SignedDuration = jiff::SignedDuration::from_millis(200);

/// One execution of a plan.
struct Run<'a, S, A, N, C> {
    ports: &'a Ports<S, A, N, C>,
    plan: &'a RunPlan,
    scope: Scope,
    own: &'a Result<AccountId, ApiError>,
    /// The end of the invocation's time, as the timer counts it.
    ends: Instant,
    /// How many names of the snapshot are taken.
    names_taken: Cell<u32>,
    /// Calls to AWS Config so far.
    config_calls: Cell<u64>,
    measures: &'a RefCell<Measures>,
    /// What AWS Organizations said, once a run.
    accounts: OnceCell<BTreeMap<AccountId, Option<Account>>>,
}

/// Runs a plan. `own` is the function's own account, or why STS did not say. What is measured on
/// the way is in `measures`, also where the run fails.
pub async fn run<S: ConfigApi, A: ObjectStore, N: Notifier, C: Clock>(
    ports: &Ports<S, A, N, C>,
    plan: &RunPlan,
    own: &Result<AccountId, ApiError>,
    measures: &RefCell<Measures>,
) -> Result<Report, RunError> {
    let ends = Instant::now() + until(ports.clock.now(), plan.deadline - ANSWERING);
    let remembered = match own {
        Ok(_) => None,
        Err(_) => Some(store::recall(ports, plan, ends).await?),
    };
    let account = match (own, &remembered) {
        (Ok(account), _) => account.clone(),
        (Err(_), Some(recalled)) => recalled
            .ledger
            .own_account
            .clone()
            .unwrap_or_else(AccountId::unknown),
        (Err(_), None) => AccountId::unknown(),
    };
    let targets = plan.targets(&account).map_err(RunError::InvalidSettings)?;
    let scope = plan.scope(&targets, own.is_ok());
    let run = Run {
        ports,
        plan,
        scope,
        own,
        ends,
        names_taken: Cell::new(0),
        config_calls: Cell::new(0),
        measures,
        accounts: OnceCell::new(),
    };
    let result = run.run(&targets, remembered).await;
    measures.borrow_mut().config_calls = run.config_calls.get();
    result
}

impl<S: ConfigApi, A: ObjectStore, N: Notifier, C: Clock> Run<'_, S, A, N, C> {
    async fn run(
        &self,
        targets: &[SourceTarget],
        mut recalled: Option<Recalled>,
    ) -> Result<Report, RunError> {
        let mut read_again = false;
        let mut attempts = 0;
        loop {
            let started_at = self.now();
            let collector = self.collector(targets, started_at);
            let reachable = self.reachable(targets);
            let known = recalled.take();
            let recall = async {
                match known {
                    Some(known) => Ok(known),
                    None => self.recall().await,
                }
            };
            let (current, listings) = collector.list(&reachable, recall).await;
            self.config_calls.set(collector.config_calls());
            let mut current = current?;
            match self.turn(&current.ledger, started_at) {
                _ if self.plan.dry_run => {}
                CommitCheck::Resume(run) => return self.resume(current, run).await,
                CommitCheck::Superseded { .. }
                    if !read_again && self.has_time_to_read_again(started_at) =>
                {
                    read_again = true;
                    recalled = Some(current);
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
            self.measures.borrow_mut().read_time +=
                observation.ended_at.duration_since(observation.started_at);
            if observation.no_source_listed() {
                return self.nothing_read(current, &observation).await;
            }
            observation.accounts = self.accounts(&observation, &current.ledger).await;
            if self.plan.dry_run {
                return Ok(self.dry_run(&current, &observation));
            }
            loop {
                match self.commit(current, &observation).await? {
                    Attempt::Committed(committed) => {
                        // The digest is largest where most failed, and takes the room of what was
                        // read.
                        drop(observation);
                        let (prepared, current) = *committed;
                        return self.finish(prepared, current).await;
                    }
                    Attempt::Lost(prepared, cause) => {
                        attempts += 1;
                        current = self.recall().await.map_err(|error| RunError::StoreFailed {
                            what: "the commit was not confirmed, and whether it landed could not be seen".to_owned(),
                            source: Some(Box::new(error)),
                        })?;
                        match self.turn(&current.ledger, started_at) {
                            CommitCheck::AlreadyCommitted(run) => {
                                return self.finish(prepared.landed(run), current).await;
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
                            CommitCheck::Proceed if attempts < ATTEMPTS => {}
                            CommitCheck::Proceed => return Err(self.not_committed(cause)),
                        }
                    }
                }
            }
            read_again = true;
            recalled = Some(current);
        }
    }

    fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    async fn accounts(
        &self,
        observation: &Observation,
        ledger: &Ledger,
    ) -> BTreeMap<AccountId, Option<Account>> {
        if !self.plan.account_names {
            return BTreeMap::new();
        }
        if let Some(known) = self.accounts.get() {
            return known.clone();
        }
        let until = Instant::now() + until(self.now(), self.plan.read_deadline);
        let found =
            account_names::resolve(&self.ports.source, observation, ledger, &self.scope, until)
                .await;
        self.accounts.get_or_init(|| found).clone()
    }

    /// Measures a run that is stored; `changes` are what it changed, where this execution stored
    /// it.
    fn measure_stored(&self, ledger: &Ledger, complete: bool, changes: Option<Changes>) {
        self.measure_ledger(ledger, complete);
        let mut measures = self.measures.borrow_mut();
        measures.committed = true;
        measures.changes = changes;
    }

    fn measure_ledger(&self, ledger: &Ledger, complete: bool) {
        let mut measures = self.measures.borrow_mut();
        // A narrowed run that reads all of its part says nothing of what another one could not
        // read.
        measures.complete = (!self.scope.narrowed).then_some(complete);
        measures.gauges = Some(Gauges::of(ledger, self.plan, self.now()));
    }

    fn turn(&self, ledger: &Ledger, started_at: Timestamp) -> CommitCheck {
        ledger.turn(
            &self.plan.run_id,
            &self.plan.execution,
            started_at,
            &self.scope,
            self.now(),
        )
    }

    fn evaluation_context(&self) -> EvaluationContext<'_> {
        EvaluationContext {
            scope: &self.scope,
            policy: &self.plan.policy,
            run_id: &self.plan.run_id,
        }
    }

    fn collector(&self, targets: &[SourceTarget], started_at: Timestamp) -> Collector<'_, S> {
        let until = Instant::now() + until(self.now(), self.plan.read_deadline);
        let collector = Collector::new(
            &self.ports.source,
            &self.scope,
            targets,
            self.plan.concurrency,
            started_at,
            until,
        );
        // The calls of a reading that was too old were made too.
        collector.add_calls(self.config_calls.get());
        if let Err(cause) = self.own {
            for targets in targets
                .iter()
                .filter(|targets| targets.caller == Identity::Own)
            {
                collector.add_source_error(&targets.source, cause.clone());
            }
        }
        collector
    }

    /// The sources that can be called: who is not identified cannot be told from another caller.
    fn reachable(&self, targets: &[SourceTarget]) -> Vec<SourceTarget> {
        targets
            .iter()
            .filter(|targets| self.own.is_ok() || targets.caller != Identity::Own)
            .cloned()
            .collect()
    }

    fn has_time_to_read_again(&self, started_at: Timestamp) -> bool {
        let now = self.now();
        now + now.duration_since(started_at) < self.plan.read_deadline
    }

    fn superseded(&self, ledger: &Ledger, covered: bool) -> Result<Report, RunError> {
        if !covered {
            return Err(RunError::StoreFailed {
                what:
                    "another run committed a newer reading of a part of what this run read, and there was no time to \
                       read again"
                        .to_owned(),
                source: None,
            });
        }
        let last = ledger.last.as_ref();
        Ok(Report {
            run_id: self.plan.run_id.clone(),
            sequence: ledger.sequence,
            outcome: Outcome::Superseded,
            complete: ledger.runs.last().is_some_and(|run| run.complete),
            snapshot: last.map(|last| self.address(&last.snapshot)),
            totals: last.map(|last| last.totals).unwrap_or_default(),
            digest: DigestReport::only(DigestStatus::None),
            config_calls: self.config_calls.get(),
        })
    }

    /// An earlier execution committed this run: only what is left is sent.
    async fn resume(&self, mut current: Recalled, run: RecentRun) -> Result<Report, RunError> {
        let now = self.now();
        self.rewrite(&mut current, |ledger| {
            ledger.acquire_leases(
                self.plan.audiences(),
                &self.plan.execution,
                self.plan.deadline,
                now,
            );
        })
        .await
        .map_err(|source| RunError::StoreFailed {
            what: "this run is committed, but the claim on its digest could not be stored"
                .to_owned(),
            source,
        })?;
        let latest =
            (!run.narrowed).then_some((run.sequence, store::Latest::Stored(&run.snapshot)));
        let sent = self.tell(&mut current, latest).await;
        self.measure_stored(&current.ledger, run.complete, None);
        let digest = sent.report(&current.ledger, self.plan)?;
        Ok(Report {
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

    /// No source answered: what is open stays open, and only that it could not be read is recorded.
    async fn nothing_read(
        &self,
        mut current: Recalled,
        observation: &Observation,
    ) -> Result<Report, RunError> {
        let gaps = observation
            .gaps
            .iter()
            .map(|(key, cause)| (key.clone(), cause.clone()))
            .collect();
        let failure = RunError::NothingRead(gaps);
        if self.plan.dry_run {
            return Err(failure);
        }
        let now = self.now();
        self.rewrite(&mut current, |ledger| {
            let before = ledger.clone();
            // Who has read more since knows better.
            if ledger.newer_read(observation.started_at, now).is_none() {
                update_gaps(ledger, observation, self.evaluation_context());
                ledger.prune_delivered();
            }
            ledger.register_receivers(self.plan.audiences());
            let due_at = ledger
                .last
                .as_ref()
                .map_or(observation.ended_at, |last| last.at);
            let occasion = self.occasion(due_at, observation.ended_at);
            if self.plan.announce == NotifyMode::Never {
                occasion.keep_silent(ledger, &before);
            } else {
                occasion.offer(ledger, |_| false);
            }
            ledger.acquire_leases(
                self.plan.audiences(),
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
        let sent = self.send(&mut current).await;
        self.measure_ledger(&current.ledger, false);
        if let Err(error) = sent.report(&current.ledger, self.plan) {
            tracing::error!(error = error.story(), "a digest is left to be sent");
        }
        Err(failure)
    }

    /// What would be committed and told, and nothing of it done.
    fn dry_run(&self, current: &Recalled, observation: &Observation) -> Report {
        let (evaluation, changes) = self.evaluate(&current.ledger, observation);
        let findings = Findings {
            plan: self.plan,
            scope: &self.scope,
            observation,
            evaluation: &evaluation,
            changes: &changes,
        };
        let mut next = evaluation.ledger.clone();
        self.note_commit(&mut next, &current.ledger, &findings, "");
        let wanted = match self.plan.announce {
            NotifyMode::Changes => !changes.is_empty(),
            NotifyMode::Always => true,
            NotifyMode::Never => false,
        };
        let occasion = self.occasion(observation.ended_at, observation.ended_at);
        let receiver = next.audiences.get(&self.plan.topic).filter(|_| wanted);
        let digest = receiver.map(|receiver| Digest {
            // Nothing is stored that could be looked at.
            snapshot: None,
            ..occasion.digest(&next, receiver, &changes)
        });
        Report {
            run_id: self.plan.run_id.clone(),
            sequence: current.ledger.sequence,
            outcome: Outcome::DryRun,
            complete: findings.is_complete(),
            snapshot: None,
            totals: findings.totals(),
            digest: DigestReport {
                status: DigestStatus::DryRun,
                id: None,
                subject: digest.as_ref().map(Digest::subject),
                text: digest.as_ref().map(Digest::text),
            },
            config_calls: self.config_calls.get(),
        }
    }

    fn evaluate(
        &self,
        ledger: &Ledger,
        observation: &Observation,
    ) -> (crate::evaluate::Evaluation, PendingChanges) {
        let mut evaluation =
            crate::evaluate::evaluate(ledger, observation, self.evaluation_context());
        if !self.scope.narrowed {
            let topics: Vec<_> = self.plan.audiences().cloned().collect();
            evaluation.ledger.forget_audiences_but(&topics);
        }
        evaluation.ledger.register_receivers(self.plan.audiences());
        let occasion = self.occasion(observation.ended_at, observation.ended_at);
        let receiver = evaluation.ledger.audiences.get(&self.plan.topic);
        let changes = receiver
            .map(|receiver| occasion.changes(&evaluation.ledger, receiver))
            .unwrap_or_default();
        (evaluation, changes)
    }

    /// What a run changed, towards the digest topic. What was still to be told before it is not its
    /// own.
    fn changes(
        &self,
        before: &Ledger,
        evaluation: &crate::evaluate::Evaluation,
        changes: &PendingChanges,
    ) -> Changes {
        let at = before.last.as_ref().map(|last| last.at);
        let untold = before.audiences.get(&self.plan.topic).zip(at);
        let untold = untold.map(|(receiver, at)| self.occasion(at, at).changes(before, receiver));
        let new = changes.minus(&untold.unwrap_or_default());
        Changes {
            appeared: new.appeared.len(),
            cleared: clearings(&evaluation.ledger, &new),
        }
    }

    fn address(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.plan.bucket)
    }

    /// `cause` is why the last write was not answered; without one it was lost to another writer.
    fn not_committed(&self, cause: Option<BoxError>) -> RunError {
        let ledger = self.address(&self.plan.ledger_key);
        let what = match cause {
            Some(_) => format!("{ledger} could not be stored, tried {ATTEMPTS} times"),
            None => format!("{ledger} was changed by other runs {ATTEMPTS} times in a row"),
        };
        RunError::StoreFailed {
            what,
            source: cause,
        }
    }

    fn occasion(&self, due_at: Timestamp, now: Timestamp) -> Occasion<'_> {
        Occasion {
            plan: self.plan,
            scope: &self.scope,
            due_at,
            now,
        }
    }
}

fn until(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO)
}
