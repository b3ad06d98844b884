//! The collector: what all calls of one run share (concurrency, deadline, the observation so far).

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::builder::ObservationBuilder;
use crate::model::{ApiError, GapKey, Scope, Source, SourceTarget};
use crate::ports::{ConfigApi, DEADLINE_EXCEEDED};

/// One reading of everything in scope.
pub struct Collector<'a, S> {
    pub(super) source: &'a S,
    pub(super) scope: &'a Scope,
    pub(super) until: Instant,
    pub(super) concurrency: usize,
    pub(super) per_source: BTreeMap<Source, Semaphore>,
    pub(super) builder: RefCell<ObservationBuilder>,
}

impl<'a, S: ConfigApi> Collector<'a, S> {
    /// A reading that begins now, has so many calls in flight for each source, and makes none after
    /// `until`.
    pub fn new(
        source: &'a S,
        scope: &'a Scope,
        target: &[SourceTarget],
        concurrency: usize,
        started_at: Timestamp,
        until: Instant,
    ) -> Self {
        let per_source = target
            .iter()
            .map(|target| (target.source.clone(), Semaphore::new(concurrency)))
            .collect();
        Self {
            source,
            scope,
            until,
            concurrency,
            per_source,
            builder: RefCell::new(ObservationBuilder::new(started_at)),
        }
    }

    /// Notes calls that were made before this reading.
    pub fn add_calls(&self, config_calls: u64) {
        self.builder.borrow_mut().called(config_calls);
    }

    /// Notes a source that cannot be called at all.
    pub fn add_source_error(&self, source: &Source, cause: ApiError) {
        self.builder
            .borrow_mut()
            .found_gap(GapKey::source(source), cause);
    }

    /// Calls so far, retries not counted.
    pub fn config_calls(&self) -> u64 {
        self.builder.borrow().so_far().config_calls
    }
}

impl<S: ConfigApi> Collector<'_, S> {
    /// Makes one call: not too many at once, and none that ends too late to be of use.
    pub(super) async fn call<T>(
        &self,
        target: &SourceTarget,
        operation: &str,
        call: impl Future<Output = T>,
    ) -> Result<T, ApiError> {
        let limited = async {
            let _each = match self.per_source.get(&target.source) {
                Some(per_source) => per_source.acquire().await.ok(),
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
        if Instant::now() >= self.until {
            return Err(deadline_exceeded());
        }
        timeout_at(self.until, limited)
            .await
            .map_err(|_| deadline_exceeded())
    }
}
