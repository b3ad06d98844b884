//! Attempts that AWS Config throttled: how many there were, and who tries again.

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

/// Counts throttled attempts of every client that it is given to.
#[derive(Debug, Clone, Default)]
pub struct ThrottleCounter {
    count: Arc<AtomicU64>,
    stops_retries: bool,
}

/// Whether an error code means throttling.
pub(super) fn is_throttling(code: &str) -> bool {
    THROTTLING_ERRORS.contains(&code)
}

impl ThrottleCounter {
    /// How many there were so far.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// The same count, and ends a call at its first throttled attempt: the SDK's own retries would
    /// not stand in line.
    pub(super) fn without_sdk_retries(&self) -> Self {
        Self {
            stops_retries: true,
            ..self.clone()
        }
    }
}

impl Intercept for ThrottleCounter {
    fn name(&self) -> &'static str {
        "Throttles"
    }

    fn read_after_attempt(
        &self,
        attempt: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        call: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let error = attempt
            .output_or_error()
            .and_then(Result::err)
            .and_then(|error| error.as_operation_error());
        let code = error.and_then(|error| {
            let listing = error.downcast_ref::<DescribeOrganizationConformancePackStatusesError>();
            let members = error.downcast_ref::<GetOrganizationConformancePackDetailedStatusError>();
            listing
                .and_then(ProvideErrorMetadata::code)
                .or_else(|| members.and_then(ProvideErrorMetadata::code))
        });
        if code.is_some_and(is_throttling) {
            self.count.fetch_add(1, Ordering::Relaxed);
            if self.stops_retries {
                stop_retrying(call);
            }
        }
        Ok(())
    }
}
