//! Publishing one message to a topic, and the time that each call to a receiver may take.

use tokio::time::{Duration, Instant, timeout_at};

use crate::model::{ReceiverArn, SnsMessage, display_chain};
use crate::ports::{Notifier, PublishError};

/// Time reserved for settling in the ledger; at most a quarter of the time left is reserved.
const SETTLE_RESERVE: Duration = Duration::from_secs(5);

/// Publishes a message; in its last form if the receiver refuses the content.
pub(super) async fn publish<N: Notifier>(
    notifier: &N,
    deadline: Instant,
    topic: &ReceiverArn,
    message: &SnsMessage,
    last_form: &SnsMessage,
) -> Result<(), PublishError> {
    let refusal = match publish_before(deadline, notifier.publish(topic, message)).await {
        Err(PublishError::Content(refusal)) => refusal,
        result => return result,
    };
    tracing::warn!(
        receiver = topic.as_str(),
        digest = message.deduplication_id,
        cause = display_chain(refusal.as_ref()),
        "the receiver refuses the content of this digest, so its short form is sent"
    );
    publish_before(deadline, notifier.publish(topic, last_form)).await
}

/// Waits for a receiver until a time before `deadline` that leaves time to settle: a timeout of one
/// must not lose the record of deliveries to the others.
pub(super) async fn publish_before<T>(
    deadline: Instant,
    publish: impl Future<Output = Result<T, PublishError>>,
) -> Result<T, PublishError> {
    let left = deadline.saturating_duration_since(Instant::now());
    let published = timeout_at(deadline - (left / 4).min(SETTLE_RESERVE), publish);
    published.await.unwrap_or_else(|_| {
        Err(PublishError::Failed(
            "there was no response before the end of the invocation".into(),
        ))
    })
}
