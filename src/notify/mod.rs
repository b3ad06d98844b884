//! Notifications: puts digests into the outbox of each receiver, and renders them.

pub mod digest;
mod enqueue;

pub use enqueue::{AskedFor, NotificationContext};
