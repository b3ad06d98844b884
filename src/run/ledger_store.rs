//! The store of the ledger and of `latest.json`: load, and update by compare-and-swap. `latest.json`
//! never goes back to an older snapshot.

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};

use super::error::RunError;
use crate::input::plan::RunPlan;
use crate::ledger::{DecodeError, Ledger};
use crate::model::display_chain;
use crate::ports::{BoxError, ETag, ObjectStore, PutError, PutMode};
use crate::report::sequence_of;

/// Maximum number of attempts to write an object that other writers change.
pub(super) const MAX_COMMIT_ATTEMPTS: u32 = 5;

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

/// Size of the range read to find the sequence. It is at the start of every snapshot that packwatch
/// writes.
const HEADER_BYTES: u16 = 512;

/// The objects of a run in the bucket. No request outlasts the deadline of the run.
#[derive(Debug)]
pub(super) struct LedgerStore<'a, S> {
    store: &'a S,
    plan: &'a RunPlan,
    deadline: Instant,
}

impl<'a, S: ObjectStore> LedgerStore<'a, S> {
    /// Creates a store of the objects that `plan` names.
    pub(super) fn new(store: &'a S, plan: &'a RunPlan, deadline: Instant) -> Self {
        Self {
            store,
            plan,
            deadline,
        }
    }

    /// Returns the `s3://` address of an object.
    pub(super) fn address(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.plan.settings.bucket)
    }

    /// Loads the ledger. If there is none, returns an empty one whose sequence continues after that
    /// of `latest.json`.
    pub(super) async fn load(&self) -> Result<StoredLedger, RunError> {
        let unreadable = |key: &str, source: BoxError| RunError::LedgerUnreadable {
            object: self.address(key),
            source,
        };
        let ledger_key = &self.plan.keys.ledger;
        let stored = self.get(ledger_key).await;
        match stored.map_err(|cause| unreadable(ledger_key, cause))? {
            Some((bytes, etag)) => match Ledger::from_bytes(&bytes) {
                Ok(ledger) => Ok(StoredLedger {
                    ledger,
                    put_mode: PutMode::Update(etag),
                }),
                Err(source @ DecodeError::UnsupportedVersion { .. }) => {
                    Err(RunError::LedgerVersionUnsupported {
                        object: self.address(ledger_key),
                        source,
                    })
                }
                Err(error) => Err(unreadable(ledger_key, Box::new(error))),
            },
            None => {
                let latest = self.latest_sequence().await;
                let latest = latest.map_err(|cause| unreadable(&self.plan.keys.latest, cause))?;
                let sequence = latest.and_then(|(sequence, _)| sequence).unwrap_or(0);
                Ok(StoredLedger {
                    ledger: Ledger::with_sequence(sequence),
                    put_mode: PutMode::Create,
                })
            }
        }
    }

    /// Reads an object; `None` if it does not exist.
    async fn get(&self, key: &str) -> Result<Option<(Vec<u8>, ETag)>, BoxError> {
        timeout_at(self.deadline, self.store.get(key))
            .await
            .unwrap_or_else(|_| Err(Box::new(DeadlineExceeded)))
    }

    /// Returns the sequence of `latest.json`, if it has one, and its `ETag`; `None` if the object
    /// does not exist. Reads only the start of the object, because a snapshot with many failures is
    /// large. The whole object is read only if its start holds no sequence.
    async fn latest_sequence(&self) -> Result<Option<(Option<u64>, ETag)>, BoxError> {
        let key = &self.plan.keys.latest;
        let range = timeout_at(self.deadline, self.store.get_range(key, HEADER_BYTES));
        let range = range
            .await
            .unwrap_or_else(|_| Err(Box::new(DeadlineExceeded)))?;
        let object = match range {
            Some((bytes, _)) if sequence_of(&bytes).is_none() => self.get(key).await?,
            range => range,
        };
        Ok(object.map(|(bytes, etag)| (sequence_of(&bytes), etag)))
    }

    /// Writes an object before the deadline of the run. A timeout is `PutError::Indeterminate`.
    pub(super) async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        put_mode: &PutMode,
    ) -> Result<ETag, PutError> {
        let put = self.store.put(key, bytes, put_mode);
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
        self.put(&self.plan.keys.ledger, bytes.into(), put_mode)
            .await
    }

    /// Applies `change` to the stored ledger by compare-and-swap, and loads the ledger again after
    /// a conflict, for at most [`MAX_COMMIT_ATTEMPTS`] writes. `change` must be idempotent: an
    /// unanswered write may have succeeded.
    pub(super) async fn update(
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
                object = self.address(&self.plan.keys.latest),
                cause = display_chain(cause.as_ref()),
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
            let put_mode = match self.latest_sequence().await? {
                Some((Some(latest), _)) if latest >= sequence => return Ok(()),
                Some((_, etag)) => PutMode::Update(etag),
                None => PutMode::Create,
            };
            let bytes = match &snapshot {
                LatestSource::InMemory(bytes) => bytes.clone(),
                LatestSource::Key(key) => {
                    let stored = self.get(key).await?;
                    stored
                        .ok_or_else(|| format!("{} is no longer there", self.address(key)))?
                        .0
                        .into()
                }
            };
            match self.put(&self.plan.keys.latest, bytes, &put_mode).await {
                Ok(_) => return Ok(()),
                Err(PutError::PreconditionFailed) => {}
                Err(error) => return Err(Box::new(error)),
            }
        }
        Err(Box::new(PutError::PreconditionFailed))
    }
}
