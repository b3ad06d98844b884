//! Delivery: publishes the outgoing digests that are leased to this execution, all receivers at
//! once, and settles them in the ledger. The same ledger write enqueues the next digest of a
//! receiver that still has pending changes.

use std::collections::BTreeMap;

use super::error::RunError;
use super::execution::Run;
use super::latest::LatestRun;
use super::ledger_store::StoredLedger;
use super::publish::publish;
use super::put_events::put_events;
use super::services::Services;
use crate::input::event::NotifyMode;
use crate::input::plan::RunPlan;
use crate::ledger::{Delivery, Ledger, OutgoingContent, OutgoingDigest};
use crate::model::{ReceiverArn, display_chain};
use crate::notify::AskedFor;
use crate::ports::{BoxError, PublishError};
use crate::report::{DigestRef, DigestStatus, DigestSummary};
use futures_util::future;

/// Results of publishing and settling.
#[derive(Debug, Default)]
pub(super) struct DeliveryResults {
    /// The last digest sent to each receiver.
    published: BTreeMap<ReceiverArn, DigestRef>,
    /// The digests that a receiver refused for the first time. Those that it refuses again are
    /// only logged: the run itself is in order.
    failed: Vec<(ReceiverArn, BoxError)>,
    /// Address of the ledger and the cause, if the digests could not be settled.
    settle_error: Option<(String, Option<BoxError>)>,
}

impl DeliveryResults {
    /// Returns the status of the digest for the digest topic, or the delivery error of any
    /// receiver.
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
                    receivers: failed,
                    settle_error: None,
                });
            }
            (false, Some((object, source))) => {
                let settle_error = Some(Box::new(RunError::SettleFailed { object, source }));
                return Err(RunError::PublishFailed {
                    receivers: failed,
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
    /// Sends the leased digests and writes `latest.json` and `report.html` for `latest`, a full
    /// run. All of it runs concurrently: a digest links to its own snapshot, not to `latest.json`.
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
            for ((topic, outgoing), (delivery, cause)) in leased.into_iter().zip(publish_results) {
                let (topic, digest) = (topic.clone(), DigestRef::from(outgoing));
                deliveries.push((topic.clone(), digest.id.clone(), delivery.clone()));
                let Some(cause) = cause else {
                    results.published.insert(topic, digest);
                    continue;
                };
                match delivery {
                    Delivery::Published | Delivery::Dropped => {
                        tracing::error!(
                            receiver = topic.as_str(),
                            digest = digest.id,
                            subject = digest.subject,
                            cause = display_chain(cause.as_ref()),
                            "{}",
                            dropped(&topic)
                        );
                        results.failed.push((topic, cause));
                    }
                    Delivery::Failed | Delivery::PartlySent(_) => {
                        if outgoing.refused {
                            tracing::warn!(
                                receiver = topic.as_str(),
                                digest = digest.id,
                                cause = display_chain(cause.as_ref()),
                                "the receiver still refuses this digest; it waits for the next run"
                            );
                        } else {
                            results.failed.push((topic, cause));
                        }
                    }
                }
            }
            if let Err(cause) = self.settle(current, &deliveries).await {
                results.settle_error = Some((self.store.address(&self.plan.keys.ledger), cause));
                return results;
            }
        }
    }

    /// Sends a digest. Returns how it is settled, and the error if not all of it was accepted.
    async fn publish(
        &self,
        receiver: &ReceiverArn,
        outgoing: &OutgoingDigest,
    ) -> (Delivery, Option<BoxError>) {
        let notifier = self.services.notifier();
        match &outgoing.content {
            OutgoingContent::Message { message, last_form } => {
                match publish(notifier, self.deadline, receiver, message, last_form).await {
                    Ok(()) => (Delivery::Published, None),
                    Err(PublishError::Content(cause)) => (Delivery::Dropped, Some(cause)),
                    Err(PublishError::Failed(cause)) => (Delivery::Failed, Some(cause)),
                }
            }
            OutgoingContent::Events { events, .. } => {
                put_events(notifier, self.deadline, receiver, events)
                    .await
                    .settled()
            }
        }
    }

    /// Settles the deliveries and enqueues further digests, in one ledger update.
    async fn settle(
        &self,
        current: &mut StoredLedger,
        deliveries: &[(ReceiverArn, String, Delivery)],
    ) -> Result<(), Option<BoxError>> {
        let now = self.now();
        self.store
            .update(current, |ledger| {
                for (topic, digest_id, delivery) in deliveries {
                    ledger.settle(topic, digest_id, &self.plan.run.execution, delivery);
                }
                if self.plan.mode.announce != NotifyMode::Never
                    && self.may_write(ledger)
                    && let Some(due_at) = ledger.last_commit.as_ref().map(|last| last.at)
                {
                    self.notification_context(due_at, now)
                        .enqueue(ledger, AskedFor::Before);
                }
            })
            .await
    }
}

/// Returns what the log says of a digest that a receiver refuses for its content.
fn dropped(receiver: &ReceiverArn) -> &'static str {
    if receiver.is_event_bus() {
        "the event bus refuses the content of at least one event of this digest; these events are dropped, and the others are sent"
    } else {
        "the topic refuses the content of this digest even in its shortest form; it is dropped, and its changes count as notified"
    }
}
