//! Command-line arguments and the files that they name.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::function_config::FunctionConfiguration;
use crate::output::CliError;

/// Command-line arguments.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    about = "Runs packwatch outside Lambda, with your own AWS profile."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs the function once and prints the digest.
    ///
    /// Settings are those of a deployed function (--function), or else the environment variables of
    /// the same names: `SNAPSHOT_BUCKET` and `TOPIC_ARN` at least. Without --commit it reads AWS
    /// Config and the ledger and prints the digest that it would send; it writes nothing and
    /// publishes nothing.
    Run(RunArgs),
    /// Checks the set-up and prints what is missing, and what to do about it.
    ///
    /// Settings are those of a deployed function (--function), or else the environment variables of
    /// the same names. It tries what a run needs, with your own credentials. It writes only
    /// preflight.json and publishes nothing. The exit code is 3 if a check failed.
    Check(CheckArgs),
}

/// Arguments of `packwatch check`.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// File with the output of `aws lambda get-function-configuration --function-name ... --output
    /// json`. Settings and region come from it, and none from the environment.
    #[arg(long, value_name = "FILE")]
    function: Option<PathBuf>,
    /// AWS profile. It takes precedence over keys in the environment. Without it the SDK's own
    /// order applies (`AWS_ACCESS_KEY_ID`, `AWS_PROFILE`, ...).
    #[arg(long)]
    profile: Option<String>,
    /// Print the response of the function as JSON instead of the table.
    #[arg(long)]
    json: bool,
}

impl CheckArgs {
    /// Returns the arguments of the run that makes the check.
    pub(crate) fn into_run(self) -> RunArgs {
        RunArgs {
            event: None,
            commit: true,
            function: self.function,
            json: self.json,
            profile: self.profile,
        }
    }
}

/// Arguments of `packwatch run`.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// File with the event as JSON, such as those in events/; - reads standard input [default: {},
    /// a full run]
    event: Option<PathBuf>,
    /// Store the snapshot and the ledger, and publish the digest. If a function is deployed, give
    /// --function too: a run with other sources, packs or topics than the last full run of the
    /// function is refused.
    #[arg(long)]
    pub(crate) commit: bool,
    /// File with the output of `aws lambda get-function-configuration --function-name ... --output
    /// json`. Settings and region come from it, and none from the environment.
    #[arg(long, value_name = "FILE")]
    function: Option<PathBuf>,
    /// Print the response of the function as JSON instead of the digest.
    #[arg(long)]
    pub(crate) json: bool,
    /// AWS profile. It takes precedence over keys in the environment. Without it the SDK's own
    /// order applies (`AWS_ACCESS_KEY_ID`, `AWS_PROFILE`, ...).
    #[arg(long)]
    pub(crate) profile: Option<String>,
}

impl RunArgs {
    /// Reads the event; `{}` without the argument.
    pub(crate) fn event(&self) -> Result<Value, CliError> {
        self.event
            .as_deref()
            .map_or_else(|| Ok(json!({})), |path| parse_file(path, "JSON"))
    }

    /// Reads the configuration of the deployed function; `None` without `--function`.
    pub(crate) fn function_config(&self) -> Result<Option<FunctionConfiguration>, CliError> {
        let what = "what `aws lambda get-function-configuration` prints";
        self.function
            .as_deref()
            .map(|path| parse_file(path, what))
            .transpose()
    }
}

/// Reads and parses a JSON file. `what` names the expected content in the error.
fn parse_file<T: DeserializeOwned>(path: &Path, what: &str) -> Result<T, CliError> {
    let path_name = path.display();
    let text = read(path).map_err(|source| CliError::File {
        what: format!("{path_name} cannot be read"),
        source,
    })?;
    serde_json::from_str(&text).map_err(|error| CliError::File {
        what: format!("{path_name} is not {what}"),
        source: error.into(),
    })
}

/// Reads a file, or standard input for `-`.
fn read(path: &Path) -> io::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(path)
}
