//! What SNS takes for a message: the rules of the API reference's `Publish` page.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::answer::Refusal;
use crate::sns::attribute::Attribute;
use crate::sns::invalid;

/// Message and attributes together, in bytes.
const LARGEST: usize = 262_144;

/// Checks message, subject and structure.
pub(crate) fn validate(
    message: &str,
    subject: Option<&str>,
    structure: Option<&str>,
    attributes: &BTreeMap<String, Attribute>,
) -> Result<(), Refusal> {
    if message.is_empty() {
        return Err(invalid("Empty message"));
    }
    if subject.is_some_and(|subject| !is_subject(subject)) {
        return Err(invalid("Subject"));
    }
    let size = message.len()
        + attributes
            .iter()
            .map(|(name, attribute)| attribute.size(name))
            .sum::<usize>();
    if size > LARGEST {
        return Err(invalid("Message too long"));
    }
    match structure {
        None => Ok(()),
        Some("json") => validate_json(message),
        Some(_) => Err(invalid("MessageStructure")),
    }
}

/// Checks that a FIFO topic gets what it orders by, and that a standard topic gets no deduplication
/// id. A group is fine on a standard topic: it goes on to SQS fair queues.
pub(crate) fn validate_fifo(
    fifo: bool,
    group: Option<&str>,
    deduplication_id: Option<&str>,
) -> Result<(), Refusal> {
    for (name, id) in [
        ("MessageGroupId", group),
        ("MessageDeduplicationId", deduplication_id),
    ] {
        let bad = |id: &str| {
            id.is_empty() || id.len() > 128 || !id.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if id.is_some_and(bad) {
            return Err(invalid(&format!(
                "{name} Reason: must be 1 to 128 alphanumeric or punctuation characters"
            )));
        }
    }
    match (fifo, group, deduplication_id) {
        (true, None, _) => Err(invalid(
            "The MessageGroupId parameter is required for FIFO topics",
        )),
        (true, _, None) => Err(invalid(
            "The topic should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
        )),
        (false, _, Some(_)) => Err(invalid(
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid for \
             this topic type",
        )),
        _ => Ok(()),
    }
}

/// "Subjects must be ASCII text that begins with a letter, number, or punctuation mark; must not
/// include line breaks or control characters; and must be less than 100 characters long."
fn is_subject(subject: &str) -> bool {
    subject.len() < 100
        && subject.starts_with(|first: char| first.is_ascii_graphic())
        && subject
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

fn validate_json(message: &str) -> Result<(), Refusal> {
    let unparsed = || invalid("Message Structure - JSON message body failed to parse");
    let Ok(Value::Object(entries)) = serde_json::from_str(message) else {
        return Err(unparsed());
    };
    if entries.values().any(|value| !value.is_string()) {
        return Err(unparsed());
    }
    if !entries.contains_key("default") {
        return Err(invalid(
            "Message Structure - No default entry in JSON message body",
        ));
    }
    Ok(())
}
