//! Shared test support: the test environment for complete runs, servers in front of it, the log,
//! and the in-memory services.

pub mod harness;
pub mod in_memory_preflight;
pub mod logs;
pub mod loopback;
pub mod observed;
pub mod scheduler;
