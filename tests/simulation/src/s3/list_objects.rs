//! `ListObjectsV2`, without support for delimiters.

use std::fmt::Write as _;
use std::ops::Bound;

use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::xml::escape;
use crate::service::{Service, ServiceError};
use crate::world::World;

/// Handles a `ListObjectsV2` call.
pub(crate) fn list(
    world: &World,
    bucket: &str,
    request: &Request,
) -> Result<Response, ServiceError> {
    let prefix = request.parameter("prefix").unwrap_or_default();
    let max_keys = match request
        .parameter("max-keys")
        .map(|value| value.parse::<usize>())
    {
        None => 1000,
        Some(Ok(value)) => value.min(1000),
        Some(Err(_)) => {
            let message = "Provided max-keys not an integer or within integer range";
            return Err(ServiceError::new(400, "InvalidArgument", message));
        }
    };
    // The continuation token is the last key of the previous page.
    let after = request
        .parameter("continuation-token")
        .or_else(|| request.parameter("start-after"));
    let start = after
        .as_ref()
        .map_or(Bound::Included(&prefix), Bound::Excluded);
    let objects = world.buckets.get(bucket).into_iter().flat_map(|objects| {
        objects
            .range::<String, _>((start, Bound::Unbounded))
            .filter(|(key, _)| key.starts_with(&prefix))
    });
    let mut current = objects.filter_map(|(key, versions)| {
        versions
            .last()
            .filter(|version| !version.deleted)
            .map(|version| (key, version))
    });

    let mut contents = String::new();
    let mut count = 0;
    let mut last = None;
    for (key, version) in current.by_ref().take(max_keys) {
        let (etag, size) = (escape(&version.etag), version.body.len());
        let time = version.last_modified.strftime("%Y-%m-%dT%H:%M:%S.000Z");
        let name = escape(key);
        write!(
            contents,
            "<Contents><Key>{name}</Key><LastModified>{time}</LastModified><ETag>{etag}</ETag><Size>{size}</Size>\
             <StorageClass>STANDARD</StorageClass></Contents>"
        )
        .expect("writing to a string does not fail");
        count += 1;
        last = Some(key);
    }
    let truncated = max_keys > 0 && current.next().is_some();
    let token = last.filter(|_| truncated).map(|key| {
        let key = escape(key);
        format!("<NextContinuationToken>{key}</NextContinuationToken>")
    });
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"{}\"><Name>{}</Name><Prefix>{}</Prefix>\
         <KeyCount>{count}</KeyCount><MaxKeys>{max_keys}</MaxKeys><IsTruncated>{truncated}</IsTruncated>{}{contents}\
         </ListBucketResult>",
        Service::S3.namespace(),
        escape(bucket),
        escape(&prefix),
        token.unwrap_or_default(),
    );
    Ok(Response::new(200, "application/xml", body))
}
