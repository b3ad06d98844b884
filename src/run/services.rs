//! The external services of a run.

use crate::ports::{Clock, ConfigApi, Notifier, ObjectStore, PreflightApi};

/// External services that a run uses. The program has one implementation, [`ServiceSet`]; the trait
/// gives its parts one name in generic code.
pub trait Services {
    /// AWS Config, STS and AWS Organizations.
    type Config: ConfigApi;
    /// S3 bucket of the ledger and the snapshots.
    type Store: ObjectStore;
    /// Sends digests to SNS topics and to an event bus.
    type Notifier: Notifier;
    /// Read access to what only the preflight looks at.
    type Preflight: PreflightApi;
    /// Wall clock.
    type Clock: Clock;

    /// Returns AWS Config, STS and AWS Organizations.
    fn config(&self) -> &Self::Config;
    /// Returns the bucket.
    fn store(&self) -> &Self::Store;
    /// Returns the notifier.
    fn notifier(&self) -> &Self::Notifier;
    /// Returns the services that only the preflight uses.
    fn preflight(&self) -> &Self::Preflight;
    /// Returns the clock.
    fn clock(&self) -> &Self::Clock;
}

/// The services, each of which tests can replace.
#[derive(Debug)]
#[expect(missing_docs, reason = "the fields are those of the trait")]
pub struct ServiceSet<Config, Store, Notifier, Preflight, Clock> {
    pub config: Config,
    pub store: Store,
    pub notifier: Notifier,
    pub preflight: Preflight,
    pub clock: Clock,
}

impl<C: ConfigApi, S: ObjectStore, N: Notifier, P: PreflightApi, K: Clock> Services
    for ServiceSet<C, S, N, P, K>
{
    type Config = C;
    type Store = S;
    type Notifier = N;
    type Preflight = P;
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

    fn preflight(&self) -> &P {
        &self.preflight
    }

    fn clock(&self) -> &K {
        &self.clock
    }
}
