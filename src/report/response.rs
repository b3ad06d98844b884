//! The response of an invocation.

use serde::Serialize;

use super::check::Checked;
use super::mute_records::MuteRecord;
use crate::model::{FunctionId, RunTotals, Warning};

/// Response of a run, returned to the caller as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
pub struct RunResponse {
    /// The id of the run.
    pub run_id: String,
    /// Sequence of the ledger.
    pub sequence: u64,
    /// Outcome of the run.
    pub outcome: Outcome,
    /// Whether everything in scope was read.
    pub complete: bool,
    /// The `s3://` address of the committed snapshot; `None` if there is none, as in a dry run.
    pub snapshot: Option<String>,
    /// The `s3://` address of the report; `None` if this run wrote none.
    pub report: Option<String>,
    /// Totals of the run.
    pub totals: RunTotals,
    /// The warnings of the run; none if an earlier execution or another run made the read.
    pub warnings: Vec<Warning>,
    /// The digest for the digest topic.
    pub digest: DigestSummary,
    /// Calls to AWS Config, not counting retries.
    pub config_calls: u64,
}

/// Response of an invocation.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Response {
    /// The response of a run.
    Run(Box<RunResponse>),
    /// The ledger was adopted.
    Adopted(Adopted),
    /// Mutes were changed or listed.
    Mutes(MutesResponse),
    /// The setup was checked.
    Checked(Checked),
    /// A test notification was sent.
    Test(TestResponse),
}

impl Response {
    /// Returns the response of a run; `None` if the invocation was not a run.
    pub fn into_run(self) -> Option<RunResponse> {
        match self {
            Self::Run(response) => Some(*response),
            Self::Adopted(_) | Self::Mutes(_) | Self::Checked(_) | Self::Test(_) => None,
        }
    }
}

/// Response to a request about mutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct MutesResponse {
    /// The id of the run.
    pub run_id: String,
    /// What was done.
    pub outcome: MutesOutcome,
    /// The id of the mute that was added or removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mute: Option<String>,
    /// All mutes in the ledger, also those that ended in the last 30 days.
    pub mutes: Vec<MuteRecord<'static>>,
}

/// Outcome of a request about mutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MutesOutcome {
    /// A mute was added.
    Muted,
    /// A mute was removed.
    Unmuted,
    /// The mutes were listed.
    Mutes,
}

/// Response to the request for a test notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct TestResponse {
    /// The id of the run.
    pub run_id: String,
    /// Always `test`.
    pub outcome: TestOutcome,
    /// The notification to the digest topic.
    pub digest: DigestSummary,
}

/// Outcome of the request for a test notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TestOutcome {
    /// Every receiver accepted it.
    Test,
}

/// Response to the request to adopt the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Adopted {
    /// The id of the run.
    pub run_id: String,
    /// Always `adopted`.
    pub outcome: AdoptedOutcome,
    /// The function that owns the ledger now.
    pub owner: FunctionId,
}

/// Outcome of the request to adopt the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdoptedOutcome {
    /// The function owns the ledger.
    Adopted,
}

/// Outcome of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The run is committed.
    Committed,
    /// An earlier execution committed the run. This one sent the digests that were left in the
    /// outbox.
    Resumed,
    /// Another run, whose read ended after the read of this run began, was committed first. Only a
    /// digest that the event asked for was sent.
    Superseded,
    /// Dry run: nothing was written or published.
    DryRun,
}

/// The digest for the digest topic, without its contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct DigestSummary {
    /// Delivery status.
    pub status: DigestStatus,
    /// Id of the digest, if there is one.
    pub id: Option<String>,
    /// Subject of the digest, if there is one.
    pub subject: Option<String>,
    /// Text of the digest, in a dry run only.
    pub text: Option<String>,
}

/// Delivery status of the digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DigestStatus {
    /// The digest was published.
    Published,
    /// A digest is in the outbox: it is leased to another execution, or the receiver refuses it.
    Waiting,
    /// There is no digest.
    None,
    /// Dry run: the digest was not published.
    DryRun,
}

impl DigestSummary {
    /// Returns a summary with a status only.
    pub fn with_status(status: DigestStatus) -> Self {
        Self {
            status,
            id: None,
            subject: None,
            text: None,
        }
    }
}
