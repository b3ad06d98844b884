//! Adapter for S3: reads and conditional writes of the objects of one bucket, and the metadata that
//! is stored with them.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::byte_stream::error::Error as ByteStreamError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use bytes::Bytes;
use tokio::time::timeout;

use super::sdk_error::sdk_error;
use crate::ports::{BoxError, ETag, ObjectHead, ObjectMetadata, ObjectStore, PutError, PutMode};

/// Name of the user metadata for [`ObjectMetadata::sequence`], sent as `x-amz-meta-sequence`.
const SEQUENCE: &str = "sequence";

/// [`ObjectStore`] on S3.
#[derive(Debug)]
pub struct S3Store {
    client: Client,
    bucket: String,
    /// Timeout of reading a body.
    body_timeout: Duration,
}

impl S3Store {
    /// Creates the store of `bucket`. `body_timeout` limits the time for reading one body.
    pub fn new(client: Client, bucket: String, body_timeout: Duration) -> Self {
        Self {
            client,
            bucket,
            body_timeout,
        }
    }

    /// Requests an object and returns its body unread; `None` if the object does not exist.
    async fn start_get(&self, key: &str) -> Result<Option<(ByteStream, ETag)>, BoxError> {
        let get = self.client.get_object().bucket(&self.bucket).key(key);
        match get.send().await {
            Ok(object) => Ok(Some((object.body, etag(object.e_tag)?))),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetObjectError::is_no_such_key) =>
            {
                Ok(None)
            }
            Err(error) => Err(sdk_error(&error)),
        }
    }
}

/// A response without an entity tag.
#[derive(Debug, thiserror::Error)]
#[error("S3 answered without an ETag, so that the next write could not be conditional")]
struct MissingETag;

/// An error response to HEAD. It has no body, so the HTTP status is all that S3 tells.
#[derive(Debug, thiserror::Error)]
#[error("HeadObject failed with HTTP status {0}")]
struct HeadFailed(u16);

impl ObjectStore for S3Store {
    /// Reads an object. The SDK's timeouts and retries do not cover the body, so an object whose
    /// body breaks off or stalls is requested once more.
    async fn get(&self, key: &str) -> Result<Option<(Vec<u8>, ETag)>, BoxError> {
        let Some((body, etag)) = self.start_get(key).await? else {
            return Ok(None);
        };
        if let Ok(Ok(bytes)) = timeout(self.body_timeout, collect_body(body)).await {
            return Ok(Some((bytes, etag)));
        }
        let Some((body, etag)) = self.start_get(key).await? else {
            return Ok(None);
        };
        Ok(Some((
            timeout(self.body_timeout, collect_body(body)).await??,
            etag,
        )))
    }

    /// Reads the metadata of an object. Without `s3:ListBucket` a missing object is an error with
    /// status 403. A missing bucket cannot be told from a missing object.
    async fn head(&self, key: &str) -> Result<Option<ObjectHead>, BoxError> {
        // The request names no encryption: S3 rejects encryption headers on HEAD with 400.
        let head = self.client.head_object().bucket(&self.bucket).key(key);
        match head.send().await {
            Ok(object) => {
                let sequence = object
                    .metadata()
                    .and_then(|metadata| metadata.get(SEQUENCE)?.parse().ok());
                Ok(Some(ObjectHead {
                    etag: etag(object.e_tag)?,
                    sequence,
                }))
            }
            Err(error) => match http_status(&error) {
                Some(404) => Ok(None),
                Some(status @ 300..) => Err(Box::new(HeadFailed(status))),
                _ => Err(sdk_error(&error)),
            },
        }
    }

    async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        metadata: ObjectMetadata,
        mode: &PutMode,
    ) -> Result<ETag, PutError> {
        let ObjectMetadata { sequence } = metadata;
        let put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type("application/json")
            .body(ByteStream::from(bytes));
        let put = match sequence {
            Some(sequence) => put.metadata(SEQUENCE, sequence.to_string()),
            None => put,
        };
        let put = match mode {
            PutMode::Create => put.if_none_match("*"),
            PutMode::Update(ETag(etag)) => put.if_match(etag),
        };
        let response: Result<PutObjectOutput, SdkError<PutObjectError>> = put.send().await;
        match response {
            // Without an entity tag the next write cannot be conditional, so the result counts as
            // unknown.
            Ok(stored) => {
                etag(stored.e_tag).map_err(|missing| PutError::Indeterminate(Box::new(missing)))
            }
            Err(error) => Err(put_error(&error, mode)),
        }
    }
}

/// Maximum number of bytes to allocate for the announced length of a body before it is read.
const MAX_PREALLOCATION: usize = 64 * 1024 * 1024;

/// Reads a body into one buffer. `ByteStream::collect` would need a second copy to make its parts
/// contiguous.
async fn collect_body(mut body: ByteStream) -> Result<Vec<u8>, ByteStreamError> {
    let (length, _) = body.size_hint();
    let mut bytes = Vec::with_capacity(
        usize::try_from(length)
            .unwrap_or_default()
            .min(MAX_PREALLOCATION),
    );
    while let Some(chunk) = body.try_next().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Returns the entity tag of a response. An empty tag counts as missing: a condition on it would
/// hold for every object, or for none.
fn etag(e_tag: Option<String>) -> Result<ETag, MissingETag> {
    e_tag
        .filter(|tag| !tag.is_empty())
        .map(ETag)
        .ok_or(MissingETag)
}

/// Returns the HTTP status of the response that an error is about, if there was one.
fn http_status<E>(error: &SdkError<E>) -> Option<u16> {
    error
        .raw_response()
        .map(|response| response.status().as_u16())
}

/// Classifies the error of a [conditional
/// write](https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html). S3
/// responds with 412 if the condition does not hold, with 409 if writes conflict, and with 404 if
/// the expected object does not exist.
fn put_error(error: &SdkError<PutObjectError>, mode: &PutMode) -> PutError {
    match http_status(error) {
        Some(412 | 409) => PutError::PreconditionFailed,
        Some(404) if matches!(mode, PutMode::Update(_)) && error.code() == Some("NoSuchKey") => {
            PutError::PreconditionFailed
        }
        Some(400..500) => PutError::Rejected(sdk_error(error)),
        _ => PutError::Indeterminate(sdk_error(error)),
    }
}
