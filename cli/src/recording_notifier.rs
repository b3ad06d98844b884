//! What is published, kept for the one who watches.

use std::cell::RefCell;

use packwatch::model::SnsMessage;
use packwatch::model::TopicArn;
use packwatch::ports::{BoxError, Notifier};
use serde::Deserialize;

/// Topics, and the text for people that went to them.
#[derive(Debug)]
pub(crate) struct RecordingNotifier<N> {
    notifier: N,
    text: RefCell<Option<String>>,
}

/// The text for people, in the body for the digest topic.
#[derive(Deserialize)]
struct ProtocolMessages {
    email: String,
}

impl<N> RecordingNotifier<N> {
    pub(crate) fn new(notifier: N) -> Self {
        Self {
            notifier,
            text: RefCell::default(),
        }
    }

    /// The text of the last digest that the digest topic took.
    pub(crate) fn text(&self) -> Option<String> {
        self.text.borrow().clone()
    }
}

impl<N: Notifier> Notifier for RecordingNotifier<N> {
    async fn publish(&self, topic: &TopicArn, message: &SnsMessage) -> Result<(), BoxError> {
        self.notifier.publish(topic, message).await?;
        // The chat topic has a body of another form.
        if let Ok(protocol_messages) = serde_json::from_str::<ProtocolMessages>(&message.body) {
            self.text.replace(Some(protocol_messages.email));
        }
        Ok(())
    }
}
