//! What a run does with the bucket: recall the ledger, rewrite it, keep `latest.json` at the newest
//! snapshot.

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::error::RunError;
use super::execution::{MAX_COMMIT_ATTEMPTS, Run};
use super::services::Services;
use crate::input::plan::RunPlan;
use crate::ledger::{DecodeError, Ledger};
use crate::ports::{BoxError, Clock, ConfigApi, ETag, Notifier, ObjectStore, PutError, PutMode};
use crate::report::sequence_of;

/// The ledger as it was read, and what the next write expects to find.
#[derive(Debug, Clone)]
pub(super) struct StoredLedger {
    pub ledger: Ledger,
    pub expect: PutMode,
}

/// The bytes for `latest.json`.
pub(super) enum LatestSource<'a> {
    /// The snapshot that was just written.
    InMemory(Bytes),
    /// A snapshot of an earlier execution.
    Key(&'a str),
}

/// There was no time left.
#[derive(Debug, thiserror::Error)]
#[error("there was no time left before the invocation ends")]
struct DeadlineExceeded;

/// Reads the ledger. A missing one is a first run, whose numbers go on after `latest.json`.
pub(super) async fn load<S: ConfigApi, A: ObjectStore, N: Notifier, C: Clock>(
    services: &Services<S, A, N, C>,
    plan: &RunPlan,
    deadline: Instant,
) -> Result<StoredLedger, RunError> {
    let unreadable = |key: &str, source: BoxError| RunError::LedgerUnreadable {
        object: format!("s3://{}/{key}", plan.bucket),
        source,
    };
    let stored = timeout_at(deadline, services.store.get(&plan.ledger_key)).await;
    let stored = stored.unwrap_or_else(|_| Err(Box::new(DeadlineExceeded)));
    match stored.map_err(|cause| unreadable(&plan.ledger_key, cause))? {
        Some((bytes, version)) => match Ledger::from_bytes(&bytes) {
            Ok(ledger) => Ok(StoredLedger {
                ledger,
                expect: PutMode::Update(version),
            }),
            Err(source @ DecodeError::UnsupportedVersion { .. }) => Err(RunError::LedgerNewer {
                object: format!("s3://{}/{}", plan.bucket, plan.ledger_key),
                source,
            }),
            Err(error) => Err(unreadable(&plan.ledger_key, Box::new(error))),
        },
        None => {
            let latest = latest(services, plan, deadline)
                .await
                .map_err(|cause| unreadable(&plan.latest_key, cause))?;
            let sequence = latest.and_then(|(sequence, _)| sequence).unwrap_or(0);
            Ok(StoredLedger {
                ledger: Ledger::with_sequence(sequence),
                expect: PutMode::Create,
            })
        }
    }
}

/// So much of a snapshot holds its number, unless somebody else wrote it.
const HEADER_BYTES: u16 = 512;

/// The number of `latest.json`, if it has one, and its version. The snapshot itself can be as large
/// as all that fails, and is not read for that.
async fn latest<S: ConfigApi, A: ObjectStore, N: Notifier, C: Clock>(
    services: &Services<S, A, N, C>,
    plan: &RunPlan,
    deadline: Instant,
) -> Result<Option<(Option<u64>, ETag)>, BoxError> {
    let get_range = timeout_at(
        deadline,
        services.store.get_range(&plan.latest_key, HEADER_BYTES),
    );
    match get_range
        .await
        .unwrap_or_else(|_| Err(Box::new(DeadlineExceeded)))?
    {
        Some((bytes, _)) if sequence_of(&bytes).is_none() => {
            let whole = timeout_at(deadline, services.store.get(&plan.latest_key));
            let whole = whole
                .await
                .unwrap_or_else(|_| Err(Box::new(DeadlineExceeded)))?;
            Ok(whole.map(|(bytes, version)| (sequence_of(&bytes), version)))
        }
        get_range => Ok(get_range.map(|(bytes, version)| (sequence_of(&bytes), version))),
    }
}

impl<S: ConfigApi, A: ObjectStore, N: Notifier, C: Clock> Run<'_, S, A, N, C> {
    pub(super) async fn load(&self) -> Result<StoredLedger, RunError> {
        load(self.services, self.plan, self.deadline).await
    }

    pub(super) async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        expect: &PutMode,
    ) -> Result<ETag, PutError> {
        let put = self.services.store.put(key, bytes, expect);
        timeout_at(self.deadline, put)
            .await
            .unwrap_or_else(|_| Err(PutError::Indeterminate(Box::new(DeadlineExceeded))))
    }

    pub(super) async fn put_ledger(
        &self,
        ledger: &Ledger,
        expect: &PutMode,
    ) -> Result<ETag, PutError> {
        let bytes = ledger
            .to_bytes()
            .map_err(|error| PutError::Rejected(Box::new(error)))?;
        self.put(&self.plan.ledger_key, bytes.into(), expect).await
    }

    /// Changes the stored ledger, again on whatever other writers made of it. `change` must come
    /// out the same when it has been done before, because an unanswered write may have landed.
    pub(super) async fn update_ledger(
        &self,
        current: &mut StoredLedger,
        change: impl Fn(&mut Ledger),
    ) -> Result<(), Option<BoxError>> {
        let mut last = None;
        for _ in 0..MAX_COMMIT_ATTEMPTS {
            let mut next = current.ledger.clone();
            change(&mut next);
            if next == current.ledger {
                return Ok(());
            }
            match self.put_ledger(&next, &current.expect).await {
                Ok(version) => {
                    *current = StoredLedger {
                        ledger: next,
                        expect: PutMode::Update(version),
                    };
                    return Ok(());
                }
                Err(PutError::Rejected(cause)) => return Err(Some(cause)),
                Err(PutError::Indeterminate(cause)) => last = Some(cause),
                Err(PutError::PreconditionFailed) => {
                    last = Some(Box::new(PutError::PreconditionFailed))
                }
            }
            *current = self
                .load()
                .await
                .map_err(|error| Some(Box::new(error).into()))?;
        }
        Err(last)
    }

    /// Puts the snapshot numbered `sequence` under `latest.json`, unless a newer one is there. It
    /// is a copy for readers: where it fails, the next full run makes it good.
    pub(super) async fn update_latest(&self, sequence: u64, snapshot: LatestSource<'_>) {
        if let Err(cause) = self.try_update_latest(sequence, snapshot).await {
            tracing::warn!(
                object = self.address(&self.plan.latest_key),
                cause = crate::model::display_chain(cause.as_ref()),
                "latest.json is older than the last committed snapshot; the next full run writes it again"
            );
        }
    }

    async fn try_update_latest(
        &self,
        number: u64,
        snapshot: LatestSource<'_>,
    ) -> Result<(), BoxError> {
        for _ in 0..MAX_COMMIT_ATTEMPTS {
            let expect = match latest(self.services, self.plan, self.deadline).await? {
                Some((Some(latest), _)) if latest >= number => return Ok(()),
                Some((_, version)) => PutMode::Update(version),
                None => PutMode::Create,
            };
            let bytes = match &snapshot {
                LatestSource::InMemory(bytes) => bytes.clone(),
                LatestSource::Key(key) => {
                    let stored = timeout_at(self.deadline, self.services.store.get(key)).await??;
                    stored
                        .ok_or_else(|| format!("{} is no longer there", self.address(key)))?
                        .0
                        .into()
                }
            };
            match self.put(&self.plan.latest_key, bytes, &expect).await {
                Ok(_) => return Ok(()),
                Err(PutError::PreconditionFailed) => {}
                Err(error) => return Err(Box::new(error)),
            }
        }
        Err(Box::new(PutError::PreconditionFailed))
    }
}
