//! Interceptor that counts the attempts that AWS Config throttled, and that disables the SDK's
//! retries of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use aws_sdk_config::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_config::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_config::error::BoxError;
use aws_sdk_config::operation::describe_organization_conformance_pack_statuses::DescribeOrganizationConformancePackStatusesError;
use aws_sdk_config::operation::get_organization_conformance_pack_detailed_status::GetOrganizationConformancePackDetailedStatusError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::timeout_retries::stop_retrying;

/// Counts the throttled attempts of every client that has it as an interceptor. Clones share one
/// count.
///
/// It also makes a throttled attempt the last one of its call: the SDK's own retries would bypass
/// the queue of the rate limiter, so [`ThrottledCaller`](super::ThrottledCaller) retries the call.
#[derive(Debug, Clone, Default)]
pub struct ThrottleCounter(Arc<AtomicU64>);

/// Returns whether an error code means throttling.
pub(super) fn is_throttling(code: &str) -> bool {
    THROTTLING_ERRORS.contains(&code)
}

impl ThrottleCounter {
    /// Returns the number of throttled attempts so far.
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Intercept for ThrottleCounter {
    fn name(&self) -> &'static str {
        "ThrottleCounter"
    }

    fn read_after_attempt(
        &self,
        attempt: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let error = attempt
            .output_or_error()
            .and_then(Result::err)
            .and_then(|error| error.as_operation_error());
        let code = error.and_then(|error| {
            let list_error =
                error.downcast_ref::<DescribeOrganizationConformancePackStatusesError>();
            let members_error =
                error.downcast_ref::<GetOrganizationConformancePackDetailedStatusError>();
            list_error
                .and_then(ProvideErrorMetadata::code)
                .or_else(|| members_error.and_then(ProvideErrorMetadata::code))
        });
        if code.is_some_and(is_throttling) {
            self.0.fetch_add(1, Ordering::Relaxed);
            stop_retrying(config);
        }
        Ok(())
    }
}
