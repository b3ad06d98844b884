//! Terminal output: the digest or the response on standard output, messages about the run on
//! standard error.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program prints its output"
)]

use std::io;

use packwatch::model::display_chain;
use packwatch::ports::BoxError;
use packwatch::report::{Checked, Outcome, Response, RunResponse};
use packwatch::run::RunError;

use crate::function_config::AccountMismatch;
use crate::progress::ProgressStats;

/// Error of the command-line program.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// A file cannot be read or parsed.
    #[error("{what}")]
    File {
        /// The message, with the path of the file.
        what: String,
        /// The cause.
        source: io::Error,
    },
    /// The profile supplies no credentials.
    #[error(
        "the profile {name} gives no credentials; `aws sts get-caller-identity --profile {name}` should say why"
    )]
    Profile {
        /// Name of the profile.
        name: String,
        /// The error of the SDK.
        source: BoxError,
    },
    /// The credentials belong to another account than the function.
    #[error(transparent)]
    AccountMismatch(#[from] AccountMismatch),
    /// The run failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The response could not be serialized.
    #[error("the response could not be written as JSON")]
    Response(#[from] serde_json::Error),
}

/// Prints what failed, why, and what to do.
pub(crate) fn error(error: &CliError) {
    match error {
        CliError::Run(error) => eprintln!("{}: {}", error.kind(), error.to_report()),
        other => eprintln!("{}", display_chain(other)),
    }
}

/// Prints the response as JSON.
pub(crate) fn json(response: &Response) -> Result<(), serde_json::Error> {
    println!("{}", serde_json::to_string_pretty(response)?);
    Ok(())
}

/// Prints the text of the digest. `published` is the text that was published, if any.
pub(crate) fn digest(response: &RunResponse, published: Option<&str>) {
    match response.digest.text.as_deref().or(published) {
        Some(text) => println!("{}", text.trim_end()),
        None => println!("packwatch: no changes, {} open", response.totals.open_total),
    }
}

/// Prints the table of the checks, and what to do.
pub(crate) fn checks(checked: &Checked) {
    println!("{}", checked.text.trim_end());
}

/// Prints failed reads, the outcome and the number of calls. If `commit` is set, a dry run can only
/// be due to the event.
pub(crate) fn summary(response: &RunResponse, stats: &ProgressStats, commit: bool) {
    for failure in &stats.failures {
        eprintln!("? {failure}");
    }
    let outcome = match response.outcome {
        Outcome::DryRun if commit => {
            "Dry run, as the event asks: nothing was written, nothing was published.".to_owned()
        }
        Outcome::DryRun => {
            "Dry run: nothing was written, nothing was published. --commit does both.".to_owned()
        }
        Outcome::Committed => format!("Committed as run {}.", response.sequence),
        Outcome::Resumed => format!(
            "Run {} was already committed; its undelivered digests were sent.",
            response.sequence
        ),
        Outcome::Superseded => {
            "Another run with a newer read was committed first; this one changed nothing."
                .to_owned()
        }
    };
    let packs = match response.totals.packs {
        1 => "1 pack".to_owned(),
        packs => format!("{packs} packs"),
    };
    eprintln!(
        "{packs}, {} calls to AWS Config, {} throttled. {outcome}",
        stats.calls, stats.throttle_count
    );
}
