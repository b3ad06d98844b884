//! Lambda's face: an event and a context in, an answer or a typed error out.

use std::cell::RefCell;
use std::time::Duration;

use jiff::Timestamp;
use lambda_runtime::{Context, Diagnostic};

use crate::input::event::Trigger;
use crate::input::plan::{Invocation, RunPlan};
use crate::input::settings::Settings;
use crate::metrics::{MetricsEmitter, RunMetrics};
use crate::model::Identity;
use crate::model::{AccountId, ApiError};
use crate::ports::{Clock, ConfigApi, Notifier, ObjectStore};
use crate::report::RunResponse;
use crate::run::RunError;
use crate::run::{self, Services};

/// The function, set up once per process.
#[derive(Debug)]
pub struct Handler<S, A, N, C> {
    settings: Settings,
    services: Services<S, A, N, C>,
    new_execution_id: fn() -> String,
    metrics: Option<MetricsEmitter>,
    force_dry_run: bool,
    /// The function's own account, once STS has said it.
    own_account: RefCell<Option<AccountId>>,
}

/// How long STS is waited for: Lambda gives start-up ten seconds in all, and a run has better to
/// do.
const IDENTITY_TIMEOUT: Duration = Duration::from_secs(4);

impl<S: ConfigApi, A: ObjectStore, N: Notifier, C: Clock> Handler<S, A, N, C> {
    /// A function. `new_execution_id` gives a word that no other execution has; `metrics`, if there is one,
    /// writes the metrics.
    pub fn new(
        settings: Settings,
        services: Services<S, A, N, C>,
        new_execution_id: fn() -> String,
        metrics: Option<MetricsEmitter>,
    ) -> Self {
        Self {
            settings,
            services,
            new_execution_id,
            metrics,
            force_dry_run: false,
            own_account: RefCell::new(None),
        }
    }

    /// Makes every run a dry one, whatever its event says.
    #[must_use]
    pub fn force_dry_run(self) -> Self {
        Self {
            force_dry_run: true,
            ..self
        }
    }

    /// What it reaches outside.
    pub fn services(&self) -> &Services<S, A, N, C> {
        &self.services
    }

    /// Answers an invocation with this JSON for its event, and writes its metrics.
    pub async fn invoke(&self, event: &str, context: Context) -> Result<RunResponse, RunError> {
        let invocation = self.invocation(&context);
        let started_at = invocation.now;
        let throttles = self.services.config.throttles();
        let metrics = RefCell::<RunMetrics>::default();
        let result = self.run(event, invocation, &metrics).await;
        if let Some(emitter) = &self.metrics {
            let now = self.services.clock.now();
            let mut metrics = metrics.into_inner();
            metrics.config_throttles = self.services.config.throttles() - throttles;
            metrics.run_time = now.duration_since(started_at);
            emitter.emit(&metrics, now);
        }
        result
    }

    async fn run(
        &self,
        event: &str,
        invocation: Invocation,
        metrics: &RefCell<RunMetrics>,
    ) -> Result<RunResponse, RunError> {
        let mut plan = Trigger::read(event)
            .and_then(|trigger| RunPlan::new(trigger, &self.settings, invocation))
            .map_err(RunError::InvalidEvent)?;
        plan.dry_run |= self.force_dry_run;
        let own_account = self.identity_with_timeout(plan.read_deadline).await;
        let report = run::run(&self.services, &plan, &own_account, metrics).await?;
        tracing::info!(
            run_id = report.run_id,
            sequence = report.sequence,
            outcome = ?report.outcome,
            complete = report.complete,
            failures = report.totals.failures,
            appeared = report.totals.appeared,
            cleared = report.totals.cleared,
            gaps = report.totals.gaps,
            digest = ?report.digest.status,
            config_calls = report.config_calls,
            "run ended"
        );
        Ok(report)
    }

    /// What is wrong with the settings only once it is known who the function is. Asked at
    /// start-up; where STS does not answer, asked again with every invocation until it does.
    pub async fn verify_identity(&self) -> Result<(), RunError> {
        let invocation = self.invocation(&Context::default());
        let everything = Trigger::Manual(crate::input::event::ManualRequest::default());
        let plan =
            RunPlan::new(everything, &self.settings, invocation).map_err(RunError::InvalidEvent)?;
        match tokio::time::timeout(IDENTITY_TIMEOUT, self.identity()).await {
            Ok(Ok(account)) => plan
                .targets(&account)
                .map(drop)
                .map_err(RunError::InvalidSettings),
            Ok(Err(_)) | Err(_) => Ok(()),
        }
    }

    fn invocation(&self, context: &Context) -> Invocation {
        Invocation {
            request_id: context.request_id.clone(),
            execution: (self.new_execution_id)(),
            deadline: i64::try_from(context.deadline)
                .ok()
                .and_then(|deadline| Timestamp::from_millisecond(deadline).ok())
                .unwrap_or(Timestamp::UNIX_EPOCH),
            now: self.services.clock.now(),
        }
    }

    /// The identity, or a gap when STS does not say it in time.
    async fn identity_with_timeout(&self, read_deadline: Timestamp) -> Result<AccountId, ApiError> {
        let left = read_deadline
            .duration_since(self.services.clock.now())
            .try_into()
            .unwrap_or(Duration::ZERO);
        tokio::time::timeout(IDENTITY_TIMEOUT.min(left), self.identity())
            .await
            .unwrap_or_else(|_| {
                Err(ApiError {
                    operation: "GetCallerIdentity".to_owned(),
                    code: "OutOfTime".to_owned(),
                    message: "STS did not say in time which account the function runs in"
                        .to_owned(),
                })
            })
    }

    async fn identity(&self) -> Result<AccountId, ApiError> {
        if !self.settings.callers.contains(&Identity::Own) {
            return Ok(AccountId::unknown());
        }
        let known = self.own_account.borrow().clone();
        if let Some(account) = known {
            return Ok(account);
        }
        let account = self.services.config.identify().await?;
        self.own_account.replace(Some(account.clone()));
        Ok(account)
    }
}

impl From<RunError> for Diagnostic {
    fn from(error: RunError) -> Self {
        Self {
            error_type: error.kind().to_owned(),
            error_message: error.to_report(),
        }
    }
}
