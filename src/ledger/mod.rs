//! Ledger: the state object that every run reads, changes and stores under compare-and-swap.
//!
//! | file | content |
//! | --- | --- |
//! | `state` | the data that one run leaves for the next |
//! | `failure` | an open failure, and one that ended |
//! | `changes` | what a receiver is to be notified of |
//! | `commit` | which execution may commit |
//! | `outbox` | leases on outgoing digests, and settling them |
//! | `receiver` | a receiver, and the digest in its outbox |
//! | `owner` | which runs may write the ledger |
//! | `mutes` | which failures are recorded and not notified until a date |
//! | `history`, `history_day` | the counts of each UTC day |
//! | `summary` | what opened and ended since the last summary |
//! | `last_digest` | what the last digest to a receiver was about |
//! | `hints` | hints for reading a pack with fewer calls |
//! | `known_packs` | the packs that are known from earlier runs |
//! | `notified_at` | when each receiver was notified of a failure |
//! | `map_as_pairs` | the serde form of maps with structured keys |
//! | `format` | the stored bytes and their schema version |

mod changes;
mod commit;
mod failure;
mod format;
mod hints;
mod history;
mod history_day;
mod known_packs;
mod last_digest;
mod map_as_pairs;
mod mutes;
mod notified_at;
mod outbox;
mod owner;
mod receiver;
mod state;
mod summary;

pub use changes::PendingChanges;
pub use commit::{CommitCheck, CommitRequest};
pub use failure::{OpenFailure, ResolvedFailure};
pub use format::{DecodeError, ledger_schema};
pub use hints::{LargePack, LastFullScan, PackHint};
pub use history_day::{History, HistoryDay};
pub use last_digest::{LastDigest, NotifiedGroup};
pub use mutes::MAX_MUTES;
pub use notified_at::{NotifiedAt, ReceiverId};
pub use outbox::Delivery;
pub use owner::ForeignLedger;
pub use receiver::{
    LastSummary, Lease, NotifiedCause, OutgoingContent, OutgoingDigest, Receiver, RequestedDigest,
};
pub(crate) use state::RUN_ID_RETENTION;
pub use state::{
    CachedAccount, CommittedRead, EmptySource, EmptySourceResolution, Gap, GapResolution,
    LastCommit, Ledger, RecentRun,
};
pub use summary::Turnover;
