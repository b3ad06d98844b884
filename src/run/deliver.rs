//! Delivery: publishes the outgoing digests that are leased to this execution, all receivers at
//! once, and settles them in the ledger. The same ledger write enqueues the next digest of a
//! receiver that still has pending changes.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future;
use tokio::time::{Duration, Instant, timeout_at};

use super::error::RunError;
use super::execution::Run;
use super::latest::LatestRun;
use super::ledger_store::StoredLedger;
use super::services::Services;
use crate::input::event::NotifyMode;
use crate::input::plan::RunPlan;
use crate::ledger::{Delivery, Ledger, OutgoingDigest};
use crate::model::{SnsMessage, TopicArn, display_chain};
use crate::ports::{BoxError, Notifier, PublishError};
use crate::report::{DigestRef, DigestStatus, DigestSummary};

/// Time reserved for settling in the ledger; at most a quarter of the time left is reserved.
const SETTLE_RESERVE: Duration = Duration::from_secs(5);

/// Results of publishing and settling.
#[derive(Debug, Default)]
pub(super) struct DeliveryResults {
    /// The last digest published to each topic.
    published: BTreeMap<TopicArn, DigestRef>,
    /// The digests that a receiver refused for the first time. Those that it refuses again are
    /// only logged: the run itself is in order.
    failed: Vec<(TopicArn, BoxError)>,
    /// Address of the ledger and the cause, if the digests could not be settled.
    settle_error: Option<(String, Option<BoxError>)>,
}

impl DeliveryResults {
    /// Returns the status of the digest for the digest topic, or the delivery error of any topic.
    pub(super) fn report(self, ledger: &Ledger, plan: &RunPlan) -> Result<DigestSummary, RunError> {
        let Self {
            mut published,
            failed,
            settle_error,
        } = self;
        match (failed.is_empty(), settle_error) {
            (true, None) => {}
            (true, Some((object, source))) => {
                return Err(RunError::SettleFailed { object, source });
            }
            (false, None) => {
                return Err(RunError::PublishFailed {
                    topics: failed,
                    settle_error: None,
                });
            }
            (false, Some((object, source))) => {
                let settle_error = Some(Box::new(RunError::SettleFailed { object, source }));
                return Err(RunError::PublishFailed {
                    topics: failed,
                    settle_error,
                });
            }
        }
        let outgoing = ledger
            .receivers
            .get(&plan.settings.topic)
            .and_then(|receiver| receiver.outgoing.as_ref());
        let summary = |status, digest: DigestRef| DigestSummary {
            status,
            id: Some(digest.id),
            subject: Some(digest.subject),
            text: None,
        };
        Ok(match (published.remove(&plan.settings.topic), outgoing) {
            (Some(digest), _) => summary(DigestStatus::Published, digest),
            (None, Some(outgoing)) => summary(DigestStatus::Waiting, DigestRef::from(outgoing)),
            (None, None) => DigestSummary::with_status(DigestStatus::None),
        })
    }
}

impl<S: Services> Run<'_, S> {
    /// Sends the leased digests and writes `latest.json` and `report.html` for `latest`, a full run.
    /// All of it runs concurrently: a digest links to its own snapshot, not to `latest.json`.
    /// Returns the address of the report if it is that of the run.
    pub(super) async fn deliver(
        &self,
        current: &mut StoredLedger,
        latest: Option<LatestRun<'_>>,
    ) -> (DeliveryResults, Option<String>) {
        let write_latest = async {
            match latest {
                Some(latest) => self.write_latest(latest).await,
                None => None,
            }
        };
        future::join(Box::pin(self.send(current)), Box::pin(write_latest)).await
    }

    /// Publishes and settles until no digest is leased to this execution. A receiver gets its
    /// digests one after the other.
    pub(super) async fn send(&self, current: &mut StoredLedger) -> DeliveryResults {
        let mut results = DeliveryResults::default();
        loop {
            let leased: Vec<_> = current.ledger.leased_to(&self.plan.run.execution).collect();
            if leased.is_empty() {
                return results;
            }
            let publish_results = future::join_all(
                leased
                    .iter()
                    .map(|(topic, outgoing)| self.publish(topic, outgoing)),
            )
            .await;
            let mut deliveries = Vec::new();
            for ((topic, outgoing), result) in leased.into_iter().zip(publish_results) {
                let (topic, digest) = (topic.clone(), DigestRef::from(outgoing));
                match result {
                    Ok(()) => {
                        deliveries.push((topic.clone(), digest.id.clone(), Delivery::Published));
                        results.published.insert(topic, digest);
                    }
                    Err(PublishError::Content(cause)) => {
                        tracing::error!(
                            receiver = topic.as_str(),
                            digest = digest.id,
                            subject = digest.subject,
                            cause = display_chain(cause.as_ref()),
                            "the receiver refuses the content of this digest even in its shortest form; it is dropped, \
                             and its changes count as notified"
                        );
                        deliveries.push((topic.clone(), digest.id, Delivery::Dropped));
                        results.failed.push((topic, cause));
                    }
                    Err(PublishError::Failed(cause)) => {
                        if outgoing.refused {
                            tracing::warn!(
                                receiver = topic.as_str(),
                                digest = digest.id,
                                cause = display_chain(cause.as_ref()),
                                "the receiver still refuses this digest; it waits for the next run"
                            );
                        } else {
                            results.failed.push((topic.clone(), cause));
                        }
                        deliveries.push((topic, digest.id, Delivery::Failed));
                    }
                }
            }
            // An event that asks for a digest also enqueues one for a receiver that just got one of an
            // earlier run. A receiver that got none here may have got that of this run from an
            // earlier execution.
            let run_prefix = format!("{}.", self.plan.run.id);
            let got_earlier_digest = |topic: &&TopicArn| {
                results
                    .published
                    .get(topic)
                    .is_some_and(|digest| !digest.id.starts_with(&run_prefix))
            };
            let always = self.plan.mode.asks_for_digest();
            let forced = self
                .plan
                .receivers()
                .filter(|topic| always && got_earlier_digest(topic))
                .collect();
            if let Err(cause) = self.settle(current, &deliveries, &forced).await {
                results.settle_error = Some((self.store.address(&self.plan.keys.ledger), cause));
                return results;
            }
        }
    }

    async fn publish(
        &self,
        topic: &TopicArn,
        outgoing: &OutgoingDigest,
    ) -> Result<(), PublishError> {
        let notifier = self.services.notifier();
        let OutgoingDigest {
            message, last_form, ..
        } = outgoing;
        publish(notifier, self.deadline, topic, message, last_form).await
    }

    /// Settles the deliveries and enqueues further digests, in one ledger update. `forced` topics
    /// get a digest even without pending changes.
    async fn settle(
        &self,
        current: &mut StoredLedger,
        deliveries: &[(TopicArn, String, Delivery)],
        forced: &BTreeSet<&TopicArn>,
    ) -> Result<(), Option<BoxError>> {
        let now = self.now();
        self.store
            .update(current, |ledger| {
                for (topic, digest_id, delivery) in deliveries {
                    ledger.settle(topic, digest_id, &self.plan.run.execution, *delivery);
                }
                if self.plan.mode.announce != NotifyMode::Never
                    && self.may_write(ledger)
                    && let Some(due_at) = ledger.last_commit.as_ref().map(|last| last.at)
                {
                    self.notification_context(due_at, now)
                        .enqueue(ledger, |topic| forced.contains(topic));
                }
            })
            .await
    }
}

/// Publishes a message; in its last form if the receiver refuses the content.
pub(super) async fn publish<N: Notifier>(
    notifier: &N,
    deadline: Instant,
    topic: &TopicArn,
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

/// Waits for SNS until a time before `deadline` that leaves time to settle: a timeout of one topic
/// must not lose the record of deliveries to the others.
async fn publish_before(
    deadline: Instant,
    publish: impl Future<Output = Result<(), PublishError>>,
) -> Result<(), PublishError> {
    let left = deadline.saturating_duration_since(Instant::now());
    let published = timeout_at(deadline - (left / 4).min(SETTLE_RESERVE), publish);
    published.await.unwrap_or_else(|_| {
        Err(PublishError::Failed(
            "there was no answer before the invocation ends".into(),
        ))
    })
}
