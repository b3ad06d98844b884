//! Notifications: which digests are put into the outbox, and how each is worded.

pub mod digest;
mod outbox;

pub use outbox::NotificationContext;
