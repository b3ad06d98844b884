//! [`InvalidEvent`]: why an event is refused.

/// The error for an invalid event. The message names the key, what is wrong with it, and what is
/// accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidEvent(pub String);
