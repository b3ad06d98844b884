//! What the tests share: the harness of whole runs, and the in-memory services.

pub mod harness;
pub mod scheduler;
