//! Silence is not throttling: who does not answer an attempt in time is tried once more, and no
//! more. Nine retries are for a service that says that it is busy; spent on one that says nothing,
//! they would be the time of the whole run.

use aws_sdk_config::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_config::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_config::error::{BoxError, ConnectorError};
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use aws_smithy_types::retry::RetryConfig;

/// So many attempts of one call may go unanswered.
const MAX_TIMEOUTS: u32 = 2;

/// Ends a call at its second attempt that was not answered in time, or found no connection in time.
#[derive(Debug)]
pub(super) struct TimeoutRetryLimit;

/// The attempts of a call that were not answered so far.
#[derive(Debug, Clone, Copy, Default)]
struct TimeoutCount(u32);

impl Storable for TimeoutCount {
    type Storer = StoreReplace<Self>;
}

/// Makes an attempt that was made the last one of its call.
pub(super) fn stop_retrying(call: &mut ConfigBag) {
    if let Some(retries) = call.load::<RetryConfig>().cloned() {
        call.interceptor_state()
            .store_put(retries.with_max_attempts(1));
    }
}

impl Intercept for TimeoutRetryLimit {
    fn name(&self) -> &'static str {
        "OnceMore"
    }

    /// Runs after every attempt, and before the SDK decides on a retry.
    fn read_after_attempt(
        &self,
        attempt: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        call: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let error = attempt.output_or_error().and_then(Result::err);
        let silent = error.is_some_and(|error| {
            error.is_timeout_error()
                || error
                    .as_connector_error()
                    .is_some_and(ConnectorError::is_timeout)
        });
        if silent {
            let timeouts = call.load::<TimeoutCount>().copied().unwrap_or_default().0 + 1;
            call.interceptor_state().store_put(TimeoutCount(timeouts));
            if timeouts >= MAX_TIMEOUTS {
                stop_retrying(call);
            }
        }
        Ok(())
    }
}
