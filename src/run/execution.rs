//! One execution of a plan: what its steps share.

use crate::collect::Collector;
use crate::collect::Observation;
use crate::collect::account_names;
use crate::evaluate::EvaluationContext;
use crate::input::plan::RunPlan;
use crate::ledger::PendingChanges;
use crate::ledger::{CommitCheck, Ledger};
use crate::metrics::{ChangeCounts, Gauges, RunMetrics};
use crate::model::Identity;
use crate::model::Scope;
use crate::model::SourceTarget;
use crate::model::{Account, AccountId, ApiError};
use crate::notify::NotificationContext;
use crate::ports::{BoxError, Clock, ConfigApi, Notifier, ObjectStore};
use crate::report::count_cleared;
use jiff::Timestamp;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use tokio::time::{Duration, Instant};

use super::error::RunError;
use super::services::Services;

/// So often a commit is tried against other writers.
pub(super) const MAX_COMMIT_ATTEMPTS: u32 = 5;

/// Kept of the invocation's time for answering.
pub(super) const RESPONSE_RESERVE: jiff::SignedDuration = jiff::SignedDuration::from_millis(200);

/// One execution of a plan.
pub(super) struct Run<'a, S, A, N, C> {
    pub(super) services: &'a Services<S, A, N, C>,
    pub(super) plan: &'a RunPlan,
    pub(super) scope: Scope,
    pub(super) own_account: &'a Result<AccountId, ApiError>,
    /// The end of the invocation's time, as the timer counts it.
    pub(super) deadline: Instant,
    /// How many names of the snapshot are taken.
    pub(super) snapshot_keys_tried: Cell<u32>,
    /// Calls to AWS Config so far.
    pub(super) config_calls: Cell<u64>,
    pub(super) metrics: &'a RefCell<RunMetrics>,
    /// What AWS Organizations said, once a run.
    pub(super) accounts: OnceCell<BTreeMap<AccountId, Option<Account>>>,
}

pub(super) fn duration_until(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO)
}

impl<S: ConfigApi, A: ObjectStore, N: Notifier, C: Clock> Run<'_, S, A, N, C> {
    pub(super) fn now(&self) -> Timestamp {
        self.services.clock.now()
    }

    pub(super) async fn resolve_account_names(
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
        let until = Instant::now() + duration_until(self.now(), self.plan.read_deadline);
        let found = account_names::resolve(
            &self.services.config,
            observation,
            ledger,
            &self.scope,
            until,
        )
        .await;
        self.accounts.get_or_init(|| found).clone()
    }

    /// Measures a run that is stored; `changes` are what it changed, where this execution stored
    /// it.
    pub(super) fn record_committed(
        &self,
        ledger: &Ledger,
        complete: bool,
        changes: Option<ChangeCounts>,
    ) {
        self.record_gauges(ledger, complete);
        let mut metrics = self.metrics.borrow_mut();
        metrics.committed = true;
        metrics.changes = changes;
    }

    pub(super) fn record_gauges(&self, ledger: &Ledger, complete: bool) {
        let mut metrics = self.metrics.borrow_mut();
        // A narrowed run that reads all of its part says nothing of what another one could not
        // read.
        metrics.complete = (!self.scope.narrowed).then_some(complete);
        metrics.gauges = Some(Gauges::of(ledger, self.plan, self.now()));
    }

    pub(super) fn check_commit(&self, ledger: &Ledger, started_at: Timestamp) -> CommitCheck {
        ledger.check_commit(
            &self.plan.run_id,
            &self.plan.execution,
            started_at,
            &self.scope,
            self.now(),
        )
    }

    pub(super) fn evaluation_context(&self) -> EvaluationContext<'_> {
        EvaluationContext {
            scope: &self.scope,
            policy: &self.plan.policy,
            run_id: &self.plan.run_id,
        }
    }

    pub(super) fn collector(
        &self,
        targets: &[SourceTarget],
        started_at: Timestamp,
    ) -> Collector<'_, S> {
        let until = Instant::now() + duration_until(self.now(), self.plan.read_deadline);
        let collector = Collector::new(
            &self.services.config,
            &self.scope,
            targets,
            self.plan.concurrency,
            started_at,
            until,
        );
        // The calls of a reading that was too old were made too.
        collector.add_calls(self.config_calls.get());
        if let Err(cause) = self.own_account {
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
    pub(super) fn identified_targets(&self, targets: &[SourceTarget]) -> Vec<SourceTarget> {
        targets
            .iter()
            .filter(|targets| self.own_account.is_ok() || targets.caller != Identity::Own)
            .cloned()
            .collect()
    }

    pub(super) fn evaluate(
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
        let notification_context =
            self.notification_context(observation.ended_at, observation.ended_at);
        let receiver = evaluation.ledger.audiences.get(&self.plan.topic);
        let changes = receiver
            .map(|receiver| notification_context.changes(&evaluation.ledger, receiver))
            .unwrap_or_default();
        (evaluation, changes)
    }

    /// What a run changed, towards the digest topic. What was still to be told before it is not its
    /// own.
    pub(super) fn changes(
        &self,
        before: &Ledger,
        evaluation: &crate::evaluate::Evaluation,
        changes: &PendingChanges,
    ) -> ChangeCounts {
        let at = before.last.as_ref().map(|last| last.at);
        let untold = before.audiences.get(&self.plan.topic).zip(at);
        let untold = untold
            .map(|(receiver, at)| self.notification_context(at, at).changes(before, receiver));
        let new = changes.minus(&untold.unwrap_or_default());
        ChangeCounts {
            appeared: new.appeared.len(),
            cleared: count_cleared(&evaluation.ledger, &new),
        }
    }

    pub(super) fn address(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.plan.bucket)
    }

    /// `cause` is why the last write was not answered; without one it was lost to another writer.
    pub(super) fn commit_conflict_error(&self, cause: Option<BoxError>) -> RunError {
        let ledger = self.address(&self.plan.ledger_key);
        let what = match cause {
            Some(_) => format!("{ledger} could not be stored, tried {MAX_COMMIT_ATTEMPTS} times"),
            None => {
                format!("{ledger} was changed by other runs {MAX_COMMIT_ATTEMPTS} times in a row")
            }
        };
        RunError::StoreFailed {
            what,
            source: cause,
        }
    }

    pub(super) fn notification_context(
        &self,
        due_at: Timestamp,
        now: Timestamp,
    ) -> NotificationContext<'_> {
        NotificationContext {
            plan: self.plan,
            scope: &self.scope,
            due_at,
            now,
        }
    }
}
