//! Initialization: logging, the loop over invocations, and the report of an initialization error.

use lambda_runtime::layers::TracingLayer;
use lambda_runtime::tower::util::MapRequestLayer;
use lambda_runtime::{Diagnostic, LambdaEvent, LambdaInvocation, Runtime, service_fn};
use lambda_runtime_api_client::{PooledClient, body::Body, build_request};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::handler::Handler;
use crate::model::display_chain;
use crate::ports::BoxError;
use crate::run::RunError;
use crate::run::Services;

/// Why the function cannot serve invocations.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The settings are invalid.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The process was not started by Lambda.
    #[error(
        "packwatch is a Lambda function: deploy it, or try it with `sam local invoke` or `cargo lambda watch`, which provide \
         the runtime API that it needs"
    )]
    NotInLambda,
    /// A call to Lambda's runtime API failed.
    #[error("the Lambda runtime API failed")]
    Runtime(#[source] BoxError),
}

/// The module of the runtime crate that logs the error of an invocation once more, as the debug
/// form of a Rust type.
const DEBUG_FORM_OF_ERRORS: &str = "lambda_runtime::layers::panic";

/// Initializes logging in the format and level of Lambda's [logging
/// controls](https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html).
/// `lookup` returns the value of an environment variable.
///
/// JSON records carry a timestamp, because Lambda treats a record without one as `INFO`, whatever
/// its level. Text lines carry none, because Lambda adds one.
pub fn init_logging(lookup: impl Fn(&str) -> Option<String>) {
    let level = lookup("AWS_LAMBDA_LOG_LEVEL").map(|level| level.to_ascii_uppercase());
    let level = match level.as_deref() {
        // `ERROR` is the most severe level of `tracing`.
        Some("FATAL") => LevelFilter::ERROR,
        // `LevelFilter` parses an empty string as `ERROR`.
        None | Some("") => LevelFilter::INFO,
        Some(level) => level.parse().unwrap_or(LevelFilter::INFO),
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_target(false);
    let filter = Targets::new()
        .with_default(level)
        .with_target(DEBUG_FORM_OF_ERRORS, LevelFilter::OFF);
    if lookup("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json")) {
        subscriber.json().finish().with(filter).init();
    } else {
        subscriber.without_time().finish().with(filter).init();
    }
}

/// Returns an error unless Lambda started the process. `lookup` returns the value of an environment
/// variable.
pub fn ensure_lambda(lookup: impl Fn(&str) -> Option<String>) -> Result<(), InitError> {
    lookup("AWS_LAMBDA_RUNTIME_API")
        .map(drop)
        .ok_or(InitError::NotInLambda)
}

/// Serves invocations until Lambda ends the process. Returns only with an error.
pub async fn serve<S: Services>(handler: Handler<S>) -> Result<(), InitError> {
    let handler = &handler;
    let invoke = async move |event: LambdaEvent<Vec<u8>>| {
        let result = handler.invoke(event.payload, event.context).await;
        result.map_err(|error| {
            let diagnostic = Diagnostic::from(error);
            tracing::error!(
                error_type = diagnostic.error_type,
                error_message = diagnostic.error_message,
                "the invocation failed"
            );
            diagnostic
        })
    };
    // `lambda_runtime::run` with one more layer.
    Runtime::new(service_fn(invoke))
        .layer(TracingLayer::new())
        .layer(MapRequestLayer::new(with_payload_as_bytes))
        .run()
        .await
        .map_err(InitError::Runtime)
}

/// Replaces the payload with a JSON list of its bytes, so that the handler gets every payload.
///
/// The runtime crate deserializes the payload as JSON before it calls the handler. If that failed,
/// as for an empty payload, the error would have a type of that crate and appear in no metric.
fn with_payload_as_bytes(mut invocation: LambdaInvocation) -> LambdaInvocation {
    // A list of numbers can always be serialized.
    let bytes = serde_json::to_vec(&invocation.body[..]).unwrap_or_default();
    invocation.body = bytes.into();
    invocation
}

/// Reports why the function cannot serve: to the log, and to Lambda, so that callers get the error
/// type. The runtime crate reports only errors inside its loop.
pub async fn report_init_error(error: InitError, lookup: impl Fn(&str) -> Option<String>) {
    let InitError::Run(error) = error else {
        tracing::error!(error = display_chain(&error), "the function is stopping");
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
            cause = display_chain(cause.as_ref()),
            "the init error could not be reported to Lambda"
        );
    }
}

/// Posts an error to
/// [`init/error`](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-initerror)
/// of Lambda's runtime API.
async fn post_init_error(diagnostic: &Diagnostic) -> Result<(), BoxError> {
    let request = build_request()
        .method("POST")
        .uri("/2018-06-01/runtime/init/error")
        .header("lambda-runtime-function-error-type", &diagnostic.error_type)
        .body(Body::from(serde_json::to_vec(diagnostic)?))?;
    let response = PooledClient::builder().build().call(request).await?;
    if response.status().is_success() {
        Ok(())
    } else {
        Err(format!("the runtime API answered {}", response.status()).into())
    }
}
