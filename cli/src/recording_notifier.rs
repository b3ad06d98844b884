//! A [`Notifier`] that publishes and keeps the text of the last digest, to print it.

use std::cell::RefCell;

use packwatch::model::{BusEvent, ReceiverArn, SnsMessage};
use packwatch::ports::{Notifier, PublishError};
use serde::Deserialize;

/// Wraps a [`Notifier`] and keeps the text that it published.
#[derive(Debug)]
pub(crate) struct RecordingNotifier<N> {
    inner: N,
    text: RefCell<Option<String>>,
}

/// The part of a digest topic message body that holds the text for people.
#[derive(Deserialize)]
struct ProtocolMessages {
    email: String,
}

impl<N> RecordingNotifier<N> {
    pub(crate) fn new(inner: N) -> Self {
        Self {
            inner,
            text: RefCell::default(),
        }
    }

    /// Returns the text of the last digest published to the digest topic, if any.
    pub(crate) fn text(&self) -> Option<String> {
        self.text.borrow().clone()
    }
}

impl<N: Notifier> Notifier for RecordingNotifier<N> {
    async fn publish(&self, topic: &ReceiverArn, message: &SnsMessage) -> Result<(), PublishError> {
        self.inner.publish(topic, message).await?;
        // The body for the chat topic has another form and is not kept.
        if let Ok(protocol_messages) = serde_json::from_str::<ProtocolMessages>(&message.body) {
            self.text.replace(Some(protocol_messages.email));
        }
        Ok(())
    }

    async fn put_events(
        &self,
        bus: &ReceiverArn,
        events: &[BusEvent],
    ) -> Result<Vec<Result<(), PublishError>>, PublishError> {
        self.inner.put_events(bus, events).await
    }
}
