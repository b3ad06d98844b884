//! [`Collector`]: the state that all calls of one run share, which is the concurrency limits, the
//! deadline and the observation so far. No call starts after the deadline.

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::builder::ObservationBuilder;
use crate::model::{ApiError, GapKey, Scope, Source, SourceTarget};
use crate::ports::{ConfigApi, DEADLINE_EXCEEDED};

/// Reads everything in the scope of a run.
pub struct Collector<'a, S> {
    pub(super) api: &'a S,
    pub(super) scope: &'a Scope,
    pub(super) deadline: Instant,
    pub(super) concurrency: usize,
    pub(super) per_source: BTreeMap<Source, Semaphore>,
    pub(super) builder: RefCell<ObservationBuilder>,
}

impl<'a, S: ConfigApi> Collector<'a, S> {
    /// Creates a collector that starts to read at `started_at`, has at most `concurrency` calls in
    /// flight for each source, and makes no call after `deadline`.
    pub fn new(
        api: &'a S,
        scope: &'a Scope,
        targets: &[SourceTarget],
        concurrency: usize,
        started_at: Timestamp,
        deadline: Instant,
    ) -> Self {
        let per_source = targets
            .iter()
            .map(|target| (target.source.clone(), Semaphore::new(concurrency)))
            .collect();
        Self {
            api,
            scope,
            deadline,
            concurrency,
            per_source,
            builder: RefCell::new(ObservationBuilder::new(started_at)),
        }
    }

    /// Adds calls that were made before the collector was created.
    pub fn add_calls(&self, config_calls: u64) {
        self.builder.borrow_mut().called(config_calls);
    }

    /// Records a gap for a source that cannot be called at all.
    pub fn add_source_error(&self, source: &Source, cause: ApiError) {
        self.builder
            .borrow_mut()
            .found_gap(GapKey::source(source), cause);
    }

    /// Returns the number of AWS Config calls so far, without retries.
    pub fn config_calls(&self) -> u64 {
        self.builder.borrow().so_far().config_calls
    }
}

impl<S: ConfigApi> Collector<'_, S> {
    /// Makes one call within the concurrency limit of its source. Returns an error with the code
    /// [`DEADLINE_EXCEEDED`] if the call does not finish before the deadline.
    pub(super) async fn call<T>(
        &self,
        target: &SourceTarget,
        operation: &str,
        call: impl Future<Output = T>,
    ) -> Result<T, ApiError> {
        let limited = async {
            let _permit = match self.per_source.get(&target.source) {
                Some(limit) => limit.acquire().await.ok(),
                None => None,
            };
            self.builder.borrow_mut().called(1);
            call.await
        };
        let deadline_exceeded = || ApiError {
            operation: operation.to_owned(),
            code: DEADLINE_EXCEEDED.to_owned(),
            message: "there was no time left to read this before the run had to store what it knew"
                .to_owned(),
        };
        if Instant::now() >= self.deadline {
            return Err(deadline_exceeded());
        }
        timeout_at(self.deadline, limited)
            .await
            .map_err(|_| deadline_exceeded())
    }
}
