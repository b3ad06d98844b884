//! Renewal of credentials that AWS rejects. The SDK keeps the session of an assumed role until
//! shortly before it expires, even if AWS stops accepting it earlier, for example because the role
//! was deleted and created again. Without the renewal, a warm process would have no access to the
//! sources of the role for up to an hour.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_config::config::interceptors::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef, InterceptorContext,
};
use aws_sdk_config::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_config::config::{
    ConfigBag, IdentityCache, Intercept, ResolveCachedIdentity, RuntimeComponents,
    SharedIdentityCache,
};
use aws_sdk_config::error::BoxError;
use aws_smithy_runtime_api::client::identity::{IdentityFuture, SharedIdentityResolver};
use aws_smithy_runtime_api::client::interceptors::context::{Error, Output};
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::retry::ErrorKind;

use super::timeout_retries::stop_retrying;
use crate::model::REJECTED_CREDENTIALS;

/// Cache of the credentials of one identity. It is the SDK's own cache, which loads credentials
/// once for concurrent calls and again shortly before they expire; in addition, rejected
/// credentials can be dropped. Clones share one cache.
#[derive(Debug, Clone)]
pub(super) struct RenewableCredentials(Arc<Mutex<Generation>>);

/// A cache of the SDK, which cannot drop credentials before they expire and is therefore replaced
/// as a whole.
#[derive(Debug, Clone)]
struct Generation {
    /// Starts at 1 and grows with every renewal.
    number: u64,
    cache: SharedIdentityCache,
}

impl Generation {
    fn new(number: u64) -> Self {
        Self {
            number,
            cache: IdentityCache::lazy().build(),
        }
    }
}

impl RenewableCredentials {
    /// Creates an empty cache.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Generation::new(1))))
    }

    /// Returns the interceptor of one client that uses this cache. The client also needs
    /// [`CredentialErrorClassifier`], and each client needs its own interceptor.
    pub(super) fn interceptor(&self) -> CredentialRenewal {
        CredentialRenewal {
            credentials: self.clone(),
            accepted: AtomicU64::new(0),
        }
    }

    fn generation(&self) -> Generation {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Drops the credentials of generation `rejected`, unless another call has dropped them
    /// already.
    fn drop_generation(&self, rejected: u64) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if current.number == rejected {
            *current = Generation::new(rejected + 1);
        }
    }
}

impl ResolveCachedIdentity for RenewableCredentials {
    fn resolve_cached_identity<'a>(
        &'a self,
        resolver: SharedIdentityResolver,
        components: &'a RuntimeComponents,
        config: &'a ConfigBag,
    ) -> IdentityFuture<'a> {
        let cache = self.generation().cache;
        IdentityFuture::new(async move {
            cache
                .resolve_cached_identity(resolver, components, config)
                .await
        })
    }
}

/// Interceptor that drops rejected credentials, once per call, so that the retry of the call uses
/// new ones.
///
/// It drops only credentials that its client has used with success before. Credentials that the
/// client has never used with success do not become valid by fetching them again: a region that is
/// not enabled rejects all credentials as invalid, and would otherwise cost an additional STS call
/// and an additional AWS Config call in every run.
#[derive(Debug)]
pub(super) struct CredentialRenewal {
    credentials: RenewableCredentials,
    /// Newest generation with which a call of this client succeeded; 0 before the first success.
    accepted: AtomicU64,
}

/// Generation of the credentials that an attempt uses.
#[derive(Debug, Clone, Copy)]
struct UsedGeneration(u64);

impl Storable for UsedGeneration {
    type Storer = StoreReplace<Self>;
}

/// Marks a call that is retried with new credentials.
#[derive(Debug, Clone, Copy)]
struct Renewed;

impl Storable for Renewed {
    type Storer = StoreReplace<Self>;
}

impl Intercept for CredentialRenewal {
    fn name(&self) -> &'static str {
        "CredentialRenewal"
    }

    /// Runs before the attempt gets its credentials. If another thread renews them in between, the
    /// attempt counts as one with the old credentials, and its rejection drops nothing.
    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let used = UsedGeneration(self.credentials.generation().number);
        config.interceptor_state().store_put(used);
        Ok(())
    }

    /// Runs after every attempt, before the SDK decides whether to retry.
    fn read_after_attempt(
        &self,
        attempt: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some((&UsedGeneration(used), result)) = config
            .load::<UsedGeneration>()
            .zip(attempt.output_or_error())
        else {
            return Ok(());
        };
        if result.is_ok() {
            self.accepted.fetch_max(used, Ordering::Relaxed);
        } else if is_credential_error(result) {
            if self.accepted.load(Ordering::Relaxed) == used {
                self.credentials.drop_generation(used);
            }
            let renewed = self.credentials.generation().number != used;
            if renewed && config.load::<Renewed>().is_none() {
                config.interceptor_state().store_put(Renewed);
            } else {
                stop_retrying(config);
            }
        }
        Ok(())
    }
}

/// Makes the SDK retry attempts with rejected credentials, without backoff. [`CredentialRenewal`]
/// ends the calls that have no new credentials.
#[derive(Debug)]
pub(super) struct CredentialErrorClassifier;

impl ClassifyRetry for CredentialErrorClassifier {
    fn name(&self) -> &'static str {
        "CredentialErrorClassifier"
    }

    fn classify_retry(&self, attempt: &InterceptorContext) -> RetryAction {
        if attempt.output_or_error().is_some_and(is_credential_error) {
            RetryAction::retryable_error_with_explicit_delay(ErrorKind::ClientError, Duration::ZERO)
        } else {
            RetryAction::NoActionIndicated
        }
    }
}

/// Returns whether AWS rejected the credentials of an attempt. No service model defines these
/// errors, so the code is in the generic metadata, whatever the operation.
fn is_credential_error(result: Result<&Output, &OrchestratorError<Error>>) -> bool {
    let error = result.err().and_then(OrchestratorError::as_operation_error);
    let mut source = error.and_then(std::error::Error::source);
    while let Some(error) = source {
        if let Some(metadata) = error.downcast_ref::<ErrorMetadata>() {
            return metadata
                .code()
                .is_some_and(|code| REJECTED_CREDENTIALS.contains(&code));
        }
        source = error.source();
    }
    false
}
