//! Interceptor that limits the retries of calls that time out. The many retries of throttled calls
//! are for a service that reports that it is busy; spent on a service that does not respond, they
//! would use up the time of the whole run.

use aws_sdk_config::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_config::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_config::error::{BoxError, ConnectorError};
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use aws_smithy_types::retry::RetryConfig;

/// Maximum number of attempts of one call that may time out.
const MAX_TIMEOUTS: u32 = 2;

/// Ends a call at its second attempt that timed out, while connecting or while waiting for the
/// response.
#[derive(Debug)]
pub(super) struct TimeoutRetryLimit;

/// Number of attempts of a call that have timed out so far.
#[derive(Debug, Clone, Copy, Default)]
struct TimeoutCount(u32);

impl Storable for TimeoutCount {
    type Storer = StoreReplace<Self>;
}

/// Makes the attempt that has just been made the last one of its call.
pub(super) fn stop_retrying(config: &mut ConfigBag) {
    if let Some(retries) = config.load::<RetryConfig>().cloned() {
        config
            .interceptor_state()
            .store_put(retries.with_max_attempts(1));
    }
}

impl Intercept for TimeoutRetryLimit {
    fn name(&self) -> &'static str {
        "TimeoutRetryLimit"
    }

    /// Runs after every attempt, before the SDK decides whether to retry.
    fn read_after_attempt(
        &self,
        attempt: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let error = attempt.output_or_error().and_then(Result::err);
        let timed_out = error.is_some_and(|error| {
            error.is_timeout_error()
                || error
                    .as_connector_error()
                    .is_some_and(ConnectorError::is_timeout)
        });
        if timed_out {
            let timeouts = config.load::<TimeoutCount>().copied().unwrap_or_default().0 + 1;
            config.interceptor_state().store_put(TimeoutCount(timeouts));
            if timeouts >= MAX_TIMEOUTS {
                stop_retrying(config);
            }
        }
        Ok(())
    }
}
