//! SNS: `Publish`.

mod attribute;
mod message;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::answer::{Answer, Refusal, Service};
use crate::call::Heading;
use crate::identity::Identity;
use crate::query::{Form, success};
use crate::request::Request;
use crate::world::World;
pub use attribute::Attribute;

/// How long a FIFO topic remembers a deduplication id.
const WINDOW: SignedDuration = SignedDuration::from_mins(5);

/// A message that SNS took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Publish {
    /// Counts up from 1 over all topics.
    pub sequence: u64,
    /// By the world's clock.
    pub at: Timestamp,
    /// The publishing account.
    pub caller: String,
    pub topic: String,
    pub message_id: String,
    pub subject: Option<String>,
    pub message: String,
    pub structure: Option<String>,
    pub attributes: BTreeMap<String, Attribute>,
    pub group: Option<String>,
    pub deduplication_id: Option<String>,
}

/// What a topic remembers: the deduplication ids of a FIFO topic, with when and what they were
/// answered.
#[derive(Debug, Default)]
pub(crate) struct Topic {
    remembered: BTreeMap<String, (Timestamp, Receipt)>,
}

#[derive(Clone, Debug)]
struct Receipt {
    message_id: String,
    /// Only FIFO topics number their messages.
    sequence_number: Option<u64>,
}

/// What the call is about.
pub(crate) fn heading(request: &Request) -> Heading {
    let form = Form::of(request);
    Heading {
        operation: form.get("Action").unwrap_or_default().to_owned(),
        target: form.get("TopicArn").unwrap_or_default().to_owned(),
        ..Heading::default()
    }
}

/// Answers the call.
pub(crate) fn perform(
    world: &mut World,
    caller: &Identity,
    region: &str,
    request: &Request,
    request_id: &str,
) -> Result<Answer, Refusal> {
    let form = Form::of(request);
    let operation = form.get("Action").unwrap_or_default();
    if operation != "Publish" {
        let message = format!("Could not find operation {operation} for version 2010-03-31");
        return Err(Refusal::new(400, "InvalidAction", message));
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

fn publish(
    world: &mut World,
    caller: &Identity,
    region: &str,
    form: &Form,
) -> Result<Receipt, Refusal> {
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
    message::validate(text, form.get("Subject"), structure, &attributes)?;
    #[expect(
        clippy::case_sensitive_file_extension_comparisons,
        reason = "a topic's name is no file's"
    )]
    let fifo = name.ends_with(".fifo");
    let (group, deduplication_id) = (
        form.get("MessageGroupId"),
        form.get("MessageDeduplicationId"),
    );
    message::validate_fifo(fifo, group, deduplication_id)?;
    // A topic is its owner's alone until its policy says otherwise, and policies are not simulated.
    if owner != caller.account {
        let message = format!(
            "User: {} is not authorized to perform: SNS:Publish on resource: {arn} because no resource-based policy \
             allows the SNS:Publish action",
            caller.arn
        );
        return Err(Refusal::new(403, "AuthorizationError", message));
    }
    let now = world.now();
    let Some(topic) = world.topics.get_mut(arn) else {
        return Err(Refusal::new(404, "NotFound", "Topic does not exist"));
    };
    topic
        .remembered
        .retain(|_, (at, _)| now.duration_since(*at) < WINDOW);
    if let Some((_, receipt)) = deduplication_id.and_then(|id| topic.remembered.get(id)) {
        return Ok(receipt.clone());
    }

    let sequence = world.publishes.len() as u64 + 1;
    let receipt = Receipt {
        message_id: world.next_id(),
        sequence_number: fifo.then_some(sequence),
    };
    if let (Some(id), Some(topic)) = (deduplication_id, world.topics.get_mut(arn)) {
        topic
            .remembered
            .insert(id.to_owned(), (now, receipt.clone()));
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

/// `InvalidParameter`, as SNS words it.
fn invalid(what: &str) -> Refusal {
    Refusal::new(
        400,
        "InvalidParameter",
        format!("Invalid parameter: {what}"),
    )
}
