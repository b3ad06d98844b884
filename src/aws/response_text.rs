//! Words for error responses, and for responses that are not from AWS.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

/// Maximum number of characters of a body that a message shows.
const MAX_WORDS: usize = 120;

/// Maximum number of bytes of a body that are searched for words.
const MAX_SEARCHED: usize = 16 * 1024;

/// Elements whose content is not text for people.
const INVISIBLE_ELEMENTS: [&str; 2] = ["script", "style"];

/// Describes a response without an error code by its HTTP status and the first words of its body.
pub(super) fn describe_body(response: &HttpResponse) -> String {
    let status = response.status();
    let code = status.as_u16();
    let Some(body) = response.body().bytes() else {
        return format!(
            "HTTP status {code}, and the connection ended before the whole body was read"
        );
    };
    let words = first_words(body);
    if words.is_empty() {
        return format!("HTTP status {code} with an empty body");
    }
    let what = if status.is_success() {
        "that does not parse"
    } else {
        "that is not from AWS"
    };
    format!("HTTP status {code} with a body {what}: \"{words}\"")
}

/// Returns the region of the bucket that a response of S3 names, in a
/// [header](https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html) or in its body.
pub(super) fn bucket_region(response: &HttpResponse) -> Option<String> {
    let body = || {
        let body = String::from_utf8_lossy(response.body().bytes()?);
        let (_, rest) = body.split_once("<Region>")?;
        Some(rest.split_once("</Region>")?.0.to_owned())
    };
    let header = response.headers().get("x-amz-bucket-region");
    let region = header.map(str::to_owned).or_else(body)?;
    let is_region_character = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ((1..=32).contains(&region.len()) && region.chars().all(is_region_character)).then_some(region)
}

/// Replaces each control character, line breaks included, with a space.
pub(super) fn single_line(text: &str) -> String {
    text.replace(is_unprintable, " ")
}

/// Returns the first words of a body in one line, without markup and control characters.
fn first_words(body: &[u8]) -> String {
    let body = String::from_utf8_lossy(&body[..body.len().min(MAX_SEARCHED)]);
    let text = without_markup(&body).replace(|c: char| is_unprintable(c) || c == '\u{fffd}', " ");
    let mut words = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let word_length = word.chars().count();
        if length > 0 && length + 1 + word_length > MAX_WORDS {
            words.push_str(" ...");
            break;
        }
        if length > 0 {
            words.push(' ');
            length += 1;
        }
        words.extend(word.chars().take(MAX_WORDS));
        length += word_length;
        if word_length > MAX_WORDS {
            words.push_str("...");
            break;
        }
    }
    words
}

/// Returns whether a character has no visible form: control characters, and the characters that
/// change the direction of text or join it.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Replaces each tag, comment and invisible element with a space. A `<` that starts none of them
/// stays.
fn without_markup(body: &str) -> String {
    let mut text = String::with_capacity(body.len());
    let mut rest = body;
    while let Some(start) = rest.find('<') {
        text.push_str(&rest[..start]);
        let tag = &rest[start + 1..];
        let end = if tag.starts_with("!--") {
            tag.find("-->").map_or(tag.len(), |end| end + 3)
        } else if tag.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c)) {
            tag.find('>').map_or(tag.len(), |end| end + 1)
        } else {
            text.push('<');
            rest = tag;
            continue;
        };
        text.push(' ');
        rest = &tag[end..];
        for name in INVISIBLE_ELEMENTS {
            let starts = tag
                .get(..name.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(name));
            if starts {
                let close = rest.to_ascii_lowercase().find(&format!("</{name}"));
                rest = &rest[close.unwrap_or(rest.len())..];
            }
        }
    }
    text.push_str(rest);
    text
}
