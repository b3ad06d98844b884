//! S3: objects at `/bucket/key`, conditions and user metadata in headers, errors in XML.
//!
//! Conditional writes follow the S3 user guide ("How to prevent object overwrites with conditional
//! writes"): 412 if the condition fails, 404 if `If-Match` finds no object. Reading a missing key
//! returns 403 to a caller without `s3:ListBucket`. An error response to HEAD has no body. `Range`
//! is ignored: every read returns the whole object.

mod aws_chunked;
mod list_objects;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::call::CallMetadata;
use crate::http::request::Request;
use crate::http::response::Response;
use crate::identity::Identity;
use crate::service::{Service, ServiceError};
use crate::world::World;

/// One version of an object. The last version is the current one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub body: Vec<u8>,
    pub content_type: String,
    /// User metadata: the `x-amz-meta-` headers by the rest of their name, in lower case.
    pub metadata: BTreeMap<String, String>,
    /// Entity tag with its quotes. It changes with every write, even if the content is the same.
    pub etag: String,
    pub last_modified: Timestamp,
    /// Whether this version is a delete marker.
    pub deleted: bool,
}

/// Prefix of the headers of user metadata.
const METADATA_PREFIX: &str = "x-amz-meta-";

/// Versions of each object by key, oldest first.
pub(crate) type Bucket = BTreeMap<String, Vec<Version>>;

/// Returns the metadata of a call.
pub(crate) fn call_metadata(request: &Request) -> CallMetadata {
    let (bucket, key) = request.bucket_and_key();
    let condition = ["If-Match", "If-None-Match"]
        .into_iter()
        .find_map(|name| Some(format!("{name}: {}", request.header(name)?)));
    let target = if key.is_empty() {
        bucket
    } else {
        format!("{bucket}/{key}")
    };
    let token = request.parameter("continuation-token");
    CallMetadata {
        operation: operation(request).to_owned(),
        target,
        token,
        filter: request.parameter("prefix"),
        condition,
    }
}

/// Returns the operation's name in the S3 API; empty if the operation is not simulated.
fn operation(request: &Request) -> &'static str {
    let (_, key) = request.bucket_and_key();
    let has_key = !key.is_empty();
    // Subresources such as `?tagging` select other operations; SDKs add `x-id` only as a hint.
    let plain = form_urlencoded::parse(request.query.as_bytes()).all(|(name, _)| name == "x-id");
    match request.method {
        Method::GET if has_key && plain => "GetObject",
        Method::HEAD if has_key && plain => "HeadObject",
        Method::PUT if has_key && plain => "PutObject",
        Method::DELETE if has_key && plain => "DeleteObject",
        Method::HEAD if plain => "HeadBucket",
        Method::GET if !has_key && request.parameter("versioning").is_some() => {
            "GetBucketVersioning"
        }
        Method::GET if request.parameter("list-type").as_deref() == Some("2") => "ListObjectsV2",
        _ => "",
    }
}

/// Handles a call.
pub(crate) fn handle(
    world: &mut World,
    caller: &Identity,
    request: &Request,
) -> Result<Response, ServiceError> {
    let (bucket, key) = request.bucket_and_key();
    let operation = operation(request);
    if operation.is_empty() {
        return Err(ServiceError::new(
            501,
            "NotImplemented",
            "This operation is not simulated.",
        ));
    }
    let may_list = !world.without_list_bucket.contains(&caller.account);
    if !world.buckets.contains_key(&bucket) {
        return Err(ServiceError::new(
            404,
            "NoSuchBucket",
            "The specified bucket does not exist",
        ));
    }
    if operation == "PutObject" && is_denied_by_policy(world, &bucket, request) {
        let message = format!(
            "User: arn:aws:iam::{}:user/packwatch is not authorized to perform: s3:PutObject on resource: \
             \"arn:aws:s3:::{bucket}/{key}\" with an explicit deny in a resource-based policy",
            caller.account
        );
        return Err(ServiceError::new(403, "AccessDenied", message));
    }
    match operation {
        "PutObject" => put(world, &bucket, &key, request),
        "DeleteObject" => {
            world.delete_object(&bucket, &key);
            Ok(Response::new(204, "application/xml", ""))
        }
        "GetBucketVersioning" => Ok(versioning(world, &bucket)),
        "HeadBucket" => Ok(Response::new(200, "application/xml", "")),
        "ListObjectsV2" if may_list => list_objects::list(world, &bucket, request),
        "ListObjectsV2" => Err(ServiceError::new(403, "AccessDenied", "Access Denied")),
        // GetObject and HeadObject.
        _ => match world.current(&bucket, &key) {
            Some(version) => read(version, request),
            None if may_list => Err(no_such_key()),
            None => Err(ServiceError::new(403, "AccessDenied", "Access Denied")),
        },
    }
}

fn no_such_key() -> ServiceError {
    ServiceError::new(404, "NoSuchKey", "The specified key does not exist.")
}

fn precondition_failed() -> ServiceError {
    let message = "At least one of the pre-conditions you specified did not hold";
    ServiceError::new(412, "PreconditionFailed", message)
}

/// Returns whether a condition matches an entity tag. Quotes are optional in the condition.
fn etag_matches(condition: &str, etag: &str) -> bool {
    condition == "*" || condition.trim_matches('"') == etag.trim_matches('"')
}

fn read(version: &Version, request: &Request) -> Result<Response, ServiceError> {
    if request
        .header("if-match")
        .is_some_and(|condition| !etag_matches(condition, &version.etag))
    {
        return Err(precondition_failed());
    }
    let unchanged = request
        .header("if-none-match")
        .is_some_and(|condition| etag_matches(condition, &version.etag));
    let (status, body) = if unchanged {
        (304, Vec::new())
    } else {
        (200, version.body.clone())
    };
    let mut response = Response::new(status, &version.content_type, body)
        .header("etag", &version.etag)
        .header(
            "last-modified",
            version
                .last_modified
                .strftime("%a, %d %b %Y %H:%M:%S GMT")
                .to_string(),
        );
    for (name, value) in &version.metadata {
        response = response.header(format!("{METADATA_PREFIX}{name}"), value);
    }
    Ok(response)
}

/// Returns the `VersioningConfiguration` of a bucket. It is empty if versioning was never enabled.
fn versioning(world: &World, bucket: &str) -> Response {
    let status = world
        .versioning
        .get(bucket)
        .map_or("Enabled", String::as_str);
    let element = if status.is_empty() {
        String::new()
    } else {
        format!("<Status>{status}</Status>")
    };
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<VersioningConfiguration xmlns=\"{}\">{element}</VersioningConfiguration>",
        Service::S3.namespace()
    );
    Response::new(200, "application/xml", body)
}

fn is_denied_by_policy(world: &World, bucket: &str, request: &Request) -> bool {
    let encryption = request.header("x-amz-server-side-encryption");
    let demanded = world.demanded_encryption.get(bucket);
    demanded.is_some_and(|demanded| encryption != Some(demanded))
        || world.signed_payloads_only.contains(bucket) && payload_hash(request).is_none()
}

/// Returns the hash of the body that the signature covers.
fn payload_hash(request: &Request) -> Option<&str> {
    let hash = request.header("x-amz-content-sha256")?;
    let is_hash = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then_some(hash)
}

fn put(
    world: &mut World,
    bucket: &str,
    key: &str,
    request: &Request,
) -> Result<Response, ServiceError> {
    if !world.ignore_conditions {
        check_conditions(world, bucket, key, request)?;
    }
    check_payload_hash(request)?;
    let body = aws_chunked::decoded_body(request)?;
    check_crc32(&body, request)?;
    let content_type = request
        .header("content-type")
        .unwrap_or("binary/octet-stream")
        .to_owned();
    let content = NewVersion {
        body,
        content_type,
        metadata: user_metadata(request),
        deleted: false,
    };
    let etag = world.push_version(bucket, key, content);
    Ok(Response::new(200, "application/xml", "").header("etag", etag))
}

/// Returns the error of a body that is not the signed one.
fn check_payload_hash(request: &Request) -> Result<(), ServiceError> {
    let calculated = hex::encode(Sha256::digest(&request.body));
    if payload_hash(request).is_none_or(|signed| signed == calculated) {
        return Ok(());
    }
    let message = "The provided 'x-amz-content-sha256' header does not match what was computed.";
    Err(ServiceError::new(400, "XAmzContentSHA256Mismatch", message))
}

/// Returns the error of a body that is not what the checksum in a header says.
fn check_crc32(body: &[u8], request: &Request) -> Result<(), ServiceError> {
    let sent = request.header("x-amz-checksum-crc32");
    let calculated = STANDARD.encode(crc32fast::hash(body).to_be_bytes());
    if sent.is_none_or(|sent| sent == calculated) {
        return Ok(());
    }
    let message = "The CRC32 you specified did not match the calculated checksum.";
    Err(ServiceError::new(400, "BadDigest", message))
}

/// Returns the error of a write whose conditions do not hold.
fn check_conditions(
    world: &World,
    bucket: &str,
    key: &str,
    request: &Request,
) -> Result<(), ServiceError> {
    let current = world.current(bucket, key);
    if let Some(condition) = request.header("if-none-match") {
        if condition != "*" {
            let message = "A header you provided implies functionality that is not implemented";
            return Err(ServiceError::new(501, "NotImplemented", message));
        }
        if current.is_some() {
            return Err(precondition_failed());
        }
    }
    if let Some(condition) = request.header("if-match") {
        match current {
            None => return Err(no_such_key()),
            Some(version) if !etag_matches(condition, &version.etag) => {
                return Err(precondition_failed());
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Returns the user metadata of a request. Header names are case-insensitive, and hyper returns
/// them in lower case.
fn user_metadata(request: &Request) -> BTreeMap<String, String> {
    request
        .headers
        .iter()
        .filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix(METADATA_PREFIX)?;
            Some((name.to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect()
}

/// What a write stores as a new version.
struct NewVersion {
    body: Vec<u8>,
    content_type: String,
    metadata: BTreeMap<String, String>,
    deleted: bool,
}

impl World {
    /// Returns the current version of an object; `None` if the object is missing or deleted.
    pub fn current(&self, bucket: &str, key: &str) -> Option<&Version> {
        self.buckets
            .get(bucket)?
            .get(key)?
            .last()
            .filter(|version| !version.deleted)
    }

    /// Writes an object with user metadata, and creates the bucket if it does not exist.
    pub fn write_object(
        &mut self,
        bucket: &str,
        key: &str,
        body: Vec<u8>,
        metadata: BTreeMap<String, String>,
    ) {
        let content = NewVersion {
            body,
            content_type: "binary/octet-stream".to_owned(),
            metadata,
            deleted: false,
        };
        self.push_version(bucket, key, content);
    }

    /// Deletes an object if it exists.
    pub fn delete_object(&mut self, bucket: &str, key: &str) {
        if self.current(bucket, key).is_some() {
            let delete_marker = NewVersion {
                body: Vec::new(),
                content_type: String::new(),
                metadata: BTreeMap::new(),
                deleted: true,
            };
            self.push_version(bucket, key, delete_marker);
        }
    }

    /// Adds a version and returns its entity tag.
    fn push_version(&mut self, bucket: &str, key: &str, content: NewVersion) -> String {
        // A hashed serial number, so that no test can rely on ordered entity tags or on MD5 sums:
        // with KMS encryption an S3 entity tag is not the MD5 of the content.
        let stable_hash =
            u128::from(self.next_serial()).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let etag = format!("\"{stable_hash:032x}\"");
        let NewVersion {
            body,
            content_type,
            metadata,
            deleted,
        } = content;
        let version = Version {
            body,
            content_type,
            metadata,
            etag: etag.clone(),
            last_modified: self.now(),
            deleted,
        };
        let objects = self.buckets.entry(bucket.to_owned()).or_default();
        objects.entry(key.to_owned()).or_default().push(version);
        etag
    }
}
