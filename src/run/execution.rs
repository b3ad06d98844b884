//! The execution of a plan: the state and the helpers that the steps of a run share.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio::time::{Duration, Instant};

use super::caller::Caller;
use super::error::{RunError, Unstored};
use super::ledger_store::{LedgerStore, MAX_COMMIT_ATTEMPTS};
use super::services::Services;
use crate::collect::{Collector, Observation, account_names};
use crate::evaluate::{self, Evaluation, EvaluationContext};
use crate::input::plan::RunPlan;
use crate::ledger::{CommitCheck, CommitRequest, Ledger, PendingChanges};
use crate::metrics::{ChangeCounts, Gauges, RunMetrics};
use crate::model::{Account, AccountId, Scope, SourceTarget, Watched};
use crate::notify::NotificationContext;
use crate::ports::{BoxError, Clock};
use crate::report::Warning;

/// Time reserved at the end of the invocation for the response.
pub(super) const RESPONSE_RESERVE: jiff::SignedDuration = jiff::SignedDuration::from_millis(200);

/// One execution of a plan, which is one invocation.
pub(super) struct Run<'a, S: Services> {
    pub(super) services: &'a S,
    /// The objects in the bucket.
    pub(super) store: LedgerStore<'a, S::Store>,
    pub(super) plan: &'a RunPlan,
    pub(super) scope: &'a Scope,
    pub(super) caller: &'a Caller,
    /// What the settings watch and notify.
    pub(super) watched: Watched,
    /// Deadline of the last request to S3, SNS or EventBridge, on the monotonic clock.
    pub(super) deadline: Instant,
    /// Measurements so far.
    pub(super) metrics: RunMetrics,
    /// How many keys were tried for the snapshot.
    pub(super) snapshots_tried: u32,
    /// Whether this execution committed a full run, after which first looks are sent.
    pub(super) first_looks: bool,
    /// Accounts as AWS Organizations describes them, looked up once per run.
    pub(super) accounts: Option<BTreeMap<AccountId, Option<Account>>>,
}

/// Returns the duration from `now` until `then`, or zero if `then` is in the past.
pub(super) fn duration_until(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO)
}

/// Logs each warning of a run, so that log queries can filter by its parts.
pub(super) fn log_warnings(warnings: &[Warning]) {
    for warning in warnings {
        tracing::warn!(
            code = warning.code.as_str(),
            subject = warning.subject,
            "{}",
            warning.message
        );
    }
}

impl<S: Services> Run<'_, S> {
    pub(super) fn now(&self) -> Timestamp {
        self.services.clock().now()
    }

    /// Returns the accounts of the observation as AWS Organizations describes them; empty if
    /// account names are turned off.
    pub(super) async fn resolve_account_names(
        &mut self,
        observation: &Observation,
        ledger: &Ledger,
    ) -> BTreeMap<AccountId, Option<Account>> {
        if !self.plan.settings.account_names {
            return BTreeMap::new();
        }
        if let Some(known) = &self.accounts {
            return known.clone();
        }
        let deadline = Instant::now() + duration_until(self.now(), self.plan.timing.read_deadline);
        let accounts = account_names::resolve(
            self.services.config(),
            observation,
            ledger,
            self.scope,
            &self.plan.settings.policy,
            deadline,
        )
        .await;
        self.accounts.insert(accounts).clone()
    }

    /// Records the metrics of a committed run. `changes` is `None` unless this execution committed
    /// it.
    pub(super) fn record_committed(
        &mut self,
        ledger: &Ledger,
        complete: bool,
        changes: Option<ChangeCounts>,
    ) {
        self.record_gauges(ledger, complete);
        self.metrics.committed = true;
        self.metrics.changes = changes.unwrap_or_default();
    }

    /// Records the gauges of the stored ledger, and whether everything in scope was read.
    pub(super) fn record_gauges(&mut self, ledger: &Ledger, complete: bool) {
        // A complete narrowed run does not show that the rest of the scope can be read.
        self.metrics.complete = (!self.scope.narrowed).then_some(complete);
        self.metrics.gauges = Some(Gauges::of(ledger, self.plan, self.now()));
    }

    pub(super) fn check_commit(&self, ledger: &Ledger, started_at: Timestamp) -> CommitCheck {
        let request = CommitRequest {
            run_id: &self.plan.run.id,
            execution: &self.plan.run.execution,
            deployment: &self.caller.deployment,
            watched: &self.watched,
            scope: self.scope,
            read_started_at: started_at,
        };
        ledger.check_commit(request, self.now())
    }

    /// Leases the outgoing digests of the configured receivers to this execution, as far as no
    /// other one holds them.
    pub(super) fn acquire_leases(&self, ledger: &mut Ledger, now: Timestamp) {
        // Another function can have adopted the ledger since this run loaded it.
        if !self.may_write(ledger) {
            return;
        }
        ledger.acquire_leases(
            self.plan.receivers(),
            &self.plan.run.execution,
            self.plan.timing.deadline,
            now,
        );
    }

    /// Returns whether this run may write the ledger.
    pub(super) fn may_write(&self, ledger: &Ledger) -> bool {
        let owned = ledger.check_owner(&self.caller.deployment, &self.watched);
        owned.is_ok()
    }

    pub(super) fn evaluation_context<'c>(
        &'c self,
        later_reads: &'c [Scope],
    ) -> EvaluationContext<'c> {
        EvaluationContext {
            scope: self.scope,
            later_reads,
            policy: &self.plan.settings.policy,
            run_id: &self.plan.run.id,
        }
    }

    pub(super) fn collector<'c>(
        &'c self,
        targets: &'c [SourceTarget],
        started_at: Timestamp,
    ) -> Collector<'c, S::Config> {
        let deadline = Instant::now() + duration_until(self.now(), self.plan.timing.read_deadline);
        Collector::new(
            self.services.config(),
            self.scope,
            targets,
            self.plan.settings.concurrency,
            started_at,
            deadline,
        )
        .own_identity_error(self.caller.own_account.as_ref().err())
    }

    /// Evaluates the observation; returns the result and the pending changes of the digest topic.
    pub(super) fn evaluate(
        &self,
        ledger: &Ledger,
        observation: &Observation,
        later_reads: &[Scope],
    ) -> (Evaluation, PendingChanges) {
        let context = self.evaluation_context(later_reads);
        let mut evaluation = evaluate::evaluate(ledger, observation, context);
        let at = observation.ended_at;
        evaluation
            .ledger
            .register_receivers(self.plan.receivers(), at);
        if !self.scope.narrowed {
            evaluation.ledger.forget_receivers(at);
        }
        let notification_context =
            self.notification_context(observation.ended_at, observation.ended_at);
        let receiver = evaluation.ledger.receivers.get(&self.plan.settings.topic);
        let changes = receiver
            .map(|receiver| notification_context.changes(&evaluation.ledger, receiver))
            .unwrap_or_default();
        (evaluation, changes)
    }

    /// Counts the changes of this run towards the digest topic. Changes that were pending before
    /// the run are not counted.
    pub(super) fn change_counts(&self, before: &Ledger, changes: &PendingChanges) -> ChangeCounts {
        let at = before.last_commit.as_ref().map(|last| last.at);
        let pending_before = before.receivers.get(&self.plan.settings.topic).zip(at);
        let pending_before = pending_before
            .map(|(receiver, at)| self.notification_context(at, at).changes(before, receiver));
        let new = changes.minus(&pending_before.unwrap_or_default());
        ChangeCounts {
            appeared: new.appeared.len(),
            cleared: new.cleared.len(),
        }
    }

    /// Returns what a commit that failed has not stored.
    pub(super) fn unstored(&self) -> Unstored {
        if self.plan.mode.asks_for_digest() {
            Unstored::Request
        } else {
            Unstored::Observation
        }
    }

    /// Returns the error of a run whose commit attempts are used up. `cause` is the error of the
    /// last write if it was not answered, and `None` if another writer changed the ledger.
    pub(super) fn commit_conflict_error(&self, cause: Option<BoxError>) -> RunError {
        let ledger = self.store.address(&self.plan.keys.ledger);
        let what = match cause {
            Some(_) => format!("{ledger} could not be stored, tried {MAX_COMMIT_ATTEMPTS} times"),
            None => {
                format!("{ledger} was changed by other runs {MAX_COMMIT_ATTEMPTS} times in a row")
            }
        };
        RunError::StoreFailed {
            what,
            unstored: self.unstored(),
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
            scope: self.scope,
            due_at,
            now,
            first_looks: self.first_looks,
        }
    }

    /// Returns the context of a run that commits: a full one sends first looks.
    pub(super) fn committing_context(&self, at: Timestamp) -> NotificationContext<'_> {
        NotificationContext {
            first_looks: !self.scope.narrowed,
            ..self.notification_context(at, at)
        }
    }
}
