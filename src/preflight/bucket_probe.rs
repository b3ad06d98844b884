//! Probe of the bucket: one write of `preflight.json` that must succeed, and two that must be
//! refused. A store that ignores conditions accepts them, and runs would overwrite each other.

use tokio::time::{Instant, timeout_at};

use super::answers::shorten;
use super::document::Document;
use crate::input::plan::RunPlan;
use crate::model::display_chain;
use crate::ports::{
    BoxError, ETag, FailureCause, ObjectHead, ObjectMetadata, ObjectStore, PutError, PutMode,
    ServiceFailure,
};

/// An entity tag that no object has.
const WRONG_ETAG: &str = "\"packwatch-preflight\"";

/// Maximum number of attempts to write while another check writes.
const MAX_ATTEMPTS: u32 = 2;

/// What the bucket answered.
#[derive(Debug)]
pub(super) struct BucketAnswer {
    /// The condition for the next write, or why the first write failed.
    pub(super) written: Result<PutMode, LastWrite>,
    /// Whether each write that must be refused was refused: over an object that exists, and over
    /// another version than the stored one.
    pub(super) refused: Result<[bool; 2], Failure>,
}

/// Why the write failed.
#[derive(Debug)]
pub(super) enum LastWrite {
    /// The existing object could not be looked at.
    HeadFailed(BoxError),
    /// The write was refused or not answered.
    Failed(BoxError),
    /// Other checks changed the object at the same time.
    Contended,
    /// This is a dry run.
    DryRun,
}

/// A failed call, in words.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) cause: FailureCause,
    pub(super) message: String,
}

impl Failure {
    /// Returns the words for an error of the store.
    pub(super) fn of(error: &BoxError) -> Self {
        let failure = ServiceFailure::find(error.as_ref());
        Self {
            cause: failure.map_or(FailureCause::Other, |failure| failure.cause.clone()),
            message: shorten(&display_chain(error.as_ref())),
        }
    }
}

/// The probe.
#[derive(Debug)]
pub(super) struct BucketProbe<'a, S> {
    store: &'a S,
    plan: &'a RunPlan,
    deadline: Instant,
}

impl<'a, S: ObjectStore> BucketProbe<'a, S> {
    /// Creates the probe of `preflight.json`.
    pub(super) fn new(store: &'a S, plan: &'a RunPlan, deadline: Instant) -> Self {
        Self {
            store,
            plan,
            deadline,
        }
    }

    /// Writes an unfinished `preflight.json`, and tries the writes that must be refused.
    pub(super) async fn run(&self) -> BucketAnswer {
        let not_tried = |message: &str| {
            Err(Failure {
                cause: FailureCause::Other,
                message: message.to_owned(),
            })
        };
        if self.plan.mode.dry_run {
            return BucketAnswer {
                written: Err(LastWrite::DryRun),
                refused: not_tried("this is a dry run, which writes nothing"),
            };
        }
        let mut etag = match self.write().await {
            Ok(etag) => etag,
            Err(failed) => {
                return BucketAnswer {
                    written: Err(failed),
                    refused: not_tried("not tested, because no object could be written"),
                };
            }
        };
        let create = self.is_refused(&PutMode::Create, &mut etag).await;
        let wrong = PutMode::Update(ETag(WRONG_ETAG.to_owned()));
        let update = self.is_refused(&wrong, &mut etag).await;
        BucketAnswer {
            written: Ok(PutMode::Update(etag)),
            refused: create.and_then(|create| Ok([create, update?])),
        }
    }

    /// Tries a write that must be refused, and returns whether it was. `etag` is set to that of an
    /// accepted write.
    async fn is_refused(&self, mode: &PutMode, etag: &mut ETag) -> Result<bool, Failure> {
        let bytes = Document::unfinished(self.plan).to_bytes();
        match self.put(bytes, mode).await {
            Err(PutError::PreconditionFailed) => Ok(true),
            Ok(accepted) => {
                *etag = accepted;
                Ok(false)
            }
            Err(PutError::Rejected(cause) | PutError::Indeterminate(cause)) => {
                Err(Failure::of(&cause))
            }
        }
    }

    /// Writes the unfinished object over what is stored.
    async fn write(&self) -> Result<ETag, LastWrite> {
        for _ in 0..MAX_ATTEMPTS {
            let mode = match self.head().await.map_err(LastWrite::HeadFailed)? {
                Some(head) => PutMode::Update(head.etag),
                None => PutMode::Create,
            };
            let bytes = Document::unfinished(self.plan).to_bytes();
            match self.put(bytes, &mode).await {
                Ok(etag) => return Ok(etag),
                Err(PutError::PreconditionFailed) => {}
                Err(PutError::Rejected(cause) | PutError::Indeterminate(cause)) => {
                    return Err(LastWrite::Failed(cause));
                }
            }
        }
        Err(LastWrite::Contended)
    }

    async fn head(&self) -> Result<Option<ObjectHead>, BoxError> {
        let head = self.store.head(&self.plan.keys.preflight);
        let head = timeout_at(self.deadline, head).await;
        head.unwrap_or_else(|_| Err(no_time_left()))
    }

    /// Writes `preflight.json` if the condition of `mode` holds.
    pub(super) async fn put(&self, bytes: Vec<u8>, mode: &PutMode) -> Result<ETag, PutError> {
        let metadata = ObjectMetadata::default();
        let key = &self.plan.keys.preflight;
        let put = self.store.put(key, bytes.into(), metadata, mode);
        let put = timeout_at(self.deadline, put).await;
        put.unwrap_or_else(|_| Err(PutError::Indeterminate(no_time_left())))
    }
}

/// Returns the error of a call that S3 did not answer in time.
pub(super) fn no_time_left() -> BoxError {
    Box::new(ServiceFailure {
        cause: FailureCause::OutOfTime,
        message: "there was no response before the time limit of the check".to_owned(),
    })
}
