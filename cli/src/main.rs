//! Command-line program that runs packwatch once outside Lambda, with an AWS profile. This file
//! connects the parts.

mod args;
mod function_config;
mod output;
mod progress;
mod recording_notifier;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use jiff::SignedDuration;
use lambda_runtime::Context;
use packwatch::aws::{self, Timeouts};
use packwatch::input::settings::Settings;
use packwatch::lambda::Handler;
use packwatch::ports::Clock;
use packwatch::report::{CheckStatus, Response};
use packwatch::run::{RunError, ServiceSet};
use packwatch::system::{SystemClock, env_var, new_execution_id};
use serde_json::{Value, json};

use args::{Args, Command, RunArgs};
use output::CliError;
use progress::ProgressConfigApi;
use recording_notifier::RecordingNotifier;

/// Time limit of a run: the maximum timeout of a Lambda function.
const RUN_TIME: SignedDuration = SignedDuration::from_mins(15);

/// Exit code if a check of the set-up failed.
const FAILED_CHECK: u8 = 3;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let command = Args::parse().command;
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .init();
    let result = match command {
        Command::Run(args) => match args.event() {
            Ok(event) => run(&args, &event).await,
            Err(error) => Err(error),
        },
        Command::Check(args) => run(&args.into_run(), &json!({"check": true})).await,
    };
    match result {
        Ok(Response::Checked(checked)) if checked.count(CheckStatus::Failed) > 0 => {
            ExitCode::from(FAILED_CHECK)
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            output::error(&error);
            ExitCode::FAILURE
        }
    }
}

/// Invokes the function with an event and prints the response.
async fn run(args: &RunArgs, event: &Value) -> Result<Response, CliError> {
    let function_config = args.function_config()?;
    // Outside Lambda, `AWS_REGION` is often unset, and the region comes from the profile.
    let region = aws::resolve_region(args.profile.as_deref(), env_var)
        .await
        .map_err(RunError::InvalidSettings)?;
    let lookup = |name: &str| match (&function_config, name) {
        (Some(function), name) => function.variable(name),
        (None, "AWS_REGION") => region.clone(),
        (None, name) => env_var(name),
    };
    let settings = Settings::read(lookup).map_err(RunError::InvalidSettings)?;
    let loader = match &args.profile {
        Some(name) => aws::sdk_config_for_profile(name, region.clone(), env_var)
            .await
            .map_err(|source| CliError::Profile {
                name: name.clone(),
                source,
            })?,
        None => aws::sdk_config(),
    };
    let aws = aws::connect(loader, &settings, Timeouts::default(), env_var)
        .await
        .map_err(RunError::InvalidSettings)?;
    if let Some(function) = &function_config {
        function.ensure_same_account(&settings, &aws.config).await?;
    }
    let services = ServiceSet {
        config: ProgressConfigApi::new(aws.config),
        store: aws.store,
        notifier: RecordingNotifier::new(aws.notifier),
        preflight: aws.preflight,
        clock: SystemClock,
    };
    let handler = Handler::new(settings, services, new_execution_id, None);
    let handler = if args.commit {
        handler
    } else {
        handler.force_dry_run()
    };
    handler.verify_identity().await?;
    let mut context = Context::default();
    context.request_id = format!("manual-{}", new_execution_id());
    context.deadline = (SystemClock.now() + RUN_TIME)
        .as_millisecond()
        .unsigned_abs();
    let result = handler.invoke(&event.to_string(), context).await;
    let ServiceSet {
        config, notifier, ..
    } = handler.services();
    let stats = config.finish();
    let response = result?;
    match &response {
        Response::Run(run) if !args.json => output::digest(run, notifier.text().as_deref()),
        Response::Checked(checked) if !args.json => output::checks(checked),
        _ => output::json(&response)?,
    }
    if let Response::Run(run) = &response {
        output::summary(run, &stats, args.commit);
    }
    Ok(response)
}
