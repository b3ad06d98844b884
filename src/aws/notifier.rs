//! [`Notifier`] on SNS and EventBridge.

use std::collections::BTreeMap;

use super::{event_bridge, sns};
use crate::model::{BusEvent, ReceiverArn, SnsMessage};
use crate::ports::{Notifier, PublishError};

/// [`Notifier`] with one client per receiver, each in the region of its receiver.
#[derive(Debug)]
pub struct AwsNotifier {
    topics: BTreeMap<ReceiverArn, aws_sdk_sns::Client>,
    event_bus: Option<aws_sdk_eventbridge::Client>,
}

impl AwsNotifier {
    /// Creates the notifier from a client for each topic and one for the event bus, if there is
    /// one.
    pub fn new(
        topics: BTreeMap<ReceiverArn, aws_sdk_sns::Client>,
        event_bus: Option<aws_sdk_eventbridge::Client>,
    ) -> Self {
        Self { topics, event_bus }
    }
}

impl Notifier for AwsNotifier {
    async fn publish(&self, topic: &ReceiverArn, message: &SnsMessage) -> Result<(), PublishError> {
        match self.topics.get(topic) {
            Some(client) => sns::publish(client, topic, message).await,
            None => Err(PublishError::Failed(
                "no client was made for this topic".into(),
            )),
        }
    }

    async fn put_events(
        &self,
        bus: &ReceiverArn,
        events: &[BusEvent],
    ) -> Result<Vec<Result<(), PublishError>>, PublishError> {
        match &self.event_bus {
            Some(client) => event_bridge::put_events(client, bus, events).await,
            None => Err(PublishError::Failed(
                "no client was made for this event bus".into(),
            )),
        }
    }
}
