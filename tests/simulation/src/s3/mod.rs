//! S3: objects at `/bucket/key`, conditions in headers, errors in XML.
//!
//! Conditional writes follow the S3 user guide ("How to prevent object overwrites with conditional
//! writes"): 412 where the condition fails, 404 where `If-Match` finds no object. A missing key
//! answers 403 to a caller that may not list.

mod chunked;
mod listing;
mod range;

use std::collections::BTreeMap;

use hyper::Method;
use jiff::Timestamp;

use crate::answer::{Answer, Refusal};
use crate::call::Heading;
use crate::identity::Identity;
use crate::request::Request;
use crate::world::World;

/// One version of an object. The last one is what readers see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub body: Vec<u8>,
    pub content_type: String,
    /// In its quotes. Opaque: it changes with every write, whatever was written.
    pub etag: String,
    pub last_modified: Timestamp,
    /// Whether this version is the object's absence.
    pub deleted: bool,
}

/// The versions of each object, by key, oldest first.
pub(crate) type Bucket = BTreeMap<String, Vec<Version>>;

/// What the call is about.
pub(crate) fn heading(request: &Request) -> Heading {
    let (bucket, key) = request.bucket_and_key();
    let condition = ["If-Match", "If-None-Match", "Range"]
        .into_iter()
        .find_map(|name| Some(format!("{name}: {}", request.header(name)?)));
    let target = if key.is_empty() {
        bucket
    } else {
        format!("{bucket}/{key}")
    };
    let token = request.parameter("continuation-token");
    Heading {
        operation: operation(request).to_owned(),
        target,
        token,
        filter: request.parameter("prefix"),
        condition,
    }
}

/// The operation's name in the S3 API; empty for one that is not simulated.
fn operation(request: &Request) -> &'static str {
    let (_, key) = request.bucket_and_key();
    let of_object = !key.is_empty();
    // Subresources such as `?tagging` are other operations; `x-id` is only a hint that SDKs add.
    let plain = form_urlencoded::parse(request.query.as_bytes()).all(|(name, _)| name == "x-id");
    match request.method {
        Method::GET if of_object && plain => "GetObject",
        Method::HEAD if of_object && plain => "HeadObject",
        Method::PUT if of_object && plain => "PutObject",
        Method::DELETE if of_object && plain => "DeleteObject",
        Method::HEAD if plain => "HeadBucket",
        Method::GET if request.parameter("list-type").as_deref() == Some("2") => "ListObjectsV2",
        _ => "",
    }
}

/// Answers the call. Answers to `HEAD` carry no body, also when they are errors.
pub(crate) fn perform(
    world: &mut World,
    caller: &Identity,
    request: &Request,
) -> Result<Answer, Refusal> {
    let (bucket, key) = request.bucket_and_key();
    let operation = operation(request);
    if operation.is_empty() {
        return Err(Refusal::new(
            501,
            "NotImplemented",
            "This operation is not simulated.",
        ));
    }
    let listing = !world.unlisting.contains(&caller.account);
    if !world.buckets.contains_key(&bucket) {
        return Err(Refusal::new(
            404,
            "NoSuchBucket",
            "The specified bucket does not exist",
        ));
    }
    match operation {
        "PutObject" => put(world, &bucket, &key, request),
        "DeleteObject" => {
            world.delete_object(&bucket, &key);
            Ok(Answer::new(204, "application/xml", ""))
        }
        "HeadBucket" => Ok(Answer::new(200, "application/xml", "")),
        "ListObjectsV2" if listing => listing::list(world, &bucket, request),
        "ListObjectsV2" => Err(Refusal::new(403, "AccessDenied", "Access Denied")),
        _ => match world.current(&bucket, &key) {
            Some(version) => read(version, request),
            None if listing => Err(no_such_key()),
            None => Err(Refusal::new(403, "AccessDenied", "Access Denied")),
        },
    }
}

fn no_such_key() -> Refusal {
    Refusal::new(404, "NoSuchKey", "The specified key does not exist.")
}

fn precondition_failed() -> Refusal {
    let message = "At least one of the pre-conditions you specified did not hold";
    Refusal::new(412, "PreconditionFailed", message)
}

/// Whether a condition names this entity tag; quotes around it may be left out.
fn names(condition: &str, etag: &str) -> bool {
    condition == "*" || condition.trim_matches('"') == etag.trim_matches('"')
}

fn read(version: &Version, request: &Request) -> Result<Answer, Refusal> {
    if request
        .header("if-match")
        .is_some_and(|condition| !names(condition, &version.etag))
    {
        return Err(precondition_failed());
    }
    let unchanged = request
        .header("if-none-match")
        .is_some_and(|condition| names(condition, &version.etag));
    let (status, body) = match range::part(&version.body, request)? {
        _ if unchanged => (304, Vec::new()),
        Some(part) => (206, part.to_vec()),
        None => (200, version.body.clone()),
    };
    Ok(Answer::new(status, &version.content_type, body)
        .header("etag", &version.etag)
        .header(
            "last-modified",
            version
                .last_modified
                .strftime("%a, %d %b %Y %H:%M:%S GMT")
                .to_string(),
        )
        .header("accept-ranges", "bytes"))
}

fn put(world: &mut World, bucket: &str, key: &str, request: &Request) -> Result<Answer, Refusal> {
    let current = world.current(bucket, key);
    if let Some(condition) = request.header("if-none-match") {
        if condition != "*" {
            let message = "A header you provided implies functionality that is not implemented";
            return Err(Refusal::new(501, "NotImplemented", message));
        }
        if current.is_some() {
            return Err(precondition_failed());
        }
    }
    if let Some(condition) = request.header("if-match") {
        match current {
            None => return Err(no_such_key()),
            Some(version) if !names(condition, &version.etag) => return Err(precondition_failed()),
            Some(_) => {}
        }
    }
    let body = chunked::body_of(request)?;
    let content_type = request
        .header("content-type")
        .unwrap_or("binary/octet-stream")
        .to_owned();
    let etag = world.push_version(bucket, key, body, content_type, false);
    Ok(Answer::new(200, "application/xml", "").header("etag", etag))
}

impl World {
    /// The object as readers see it.
    pub fn current(&self, bucket: &str, key: &str) -> Option<&Version> {
        self.buckets
            .get(bucket)?
            .get(key)?
            .last()
            .filter(|version| !version.deleted)
    }

    /// Writes an object, creating the bucket if need be.
    pub fn write_object(&mut self, bucket: &str, key: &str, body: Vec<u8>) {
        self.push_version(bucket, key, body, "binary/octet-stream".to_owned(), false);
    }

    /// Deletes an object if it is there.
    pub fn delete_object(&mut self, bucket: &str, key: &str) {
        if self.current(bucket, key).is_some() {
            self.push_version(bucket, key, Vec::new(), String::new(), true);
        }
    }

    /// Adds a version, and gives its entity tag.
    fn push_version(
        &mut self,
        bucket: &str,
        key: &str,
        body: Vec<u8>,
        content_type: String,
        deleted: bool,
    ) -> String {
        // Scattered, so that nobody takes it for a counter or for the MD5 that it is not under KMS.
        let stable_hash =
            u128::from(self.next_serial()).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let etag = format!("\"{stable_hash:032x}\"");
        let version = Version {
            body,
            content_type,
            etag: etag.clone(),
            last_modified: self.now(),
            deleted,
        };
        let objects = self.buckets.entry(bucket.to_owned()).or_default();
        objects.entry(key.to_owned()).or_default().push(version);
        etag
    }
}
