//! The one integration binary: whole runs of the real program over the real SDK against the
//! simulated organization, the laws of its pure parts, and the repository held to its own rules.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::large_futures,
    clippy::struct_excessive_bools,
    unreachable_pub,
    reason = "a test that cannot go on says so by ending; what it shares, its other files see"
)]

mod aws;
mod collect;
mod evaluate;
#[path = "../../fuzz/src/lib.rs"]
mod fuzz;
mod notify;
mod regressions;
mod repo;
mod resilience;
mod run;
mod support;
