//! Handler: turns an event and a context into a response or a typed error.

use std::cell::RefCell;
use std::time::Duration;

use jiff::Timestamp;
use lambda_runtime::{Context, Diagnostic};

use crate::input::event::{InvalidEvent, ManualRequest, Trigger};
use crate::input::plan::{Invocation, RunPlan};
use crate::input::settings::Settings;
use crate::metrics::{MetricsEmitter, RunMetrics};
use crate::model::{
    AccountId, ApiError, Deployment, FunctionId, Identity, NO_CREDENTIALS, is_credential_error,
};
use crate::ports::{Clock, ConfigApi, DEADLINE_EXCEEDED, FailureCause, ServiceFailure};
use crate::report::{CheckStatus, Checked, Response, RunResponse};
use crate::run::{self, Caller, RunError, Services};

/// The handler of invocations, created once per process.
#[derive(Debug)]
pub struct Handler<S> {
    settings: Settings,
    services: S,
    new_execution_id: fn() -> String,
    metrics: Option<MetricsEmitter>,
    force_dry_run: bool,
    /// The name of the function; `None` outside Lambda and in SAM local.
    function_name: Option<String>,
    /// The function's own account, once STS has identified it.
    own_account: RefCell<Option<AccountId>>,
}

/// Timeout for STS. Lambda limits initialization to ten seconds in total, and a run needs its time
/// for reading.
const IDENTITY_TIMEOUT: Duration = Duration::from_secs(4);

impl<S: Services> Handler<S> {
    /// Creates a handler. `new_execution_id` returns an id that no other execution has. `metrics`
    /// emits the metrics of each invocation; with `None`, no metrics are written.
    pub fn new(
        settings: Settings,
        services: S,
        new_execution_id: fn() -> String,
        metrics: Option<MetricsEmitter>,
    ) -> Self {
        Self {
            settings,
            services,
            new_execution_id,
            metrics,
            force_dry_run: false,
            function_name: None,
            own_account: RefCell::new(None),
        }
    }

    /// Takes the name of the function from the environment, as Lambda sets it. `lookup` returns the
    /// value of a variable. SAM local sets the name too, but does not execute the deployed
    /// function.
    #[must_use]
    pub fn deployed_as(self, lookup: impl Fn(&str) -> Option<String>) -> Self {
        let name = lookup("AWS_LAMBDA_FUNCTION_NAME").filter(|name| !name.is_empty());
        Self {
            function_name: name.filter(|_| lookup("AWS_SAM_LOCAL").is_none()),
            ..self
        }
    }

    /// Makes every run a dry run, regardless of its event.
    #[must_use]
    pub fn force_dry_run(self) -> Self {
        Self {
            force_dry_run: true,
            ..self
        }
    }

    /// Returns the external services that the handler uses.
    pub fn services(&self) -> &S {
        &self.services
    }

    /// Handles an invocation with its payload, the JSON text of an event, and emits its metrics.
    pub async fn invoke(
        &self,
        event: impl AsRef<[u8]>,
        context: Context,
    ) -> Result<Response, RunError> {
        let invocation = self.invocation(&context);
        let function = self.function(&context.invoked_function_arn);
        let started_at = invocation.now;
        let throttles_before = self.services.config().throttle_count();
        let (result, mut metrics) = match self.plan(event.as_ref(), invocation) {
            Ok(plan) => self.run(plan, function).await,
            Err(error) => (Err(RunError::InvalidEvent(error)), RunMetrics::default()),
        };
        if let Some(emitter) = &self.metrics {
            let now = self.services.clock().now();
            metrics.config_throttles = self.services.config().throttle_count() - throttles_before;
            metrics.run_time = now.duration_since(started_at);
            emitter.emit(&metrics, now);
        }
        result
    }

    fn plan(&self, event: &[u8], invocation: Invocation) -> Result<RunPlan, InvalidEvent> {
        let mut plan = RunPlan::new(Trigger::read(event)?, &self.settings, invocation)?;
        if self.force_dry_run
            && let Some(key) = plan.task.key_of_change()
        {
            return Err(InvalidEvent(format!(
                "\"{key}\" changes the ledger, and this is a dry run; accepted: the same command with --commit"
            )));
        }
        plan.mode.dry_run |= self.force_dry_run;
        Ok(plan)
    }

    async fn run(
        &self,
        mut plan: RunPlan,
        function: Option<FunctionId>,
    ) -> (Result<Response, RunError>, RunMetrics) {
        let caller = match self.caller(function, plan.timing.read_deadline).await {
            Ok(caller) => caller,
            Err(error) => return (Err(error), RunMetrics::default()),
        };
        match caller.account() {
            Some(account) => plan.complete_event_bus(account),
            None if plan.settings.event_bus.is_some() && plan.event_bus.is_none() => {
                tracing::warn!(
                    "EVENT_BUS is the name of a bus, and the function's own account is not known, so the bus gets \
                     nothing; set EVENT_BUS to the ARN"
                );
            }
            None => {}
        }
        // Boxed, because the future of a run is large.
        let run = Box::pin(run::run(&self.services, &plan, &caller));
        let (result, metrics) = run.await;
        match &result {
            Ok(Response::Run(response)) => log_response(response),
            Ok(Response::Adopted(adopted)) => {
                tracing::info!(owner = %adopted.owner, "the ledger was adopted");
            }
            Ok(Response::Mutes(response)) => {
                tracing::info!(
                    outcome = ?response.outcome,
                    mute = response.mute,
                    mutes = response.mutes.len(),
                    "the mutes were read or changed"
                );
            }
            Ok(Response::Checked(checked)) => log_checks(checked),
            Ok(Response::Test(response)) => {
                tracing::info!(
                    run_id = response.run_id,
                    digest = ?response.digest.status,
                    "a test notification was sent"
                );
            }
            Err(_) => {}
        }
        (result, metrics)
    }

    /// Returns the function that was invoked, by its
    /// [ARN](https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html) and the
    /// name in the environment.
    fn function(&self, arn: &str) -> Option<FunctionId> {
        let mut parts = arn.split(':').skip(3);
        let (region, account) = (parts.next()?, parts.next()?);
        Some(FunctionId {
            account: account.into(),
            region: region.into(),
            name: self.function_name.clone()?,
        })
    }

    /// Returns who makes a run. A run is deployed if the function is in the account of its
    /// credentials: emulators of Lambda make up an account. Returns an error if there are no valid
    /// credentials.
    async fn caller(
        &self,
        function: Option<FunctionId>,
        read_deadline: Timestamp,
    ) -> Result<Caller, RunError> {
        let reads_as_itself = self.settings.identities.contains(&Identity::Own);
        let account = if reads_as_itself || function.is_some() {
            self.identity_with_timeout(read_deadline).await
        } else {
            Ok(AccountId::unknown())
        };
        if let Some(error) = account.as_ref().err().and_then(credentials_unavailable) {
            return Err(error);
        }
        let deployment = match (function, &account) {
            (Some(function), Ok(account)) if function.account == *account => {
                Deployment::Function(function)
            }
            (Some(function), Err(_)) => Deployment::Unverified(function),
            _ => Deployment::Local,
        };
        Ok(Caller {
            own_account: if reads_as_itself {
                account
            } else {
                Ok(AccountId::unknown())
            },
            deployment,
        })
    }

    /// Returns an error if there are no valid credentials, or if the settings are invalid for the
    /// account that the function runs in.
    ///
    /// Called at start-up. If STS does not respond, it returns no error, and every invocation calls
    /// STS again until it responds.
    pub async fn verify_identity(&self) -> Result<(), RunError> {
        let invocation = self.invocation(&Context::default());
        let full_run = Trigger::Manual(ManualRequest::default());
        let plan =
            RunPlan::new(full_run, &self.settings, invocation).map_err(RunError::InvalidEvent)?;
        if self.function_name.is_none() && !self.settings.identities.contains(&Identity::Own) {
            return Ok(());
        }
        match tokio::time::timeout(IDENTITY_TIMEOUT, self.identity()).await {
            Ok(Ok(account)) if self.settings.identities.contains(&Identity::Own) => plan
                .targets(&account)
                .map(drop)
                .map_err(RunError::InvalidSettings),
            Ok(Err(error)) => credentials_unavailable(&error).map_or(Ok(()), Err),
            Ok(Ok(_)) | Err(_) => Ok(()),
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
            now: self.services.clock().now(),
        }
    }

    /// Returns the function's own account, or an error if STS does not respond in time.
    async fn identity_with_timeout(&self, read_deadline: Timestamp) -> Result<AccountId, ApiError> {
        let remaining = read_deadline
            .duration_since(self.services.clock().now())
            .try_into()
            .unwrap_or(Duration::ZERO);
        tokio::time::timeout(IDENTITY_TIMEOUT.min(remaining), self.identity())
            .await
            .unwrap_or_else(|_| {
                Err(ApiError {
                    operation: "GetCallerIdentity".to_owned(),
                    code: DEADLINE_EXCEEDED.to_owned(),
                    message: "STS did not say in time which account the function runs in"
                        .to_owned(),
                })
            })
    }

    /// Returns the function's own account. Calls STS only if it is not cached.
    async fn identity(&self) -> Result<AccountId, ApiError> {
        let cached = self.own_account.borrow().clone();
        if let Some(account) = cached {
            return Ok(account);
        }
        let account = self.services.config().identify().await?;
        self.own_account.replace(Some(account.clone()));
        Ok(account)
    }
}

/// Returns the error of a run if STS, or the SDK in its place, reports that there are no valid
/// credentials.
fn credentials_unavailable(error: &ApiError) -> Option<RunError> {
    let ApiError {
        operation,
        code,
        message,
    } = error;
    is_credential_error(code).then(|| RunError::CredentialsUnavailable {
        source: Box::new(ServiceFailure {
            cause: FailureCause::Credentials,
            // The program's own code says the same as the message.
            message: if code == NO_CREDENTIALS {
                message.clone()
            } else {
                format!("{operation}: {code}: {message}")
            },
        }),
    })
}

impl From<RunError> for Diagnostic {
    fn from(error: RunError) -> Self {
        Self {
            error_type: error.kind().to_owned(),
            error_message: error.to_report(),
        }
    }
}

fn log_response(response: &RunResponse) {
    tracing::info!(
        run_id = response.run_id,
        sequence = response.sequence,
        outcome = ?response.outcome,
        complete = response.complete,
        failures = response.totals.failures,
        appeared = response.totals.appeared,
        cleared = response.totals.cleared,
        gaps = response.totals.gaps,
        digest = ?response.digest.status,
        config_calls = response.config_calls,
        "run ended"
    );
}

/// Logs the number of checks of each status.
fn log_checks(checked: &Checked) {
    tracing::info!(
        run_id = checked.run_id,
        failed = checked.count(CheckStatus::Failed),
        warnings = checked.count(CheckStatus::Warning),
        ok = checked.count(CheckStatus::Ok),
        skipped = checked.count(CheckStatus::Skipped),
        "the setup was checked"
    );
}
