//! Errors of the command-line program.

use std::io;

use packwatch::model::display_chain;
use packwatch::ports::BoxError;
use packwatch::run::RunError;

use crate::function_config::AccountMismatch;

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
    /// The arguments and the environment name no snapshot.
    #[error(
        "no snapshot is named: give a file, an address such as s3://bucket/prefix/latest.json, or --function FILE, or set \
         SNAPSHOT_BUCKET"
    )]
    NoSnapshotAddress,
    /// There is no object at the address.
    #[error(
        "{name} does not exist: either no full run has been committed yet, or the bucket or prefix is wrong; \
         `packwatch run` shows what a run would find"
    )]
    NoSnapshot {
        /// The address.
        name: String,
    },
    /// The object cannot be read.
    #[error("{name} cannot be read")]
    Object {
        /// The address.
        name: String,
        /// The cause.
        source: BoxError,
    },
    /// The snapshot has a newer schema.
    #[error(
        "{name} has schema version {version}, which this version of packwatch does not know: use a newer packwatch"
    )]
    NewerSnapshot {
        /// The name of the snapshot.
        name: String,
        /// Its version.
        version: u32,
    },
    /// The profile supplies no credentials.
    #[error(
        "the profile {name} provides no credentials; `aws sts get-caller-identity --profile {name}` should say why"
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
    /// Standard output could not be written.
    #[error("the output could not be written")]
    Output(#[from] io::Error),
}

impl CliError {
    /// Returns whether the command line is at fault.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::NoSnapshotAddress)
    }

    /// Returns what failed, why, and what to do.
    pub(crate) fn report(&self) -> String {
        match self {
            Self::Run(error) => format!("{}: {}", error.kind(), error.to_report()),
            other => display_chain(other),
        }
    }
}
