//! How often AWS Config throttled: its answers to single attempts, which the SDK tries again without a word.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_runtime::retries::classifiers::THROTTLING_ERRORS;
use aws_sdk_config::config::interceptors::FinalizerInterceptorContextRef;
use aws_sdk_config::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_config::error::BoxError;
use aws_sdk_config::operation::describe_organization_conformance_pack_statuses::DescribeOrganizationConformancePackStatusesError;
use aws_sdk_config::operation::get_organization_conformance_pack_detailed_status::GetOrganizationConformancePackDetailedStatusError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// Counts throttled attempts of every client that it is given to.
#[derive(Debug, Clone, Default)]
pub struct Throttles(Arc<AtomicU64>);

impl Throttles {
    /// How many there were so far.
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Intercept for Throttles {
    fn name(&self) -> &'static str {
        "Throttles"
    }

    fn read_after_attempt(
        &self,
        attempt: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let error = attempt.output_or_error().and_then(Result::err).and_then(|error| error.as_operation_error());
        let code = error.and_then(|error| {
            let listing = error.downcast_ref::<DescribeOrganizationConformancePackStatusesError>();
            let members = error.downcast_ref::<GetOrganizationConformancePackDetailedStatusError>();
            listing.and_then(ProvideErrorMetadata::code).or_else(|| members.and_then(ProvideErrorMetadata::code))
        });
        if code.is_some_and(|code| THROTTLING_ERRORS.contains(&code)) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
