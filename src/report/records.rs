//! The records that the snapshot and the digest share: failures, their endings, gaps, and sources
//! without packs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ledger::{GapResolution, Ledger, OpenFailure, ReceiverId, ResolvedFailure};
use crate::model::NotificationPolicy;
use crate::model::{
    ApiError, AwsText, FailureKey, GapKey, Resolution, Source, Status, StatusRecord,
};

/// Where a failure stands towards the digest topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotificationState {
    /// Due and not told.
    Appeared,
    /// Open and told.
    Ongoing,
    /// Open and not due.
    Pending,
}

/// An open failure, as the digest lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailureRecord {
    /// Which failure.
    #[serde(flatten)]
    pub key: FailureKey,
    /// What is known of it.
    #[serde(flatten)]
    pub state: FailureDetails,
    /// The row that says why it fails, where the newest is moving.
    #[serde(skip)]
    pub cause: StatusRecord,
}

/// What is known of an open failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are those of the document, and mean what the ledger's mean"
)]
pub struct FailureDetails {
    pub account_name: Option<AwsText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_state: Option<AwsText>,
    pub conformance_pack_name: Option<AwsText>,
    pub status: Status,
    pub error_code: Option<AwsText>,
    pub error_message: Option<AwsText>,
    pub last_update_time: Option<Timestamp>,
    pub failing_since: Timestamp,
    pub changed_at: Option<Timestamp>,
    pub change: NotificationState,
    pub ignored: bool,
}

impl FailureDetails {
    /// The state of `open`, towards `receiver`.
    pub fn of(
        ledger: &Ledger,
        key: &FailureKey,
        open: &OpenFailure,
        policy: &NotificationPolicy,
        receiver: Option<ReceiverId>,
        at: Timestamp,
    ) -> Self {
        let row = &open.row;
        let account = ledger.account(key);
        let told = receiver.is_some_and(|receiver| open.told.contains_key(&receiver));
        Self {
            account_name: account.map(|account| account.name.clone()),
            account_state: account.and_then(|account| account.state.clone()),
            conformance_pack_name: row.conformance_pack_name.clone(),
            status: row.status.clone(),
            error_code: row.error_code.clone(),
            error_message: row.error_message.clone(),
            last_update_time: row.last_update_time,
            failing_since: open.failing_since,
            changed_at: open.changed_at,
            change: match (told, open.is_due(key, policy, at)) {
                (true, _) => NotificationState::Ongoing,
                (false, true) => NotificationState::Appeared,
                (false, false) => NotificationState::Pending,
            },
            ignored: policy.ignores(key),
        }
    }
}

/// A failure that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are those of the document, and mean what the ledger's mean"
)]
pub struct ResolvedRecord {
    #[serde(flatten)]
    pub key: FailureKey,
    pub account_name: Option<AwsText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_state: Option<AwsText>,
    pub how: Resolution,
    pub status_was: Status,
    pub error_code_was: Option<AwsText>,
    pub failing_since: Timestamp,
    pub cleared_at: Timestamp,
}

impl ResolvedRecord {
    /// The record of `closed`.
    pub fn of(ledger: &Ledger, key: &FailureKey, closed: &ResolvedFailure) -> Self {
        let account = ledger.account(key);
        Self {
            key: key.clone(),
            account_name: account.map(|account| account.name.clone()),
            account_state: account.and_then(|account| account.state.clone()),
            how: closed.how,
            status_was: closed.row.status.clone(),
            error_code_was: closed.row.error_code.clone(),
            failing_since: closed.failing_since,
            cleared_at: closed.closed_at,
        }
    }
}

/// Something that was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are those of the document, and mean what the ledger's mean"
)]
pub struct GapRecord {
    #[serde(flatten)]
    pub key: GapKey,
    #[serde(flatten)]
    pub cause: ApiError,
    pub since: Timestamp,
    pub state: GapState,
    /// How it ended, for the text.
    #[serde(skip)]
    pub end: Option<GapResolution>,
}

/// Where a gap stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapState {
    /// Met for the first time.
    Began,
    /// Met by another run before.
    Persisting,
    /// Read again, gone, or no longer watched.
    Ended,
}

/// A source that had packs and lists none, or lists some again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are those of the document, and mean what the ledger's mean"
)]
pub struct EmptySourceRecord {
    #[serde(flatten)]
    pub source: Source,
    pub packs_before: usize,
    pub since: Timestamp,
    pub state: EmptySourceState,
}

/// Where a source without packs stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptySourceState {
    /// It lists no packs any more.
    Began,
    /// It lists packs again.
    Ended,
}
