//! The integration test binary: complete runs of the function over the AWS SDK against the
//! simulated organization, properties of the pure modules, and checks of the repository itself.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::large_futures,
    clippy::struct_excessive_bools,
    clippy::too_many_lines,
    unreachable_pub,
    reason = "a test that cannot continue panics, and the test modules share helper functions"
)]

mod aws;
mod collect;
mod evaluate;
#[path = "../../fuzz/src/lib.rs"]
mod fuzz;
mod html_report;
mod ledger;
mod notify;
mod preflight;
mod regressions;
mod repo;
mod resilience;
mod run;
mod support;
