//! The store of the ledger, of `latest.json` and of `report.html`: load, and update by
//! compare-and-swap. The last two never go back to an older run: their metadata has its sequence.

use std::cmp::Ordering;
use std::io;

use tokio::time::{Instant, timeout_at};

use super::caller::Caller;
use super::error::RunError;
use crate::input::plan::RunPlan;
use crate::ledger::{DecodeError, Ledger};
use crate::model::{AccountId, display_chain};
use crate::object_body::ObjectBody;
use crate::ports::{
    BoxError, ContentType, ETag, FailureCause, ObjectHead, ObjectMetadata, ObjectStore, PutError,
    PutMode, ServiceFailure,
};

/// Maximum number of attempts to write the ledger while other writers change it.
pub(super) const MAX_COMMIT_ATTEMPTS: u32 = 5;

/// Maximum number of attempts to write `latest.json` or `report.html` while other writers change
/// it. After a lost race the object usually is that of the newer run already.
const MAX_LATEST_ATTEMPTS: u32 = 2;

/// The ledger as it was loaded or stored, and the condition for replacing it.
#[derive(Debug, Clone)]
pub(super) struct StoredLedger {
    pub ledger: Ledger,
    pub put_mode: PutMode,
}

/// An object about the newest full run.
#[derive(Debug, Clone, Copy)]
pub(super) struct LatestMetadata {
    /// Its name without the prefix, for the log.
    pub name: &'static str,
    /// Sequence of the run.
    pub sequence: u64,
    /// What it is.
    pub content: ContentType,
}

/// Returns the error of a call that S3 did not answer before the deadline of the run.
fn deadline_exceeded() -> BoxError {
    Box::new(ServiceFailure {
        cause: FailureCause::OutOfTime,
        message: "there was no time left before the end of the invocation".to_owned(),
    })
}

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

    /// Returns the function's own account, and the ledger if it had to be loaded for it: if STS
    /// fails, the ledger supplies the own account of the last run.
    pub(super) async fn own_account(
        &self,
        caller: &Caller,
    ) -> Result<(AccountId, Option<StoredLedger>), RunError> {
        if let Ok(account) = &caller.own_account {
            return Ok((account.clone(), None));
        }
        let stored = self.load().await?;
        let account = stored.ledger.own_account.clone();
        Ok((account.unwrap_or_else(AccountId::unknown), Some(stored)))
    }

    /// Returns the ledger that is at hand already, or loads it.
    pub(super) async fn load_unless(
        &self,
        preloaded: Option<StoredLedger>,
    ) -> Result<StoredLedger, RunError> {
        match preloaded {
            Some(stored) => Ok(stored),
            None => self.load().await,
        }
    }

    /// Loads the ledger. If there is none, returns an empty one whose sequence continues after that
    /// in the metadata of `latest.json`.
    pub(super) async fn load(&self) -> Result<StoredLedger, RunError> {
        let unreadable = |key: &str, source: BoxError| {
            let failure = ServiceFailure::find(source.as_ref());
            if failure.is_some_and(|failure| failure.cause == FailureCause::Credentials) {
                return RunError::CredentialsUnavailable { source };
            }
            RunError::LedgerUnreadable {
                object: self.address(key),
                source,
            }
        };
        let ledger_key = &self.plan.keys.ledger;
        let stored = self.get(ledger_key).await;
        match stored.map_err(|cause| unreadable(ledger_key, cause))? {
            Some((body, etag)) => match Ledger::from_body(&body) {
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
                let latest_key = &self.plan.keys.latest;
                let latest = self.head(latest_key).await;
                let latest = latest.map_err(|cause| unreadable(latest_key, cause))?;
                let sequence = latest.and_then(|latest| latest.sequence).unwrap_or(0);
                Ok(StoredLedger {
                    ledger: Ledger::with_sequence(sequence),
                    put_mode: PutMode::Create,
                })
            }
        }
    }

    /// Reads an object; `None` if it does not exist.
    async fn get(&self, key: &str) -> Result<Option<(ObjectBody, ETag)>, BoxError> {
        timeout_at(self.deadline, self.store.get(key))
            .await
            .unwrap_or_else(|_| Err(deadline_exceeded()))
    }

    /// Reads the metadata of an object; `None` if it does not exist.
    async fn head(&self, key: &str) -> Result<Option<ObjectHead>, BoxError> {
        timeout_at(self.deadline, self.store.head(key))
            .await
            .unwrap_or_else(|_| Err(deadline_exceeded()))
    }

    /// Writes an object without metadata before the deadline of the run. A timeout is
    /// `PutError::Indeterminate`.
    pub(super) async fn put(
        &self,
        key: &str,
        body: ObjectBody,
        put_mode: &PutMode,
    ) -> Result<ETag, PutError> {
        self.put_with_metadata(key, body, ObjectMetadata::default(), put_mode)
            .await
    }

    async fn put_with_metadata(
        &self,
        key: &str,
        body: ObjectBody,
        metadata: ObjectMetadata,
        put_mode: &PutMode,
    ) -> Result<ETag, PutError> {
        let put = self.store.put(key, body, metadata, put_mode);
        timeout_at(self.deadline, put)
            .await
            .unwrap_or_else(|_| Err(PutError::Indeterminate(deadline_exceeded())))
    }

    async fn put_ledger(&self, ledger: &Ledger, put_mode: &PutMode) -> Result<ETag, PutError> {
        self.put_ledger_body(ledger.sequence, ledger.to_body(), put_mode)
            .await
    }

    /// Writes the body of a ledger with this sequence.
    pub(super) async fn put_ledger_body(
        &self,
        sequence: u64,
        body: io::Result<ObjectBody>,
        put_mode: &PutMode,
    ) -> Result<ETag, PutError> {
        let body = body.map_err(|error| PutError::Rejected(Box::new(error)))?;
        let metadata = ObjectMetadata {
            sequence: Some(sequence),
            ..ObjectMetadata::default()
        };
        self.put_with_metadata(&self.plan.keys.ledger, body, metadata, put_mode)
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

    /// Writes an object about the newest full run, unless it has the sequence of the same or a
    /// newer run already. The object is for readers: a failure is logged, and the next full run
    /// writes it again. Returns whether the object is that of the run with this sequence.
    pub(super) async fn update_latest(
        &self,
        key: &str,
        metadata: LatestMetadata,
        contents: impl AsyncFn() -> Result<ObjectBody, BoxError>,
    ) -> bool {
        let updated = self.try_update_latest(key, metadata, contents).await;
        updated.unwrap_or_else(|cause| {
            tracing::warn!(
                object = self.address(key),
                cause = display_chain(cause.as_ref()),
                "{} is older than the last committed snapshot; the next full run writes it again",
                metadata.name
            );
            false
        })
    }

    async fn try_update_latest(
        &self,
        key: &str,
        LatestMetadata {
            name,
            sequence,
            content,
        }: LatestMetadata,
        contents: impl AsyncFn() -> Result<ObjectBody, BoxError>,
    ) -> Result<bool, BoxError> {
        let metadata = ObjectMetadata {
            sequence: Some(sequence),
            content,
        };
        for _ in 0..MAX_LATEST_ATTEMPTS {
            let put_mode = match self.head(key).await? {
                Some(latest) => {
                    // An object without a sequence counts as older.
                    match latest.sequence.cmp(&Some(sequence)) {
                        Ordering::Less => {}
                        Ordering::Equal => return Ok(true),
                        Ordering::Greater => {
                            let ledger = self.head(&self.plan.keys.ledger).await?;
                            if ledger.and_then(|ledger| ledger.sequence) >= latest.sequence {
                                return Ok(false);
                            }
                            tracing::warn!(
                                object = self.address(key),
                                sequence = latest.sequence,
                                ledger_sequence = sequence,
                                "{name} is newer than the ledger, so an older ledger must have been restored; {name} \
                                 is overwritten"
                            );
                        }
                    }
                    PutMode::Update(latest.etag)
                }
                None => PutMode::Create,
            };
            let put = self.put_with_metadata(key, contents().await?, metadata, &put_mode);
            match put.await {
                Ok(_) => return Ok(true),
                Err(PutError::PreconditionFailed) => {}
                Err(error) => return Err(Box::new(error)),
            }
        }
        Err(Box::new(PutError::PreconditionFailed))
    }

    /// Reads a snapshot.
    pub(super) async fn snapshot(&self, key: &str) -> Result<ObjectBody, BoxError> {
        let stored = self.get(key).await?;
        let (body, _) =
            stored.ok_or_else(|| format!("{} is no longer there", self.address(key)))?;
        Ok(body)
    }
}
