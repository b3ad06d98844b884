//! Command-line program that runs packwatch once outside Lambda, with an AWS profile, and shows
//! what fails. This file connects the parts.

mod args;
mod error;
mod function_config;
mod input_file;
mod output;
mod profile;
mod progress;
mod recording_notifier;
mod run_once;
mod status;
mod terminal;

use std::process::ExitCode;

use clap::Parser;
use packwatch::report::{CheckStatus, Response};
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use args::{Args, Command, RunArgs};
use error::CliError;

/// Exit code of an error.
const ERROR: u8 = 1;

/// Exit code of a wrong command line, which clap uses too.
const USAGE: u8 = 2;

/// Exit code if there is no data somewhere, or if a check of the setup failed.
const INCOMPLETE: u8 = 3;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let command = Args::parse().command;
    let is_quiet = matches!(&command, Command::Run(RunArgs { quiet: true, .. }));
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(if is_quiet { Level::ERROR } else { Level::WARN })
        .with_ansi(terminal::errors_are_colored())
        .with_target(false)
        .without_time()
        .finish()
        .with(filter_fn(|event| !is_gap(event)))
        .init();
    match execute(command).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(INCOMPLETE),
        Err(error) => {
            output::error(&error);
            ExitCode::from(if error.is_usage() { USAGE } else { ERROR })
        }
    }
}

/// Executes a command. Returns whether everything was read, and every check is passed.
async fn execute(command: Command) -> Result<bool, CliError> {
    let response = match command {
        Command::Status(args) => return status::status(&args).await,
        Command::Run(args) => {
            let event = args.event()?;
            run_once::run(&args, &event).await?
        }
        Command::Check(args) => run_once::run(&args.into_run(), br#"{"check": true}"#).await?,
    };
    Ok(match &response {
        Response::Run(run) => run.complete,
        Response::Checked(checked) => checked.count(CheckStatus::Failed) == 0,
        Response::Adopted(_) | Response::Mutes(_) | Response::Test(_) => true,
    })
}

/// Returns whether a log event is about a gap. The function logs one for each; here the digest or
/// [`output::failed_reads`] shows them, equal ones once.
fn is_gap(event: &Metadata<'_>) -> bool {
    ["operation", "code", "pack"]
        .iter()
        .all(|field| event.fields().field(field).is_some())
}
