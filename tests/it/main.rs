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

mod answers;
mod calls;
mod clearing;
mod deployment;
mod digest;
mod emptied;
mod failures;
mod flight;
mod forms;
#[path = "../../fuzz/src/lib.rs"]
mod fuzz;
mod golden;
mod heads;
mod histories;
mod inputs;
mod latest;
mod laws;
mod lies;
mod mended;
mod metrics;
mod names;
mod narrowed;
#[cfg(feature = "once")]
mod once;
mod overlaps;
mod pace;
mod protocol;
mod races;
mod readings;
mod refusals;
mod repository;
mod scale;
mod silence;
mod sources;
mod stage;
mod story;
mod sweep;
mod theatre;
mod throttle;
mod time;
mod watching;
mod wire;
