//! The command line.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Parser;
use serde_json::{Value, json};

use crate::page::Failure;

/// What the program is told.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    about = "Runs packwatch once, outside Lambda, with your own AWS profile.",
    long_about = "Runs packwatch once, outside Lambda, with your own AWS profile.\n\nSettings are the environment variables of \
                  the function: SNAPSHOT_BUCKET and TOPIC_ARN at least. Without --commit it reads AWS Config and the ledger \
                  and prints the digest that it would send; it writes nothing and publishes nothing."
)]
pub(crate) struct Arguments {
    /// The event, a file of JSON such as those in events/; - is the standard input. Without one it is {}, a full run.
    event: Option<PathBuf>,
    /// Do what the event says: store the snapshot and the ledger, and publish the digest.
    #[arg(long)]
    pub(crate) commit: bool,
    /// Print the answer of the function as JSON, in place of the digest.
    #[arg(long)]
    pub(crate) json: bool,
    /// The AWS profile. Without it the SDK's own rules hold (`AWS_PROFILE`, `AWS_ACCESS_KEY_ID`, ...).
    #[arg(long)]
    pub(crate) profile: Option<String>,
}

impl Arguments {
    /// The event.
    pub(crate) fn event(&self) -> Result<Value, Failure> {
        let Some(path) = &self.event else { return Ok(json!({})) };
        let shown = path.display();
        let text = read(path).map_err(|source| Failure::Event { what: format!("{shown} cannot be read"), source })?;
        serde_json::from_str(&text)
            .map_err(|error| Failure::Event { what: format!("{shown} is no JSON"), source: error.into() })
    }
}

fn read(path: &Path) -> io::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(path)
}
