//! The answer of an invocation.

use serde::Serialize;

use crate::model::RunTotals;

/// What the caller gets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunResponse {
    /// The id of the run.
    pub run_id: String,
    /// The number of the commit.
    pub sequence: u64,
    /// What became of the run.
    pub outcome: Outcome,
    /// Whether everything in scope was read.
    pub complete: bool,
    /// The `s3://` address of the committed snapshot.
    pub snapshot: Option<String>,
    /// The numbers of the run.
    pub totals: RunTotals,
    /// What became of the digest, towards the digest topic.
    pub digest: DigestSummary,
    /// Calls to AWS Config, retries not counted.
    pub config_calls: u64,
}

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is stored.
    Committed,
    /// It had been stored by an earlier execution; only what was left was sent.
    Resumed,
    /// A reading that ended after this one began was stored first; nothing was told.
    Superseded,
    /// Nothing was written.
    DryRun,
}

/// What became of the digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DigestSummary {
    /// In a word.
    pub status: DigestStatus,
    /// Its id.
    pub id: Option<String>,
    /// Its subject.
    pub subject: Option<String>,
    /// Its text, in a dry run.
    pub text: Option<String>,
}

/// What became of the digest, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DigestStatus {
    /// It was sent.
    Published,
    /// Another execution is sending an earlier one.
    Waiting,
    /// There was nothing to tell.
    None,
    /// It would be sent.
    DryRun,
}

impl DigestSummary {
    /// A digest that says no more than its status.
    pub fn with_status(status: DigestStatus) -> Self {
        Self {
            status,
            id: None,
            subject: None,
            text: None,
        }
    }
}
