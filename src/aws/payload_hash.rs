//! Interceptor that signs a body by its hash, which is computed before the request is sent. The SDK
//! signs only bodies in memory, and a bucket policy may deny `UNSIGNED-PAYLOAD`.

use aws_runtime::auth::PayloadSigningOverride;
use aws_sdk_config::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_config::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_config::error::BoxError;

/// The SHA-256 of the body.
#[derive(Debug)]
pub(super) struct PayloadHash(pub(super) [u8; 32]);

impl Intercept for PayloadHash {
    fn name(&self) -> &'static str {
        "PayloadHash"
    }

    fn modify_before_signing(
        &self,
        _: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let hash = PayloadSigningOverride::Precomputed(hex::encode(self.0));
        config.interceptor_state().store_put(hash);
        Ok(())
    }
}
