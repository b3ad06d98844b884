//! The parts of a snapshot that `status` shows.

use jiff::Timestamp;
use packwatch::model::{
    AccountId, ApiError, AwsText, FailureKey, GapKey, GroupId, Mute, PackKey, RunTotals, Source,
    StatusRecord,
};
use packwatch::report::{NotificationState, SCHEMA_VERSION};
use serde::{Deserialize, Serialize};

use crate::error::CliError;
use crate::input_file::parse;

#[derive(Debug, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) run: Run,
    pub(crate) totals: RunTotals,
    pub(crate) packs: Vec<Pack>,
    pub(crate) unconfirmed: Vec<Unconfirmed>,
    pub(crate) gaps: Vec<Gap>,
    pub(crate) empty_sources: Vec<EmptySource>,
    pub(crate) mutes: Vec<MuteRecord>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) sequence: u64,
    pub(crate) finished_at: Timestamp,
    pub(crate) complete: bool,
    pub(crate) scope: Scope,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Scope {
    pub(crate) accounts: Vec<AccountId>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Pack {
    #[serde(flatten)]
    pub(crate) key: PackKey,
    #[serde(flatten)]
    pub(crate) record: StatusRecord,
    pub(crate) failing_since: Option<Timestamp>,
    pub(crate) change: Option<NotificationState>,
    pub(crate) coverage: String,
    pub(crate) members: Members,
    pub(crate) failing_accounts: Vec<FailingAccount>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Members {
    pub(crate) total: Option<usize>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct FailingAccount {
    pub(crate) group_id: GroupId,
    pub(crate) account_id: AccountId,
    pub(crate) account_name: Option<AwsText>,
    pub(crate) account_state: Option<AwsText>,
    #[serde(flatten)]
    pub(crate) record: StatusRecord,
    pub(crate) stuck: bool,
    pub(crate) failing_since: Timestamp,
    pub(crate) change: NotificationState,
}

/// An open failure under a gap.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Unconfirmed {
    #[serde(flatten)]
    pub(crate) key: FailureKey,
    pub(crate) failing_since: Timestamp,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Gap {
    #[serde(flatten)]
    pub(crate) key: GapKey,
    #[serde(flatten)]
    pub(crate) cause: ApiError,
    pub(crate) since: Timestamp,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct EmptySource {
    #[serde(flatten)]
    pub(crate) source: Source,
    pub(crate) packs_before: usize,
    pub(crate) since: Timestamp,
    /// `ended` and `unwatched` sources are not part of the current state.
    pub(crate) state: String,
}

impl EmptySource {
    /// Returns whether the source lists no packs now.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.state.as_str(), "began" | "lasting")
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct MuteRecord {
    #[serde(flatten)]
    pub(crate) mute: Mute,
    pub(crate) matches: usize,
}

/// The version, which a snapshot of any version has.
#[derive(Debug, Deserialize)]
struct Version {
    schema_version: u32,
}

impl Snapshot {
    /// Parses a snapshot. `name` names it in errors.
    pub(crate) fn parse(bytes: &[u8], name: &str) -> Result<Self, CliError> {
        const WHAT: &str = "a snapshot of packwatch, such as latest.json";
        let Version { schema_version } = parse(bytes, name, WHAT)?;
        if schema_version > SCHEMA_VERSION {
            return Err(CliError::NewerSnapshot {
                name: name.to_owned(),
                version: schema_version,
            });
        }
        parse(bytes, name, WHAT)
    }
}
