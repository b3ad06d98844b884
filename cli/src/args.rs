//! Command-line arguments.

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};
use serde::de::IgnoredAny;

use crate::error::CliError;
use crate::function_config::FunctionConfiguration;
use crate::input_file::{name, parse, parse_file, read};
use crate::status::By;

/// Command-line arguments.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    about = "Runs packwatch outside Lambda with your own AWS profile, and shows what fails.",
    after_help = "Exit codes: 0 complete, 1 error, 2 usage, 3 incomplete (no data somewhere) or a failed check."
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
    /// publishes nothing. Events that add or remove a mute need --commit. The exit code is 3 if
    /// something could not be read.
    Run(RunArgs),
    /// Shows what fails right now, from the newest snapshot.
    ///
    /// It reads `latest.json`, which the last full run wrote, and does not call AWS Config. The
    /// bucket is that of a deployed function (--function), or else `SNAPSHOT_BUCKET` and
    /// `SNAPSHOT_PREFIX` of the environment. The exit code is 3 if the run could not read
    /// something.
    Status(StatusArgs),
    /// Checks the setup and prints what is missing, and what to do about it.
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
            quiet: false,
        }
    }
}

/// Arguments of `packwatch run`.
#[derive(Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// The event: JSON that begins with {, or a file with JSON, such as those in events/; - reads
    /// standard input [default: {}, a full run]
    event: Option<PathBuf>,
    /// Store the snapshot and the ledger, and publish the digest. If a function is deployed, give
    /// --function too: a run with other sources, packs or receivers than the last full run of the
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
    /// Print nothing but the digest or the response, and errors: no progress and no summary.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

impl RunArgs {
    /// Reads the event, which is valid JSON; `{}` without the argument.
    pub(crate) fn event(&self) -> Result<Vec<u8>, CliError> {
        let Some(event) = self.event.as_deref() else {
            return Ok(b"{}".to_vec());
        };
        let inline = event.to_str().map(str::trim_start);
        let (bytes, name) = match inline.filter(|text| text.starts_with('{')) {
            Some(text) => (text.as_bytes().to_vec(), "the event".to_owned()),
            None => (read(event)?, name(event)),
        };
        parse::<IgnoredAny>(&bytes, &name, "JSON")?;
        Ok(bytes)
    }

    /// Reads the configuration of the deployed function; `None` without `--function`.
    pub(crate) fn function_config(&self) -> Result<Option<FunctionConfiguration>, CliError> {
        function_config(self.function.as_deref())
    }
}

/// Arguments of `packwatch status`.
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// File with a snapshot, or its address such as `s3://bucket/prefix/latest.json`; an address
    /// that ends in / means the latest.json under it; - reads standard input
    #[arg(value_name = "FILE | s3://...", conflicts_with = "function")]
    pub(crate) source: Option<String>,
    /// File with the output of `aws lambda get-function-configuration --function-name ... --output
    /// json`. Bucket, prefix and region come from it.
    #[arg(long, value_name = "FILE")]
    function: Option<PathBuf>,
    /// How failures are grouped.
    #[arg(long, value_enum, default_value_t = By::Cause)]
    pub(crate) by: By,
    /// Print the grouped data as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// AWS profile. It takes precedence over keys in the environment.
    #[arg(long)]
    pub(crate) profile: Option<String>,
}

impl StatusArgs {
    /// Reads the configuration of the deployed function; `None` without `--function`.
    pub(crate) fn function_config(&self) -> Result<Option<FunctionConfiguration>, CliError> {
        function_config(self.function.as_deref())
    }
}

fn function_config(path: Option<&Path>) -> Result<Option<FunctionConfiguration>, CliError> {
    let what = "what `aws lambda get-function-configuration` prints";
    path.map(|path| parse_file(path, what)).transpose()
}
