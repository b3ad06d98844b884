//! What is published, kept for the one who watches.

use std::cell::RefCell;

use packwatch::model::SnsMessage;
use packwatch::model::TopicArn;
use packwatch::ports::{BoxError, Notifier};
use serde::Deserialize;

/// Topics, and the text for people that went to them.
#[derive(Debug)]
pub(crate) struct Overheard<N> {
    notifier: N,
    text: RefCell<Option<String>>,
}

/// The text for people, in the body for the digest topic.
#[derive(Deserialize)]
struct Structure {
    email: String,
}

impl<N> Overheard<N> {
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

impl<N: Notifier> Notifier for Overheard<N> {
    async fn publish(&self, topic: &TopicArn, message: &SnsMessage) -> Result<(), BoxError> {
        self.notifier.publish(topic, message).await?;
        // The chat topic has a body of another form.
        if let Ok(structure) = serde_json::from_str::<Structure>(&message.body) {
            self.text.replace(Some(structure.email));
        }
        Ok(())
    }
}
