//! The report of a run: the snapshot in S3, the records that it shares with the digest, and the
//! response of the invocation; and the checks of the preflight.

mod check;
mod check_action;
mod members;
mod mute_records;
mod records;
mod response;
mod snapshot;
mod summary;
mod warnings;

pub use check::{Check, CheckStatus, Checked, CheckedOutcome};
pub use check_action::{CheckAction, Step};
pub use members::Members;
pub use mute_records::{MuteRecord, mute_records};
pub use records::{
    EmptySourceRecord, EmptySourceState, FailureDetails, FailureRecord, GapRecord, GapState,
    NotificationState, ResolvedRecord,
};
pub use response::{
    Adopted, AdoptedOutcome, DigestStatus, DigestSummary, MutesOutcome, MutesResponse, Outcome,
    Response, RunResponse,
};
pub use snapshot::{
    DigestRef, FailingAccount, PackRecord, PackRecords, RunRecord, RunScope, SCHEMA_VERSION,
    Snapshot, Unconfirmed,
};
pub use summary::RunFindings;
pub(crate) use summary::{count_cleared, count_packs, empty_source_records, pack_names};
pub use warnings::{Warning, WarningCode};
