//! Adapter for SNS: publishes messages to topics.

use std::collections::BTreeMap;

use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;

use crate::model::{SnsMessage, TopicArn};
use crate::ports::{BoxError, Notifier};

/// [`Notifier`] on SNS, with one client per topic, each in the region of its topic.
#[derive(Debug)]
pub struct SnsNotifier {
    topics: BTreeMap<TopicArn, Client>,
}

impl SnsNotifier {
    /// Creates the notifier from a client for each topic.
    pub fn new(topics: BTreeMap<TopicArn, Client>) -> Self {
        Self { topics }
    }
}

impl Notifier for SnsNotifier {
    async fn publish(&self, topic: &TopicArn, message: &SnsMessage) -> Result<(), BoxError> {
        let client = self
            .topics
            .get(topic)
            .ok_or("no client was made for this topic")?;
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
                .build()?;
            publish = publish.message_attributes(name, value);
        }
        if topic.is_fifo() {
            // All digests share one message group, so that they are delivered in order.
            publish = publish
                .message_group_id("packwatch")
                .message_deduplication_id(&message.deduplication_id);
        }
        publish
            .send()
            .await
            .map_err(|error| super::sdk_error::sdk_error(&error))?;
        Ok(())
    }
}
