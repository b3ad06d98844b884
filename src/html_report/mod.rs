//! The report: `report.html`, one page for people about the newest full run. It needs nothing but
//! itself, and shows its most important parts without script.
//!
//! | module | content |
//! | --- | --- |
//! | `run_facts` | what the page shows of a run beside the ledger |
//! | `contents` | what the page shows, before it is rendered; a pure function |
//! | `render` | the page, rendered into one buffer |
//! | `assets` | its style and script, which are files of their own until they are inlined |
//!
//! Texts from AWS pass through one function, `contents::text`, and are escaped by the templates.

mod contents;
mod render;
mod run_facts;

pub use contents::{ReportPage, ReportRequest};
pub use run_facts::RunFacts;
