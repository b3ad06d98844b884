//! Lambda's face: an event and a context in, an answer or a typed error out.

use std::cell::RefCell;
use std::time::Duration;

use jiff::Timestamp;
use lambda_runtime::{Context, Diagnostic};

use crate::error::RunError;
use crate::input::event::Trigger;
use crate::input::plan::{Invocation, RunPlan};
use crate::input::settings::Settings;
use crate::model::Identity;
use crate::model::{AccountId, ApiError};
use crate::pipeline::{self, Ports};
use crate::ports::{Clock, ConfigApi, Notifier, ObjectStore};
use crate::report::Report;
use crate::telemetry::{Measures, Meter};

/// The function, set up once per process.
#[derive(Debug)]
pub struct Function<S, A, N, C> {
    settings: Settings,
    ports: Ports<S, A, N, C>,
    token: fn() -> String,
    meter: Option<Meter>,
    dry: bool,
    /// The function's own account, once STS has said it.
    own: RefCell<Option<AccountId>>,
}

/// How long STS is waited for: Lambda gives start-up ten seconds in all, and a run has better to
/// do.
const START_UP: Duration = Duration::from_secs(4);

impl<S: ConfigApi, A: ObjectStore, N: Notifier, C: Clock> Function<S, A, N, C> {
    /// A function. `token` gives a word that no other execution has; `meter`, if there is one,
    /// writes the metrics.
    pub fn new(
        settings: Settings,
        ports: Ports<S, A, N, C>,
        token: fn() -> String,
        meter: Option<Meter>,
    ) -> Self {
        Self {
            settings,
            ports,
            token,
            meter,
            dry: false,
            own: RefCell::new(None),
        }
    }

    /// Makes every run a dry one, whatever its event says.
    #[must_use]
    pub fn dry(self) -> Self {
        Self { dry: true, ..self }
    }

    /// What it reaches outside.
    pub fn ports(&self) -> &Ports<S, A, N, C> {
        &self.ports
    }

    /// Answers an invocation with this JSON for its event, and writes its metrics.
    pub async fn invoke(&self, event: &str, context: Context) -> Result<Report, RunError> {
        let invocation = self.invocation(&context);
        let started_at = invocation.now;
        let throttles = self.ports.source.throttles();
        let measures = RefCell::default();
        let result = self.run(event, invocation, &measures).await;
        if let Some(meter) = &self.meter {
            let now = self.ports.clock.now();
            let mut measures = measures.into_inner();
            measures.config_throttles = self.ports.source.throttles() - throttles;
            measures.run_time = now.duration_since(started_at);
            meter.tell(&measures, now);
        }
        result
    }

    async fn run(
        &self,
        event: &str,
        invocation: Invocation,
        measures: &RefCell<Measures>,
    ) -> Result<Report, RunError> {
        let mut plan = Trigger::read(event)
            .and_then(|trigger| RunPlan::new(trigger, &self.settings, invocation))
            .map_err(RunError::InvalidEvent)?;
        plan.dry_run |= self.dry;
        let own = self.identity_by(plan.read_deadline).await;
        let report = pipeline::run(&self.ports, &plan, &own, measures).await?;
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
    pub async fn check(&self) -> Result<(), RunError> {
        let invocation = self.invocation(&Context::default());
        let everything = Trigger::Manual(crate::input::event::ManualRequest::default());
        let plan =
            RunPlan::new(everything, &self.settings, invocation).map_err(RunError::InvalidEvent)?;
        match tokio::time::timeout(START_UP, self.identity()).await {
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
            execution: (self.token)(),
            deadline: i64::try_from(context.deadline)
                .ok()
                .and_then(|deadline| Timestamp::from_millisecond(deadline).ok())
                .unwrap_or(Timestamp::UNIX_EPOCH),
            now: self.ports.clock.now(),
        }
    }

    /// The identity, or a gap when STS does not say it in time.
    async fn identity_by(&self, read_deadline: Timestamp) -> Result<AccountId, ApiError> {
        let left = read_deadline
            .duration_since(self.ports.clock.now())
            .try_into()
            .unwrap_or(Duration::ZERO);
        tokio::time::timeout(START_UP.min(left), self.identity())
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
        let known = self.own.borrow().clone();
        if let Some(account) = known {
            return Ok(account);
        }
        let account = self.ports.source.identify().await?;
        self.own.replace(Some(account.clone()));
        Ok(account)
    }
}

impl From<RunError> for Diagnostic {
    fn from(error: RunError) -> Self {
        Self {
            error_type: error.kind().to_owned(),
            error_message: error.story(),
        }
    }
}
