//! What a run needs from outside.

/// Everything outside that a run reaches.
#[derive(Debug)]
pub struct Services<S, A, N, C> {
    /// AWS Config.
    pub config: S,
    /// The bucket.
    pub store: A,
    /// The topics.
    pub notifier: N,
    /// The time.
    pub clock: C,
}
