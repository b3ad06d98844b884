//! Adapter for S3: reads and conditional writes of the objects of one bucket.

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
use crate::ports::{BoxError, ETag, ObjectStore, PutError, PutMode};

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

    /// Requests an object, or a byte range of it, and returns its body unread; `None` if the object
    /// does not exist.
    async fn start_get(
        &self,
        key: &str,
        range: Option<&str>,
    ) -> Result<Option<(ByteStream, ETag)>, BoxError> {
        let get = self.client.get_object().bucket(&self.bucket).key(key);
        match get.set_range(range.map(str::to_owned)).send().await {
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

    /// Reads an object. The SDK's timeouts and retries do not cover the body, so an object whose
    /// body breaks off or stalls is requested once more.
    async fn read(
        &self,
        key: &str,
        range: Option<&str>,
    ) -> Result<Option<(Vec<u8>, ETag)>, BoxError> {
        let Some((body, etag)) = self.start_get(key, range).await? else {
            return Ok(None);
        };
        if let Ok(Ok(bytes)) = timeout(self.body_timeout, collect_body(body)).await {
            return Ok(Some((bytes, etag)));
        }
        let Some((body, etag)) = self.start_get(key, range).await? else {
            return Ok(None);
        };
        Ok(Some((
            timeout(self.body_timeout, collect_body(body)).await??,
            etag,
        )))
    }
}

/// A response without an entity tag.
#[derive(Debug, thiserror::Error)]
#[error("S3 answered without an ETag, so that the next write could not be conditional")]
struct MissingETag;

impl ObjectStore for S3Store {
    async fn get(&self, key: &str) -> Result<Option<(Vec<u8>, ETag)>, BoxError> {
        self.read(key, None).await
    }

    async fn get_range(&self, key: &str, bytes: u16) -> Result<Option<(Vec<u8>, ETag)>, BoxError> {
        match self
            .read(key, Some(&format!("bytes=0-{}", bytes.saturating_sub(1))))
            .await
        {
            // S3 rejects a range of an empty object, and a compatible store may not support ranges.
            Err(_) => self.read(key, None).await,
            result => result,
        }
    }

    async fn put(&self, key: &str, bytes: Bytes, mode: &PutMode) -> Result<ETag, PutError> {
        let put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type("application/json")
            .body(ByteStream::from(bytes));
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

/// Classifies the error of a [conditional
/// write](https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html). S3
/// responds with 412 if the condition does not hold, with 409 if writes conflict, and with 404 if
/// the expected object does not exist.
fn put_error(error: &SdkError<PutObjectError>, mode: &PutMode) -> PutError {
    match error
        .raw_response()
        .map(|response| response.status().as_u16())
    {
        Some(412 | 409) => PutError::PreconditionFailed,
        Some(404) if matches!(mode, PutMode::Update(_)) && error.code() == Some("NoSuchKey") => {
            PutError::PreconditionFailed
        }
        Some(400..500) => PutError::Rejected(sdk_error(error)),
        _ => PutError::Indeterminate(sdk_error(error)),
    }
}
