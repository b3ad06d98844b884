//! [`Collector`]: reads all sources of a run concurrently, while the ledger is being loaded, and
//! merges what they return into one [`Observation`].

use std::cell::Cell;

use futures_util::{FutureExt, future};
use jiff::Timestamp;
use tokio::sync::SetOnce;
use tokio::time::Instant;

use super::builder::ObservationBuilder;
use super::observation::Observation;
use super::source::SourceReader;
use super::source_client::SourceClient;
use crate::ledger::Ledger;
use crate::model::{ApiError, GapKey, Identity, Scope, SourceTarget};
use crate::ports::ConfigApi;

/// Reads everything in the scope of a run.
pub struct Collector<'a, S> {
    api: &'a S,
    scope: &'a Scope,
    targets: &'a [SourceTarget],
    own_identity_error: Option<&'a ApiError>,
    concurrency: usize,
    started_at: Timestamp,
    deadline: Instant,
    calls: Cell<u64>,
}

impl<'a, S: ConfigApi> Collector<'a, S> {
    /// Creates a collector that starts to read at `started_at`, has at most `concurrency` calls in
    /// flight for each source, and makes no call after `deadline`.
    pub fn new(
        api: &'a S,
        scope: &'a Scope,
        targets: &'a [SourceTarget],
        concurrency: usize,
        started_at: Timestamp,
        deadline: Instant,
    ) -> Self {
        Self {
            api,
            scope,
            targets,
            own_identity_error: None,
            concurrency,
            started_at,
            deadline,
            calls: Cell::new(0),
        }
    }

    /// Sets the error with which the function's own account could not be determined, if there is
    /// one. The sources with the function's own identity are then not called, because a result
    /// could not be assigned to a caller account; each of them is a gap with this cause.
    #[must_use]
    pub fn own_identity_error(mut self, cause: Option<&'a ApiError>) -> Self {
        self.own_identity_error = cause;
        self
    }

    /// Lists the packs of every source while `load` loads the ledger, then reads the members of
    /// every listed pack, and requests the evidence that the open failures of the ledger need. Each
    /// source is read as soon as it is listed, so a slow source does not delay the others.
    ///
    /// Returns the output of `load` and the observation. If `load` fails, returns its error at
    /// once, and drops the calls in flight.
    pub async fn collect<L: AsRef<Ledger>, E>(
        &self,
        load: impl Future<Output = Result<L, E>>,
        now: impl Fn() -> Timestamp,
    ) -> Result<(L, Observation), E> {
        let mut found = ObservationBuilder::new(self.started_at);
        let ledger = SetOnce::new();
        let mut sources = Vec::new();
        for target in self.targets {
            match self.own_identity_error {
                Some(cause) if target.identity == Identity::Own => {
                    found.found_gap(GapKey::source(&target.source), cause.clone());
                }
                _ => sources.push(self.source(target).read(&ledger)),
            }
        }
        let load = async {
            // Only this sets the ledger, so it cannot be set already.
            let _ = ledger.set(load.await?);
            Ok(())
        };
        let ((), sources) = future::try_join(load, future::join_all(sources).map(Ok)).await?;
        for source in sources {
            found.merge(source);
        }
        let observation = Observation {
            config_calls: self.config_calls(),
            ..found.build(now())
        };
        match ledger.into_inner() {
            Some(ledger) => Ok((ledger, observation)),
            None => unreachable!("the ledger is set when `load` has succeeded"),
        }
    }

    /// Returns the number of AWS Config calls so far, without retries.
    pub fn config_calls(&self) -> u64 {
        self.calls.get()
    }

    fn source<'s>(&'s self, target: &'s SourceTarget) -> SourceReader<'s, S> {
        let client = SourceClient::new(
            self.api,
            target,
            self.concurrency,
            self.deadline,
            &self.calls,
        );
        SourceReader::new(client, self.scope, self.started_at)
    }
}
