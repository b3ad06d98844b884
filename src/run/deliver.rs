//! Publish and settle: the heads that this execution owns are sent, side by side, and noted as
//! sent; what is left to tell becomes the next head in the same write.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future;
use tokio::time::{Duration, Instant, timeout_at};

use super::error::RunError;
use super::execution::Run;
use super::ledger_store::{LatestSource, StoredLedger};
use crate::input::event::NotifyMode;
use crate::input::plan::RunPlan;
use crate::ledger::{Delivery, Ledger, OutgoingDigest};
use crate::model::TopicArn;
use crate::ports::{BoxError, Clock, ConfigApi, Notifier, ObjectStore};
use crate::report::DigestRef;
use crate::report::{DigestStatus, DigestSummary};

/// Kept for noting in the ledger what was sent, where there is as much.
const SETTLE_RESERVE: Duration = Duration::from_secs(5);

/// What was sent, and what was not.
#[derive(Debug, Default)]
pub(super) struct DeliveryResults {
    /// The last digest that each topic took.
    published: BTreeMap<TopicArn, DigestRef>,
    failed: Vec<(TopicArn, BoxError)>,
    settle_error: Option<(String, Option<BoxError>)>,
}

impl DeliveryResults {
    /// What became of the digest, or how sending it failed.
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
        let waiting = ledger
            .audiences
            .get(&plan.topic)
            .and_then(|receiver| receiver.head.as_ref());
        let named = |status, name: DigestRef| DigestSummary {
            status,
            id: Some(name.id),
            subject: Some(name.subject),
            text: None,
        };
        Ok(match (published.remove(&plan.topic), waiting) {
            (Some(name), _) => named(DigestStatus::Published, name),
            (None, Some(head)) => named(DigestStatus::Waiting, DigestRef::from(head)),
            (None, None) => DigestSummary::with_status(DigestStatus::None),
        })
    }
}

impl<S: ConfigApi, A: ObjectStore, N: Notifier, C: Clock> Run<'_, S, A, N, C> {
    /// Sends what is owned, and keeps `latest.json` at the snapshot of a full run. Neither waits
    /// for the other: a digest names its own snapshot.
    pub(super) async fn deliver(
        &self,
        current: &mut StoredLedger,
        latest: Option<(u64, LatestSource<'_>)>,
    ) -> DeliveryResults {
        let update_latest = async {
            if let Some((sequence, snapshot)) = latest {
                self.update_latest(sequence, snapshot).await;
            }
        };
        future::join(Box::pin(self.send(current)), Box::pin(update_latest))
            .await
            .0
    }

    /// Sends until nothing is owned. Every digest of an audience waits for the one before it.
    pub(super) async fn send(&self, current: &mut StoredLedger) -> DeliveryResults {
        let mut results = DeliveryResults::default();
        loop {
            let heads: Vec<_> = current.ledger.leased_to(&self.plan.execution).collect();
            if heads.is_empty() {
                return results;
            }
            let answers =
                future::join_all(heads.iter().map(|(topic, head)| self.publish(topic, head))).await;
            let mut settled = Vec::new();
            for ((topic, head), answer) in heads.into_iter().zip(answers) {
                let (topic, name) = (topic.clone(), DigestRef::from(head));
                match answer {
                    Ok(()) => {
                        settled.push((topic.clone(), name.id.clone(), Delivery::Published));
                        results.published.insert(topic, name);
                    }
                    Err(cause) => {
                        settled.push((topic.clone(), name.id, Delivery::Failed));
                        results.failed.push((topic, cause));
                    }
                }
            }
            // Who asked for a digest in any case, and only got one that an earlier run had left,
            // still gets its own. Who got none here may have got its own from an earlier execution
            // of this run.
            let of_this_run = format!("{}.", self.plan.run_id);
            let left_over = |topic: &&TopicArn| {
                results
                    .published
                    .get(topic)
                    .is_some_and(|name| !name.id.starts_with(&of_this_run))
            };
            let always = self.plan.announce == NotifyMode::Always;
            let asked = self
                .plan
                .audiences()
                .filter(|topic| always && left_over(topic))
                .collect();
            if let Err(cause) = self.settle(current, &settled, &asked).await {
                results.settle_error = Some((self.address(&self.plan.ledger_key), cause));
                return results;
            }
        }
    }

    async fn publish(&self, topic: &TopicArn, head: &OutgoingDigest) -> Result<(), BoxError> {
        // Time is kept for noting what was sent: a topic that does not answer must not hide that
        // another one did.
        let left = self.deadline.saturating_duration_since(Instant::now());
        timeout_at(
            self.deadline - (left / 4).min(SETTLE_RESERVE),
            self.services.notifier.publish(topic, &head.message),
        )
        .await
        .unwrap_or_else(|_| Err("there was no answer before the invocation ends".into()))
    }

    async fn settle(
        &self,
        current: &mut StoredLedger,
        settled: &[(TopicArn, String, Delivery)],
        asked: &BTreeSet<&TopicArn>,
    ) -> Result<(), Option<BoxError>> {
        let now = self.now();
        self.update_ledger(current, |ledger| {
            for (topic, digest_id, sent) in settled {
                ledger.settle(topic, digest_id, &self.plan.execution, *sent);
            }
            if self.plan.announce != NotifyMode::Never
                && let Some(due_at) = ledger.last.as_ref().map(|last| last.at)
            {
                self.notification_context(due_at, now)
                    .enqueue(ledger, |topic| asked.contains(topic));
            }
        })
        .await
    }
}
