//! The report of a run: the snapshot in S3, the records, groups, links and words that it shares with
//! the digest, and the response of the invocation; and the checks of the preflight.

mod check;
mod check_action;
mod gap_actions;
mod groups;
mod known_causes;
mod links;
mod members;
mod message_names;
mod mute_records;
mod pack_facts;
mod records;
mod response;
mod sanitize;
mod snapshot;
mod summary;
mod warnings;
mod words;

pub use crate::model::{Warning, WarningCode};
pub use check::{Check, CheckStatus, Checked, CheckedOutcome};
pub use check_action::{CheckAction, Step};
pub use gap_actions::{GapAction, gap_action};
pub use groups::{
    AccountView, Example, Group, GroupCause, GroupEvent, Grouped, Member, Omitted, group_members,
};
pub use links::{LinkTarget, ObjectAddress};
pub use members::Members;
pub use mute_records::{MuteRecord, kept_mute_records, mute_records};
pub use pack_facts::{PackFacts, StoredFacts};
pub use records::{
    EmptySourceRecord, EmptySourceState, FailureDetails, FailureRecord, GapRecord, GapState,
    NotificationState, ResolvedRecord,
};
pub use response::{
    Adopted, AdoptedOutcome, DigestStatus, DigestSummary, MutesOutcome, MutesResponse, Outcome,
    Response, RunResponse, TestOutcome, TestResponse,
};
pub use sanitize::{sanitize, sanitize_line};
pub use snapshot::{
    DigestRef, FailingAccount, PackRecord, PackRecords, RunRecord, RunScope, SCHEMA_VERSION,
    Snapshot, Unconfirmed,
};
pub use summary::RunFindings;
pub use words::{counted, duration, noun_of};
