//! The contents of a digest, from which each of its forms is rendered.
//!
//! | file | content |
//! | --- | --- |
//! | `digest` | the contents |
//! | `request`, `build` | what they are computed from, and how |
//! | `failures` | the groups, and the counts of what is not due |
//! | `gaps` | what could not be read, and the sources without packs |
//! | `records` | the records for programs, as many as can fit into a message |
//! | `recoveries` | which accounts recovered completely, and which only in part |
//! | `summary` | what only a summary contains |
//! | `test_failure` | the invented failure of a test notification |

mod build;
mod digest;
mod failures;
mod gaps;
mod records;
mod recoveries;
mod request;
mod summary;
mod test_failure;

pub use digest::{Digest, DryRunNote};
pub use failures::{Muted, Pending, Tallies, Tally};
pub use gaps::GapNotice;
pub use records::{RecordList, Records};
pub use recoveries::{PartialRecovery, Recoveries};
pub use request::{DigestKind, DigestRequest};
pub use summary::SummaryFacts;
