//! `ListObjectsV2`, without delimiters.

use std::fmt::Write as _;
use std::ops::Bound;

use crate::answer::{Answer, Refusal, Service};
use crate::request::Request;
use crate::world::World;
use crate::xml::escape;

pub(crate) fn list(world: &World, bucket: &str, request: &Request) -> Result<Answer, Refusal> {
    let prefix = request.parameter("prefix").unwrap_or_default();
    let most = match request
        .parameter("max-keys")
        .map(|most| most.parse::<usize>())
    {
        None => 1000,
        Some(Ok(most)) => most.min(1000),
        Some(Err(_)) => {
            let message = "Provided max-keys not an integer or within integer range";
            return Err(Refusal::new(400, "InvalidArgument", message));
        }
    };
    // The token is the last key of the page before: opaque to callers, and all that is needed here.
    let after = request
        .parameter("continuation-token")
        .or_else(|| request.parameter("start-after"));
    let from = after
        .as_ref()
        .map_or(Bound::Included(&prefix), Bound::Excluded);
    let objects = world.buckets.get(bucket).into_iter().flat_map(|objects| {
        objects
            .range::<String, _>((from, Bound::Unbounded))
            .filter(|(key, _)| key.starts_with(&prefix))
    });
    let mut present = objects.filter_map(|(key, versions)| {
        versions
            .last()
            .filter(|version| !version.deleted)
            .map(|version| (key, version))
    });

    let mut contents = String::new();
    let mut count = 0;
    let mut last = None;
    for (key, version) in present.by_ref().take(most) {
        let (etag, size) = (escape(&version.etag), version.body.len());
        let time = version.last_modified.strftime("%Y-%m-%dT%H:%M:%S.000Z");
        let name = escape(key);
        write!(
            contents,
            "<Contents><Key>{name}</Key><LastModified>{time}</LastModified><ETag>{etag}</ETag><Size>{size}</Size>\
             <StorageClass>STANDARD</StorageClass></Contents>"
        )
        .expect("a string takes all");
        count += 1;
        last = Some(key);
    }
    let truncated = most > 0 && present.next().is_some();
    let token = last.filter(|_| truncated).map(|key| {
        let key = escape(key);
        format!("<NextContinuationToken>{key}</NextContinuationToken>")
    });
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"{}\"><Name>{}</Name><Prefix>{}</Prefix>\
         <KeyCount>{count}</KeyCount><MaxKeys>{most}</MaxKeys><IsTruncated>{truncated}</IsTruncated>{}{contents}\
         </ListBucketResult>",
        Service::S3.namespace(),
        escape(bucket),
        escape(&prefix),
        token.unwrap_or_default(),
    );
    Ok(Answer::new(200, "application/xml", body))
}
