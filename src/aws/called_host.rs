//! Interceptor that remembers which host a call was sent to, for its error message: the SDK's own
//! errors name no host.

use std::sync::{Arc, OnceLock};

use aws_sdk_config::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_config::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_config::error::BoxError;

/// The host of one call. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct CalledHost(Arc<OnceLock<String>>);

impl CalledHost {
    /// Returns the host, or `AWS` if no request was sent.
    pub(super) fn name(&self) -> &str {
        self.0.get().map_or("AWS", String::as_str)
    }
}

impl Intercept for CalledHost {
    fn name(&self) -> &'static str {
        "CalledHost"
    }

    fn read_before_transmit(
        &self,
        attempt: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.get_or_init(|| host(attempt.request().uri()));
        Ok(())
    }
}

/// Returns the host of an address, with its port if the address has one.
fn host(uri: &str) -> String {
    let after_scheme = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    let end = after_scheme.find(['/', '?']).unwrap_or(after_scheme.len());
    after_scheme[..end].to_owned()
}
