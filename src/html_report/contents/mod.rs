//! What the page shows, before it is rendered.
//!
//! | file | content |
//! | --- | --- |
//! | `page` | the page, and what it is computed from |
//! | `state` | the state in words |
//! | `no_data` | what was not read, and the sources without packs |
//! | `changes` | what is new and cleared in the last digest and since |
//! | `causes` | the causes of what is open |
//! | `failures` | the rows of failing accounts |
//! | `packs`, `mutes`, `trend` | the other tables |
//! | `text`, `words` | texts from AWS, and times and lists in words |

mod causes;
mod changes;
mod failures;
mod mutes;
mod no_data;
mod packs;
mod page;
mod state;
mod text;
mod trend;
mod words;

pub(super) use causes::Cause;
pub(super) use changes::{ChangedGroup, Changes};
pub(super) use failures::FailureRow;
pub(super) use no_data::{EmptySourceLine, GapLine};
pub(super) use packs::PackLine;
pub use page::{ReportPage, ReportRequest};
pub(super) use text::plain;
pub(super) use trend::{Trend, TrendDay};
pub(super) use words::{date, listed, time};
