//! What is printed: the digest or the answer on the standard output, everything about the run on
//! the standard error.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for a terminal"
)]

use std::io;

use packwatch::model::display_chain;
use packwatch::ports::BoxError;
use packwatch::report::{Outcome, RunResponse};
use packwatch::run::RunError;

use crate::function_config::AccountMismatch;
use crate::progress::ProgressStats;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// A file is not there, or not what it should be.
    #[error("{what}")]
    File {
        /// Of which file.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// The profile that was named gives no credentials.
    #[error(
        "the profile {name} gives no credentials; `aws sts get-caller-identity --profile {name}` should say why"
    )]
    Profile {
        /// Its name.
        name: String,
        /// What the SDK says.
        source: BoxError,
    },
    /// The credentials are of another account than the function.
    #[error(transparent)]
    AccountMismatch(#[from] AccountMismatch),
    /// The run failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The answer could not be written as JSON.
    #[error("the answer could not be written as JSON")]
    Answer(#[from] serde_json::Error),
}

/// What failed, why, and what to do.
pub(crate) fn error(error: &CliError) {
    match error {
        CliError::Run(error) => eprintln!("{}: {}", error.kind(), error.to_report()),
        other => eprintln!("{}", display_chain(other)),
    }
}

/// The answer of the function.
pub(crate) fn json(report: &RunResponse) -> Result<(), serde_json::Error> {
    println!("{}", serde_json::to_string_pretty(report)?);
    Ok(())
}

/// The digest as a reader gets it. `sent` is its text, where it was published.
pub(crate) fn digest(report: &RunResponse, sent: Option<&str>) {
    match report.digest.text.as_deref().or(sent) {
        Some(text) => println!("{}", text.trim_end()),
        None => println!(
            "packwatch: nothing to tell, {} open",
            report.totals.open_all
        ),
    }
}

/// What became of the run. `asked` to commit, only the event can have made it dry.
pub(crate) fn summary(report: &RunResponse, seen: &ProgressStats, asked: bool) {
    for failure in &seen.failures {
        eprintln!("? {failure}");
    }
    let outcome = match report.outcome {
        Outcome::DryRun if asked => {
            "A dry run, as the event asks: nothing was written, nothing was published.".to_owned()
        }
        Outcome::DryRun => {
            "Dry run: nothing was written, nothing was published. --commit does both.".to_owned()
        }
        Outcome::Committed => format!("Committed as run {}.", report.sequence),
        Outcome::Resumed => format!(
            "Run {} had been committed; what was left of it was sent.",
            report.sequence
        ),
        Outcome::Superseded => {
            "Another run that read later was committed first; nothing was told.".to_owned()
        }
    };
    let packs = match report.totals.packs {
        1 => "1 pack".to_owned(),
        packs => format!("{packs} packs"),
    };
    eprintln!(
        "{packs}, {} calls to AWS Config, {} throttled. {outcome}",
        seen.calls, seen.throttles
    );
}
