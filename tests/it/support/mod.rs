//! Shared test support: the test environment for complete runs, and the in-memory services.

pub mod harness;
pub mod scheduler;
