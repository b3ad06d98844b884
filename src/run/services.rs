//! The external services of a run.

use crate::ports::{Clock, ConfigApi, Notifier, ObjectStore};

/// External services that a run uses. The program has one implementation, [`ServiceSet`]; the trait
/// gives its parts one name in generic code.
pub trait Services {
    /// AWS Config, STS and AWS Organizations.
    type Config: ConfigApi;
    /// S3 bucket of the ledger and the snapshots.
    type Store: ObjectStore;
    /// Publishes digests to SNS topics.
    type Notifier: Notifier;
    /// Wall clock.
    type Clock: Clock;

    /// Returns AWS Config, STS and AWS Organizations.
    fn config(&self) -> &Self::Config;
    /// Returns the bucket.
    fn store(&self) -> &Self::Store;
    /// Returns the notifier.
    fn notifier(&self) -> &Self::Notifier;
    /// Returns the clock.
    fn clock(&self) -> &Self::Clock;
}

/// The services, each of which tests can replace.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are those of the trait")]
pub struct ServiceSet<Config, Store, Notifier, Clock> {
    pub config: Config,
    pub store: Store,
    pub notifier: Notifier,
    pub clock: Clock,
}

impl<C: ConfigApi, S: ObjectStore, N: Notifier, K: Clock> Services for ServiceSet<C, S, N, K> {
    type Config = C;
    type Store = S;
    type Notifier = N;
    type Clock = K;

    fn config(&self) -> &C {
        &self.config
    }

    fn store(&self) -> &S {
        &self.store
    }

    fn notifier(&self) -> &N {
        &self.notifier
    }

    fn clock(&self) -> &K {
        &self.clock
    }
}
