//! The `Range` header. Only `bytes=FIRST-LAST` is simulated.

use crate::http::request::Request;
use crate::service::ServiceError;

/// Returns the requested part of a body, shortened to the end of the body; `None` without `Range`.
pub(crate) fn requested_part<'a>(
    body: &'a [u8],
    request: &Request,
) -> Result<Option<&'a [u8]>, ServiceError> {
    let Some(range) = request.header("range") else {
        return Ok(None);
    };
    let bounds = range
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'));
    let Some((Ok(first), Ok(last))) =
        bounds.map(|(first, last)| (first.parse::<usize>(), last.parse::<usize>()))
    else {
        return Err(ServiceError::new(
            501,
            "NotImplemented",
            "Only ranges of the form bytes=FIRST-LAST are simulated.",
        ));
    };
    let rest = body
        .get(first..)
        .filter(|rest| !rest.is_empty() && first <= last)
        .ok_or_else(|| {
            ServiceError::new(
                416,
                "InvalidRange",
                "The requested range is not satisfiable",
            )
        })?;
    Ok(Some(&rest[..rest.len().min(last - first + 1)]))
}
