//! The command line.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Parser;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::deployed::Deployed;
use crate::page::Failure;

/// What the program is told.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    about = "Runs packwatch once, outside Lambda, with your own AWS profile.",
    long_about = "Runs packwatch once, outside Lambda, with your own AWS profile.\n\nSettings are those of a deployed function \
                  (--function), or else the environment variables of that name: SNAPSHOT_BUCKET and TOPIC_ARN at least. \
                  Without --commit it reads AWS Config and the ledger and prints the digest that it would send; it writes \
                  nothing and publishes nothing."
)]
pub(crate) struct Arguments {
    /// The event, a file of JSON such as those in events/; - is the standard input. Without one it
    /// is {}, a full run.
    event: Option<PathBuf>,
    /// Do what the event says: store the snapshot and the ledger, and publish the digest. Beside a
    /// deployed function give --function too: what the settings of this run leave out, other
    /// regions or topics, would count as no longer watched.
    #[arg(long)]
    pub(crate) commit: bool,
    /// Run as this function: a file with what `aws lambda get-function-configuration
    /// --function-name ... --output json` prints. Its settings and its region are taken, none of
    /// the environment's.
    #[arg(long, value_name = "FILE")]
    function: Option<PathBuf>,
    /// Print the answer of the function as JSON, in place of the digest.
    #[arg(long)]
    pub(crate) json: bool,
    /// The AWS profile, whatever keys the environment holds. Without it the SDK's own rules hold
    /// (`AWS_ACCESS_KEY_ID`, `AWS_PROFILE`, ...).
    #[arg(long)]
    pub(crate) profile: Option<String>,
}

impl Arguments {
    /// The event.
    pub(crate) fn event(&self) -> Result<Value, Failure> {
        self.event
            .as_deref()
            .map_or_else(|| Ok(json!({})), |path| parsed(path, "JSON"))
    }

    /// The function whose settings are taken.
    pub(crate) fn deployed(&self) -> Result<Option<Deployed>, Failure> {
        let what = "what `aws lambda get-function-configuration` prints";
        self.function
            .as_deref()
            .map(|path| parsed(path, what))
            .transpose()
    }
}

/// The file as what it should be.
fn parsed<T: DeserializeOwned>(path: &Path, what: &str) -> Result<T, Failure> {
    let shown = path.display();
    let text = read(path).map_err(|source| Failure::File {
        what: format!("{shown} cannot be read"),
        source,
    })?;
    serde_json::from_str(&text).map_err(|error| Failure::File {
        what: format!("{shown} is not {what}"),
        source: error.into(),
    })
}

fn read(path: &Path) -> io::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(path)
}
