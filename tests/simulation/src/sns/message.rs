//! Validation of messages by the rules of `Publish` in the SNS API reference.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::service::ServiceError;
use crate::sns::attribute::Attribute;
use crate::sns::invalid;

/// Validates message, subject and structure.
pub(crate) fn validate(
    message: &str,
    subject: Option<&str>,
    structure: Option<&str>,
) -> Result<(), ServiceError> {
    if message.is_empty() {
        return Err(invalid("Empty message"));
    }
    if subject.is_some_and(|subject| !is_subject(subject)) {
        return Err(invalid("Subject"));
    }
    match structure {
        None => Ok(()),
        Some("json") => validate_json(message),
        Some(_) => Err(invalid("MessageStructure")),
    }
}

/// Validates the size of a message in bytes against its topic's `MaximumMessageSize`.
///
/// Message and attributes count together, the attributes with their names, types and values. The
/// API reference does not list the subject, so it does not count.
pub(crate) fn validate_size(
    message: &str,
    attributes: &BTreeMap<String, Attribute>,
    maximum: usize,
) -> Result<(), ServiceError> {
    let attribute_bytes: usize = attributes
        .iter()
        .map(|(name, attribute)| attribute.size(name))
        .sum();
    if message.len() + attribute_bytes > maximum {
        return Err(invalid("Message too long"));
    }
    Ok(())
}

/// Validates the message group and deduplication id.
///
/// A FIFO topic requires both. A standard topic does not accept a deduplication id, but does accept
/// a message group, which it forwards to SQS fair queues.
pub(crate) fn validate_fifo(
    fifo: bool,
    group: Option<&str>,
    deduplication_id: Option<&str>,
) -> Result<(), ServiceError> {
    for (name, id) in [
        ("MessageGroupId", group),
        ("MessageDeduplicationId", deduplication_id),
    ] {
        let is_invalid = |id: &str| {
            id.is_empty() || id.len() > 128 || !id.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if id.is_some_and(is_invalid) {
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

/// Returns whether a subject is valid. The API reference says: "Subjects must be ASCII text that
/// begins with a letter, number, or punctuation mark; must not include line breaks or control
/// characters; and must be less than 100 characters long."
fn is_subject(subject: &str) -> bool {
    subject.len() < 100
        && subject.starts_with(|first: char| first.is_ascii_graphic())
        && subject
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

fn validate_json(message: &str) -> Result<(), ServiceError> {
    let parse_error = || invalid("Message Structure - JSON message body failed to parse");
    let Ok(Value::Object(entries)) = serde_json::from_str(message) else {
        return Err(parse_error());
    };
    if entries.values().any(|value| !value.is_string()) {
        return Err(parse_error());
    }
    if !entries.contains_key("default") {
        return Err(invalid(
            "Message Structure - No default entry in JSON message body",
        ));
    }
    Ok(())
}
