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

use super::sdk_failure;
use crate::ports::{Archive, Cause, Expect, Unwritten, Version};

/// A bucket.
#[derive(Debug)]
pub struct S3Archive {
    client: Client,
    bucket: String,
    /// How long a body is waited for.
    patience: Duration,
}

impl S3Archive {
    /// The bucket, reached through `client`. A body is waited for as long as `patience`.
    pub fn new(client: Client, bucket: String, patience: Duration) -> Self {
        Self {
            client,
            bucket,
            patience,
        }
    }

    /// Asks for an object, or these bytes of it, and gives its body, which is still to come.
    async fn open(
        &self,
        key: &str,
        range: Option<&str>,
    ) -> Result<Option<(ByteStream, Version)>, Cause> {
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
            Err(error) => Err(sdk_failure(&error)),
        }
    }

    /// A body comes after its answer, where neither the SDK's time-outs nor its retries reach: one
    /// that is cut off or stalls is asked for once more.
    async fn read(
        &self,
        key: &str,
        range: Option<&str>,
    ) -> Result<Option<(Vec<u8>, Version)>, Cause> {
        let Some((body, version)) = self.open(key, range).await? else {
            return Ok(None);
        };
        if let Ok(Ok(bytes)) = timeout(self.patience, whole(body)).await {
            return Ok(Some((bytes, version)));
        }
        let Some((body, version)) = self.open(key, range).await? else {
            return Ok(None);
        };
        Ok(Some((timeout(self.patience, whole(body)).await??, version)))
    }
}

/// Said in an error that carries nothing else.
#[derive(Debug, thiserror::Error)]
#[error("S3 answered without an ETag, so that the next write could not be conditional")]
struct NoVersion;

impl Archive for S3Archive {
    async fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, Cause> {
        self.read(key, None).await
    }

    async fn beginning(&self, key: &str, bytes: u16) -> Result<Option<(Vec<u8>, Version)>, Cause> {
        match self
            .read(key, Some(&format!("bytes=0-{}", bytes.saturating_sub(1))))
            .await
        {
            // An empty object has no beginning, and what speaks S3 need not give parts.
            Err(_) => self.read(key, None).await,
            found => found,
        }
    }

    async fn put(&self, key: &str, bytes: Bytes, expect: &Expect) -> Result<Version, Unwritten> {
        let put = self
            .client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .content_type("application/json")
            .body(ByteStream::from(bytes));
        let put = match expect {
            Expect::Absent => put.if_none_match("*"),
            Expect::Version(Version(version)) => put.if_match(version),
        };
        let answer: Result<PutObjectOutput, SdkError<PutObjectError>> = put.send().await;
        match answer {
            // An answer without an ETag is one that cannot be gone on from: as good as none.
            Ok(stored) => {
                version(stored.e_tag).map_err(|missing| Unwritten::Unknown(Box::new(missing)))
            }
            Err(error) => Err(unwritten(&error, expect)),
        }
    }
}

/// Room is made at once for a body of the length that was announced, up to this one, in bytes.
const ROOM: usize = 64 * 1024 * 1024;

/// A body as one piece. Collecting it first and then making it one would keep it twice.
async fn whole(mut body: ByteStream) -> Result<Vec<u8>, ByteStreamError> {
    let (length, _) = body.size_hint();
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default().min(ROOM));
    while let Some(piece) = body.try_next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// An empty entity tag is none: a condition on it would hold for anything, or for nothing.
fn version(e_tag: Option<String>) -> Result<Version, NoVersion> {
    e_tag
        .filter(|tag| !tag.is_empty())
        .map(Version)
        .ok_or(NoVersion)
}

/// [Conditional
/// writes](https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html): 412 when
/// the condition does not hold, 409 when writes cross, 404 when the object that is expected is
/// gone.
fn unwritten(error: &SdkError<PutObjectError>, expect: &Expect) -> Unwritten {
    match error
        .raw_response()
        .map(|response| response.status().as_u16())
    {
        Some(412 | 409) => Unwritten::Lost,
        Some(404) if matches!(expect, Expect::Version(_)) && error.code() == Some("NoSuchKey") => {
            Unwritten::Lost
        }
        Some(400..500) => Unwritten::Refused(sdk_failure(error)),
        _ => Unwritten::Unknown(sdk_failure(error)),
    }
}
