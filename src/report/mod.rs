//! What a run leaves for readers: the snapshot in S3, its records, which the digest shares, and the
//! response of the invocation.

mod members;
mod peek;
mod records;
mod response;
mod snapshot;
mod summary;

pub use members::{CountedAt, Members};
pub use peek::sequence_of;
pub use records::{
    EmptySourceRecord, EmptySourceState, FailureDetails, FailureRecord, GapRecord, GapState,
    NotificationState, ResolvedRecord,
};
pub use response::{DigestStatus, DigestSummary, Outcome, RunResponse};
pub use snapshot::{
    DigestRef, FailingAccount, PackRecord, PackRecords, RunRecord, RunScope, SCHEMA_VERSION,
    Snapshot, Unconfirmed,
};
pub use summary::RunFindings;
pub(crate) use summary::{count_cleared, count_packs, empty_source_records, pack_names};
