//! [`SourceClient`]: makes the calls to one source. It limits their concurrency, counts them, and
//! starts none after the deadline.

use std::cell::Cell;

use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use crate::model::{ApiError, SourceTarget};
use crate::ports::{ConfigApi, DEADLINE_EXCEEDED};

/// Access to one source.
pub(super) struct SourceClient<'a, S> {
    pub(super) api: &'a S,
    pub(super) target: &'a SourceTarget,
    /// Maximum number of calls in flight.
    pub(super) concurrency: usize,
    permits: Semaphore,
    deadline: Instant,
    /// Number of calls to all sources.
    calls: &'a Cell<u64>,
}

impl<'a, S: ConfigApi> SourceClient<'a, S> {
    /// Creates the client of a source, which adds its calls to `calls`.
    pub(super) fn new(
        api: &'a S,
        target: &'a SourceTarget,
        concurrency: usize,
        deadline: Instant,
        calls: &'a Cell<u64>,
    ) -> Self {
        Self {
            api,
            target,
            concurrency,
            permits: Semaphore::new(concurrency),
            deadline,
            calls,
        }
    }

    /// Makes one call within the concurrency limit. Returns an error with the code
    /// [`DEADLINE_EXCEEDED`] if the call does not finish before the deadline.
    pub(super) async fn call<T>(
        &self,
        operation: &str,
        call: impl Future<Output = T>,
    ) -> Result<T, ApiError> {
        let limited = async {
            let _permit = self.permits.acquire().await.ok();
            self.calls.update(|calls| calls + 1);
            call.await
        };
        let deadline_exceeded = || ApiError {
            operation: operation.to_owned(),
            code: DEADLINE_EXCEEDED.to_owned(),
            message: "the time for reading ran out before this was read".to_owned(),
        };
        if Instant::now() >= self.deadline {
            return Err(deadline_exceeded());
        }
        timeout_at(self.deadline, limited)
            .await
            .map_err(|_| deadline_exceeded())
    }
}
