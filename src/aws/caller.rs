//! Caller: the SDK configuration with the credentials of one identity, from which the clients of
//! its calls are made.

use aws_config::SdkConfig;
use aws_sdk_config::config::retry::{RetryPartition, TokenBucket};

use super::credential_renewal::RenewableCredentials;

/// SDK configuration with the credentials of one identity.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) config: SdkConfig,
    pub(super) credentials: RenewableCredentials,
}

impl Caller {
    /// Creates a caller with a credentials cache of its own, in place of the one in `config`.
    pub(super) fn new(config: SdkConfig) -> Self {
        let credentials = RenewableCredentials::new();
        Self {
            config: config
                .into_builder()
                .identity_cache(credentials.clone())
                .build(),
            credentials,
        }
    }
}

/// Returns an unlimited retry quota for one client. The SDK's quota is shared by all clients of a
/// service and does not refill over time, so one invocation could exhaust it for the next. The
/// maximum number of attempts and the deadline of the run limit the retries instead.
pub(super) fn retry_partition(name: String) -> RetryPartition {
    RetryPartition::custom(name)
        .token_bucket(TokenBucket::unlimited())
        .build()
}
