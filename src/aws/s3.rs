//! S3: conditional reads and writes of one bucket.

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

/// A bucket.
#[derive(Debug)]
pub struct S3Store {
    client: Client,
    bucket: String,
    /// How long a body is waited for.
    timeouts: Duration,
}

impl S3Store {
    /// The bucket, reached through `client`. A body is waited for as long as `timeouts`.
    pub fn new(client: Client, bucket: String, timeouts: Duration) -> Self {
        Self {
            client,
            bucket,
            timeouts,
        }
    }

    /// Asks for an object, or these bytes of it, and gives its body, which is still to come.
    async fn start_get(
        &self,
        key: &str,
        range: Option<&str>,
    ) -> Result<Option<(ByteStream, ETag)>, BoxError> {
        let get = self.client.get_object().bucket(&self.bucket).key(key);
        match get.set_range(range.map(str::to_owned)).send().await {
            Ok(object) => Ok(Some((object.body, version(object.e_tag)?))),
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

    /// A body comes after its answer, where neither the SDK's time-outs nor its retries reach: one
    /// that is cut off or stalls is asked for once more.
    async fn read(
        &self,
        key: &str,
        range: Option<&str>,
    ) -> Result<Option<(Vec<u8>, ETag)>, BoxError> {
        let Some((body, version)) = self.start_get(key, range).await? else {
            return Ok(None);
        };
        if let Ok(Ok(bytes)) = timeout(self.timeouts, collect_body(body)).await {
            return Ok(Some((bytes, version)));
        }
        let Some((body, version)) = self.start_get(key, range).await? else {
            return Ok(None);
        };
        Ok(Some((
            timeout(self.timeouts, collect_body(body)).await??,
            version,
        )))
    }
}

/// Said in an error that carries nothing else.
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
            // An empty object has no beginning, and what speaks S3 need not give parts.
            Err(_) => self.read(key, None).await,
            found => found,
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
            PutMode::Update(ETag(version)) => put.if_match(version),
        };
        let answer: Result<PutObjectOutput, SdkError<PutObjectError>> = put.send().await;
        match answer {
            // An answer without an ETag is one that cannot be gone on from: as good as none.
            Ok(stored) => {
                version(stored.e_tag).map_err(|missing| PutError::Indeterminate(Box::new(missing)))
            }
            Err(error) => Err(put_error(&error, mode)),
        }
    }
}

/// Room is made at once for a body of the length that was announced, up to this one, in bytes.
const MAX_PREALLOCATION: usize = 64 * 1024 * 1024;

/// A body as one piece. Collecting it first and then making it one would keep it twice.
async fn collect_body(mut body: ByteStream) -> Result<Vec<u8>, ByteStreamError> {
    let (length, _) = body.size_hint();
    let mut bytes = Vec::with_capacity(
        usize::try_from(length)
            .unwrap_or_default()
            .min(MAX_PREALLOCATION),
    );
    while let Some(piece) = body.try_next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// An empty entity tag is none: a condition on it would hold for anything, or for nothing.
fn version(e_tag: Option<String>) -> Result<ETag, MissingETag> {
    e_tag
        .filter(|tag| !tag.is_empty())
        .map(ETag)
        .ok_or(MissingETag)
}

/// [Conditional
/// writes](https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html): 412 when
/// the condition does not hold, 409 when writes cross, 404 when the object that is expected is
/// gone.
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
