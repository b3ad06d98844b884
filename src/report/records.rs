//! The records that the snapshot and the digest share: open and resolved failures, gaps, and
//! sources that list no packs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use super::sanitize::sanitize;
use crate::ledger::{EmptySource, GapResolution, Ledger, OpenFailure, ReceiverId, ResolvedFailure};
use crate::model::{
    ApiError, AwsText, FailureKey, GapKey, GroupId, NotificationPolicy, Resolution, Source, Status,
    StatusRecord,
};

/// State of an open failure towards a receiver.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NotificationState {
    /// Due and not notified before.
    Appeared,
    /// Notified and still open.
    Ongoing,
    /// Recorded and not notified until a date.
    Muted,
    /// Recorded and never notified.
    Ignored,
    /// Not due, for another reason.
    Pending,
}

/// An open failure in a digest. Its message is that of its group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[expect(missing_docs, reason = "the fields are those of the snapshot")]
pub struct FailureRecord<'a> {
    #[serde(flatten, serialize_with = "with_failure_id")]
    #[schemars(with = "KeyWithId<'static>")]
    pub key: &'a FailureKey,
    pub group_id: GroupId,
    pub account_name: Option<String>,
    pub account_state: Option<String>,
    pub conformance_pack_name: Option<String>,
    pub status: String,
    pub stuck: bool,
    pub error_code: Option<String>,
    pub last_update_time: Option<Timestamp>,
    pub failing_since: Timestamp,
    pub changed_at: Option<Timestamp>,
    pub change: NotificationState,
    pub ignored: bool,
    pub muted_until: Option<Timestamp>,
}

impl<'a> FailureRecord<'a> {
    /// Returns the record of `open`, with texts from AWS sanitized.
    pub fn of(
        ledger: &Ledger,
        key: &'a FailureKey,
        open: &OpenFailure,
        policy: &NotificationPolicy,
        receiver: Option<ReceiverId>,
        at: Timestamp,
    ) -> Self {
        let FailureDetails {
            account_name,
            account_state,
            conformance_pack_name,
            status,
            stuck,
            error_code,
            error_message: _,
            last_update_time,
            failing_since,
            changed_at,
            change,
            ignored,
            muted_until,
        } = FailureDetails::of(ledger, key, open, policy, receiver, at);
        Self {
            key,
            group_id: open.group_id,
            account_name: visible(account_name),
            account_state: visible(account_state),
            conformance_pack_name: visible(conformance_pack_name),
            status: sanitize(status.as_str()),
            stuck,
            error_code: visible(error_code),
            last_update_time,
            failing_since,
            changed_at,
            change,
            ignored,
            muted_until,
        }
    }
}

/// Details of an open failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[expect(
    missing_docs,
    reason = "the fields mirror the snapshot schema and those of the ledger"
)]
pub struct FailureDetails {
    pub account_name: Option<AwsText>,
    pub account_state: Option<AwsText>,
    pub conformance_pack_name: Option<AwsText>,
    pub status: Status,
    pub stuck: bool,
    pub error_code: Option<AwsText>,
    pub error_message: Option<AwsText>,
    pub last_update_time: Option<Timestamp>,
    pub failing_since: Timestamp,
    pub changed_at: Option<Timestamp>,
    pub change: NotificationState,
    pub ignored: bool,
    pub muted_until: Option<Timestamp>,
}

impl FailureDetails {
    /// Returns the details of `open` and its state towards `receiver` at the time `at`.
    pub fn of(
        ledger: &Ledger,
        key: &FailureKey,
        open: &OpenFailure,
        policy: &NotificationPolicy,
        receiver: Option<ReceiverId>,
        at: Timestamp,
    ) -> Self {
        let record = &open.row;
        let account = ledger.account(key);
        Self {
            account_name: account.map(|account| account.name.clone()),
            account_state: account.and_then(|account| account.state.clone()),
            conformance_pack_name: record.conformance_pack_name.clone(),
            status: record.status.clone(),
            stuck: open.is_stuck(),
            error_code: record.error_code.clone(),
            error_message: record.error_message.clone(),
            last_update_time: record.last_update_time,
            failing_since: open.failing_since,
            changed_at: open.changed_at,
            change: NotificationState::of(key, open, policy, receiver, at),
            ignored: policy.ignores(key),
            muted_until: open.muted_until.filter(|until| at < *until),
        }
    }
}

impl<'a> FailureRecord<'a> {
    /// Returns the record of an invented failure.
    pub fn invented(key: &'a FailureKey, record: &StatusRecord, at: Timestamp) -> Self {
        Self {
            key,
            group_id: GroupId::of(record),
            account_name: None,
            account_state: None,
            conformance_pack_name: record
                .conformance_pack_name
                .as_ref()
                .map(ToString::to_string),
            status: record.status.to_string(),
            stuck: false,
            error_code: record.error_code.as_ref().map(ToString::to_string),
            last_update_time: record.last_update_time,
            failing_since: at,
            changed_at: None,
            change: NotificationState::Appeared,
            ignored: false,
            muted_until: None,
        }
    }
}

/// Returns a sanitized text, or `None` if nothing visible is left of it.
fn visible(text: Option<AwsText>) -> Option<String> {
    let text = sanitize(text?.as_str());
    (!text.is_empty()).then_some(text)
}

impl NotificationState {
    /// Returns the state of an open failure towards `receiver` at the time `at`. Each failure has
    /// exactly one.
    pub fn of(
        key: &FailureKey,
        open: &OpenFailure,
        policy: &NotificationPolicy,
        receiver: Option<ReceiverId>,
        at: Timestamp,
    ) -> Self {
        if policy.ignores(key) {
            Self::Ignored
        } else if open.is_muted(at) {
            Self::Muted
        } else if receiver.is_some_and(|receiver| open.notified.contains(receiver)) {
            Self::Ongoing
        } else if open.due {
            Self::Appeared
        } else {
            Self::Pending
        }
    }
}

/// A resolved failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[expect(
    missing_docs,
    reason = "the fields mirror the snapshot schema and those of the ledger"
)]
pub struct ResolvedRecord {
    #[serde(flatten, serialize_with = "with_failure_id")]
    #[schemars(with = "KeyWithId<'static>")]
    pub key: FailureKey,
    pub group_id: GroupId,
    pub account_name: Option<AwsText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_state: Option<AwsText>,
    pub resolution: Resolution,
    pub last_status: Status,
    pub last_error_code: Option<AwsText>,
    pub failing_since: Timestamp,
    pub cleared_at: Timestamp,
}

impl ResolvedRecord {
    /// Returns the record of `resolved`.
    pub fn of(ledger: &Ledger, key: &FailureKey, resolved: &ResolvedFailure) -> Self {
        let account = ledger.account(key);
        Self {
            key: key.clone(),
            group_id: resolved.group_id,
            account_name: account.map(|account| account.name.clone()),
            account_state: account.and_then(|account| account.state.clone()),
            resolution: resolved.resolution,
            last_status: resolved.row.status.clone(),
            last_error_code: resolved.row.error_code.clone(),
            failing_since: resolved.failing_since,
            cleared_at: resolved.resolved_at,
        }
    }

    /// Returns the record with texts from AWS sanitized, as a digest shows it.
    #[must_use]
    pub fn sanitized(self) -> Self {
        Self {
            last_status: sanitize(self.last_status.as_str()).into(),
            last_error_code: visible(self.last_error_code).map(Into::into),
            account_name: visible(self.account_name).map(Into::into),
            account_state: visible(self.account_state).map(Into::into),
            ..self
        }
    }
}

/// A gap.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[expect(
    missing_docs,
    reason = "the fields mirror the snapshot schema and those of the ledger"
)]
pub struct GapRecord {
    #[serde(flatten)]
    pub key: GapKey,
    #[serde(flatten)]
    pub cause: ApiError,
    pub since: Timestamp,
    pub state: GapState,
    /// How the gap ended, for the text; `None` while it is open.
    #[serde(skip)]
    pub end: Option<GapResolution>,
}

/// State of a gap.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GapState {
    /// Seen in this run for the first time.
    Began,
    /// Seen in an earlier run as well.
    Lasting,
    /// Ended: the source or pack was read again, or the pack was removed.
    Ended,
    /// Ended because it is out of the scope of the settings.
    Unwatched,
}

/// A source that lists no packs, or no longer counts as such. With `packs_before` 0, it
/// never had packs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[expect(
    missing_docs,
    reason = "the fields mirror the snapshot schema and those of the ledger"
)]
pub struct EmptySourceRecord {
    #[serde(flatten)]
    pub source: Source,
    pub packs_before: usize,
    pub since: Timestamp,
    pub state: EmptySourceState,
}

impl EmptySourceRecord {
    /// Returns the record of `empty_source`.
    pub fn of(source: &Source, empty_source: &EmptySource, state: EmptySourceState) -> Self {
        Self {
            source: source.clone(),
            packs_before: empty_source.packs.len(),
            since: empty_source.since,
            state,
        }
    }
}

/// State of a source that lists no packs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EmptySourceState {
    /// The source lists no packs, seen in this run for the first time.
    Began,
    /// It was so in an earlier run as well.
    Lasting,
    /// The source lists packs again.
    Ended,
    /// The source is no longer in the scope of the settings.
    Unwatched,
}

/// Serializes a key with its `failure_id`. The id is computed here and not stored in the record, to
/// save memory: a digest can hold tens of thousands of records.
pub(super) fn with_failure_id<S: Serializer>(
    key: &FailureKey,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let failure_id = key.failure_id();
    KeyWithId { failure_id, key }.serialize(serializer)
}

/// A key with its id, as [`with_failure_id`] serializes it.
#[derive(Serialize, schemars::JsonSchema)]
pub(super) struct KeyWithId<'a> {
    failure_id: String,
    #[serde(flatten)]
    key: &'a FailureKey,
}
