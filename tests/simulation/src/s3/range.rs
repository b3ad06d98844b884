//! `Range: bytes=FIRST-LAST`, the one form that is simulated.

use crate::answer::Refusal;
use crate::request::Request;

/// The part of a body that is asked for, if one is; the end of what there is ends it.
pub(crate) fn part<'a>(body: &'a [u8], request: &Request) -> Result<Option<&'a [u8]>, Refusal> {
    let Some(range) = request.header("range") else {
        return Ok(None);
    };
    let asked = range
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'));
    let Some((Ok(first), Ok(last))) =
        asked.map(|(first, last)| (first.parse::<usize>(), last.parse::<usize>()))
    else {
        return Err(Refusal::new(
            501,
            "NotImplemented",
            "Of ranges only bytes=FIRST-LAST is simulated.",
        ));
    };
    let rest = body
        .get(first..)
        .filter(|rest| !rest.is_empty() && first <= last)
        .ok_or_else(|| {
            Refusal::new(
                416,
                "InvalidRange",
                "The requested range is not satisfiable",
            )
        })?;
    Ok(Some(&rest[..rest.len().min(last - first + 1)]))
}
