//! SNS: `Publish` and `GetTopicAttributes`.

mod attribute;
mod message;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};

use crate::call::CallMetadata;
use crate::http::query::{Form, success};
use crate::http::request::Request;
use crate::http::response::Response;
use crate::http::xml::escape;
use crate::identity::Identity;
use crate::service::{Service, ServiceError};
use crate::world::World;

pub use attribute::Attribute;

/// Time for which a FIFO topic rejects duplicates of a deduplication id.
const DEDUPLICATION_WINDOW: SignedDuration = SignedDuration::from_mins(5);

/// Values that SNS allows for a topic's `MaximumMessageSize`, in bytes.
const MESSAGE_SIZE_RANGE: RangeInclusive<usize> = 1_024..=1_048_576;

/// `MaximumMessageSize` of a topic whose owner has not set it, in bytes.
const DEFAULT_MESSAGE_SIZE: usize = 262_144;

/// A message that SNS accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Publish {
    /// Position in the order of publication over all topics, starting at 1.
    pub sequence: u64,
    /// Time of publication by the simulated clock.
    pub at: Timestamp,
    /// Publishing account.
    pub caller: String,
    /// Topic ARN.
    pub topic: String,
    pub message_id: String,
    pub subject: Option<String>,
    pub message: String,
    /// `MessageStructure`.
    pub structure: Option<String>,
    pub attributes: BTreeMap<String, Attribute>,
    /// `MessageGroupId`.
    pub group: Option<String>,
    pub deduplication_id: Option<String>,
}

/// State of a topic.
#[derive(Debug)]
pub(crate) struct Topic {
    /// `MaximumMessageSize`, in bytes.
    maximum_message_size: usize,
    /// `SubscriptionsConfirmed`.
    confirmed: u32,
    /// `SubscriptionsPending`.
    pending: u32,
    /// Recent deduplication ids of a FIFO topic, with the time and receipt of their messages.
    recent: BTreeMap<String, (Timestamp, Receipt)>,
}

impl Default for Topic {
    fn default() -> Self {
        Self {
            maximum_message_size: DEFAULT_MESSAGE_SIZE,
            confirmed: 0,
            pending: 0,
            recent: BTreeMap::new(),
        }
    }
}

impl Topic {
    /// Sets `MaximumMessageSize`.
    ///
    /// # Panics
    /// When SNS does not allow the size.
    pub fn set_maximum_message_size(&mut self, bytes: usize) {
        validate_message_size(bytes).expect("a valid MaximumMessageSize");
        self.maximum_message_size = bytes;
    }
}

impl Topic {
    /// Sets the number of subscriptions.
    pub fn set_subscriptions(&mut self, confirmed: u32, pending: u32) {
        (self.confirmed, self.pending) = (confirmed, pending);
    }
}

fn validate_message_size(bytes: usize) -> Result<usize, String> {
    if MESSAGE_SIZE_RANGE.contains(&bytes) {
        return Ok(bytes);
    }
    let (least, most) = (MESSAGE_SIZE_RANGE.start(), MESSAGE_SIZE_RANGE.end());
    Err(format!(
        "MaximumMessageSize {bytes} is outside the range of {least} to {most} bytes"
    ))
}

/// Deserializes a `MaximumMessageSize`, and rejects sizes that SNS does not allow.
pub(crate) fn deserialize_message_size<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<usize, D::Error> {
    validate_message_size(usize::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// Result of a `Publish` call.
#[derive(Clone, Debug)]
struct Receipt {
    message_id: String,
    /// Only messages to FIFO topics have one.
    sequence_number: Option<u64>,
}

/// Returns the metadata of a call.
pub(crate) fn call_metadata(request: &Request) -> CallMetadata {
    let form = Form::parse(request);
    CallMetadata {
        operation: form.get("Action").unwrap_or_default().to_owned(),
        target: form.get("TopicArn").unwrap_or_default().to_owned(),
        ..CallMetadata::default()
    }
}

/// Handles a call.
pub(crate) fn handle(
    world: &mut World,
    caller: &Identity,
    region: &str,
    request: &Request,
    request_id: &str,
) -> Result<Response, ServiceError> {
    let form = Form::parse(request);
    let operation = form.get("Action").unwrap_or_default();
    if operation == "GetTopicAttributes" {
        let result = topic_attributes(world, caller, region, &form)?;
        return Ok(success(Service::Sns, operation, &result, request_id));
    }
    if operation != "Publish" {
        let message = format!("Could not find operation {operation} for version 2010-03-31");
        return Err(ServiceError::new(400, "InvalidAction", message));
    }
    let receipt = publish(world, caller, region, &form)?;
    let number = receipt
        .sequence_number
        .map(|number| format!("<SequenceNumber>{number:020}</SequenceNumber>"));
    let result = format!(
        "<MessageId>{}</MessageId>{}",
        receipt.message_id,
        number.unwrap_or_default()
    );
    Ok(success(Service::Sns, operation, &result, request_id))
}

/// Returns the attributes of a topic that packwatch reads, and a few others.
fn topic_attributes(
    world: &World,
    caller: &Identity,
    region: &str,
    form: &Form,
) -> Result<String, ServiceError> {
    let arn = form
        .get("TopicArn")
        .ok_or_else(|| invalid("TopicArn Reason: no value for required parameter"))?;
    let parts: Vec<_> = arn.split(':').collect();
    let ["arn", _, "sns", topic_region, owner, _] = parts[..] else {
        return Err(invalid("TopicArn"));
    };
    if topic_region != region {
        return Err(invalid("TopicArn"));
    }
    if owner != caller.account {
        let message = format!(
            "User: {} is not authorized to perform: SNS:GetTopicAttributes on resource: {arn} because no resource-based \
             policy allows the SNS:GetTopicAttributes action",
            caller.arn
        );
        return Err(ServiceError::new(403, "AuthorizationError", message));
    }
    let Some(topic) = world.topics.get(arn) else {
        return Err(ServiceError::new(404, "NotFound", "Topic does not exist"));
    };
    let attributes = [
        ("TopicArn", arn.to_owned()),
        ("Owner", owner.to_owned()),
        ("DisplayName", String::new()),
        ("SubscriptionsConfirmed", topic.confirmed.to_string()),
        ("SubscriptionsPending", topic.pending.to_string()),
        ("SubscriptionsDeleted", "0".to_owned()),
    ];
    let entries = attributes.map(|(key, value)| {
        format!(
            "<entry><key>{key}</key><value>{}</value></entry>",
            escape(&value)
        )
    });
    Ok(format!("<Attributes>{}</Attributes>", entries.concat()))
}

fn publish(
    world: &mut World,
    caller: &Identity,
    region: &str,
    form: &Form,
) -> Result<Receipt, ServiceError> {
    let arn = form
        .get("TopicArn")
        .ok_or_else(|| invalid("TopicArn or TargetArn Reason: no value for required parameter"))?;
    let parts: Vec<_> = arn.split(':').collect();
    let ["arn", _, "sns", topic_region, owner, name] = parts[..] else {
        return Err(invalid("TopicArn"));
    };
    if topic_region != region {
        return Err(invalid("TopicArn"));
    }
    let text = form.get("Message").unwrap_or_default();
    let structure = form.get("MessageStructure");
    let attributes = attribute::read(form)?;
    message::validate(text, form.get("Subject"), structure)?;
    #[expect(
        clippy::case_sensitive_file_extension_comparisons,
        reason = "a topic name is not a file name"
    )]
    let fifo = name.ends_with(".fifo");
    let (group, deduplication_id) = (
        form.get("MessageGroupId"),
        form.get("MessageDeduplicationId"),
    );
    message::validate_fifo(fifo, group, deduplication_id)?;
    // The default topic policy allows only the owner to publish; other policies are not simulated.
    if owner != caller.account {
        let message = format!(
            "User: {} is not authorized to perform: SNS:Publish on resource: {arn} because no resource-based policy \
             allows the SNS:Publish action",
            caller.arn
        );
        return Err(ServiceError::new(403, "AuthorizationError", message));
    }
    let now = world.now();
    let Some(topic) = world.topics.get_mut(arn) else {
        return Err(ServiceError::new(404, "NotFound", "Topic does not exist"));
    };
    message::validate_size(text, &attributes, topic.maximum_message_size)?;
    topic
        .recent
        .retain(|_, (at, _)| now.duration_since(*at) < DEDUPLICATION_WINDOW);
    if let Some((_, receipt)) = deduplication_id.and_then(|id| topic.recent.get(id)) {
        return Ok(receipt.clone());
    }

    let sequence = world.publishes.len() as u64 + 1;
    let receipt = Receipt {
        message_id: world.next_id(),
        sequence_number: fifo.then_some(sequence),
    };
    if let (Some(id), Some(topic)) = (deduplication_id, world.topics.get_mut(arn)) {
        topic.recent.insert(id.to_owned(), (now, receipt.clone()));
    }
    world.publishes.push(Publish {
        sequence,
        at: now,
        caller: caller.account.clone(),
        topic: arn.to_owned(),
        message_id: receipt.message_id.clone(),
        subject: form.get("Subject").map(str::to_owned),
        message: text.to_owned(),
        structure: structure.map(str::to_owned),
        attributes,
        group: group.map(str::to_owned),
        deduplication_id: deduplication_id.map(str::to_owned),
    });
    Ok(receipt)
}

/// Returns an `InvalidParameter` error with the message format of SNS.
fn invalid(detail: &str) -> ServiceError {
    ServiceError::new(
        400,
        "InvalidParameter",
        format!("Invalid parameter: {detail}"),
    )
}
