//! Decoder for `aws-chunked` bodies: chunks `<hex size>[;chunk-signature=...]CRLF<bytes>CRLF`, a
//! chunk of size 0, trailers.
//!
//! SDKs send them with `x-amz-content-sha256: STREAMING-...` to append a checksum to the body. Only
//! the length is verified, not checksums and chunk signatures.

use crate::http::request::Request;
use crate::service::ServiceError;

/// Returns the decoded content of a `PutObject` request.
pub(crate) fn decoded_body(request: &Request) -> Result<Vec<u8>, ServiceError> {
    let streaming = request
        .header("x-amz-content-sha256")
        .is_some_and(|hash| hash.starts_with("STREAMING-"));
    let encoded = request
        .header("content-encoding")
        .is_some_and(|encoding| encoding.contains("aws-chunked"));
    if !streaming && !encoded {
        return Ok(request.body.to_vec());
    }
    let declared: Option<usize> = request
        .header("x-amz-decoded-content-length")
        .and_then(|length| length.parse().ok());
    let Some(declared) = declared else {
        return Err(ServiceError::new(
            411,
            "MissingContentLength",
            "You must provide the Content-Length HTTP header.",
        ));
    };
    decode(&request.body)
        .filter(|body| body.len() == declared)
        .ok_or_else(|| {
            let message = "The request body terminated unexpectedly";
            ServiceError::new(400, "IncompleteBody", message)
        })
}

fn decode(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let header = std::str::from_utf8(&rest[..end]).ok()?;
        let size = usize::from_str_radix(header.split(';').next()?.trim(), 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            // Only trailers follow.
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}
