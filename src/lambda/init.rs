//! Start-up and its end: the loop over invocations, and how a function that cannot start says so.

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use lambda_runtime_api_client::{PooledClient, body::Body, build_request};
use serde_json::value::RawValue;
use tracing_subscriber::filter::LevelFilter;

use super::handler::Handler;
use crate::ports::{BoxError, Clock, ConfigApi, Notifier, ObjectStore};
use crate::run::RunError;

/// Why the function cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The settings are wrong.
    #[error(transparent)]
    Refused(#[from] RunError),
    /// The program was not started by Lambda.
    #[error(
        "packwatch is a Lambda function: deploy it, or try it with `sam local invoke` or `cargo lambda watch`, which give \
         it the runtime API that it serves"
    )]
    NotInLambda,
    /// Lambda's runtime API failed.
    #[error("the Lambda runtime API failed")]
    Runtime(#[source] BoxError),
}

/// Writes the log as Lambda's [logging
/// controls](https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html)
/// say. A line of JSON without its own time would be taken for `INFO`, whatever level it names;
/// text is stamped by Lambda. `lookup` answers like the environment.
pub fn init_logging(lookup: impl Fn(&str) -> Option<String>) {
    let level = lookup("AWS_LAMBDA_LOG_LEVEL").map(|level| level.to_ascii_uppercase());
    let level = match level.as_deref() {
        // Tracing knows nothing worse than an error.
        Some("FATAL") => LevelFilter::ERROR,
        // No level at all would be parsed as the highest.
        None | Some("") => LevelFilter::INFO,
        Some(level) => level.parse().unwrap_or(LevelFilter::INFO),
    };
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false);
    if lookup("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json")) {
        log.json().init();
    } else {
        log.without_time().init();
    }
}

/// Whether there is a Lambda to serve. `lookup` answers like the environment.
pub fn ensure_lambda(lookup: impl Fn(&str) -> Option<String>) -> Result<(), InitError> {
    lookup("AWS_LAMBDA_RUNTIME_API")
        .map(drop)
        .ok_or(InitError::NotInLambda)
}

/// Serves invocations until Lambda ends the process.
pub async fn serve<S, A, N, C>(function: Handler<S, A, N, C>) -> Result<(), InitError>
where
    S: ConfigApi,
    A: ObjectStore,
    N: Notifier,
    C: Clock,
{
    let function = &function;
    // As it came: what the runtime crate cannot read would fail under a type of its own, and be
    // measured by nobody.
    let answer = async move |event: LambdaEvent<Box<RawValue>>| {
        function
            .invoke(event.payload.get(), event.context)
            .await
            .map_err(Diagnostic::from)
    };
    lambda_runtime::run(service_fn(answer))
        .await
        .map_err(InitError::Runtime)
}

/// Says why the function cannot serve: in the log, and to Lambda, whose callers then get the error
/// type. The runtime crate itself reports nothing that happens before its loop.
pub async fn report_init_error(error: InitError, lookup: impl Fn(&str) -> Option<String>) {
    let InitError::Refused(error) = error else {
        tracing::error!(
            error = crate::model::display_chain(&error),
            "the function stops"
        );
        return;
    };
    let diagnostic = Diagnostic::from(error);
    tracing::error!(
        error_type = diagnostic.error_type,
        "the function cannot start: {}",
        diagnostic.error_message
    );
    if ensure_lambda(lookup).is_ok()
        && let Err(cause) = post_init_error(&diagnostic).await
    {
        tracing::error!(
            cause = crate::model::display_chain(cause.as_ref()),
            "Lambda could not be told"
        );
    }
}

/// [`init/error`](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror).
async fn post_init_error(diagnostic: &Diagnostic) -> Result<(), BoxError> {
    let request = build_request()
        .method("POST")
        .uri("/2018-06-01/runtime/init/error")
        .header("lambda-runtime-function-error-type", &diagnostic.error_type)
        .body(Body::from(serde_json::to_vec(diagnostic)?))?;
    let answer = PooledClient::builder().build().call(request).await?;
    if answer.status().is_success() {
        Ok(())
    } else {
        Err(format!("the runtime API answered {}", answer.status()).into())
    }
}
