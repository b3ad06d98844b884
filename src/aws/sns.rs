//! Adapter for SNS: publishes messages to topics.

use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::called_host::CalledHost;
use super::sdk_error::service_failure;
use crate::model::{ReceiverArn, SnsMessage};
use crate::ports::PublishError;

/// Publishes a message to a topic with a client in the region of the topic.
pub(super) async fn publish(
    client: &Client,
    topic: &ReceiverArn,
    message: &SnsMessage,
) -> Result<(), PublishError> {
    let mut publish = client
        .publish()
        .topic_arn(topic.as_str())
        .subject(&message.subject)
        .message(&message.body)
        .set_message_structure(message.message_structure_json.then(|| "json".to_owned()));
    for (name, attribute) in &message.attributes {
        let value = MessageAttributeValue::builder()
            .data_type(attribute.data_type())
            .string_value(attribute.value())
            .build()
            .map_err(|error| PublishError::Content(Box::new(error)))?;
        publish = publish.message_attributes(name, value);
    }
    if topic.is_fifo() {
        // All digests share one message group, so that they are delivered in order.
        publish = publish
            .message_group_id("packwatch")
            .message_deduplication_id(&message.deduplication_id);
    }
    let host = CalledHost::default();
    let publish = publish.customize().interceptor(host.clone());
    match publish.send().await {
        Ok(_) => Ok(()),
        Err(error) => {
            let refuses_content = refuses_content(error.code(), error.message());
            let cause = Box::new(service_failure(&error, &host));
            Err(if refuses_content {
                PublishError::Content(cause)
            } else {
                PublishError::Failed(cause)
            })
        }
    }
}

/// Returns whether an error of SNS is about the content of the message: its
/// [size](https://docs.aws.amazon.com/sns/latest/api/API_Publish.html), its attributes or its
/// subject. SNS uses the same code for a wrong topic, which is not a matter of content.
fn refuses_content(code: Option<&str>, message: Option<&str>) -> bool {
    let is_about_topic = message.is_some_and(|message| message.contains("TopicArn"));
    matches!(
        code,
        Some(
            "InvalidParameter"
                | "InvalidParameterException"
                | "InvalidParameterValue"
                | "ParameterValueInvalid"
                | "ValidationError"
                | "ValidationException"
        )
    ) && !is_about_topic
}
