//! The external services of a run.

/// External services that a run uses; tests replace each of them.
#[derive(Debug)]
pub struct Services<S, A, N, C> {
    /// AWS Config, STS and AWS Organizations.
    pub config: S,
    /// S3 bucket of the ledger and the snapshots.
    pub store: A,
    /// Publishes digests to SNS topics.
    pub notifier: N,
    /// Wall clock.
    pub clock: C,
}
