//! The stored ledger and `latest.json`: load, and update by compare-and-swap. `latest.json` never
//! goes back to an older snapshot.

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::error::RunError;
use super::execution::{MAX_COMMIT_ATTEMPTS, Run};
use super::services::Services;
use crate::input::plan::RunPlan;
use crate::ledger::{DecodeError, Ledger};
use crate::ports::{BoxError, Clock, ConfigApi, ETag, Notifier, ObjectStore, PutError, PutMode};
use crate::report::sequence_of;

/// The ledger as it was loaded or stored, and the condition for replacing it.
#[derive(Debug, Clone)]
pub(super) struct StoredLedger {
    pub ledger: Ledger,
    pub put_mode: PutMode,
}

/// Where the contents of `latest.json` come from.
pub(super) enum LatestSource<'a> {
    /// Bytes of the snapshot that this execution wrote.
    InMemory(Bytes),
    /// Key of a snapshot in the bucket.
    Key(&'a str),
}

/// The deadline of the run passed before S3 answered.
#[derive(Debug, thiserror::Error)]
#[error("there was no time left before the invocation ends")]
struct DeadlineExceeded;

/// Loads the ledger. If there is none, returns an empty one whose sequence continues after that of
/// `latest.json`.
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
        Some((bytes, etag)) => match Ledger::from_bytes(&bytes) {
            Ok(ledger) => Ok(StoredLedger {
                ledger,
                put_mode: PutMode::Update(etag),
            }),
            Err(source @ DecodeError::UnsupportedVersion { .. }) => {
                Err(RunError::LedgerVersionUnsupported {
                    object: format!("s3://{}/{}", plan.bucket, plan.ledger_key),
                    source,
                })
            }
            Err(error) => Err(unreadable(&plan.ledger_key, Box::new(error))),
        },
        None => {
            let latest = latest_sequence(services, plan, deadline)
                .await
                .map_err(|cause| unreadable(&plan.latest_key, cause))?;
            let sequence = latest.and_then(|(sequence, _)| sequence).unwrap_or(0);
            Ok(StoredLedger {
                ledger: Ledger::with_sequence(sequence),
                put_mode: PutMode::Create,
            })
        }
    }
}

/// Size of the range read to find the sequence. It is at the start of every snapshot that packwatch
/// writes.
const HEADER_BYTES: u16 = 512;

/// Returns the sequence of `latest.json`, if it has one, and its `ETag`; `None` if the object does
/// not exist. Reads only the start of the object, because a snapshot with many failures is large.
/// The whole object is read only if its start holds no sequence.
async fn latest_sequence<S: ConfigApi, A: ObjectStore, N: Notifier, C: Clock>(
    services: &Services<S, A, N, C>,
    plan: &RunPlan,
    deadline: Instant,
) -> Result<Option<(Option<u64>, ETag)>, BoxError> {
    let range = timeout_at(
        deadline,
        services.store.get_range(&plan.latest_key, HEADER_BYTES),
    );
    match range
        .await
        .unwrap_or_else(|_| Err(Box::new(DeadlineExceeded)))?
    {
        Some((bytes, _)) if sequence_of(&bytes).is_none() => {
            let object = timeout_at(deadline, services.store.get(&plan.latest_key));
            let object = object
                .await
                .unwrap_or_else(|_| Err(Box::new(DeadlineExceeded)))?;
            Ok(object.map(|(bytes, etag)| (sequence_of(&bytes), etag)))
        }
        range => Ok(range.map(|(bytes, etag)| (sequence_of(&bytes), etag))),
    }
}

impl<S: ConfigApi, A: ObjectStore, N: Notifier, C: Clock> Run<'_, S, A, N, C> {
    pub(super) async fn load(&self) -> Result<StoredLedger, RunError> {
        load(self.services, self.plan, self.deadline).await
    }

    /// Writes an object before the deadline of the run. A timeout is `PutError::Indeterminate`.
    pub(super) async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        put_mode: &PutMode,
    ) -> Result<ETag, PutError> {
        let put = self.services.store.put(key, bytes, put_mode);
        timeout_at(self.deadline, put)
            .await
            .unwrap_or_else(|_| Err(PutError::Indeterminate(Box::new(DeadlineExceeded))))
    }

    pub(super) async fn put_ledger(
        &self,
        ledger: &Ledger,
        put_mode: &PutMode,
    ) -> Result<ETag, PutError> {
        let bytes = ledger
            .to_bytes()
            .map_err(|error| PutError::Rejected(Box::new(error)))?;
        self.put(&self.plan.ledger_key, bytes.into(), put_mode)
            .await
    }

    /// Applies `change` to the stored ledger by compare-and-swap, and loads the ledger again after
    /// a conflict, for at most [`MAX_COMMIT_ATTEMPTS`] writes. `change` must be idempotent: an
    /// unanswered write may have succeeded.
    pub(super) async fn update_ledger(
        &self,
        current: &mut StoredLedger,
        change: impl Fn(&mut Ledger),
    ) -> Result<(), Option<BoxError>> {
        let mut last_error = None;
        for _ in 0..MAX_COMMIT_ATTEMPTS {
            let mut next = current.ledger.clone();
            change(&mut next);
            if next == current.ledger {
                return Ok(());
            }
            match self.put_ledger(&next, &current.put_mode).await {
                Ok(etag) => {
                    *current = StoredLedger {
                        ledger: next,
                        put_mode: PutMode::Update(etag),
                    };
                    return Ok(());
                }
                Err(PutError::Rejected(cause)) => return Err(Some(cause)),
                Err(PutError::Indeterminate(cause)) => last_error = Some(cause),
                Err(PutError::PreconditionFailed) => {
                    last_error = Some(Box::new(PutError::PreconditionFailed));
                }
            }
            *current = self
                .load()
                .await
                .map_err(|error| Some(Box::new(error).into()))?;
        }
        Err(last_error)
    }

    /// Copies the snapshot with this sequence to `latest.json`, unless that has the same or a newer
    /// one. `latest.json` is a copy for readers: a failure is logged, and the next full run writes
    /// it again.
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
        sequence: u64,
        snapshot: LatestSource<'_>,
    ) -> Result<(), BoxError> {
        for _ in 0..MAX_COMMIT_ATTEMPTS {
            let put_mode = match latest_sequence(self.services, self.plan, self.deadline).await? {
                Some((Some(latest), _)) if latest >= sequence => return Ok(()),
                Some((_, etag)) => PutMode::Update(etag),
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
            match self.put(&self.plan.latest_key, bytes, &put_mode).await {
                Ok(_) => return Ok(()),
                Err(PutError::PreconditionFailed) => {}
                Err(error) => return Err(Box::new(error)),
            }
        }
        Err(Box::new(PutError::PreconditionFailed))
    }
}
