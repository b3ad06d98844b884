//! Bodies that come `aws-chunked`: `<hex size>[;chunk-signature=...]CRLF<bytes>CRLF`, a chunk of
//! size 0, trailers.
//!
//! SDKs send them with `x-amz-content-sha256: STREAMING-...`, to put a checksum behind the body.
//! Neither checksums nor chunk signatures are verified; the length is.

use crate::answer::Refusal;
use crate::request::Request;

/// The object's bytes in a request to put it.
pub(crate) fn body_of(request: &Request) -> Result<Vec<u8>, Refusal> {
    let streaming = request
        .header("x-amz-content-sha256")
        .is_some_and(|hash| hash.starts_with("STREAMING-"));
    let encoded = request
        .header("content-encoding")
        .is_some_and(|encoding| encoding.contains("aws-chunked"));
    if !streaming && !encoded {
        return Ok(request.body.to_vec());
    }
    let stated: Option<usize> = request
        .header("x-amz-decoded-content-length")
        .and_then(|length| length.parse().ok());
    let Some(stated) = stated else {
        return Err(Refusal::new(
            411,
            "MissingContentLength",
            "You must provide the Content-Length HTTP header.",
        ));
    };
    decode(&request.body)
        .filter(|body| body.len() == stated)
        .ok_or_else(|| {
            let message = "The request body terminated unexpectedly";
            Refusal::new(400, "IncompleteBody", message)
        })
}

fn decode(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(&rest[..end]).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            // What follows is trailers.
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}
