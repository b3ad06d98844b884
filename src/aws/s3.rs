//! Adapter for S3: reads and conditional writes of the objects of one bucket, and the metadata that
//! is stored with them.

use std::io::Write as _;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::get_object::GetObjectError;
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::types::ServerSideEncryption as Encryption;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::time::timeout;

use super::called_host::CalledHost;
use super::file_body;
use super::payload_hash::PayloadHash;
use super::response_text::bucket_region;
use super::sdk_error::service_failure;
use crate::model::ObjectEncryption;
use crate::object_body::{BodyWriter, Contents, ObjectBody};
use crate::ports::{
    BoxError, ContentType, ETag, FailureCause, ObjectHead, ObjectMetadata, ObjectStore, PutError,
    PutMode, ServiceFailure,
};

/// Name of the user metadata for [`ObjectMetadata::sequence`], sent as `x-amz-meta-sequence`.
const SEQUENCE: &str = "sequence";

/// [`ObjectStore`] on S3.
#[derive(Debug)]
pub struct S3Store {
    client: Client,
    bucket: String,
    /// Timeout of reading a body.
    body_timeout: Duration,
    /// Encryption that every write names; `None` leaves it to the bucket.
    encryption: Option<ObjectEncryption>,
}

impl S3Store {
    /// Creates the store of `bucket`. `body_timeout` limits the time for reading one body.
    pub fn new(client: Client, bucket: String, body_timeout: Duration) -> Self {
        Self {
            client,
            bucket,
            body_timeout,
            encryption: None,
        }
    }

    /// Makes every write name this encryption; `None` leaves it to the bucket.
    #[must_use]
    pub fn with_encryption(self, encryption: Option<ObjectEncryption>) -> Self {
        Self { encryption, ..self }
    }

    /// Requests an object and returns its body unread; `None` if the object does not exist.
    async fn start_get(&self, key: &str) -> Result<Option<(ByteStream, ETag)>, BoxError> {
        let host = CalledHost::default();
        let get = self.client.get_object().bucket(&self.bucket).key(key);
        match get.customize().interceptor(host.clone()).send().await {
            Ok(object) => Ok(Some((object.body, etag(object.e_tag)?))),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(GetObjectError::is_no_such_key) =>
            {
                Ok(None)
            }
            Err(error) => Err(Box::new(service_failure(&error, &host))),
        }
    }

    /// Reads a body before the timeout.
    async fn read_body(&self, body: ByteStream) -> Result<ObjectBody, ServiceFailure> {
        let read = timeout(self.body_timeout, collect_body(body)).await;
        read.unwrap_or_else(|_| {
            Err(ServiceFailure {
                cause: FailureCause::Unreachable,
                message: format!(
                    "the object was not read within {} s",
                    self.body_timeout.as_secs()
                ),
            })
        })
    }
}

/// Converts an error response to HEAD. It has no body, so the HTTP status and the region in a
/// header are all that S3 returns.
fn head_failure(status: u16, region: Option<String>) -> ServiceFailure {
    let cause = match status {
        301 | 307 => FailureCause::WrongRegion(region),
        400 if region.is_some() => FailureCause::WrongRegion(region),
        403 => FailureCause::AccessDenied,
        _ => FailureCause::Other,
    };
    ServiceFailure {
        cause,
        message: format!("HeadObject failed with HTTP status {status}"),
    }
}

impl ObjectStore for S3Store {
    /// Reads an object. The SDK's timeouts and retries do not cover the body, so an object whose
    /// body breaks off or stalls is requested once more.
    async fn get(&self, key: &str) -> Result<Option<(ObjectBody, ETag)>, BoxError> {
        let Some((body, etag)) = self.start_get(key).await? else {
            return Ok(None);
        };
        if let Ok(body) = self.read_body(body).await {
            return Ok(Some((body, etag)));
        }
        let Some((body, etag)) = self.start_get(key).await? else {
            return Ok(None);
        };
        Ok(Some((self.read_body(body).await?, etag)))
    }

    /// Reads the metadata of an object. Without `s3:ListBucket` a missing object is an error with
    /// status 403. A missing bucket has the same response as a missing object.
    async fn head(&self, key: &str) -> Result<Option<ObjectHead>, BoxError> {
        // The request names no encryption: S3 rejects encryption headers on HEAD with 400.
        let head = self.client.head_object().bucket(&self.bucket).key(key);
        let host = CalledHost::default();
        match head.customize().interceptor(host.clone()).send().await {
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
                Some(status @ 300..) => {
                    let region = error.raw_response().and_then(bucket_region);
                    Err(Box::new(head_failure(status, region)))
                }
                _ => Err(Box::new(service_failure(&error, &host))),
            },
        }
    }

    async fn put(
        &self,
        key: &str,
        body: ObjectBody,
        metadata: ObjectMetadata,
        mode: &PutMode,
    ) -> Result<ETag, PutError> {
        let ObjectMetadata { sequence, content } = metadata;
        let put = self.client.put_object().bucket(&self.bucket).key(key);
        let put = match content {
            ContentType::Json => put.content_type("application/json"),
            ContentType::Html => put
                .content_type("text/html; charset=utf-8")
                .cache_control("no-store"),
        };
        // Without a checksum, the SDK would append one to a body from a file, in an encoding that not
        // every S3-compatible store can read.
        let hashes = body.hashes();
        let hashes = hashes.map_err(|error| PutError::Rejected(Box::new(error)))?;
        let put = put
            .checksum_crc32(STANDARD.encode(hashes.crc32.to_be_bytes()))
            .body(match body.into_contents() {
                Contents::Memory(bytes) => bytes.into(),
                Contents::File(file) => file_body::stream(file),
            });
        let put = match sequence {
            Some(sequence) => put.metadata(SEQUENCE, sequence.to_string()),
            None => put,
        };
        let put = match &self.encryption {
            Some(ObjectEncryption::Aes256) => put.server_side_encryption(Encryption::Aes256),
            Some(ObjectEncryption::Kms { key_arn }) => put
                .server_side_encryption(Encryption::AwsKms)
                .set_ssekms_key_id(key_arn.clone()),
            Some(ObjectEncryption::KmsDsse) => put.server_side_encryption(Encryption::AwsKmsDsse),
            None => put,
        };
        let put = match mode {
            PutMode::Create => put.if_none_match("*"),
            PutMode::Update(ETag(etag)) => put.if_match(etag),
        };
        let host = CalledHost::default();
        let put = put
            .customize()
            .interceptor(host.clone())
            .interceptor(PayloadHash(hashes.sha256));
        let response: Result<PutObjectOutput, SdkError<PutObjectError>> = put.send().await;
        match response {
            // Without an entity tag the next write cannot be conditional, so the result counts as
            // unknown.
            Ok(stored) => {
                etag(stored.e_tag).map_err(|missing| PutError::Indeterminate(Box::new(missing)))
            }
            Err(error) => Err(put_error(&error, mode, &host)),
        }
    }
}

/// Reads a body. `ByteStream::collect` would keep all of it in memory.
async fn collect_body(mut body: ByteStream) -> Result<ObjectBody, ServiceFailure> {
    let broken = |_| ServiceFailure {
        cause: FailureCause::Unreachable,
        message: "the connection ended before the whole object was read".to_owned(),
    };
    let not_kept = |error| ServiceFailure {
        cause: FailureCause::Other,
        message: format!("the temporary file with the object could not be read: {error}"),
    };
    let mut writer = BodyWriter::new();
    while let Some(chunk) = body.try_next().await.map_err(broken)? {
        writer.write_all(&chunk).map_err(not_kept)?;
    }
    writer.finish().map_err(not_kept)
}

/// Returns the entity tag of a response. An empty tag counts as missing: a condition on it would
/// hold for every object, or for none.
fn etag(e_tag: Option<String>) -> Result<ETag, ServiceFailure> {
    e_tag
        .filter(|tag| !tag.is_empty())
        .map(ETag)
        .ok_or_else(|| ServiceFailure {
            cause: FailureCause::ForeignResponse,
            message:
                "the response has no ETag, without which the next write could not be conditional"
                    .to_owned(),
        })
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
fn put_error(error: &SdkError<PutObjectError>, mode: &PutMode, host: &CalledHost) -> PutError {
    let failure = || Box::new(service_failure(error, host));
    match http_status(error) {
        Some(412 | 409) => PutError::PreconditionFailed,
        Some(404) if matches!(mode, PutMode::Update(_)) && error.code() == Some("NoSuchKey") => {
            PutError::PreconditionFailed
        }
        Some(400..500) => PutError::Rejected(failure()),
        _ => PutError::Indeterminate(failure()),
    }
}
