//! Publish and settle: the heads that this execution owns are sent, side by side, and noted as
//! sent; what is left to tell becomes the next head in the same write.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future;
use tokio::time::{Duration, Instant, timeout_at};

use super::store::{Latest, Recalled};
use super::{Run, RunError};
use crate::input::event::NotifyMode;
use crate::input::plan::RunPlan;
use crate::ledger::{Delivery, Ledger, OutgoingDigest};
use crate::model::TopicArn;
use crate::ports::{BoxError, Clock, ConfigApi, Notifier, ObjectStore};
use crate::report::{DigestReport, DigestStatus};
use crate::snapshot::DigestName;

/// Kept for noting in the ledger what was sent, where there is as much.
const SETTLING: Duration = Duration::from_secs(5);

/// What was sent, and what was not.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// The last digest that each topic took.
    published: BTreeMap<TopicArn, DigestName>,
    failed: Vec<(TopicArn, BoxError)>,
    unsettled: Option<(String, Option<BoxError>)>,
}

impl Outbox {
    /// What became of the digest, or how sending it failed.
    pub(super) fn report(self, ledger: &Ledger, plan: &RunPlan) -> Result<DigestReport, RunError> {
        let Self {
            mut published,
            failed,
            unsettled,
        } = self;
        match (failed.is_empty(), unsettled) {
            (true, None) => {}
            (true, Some((object, source))) => {
                return Err(RunError::SettleFailed { object, source });
            }
            (false, None) => {
                return Err(RunError::PublishFailed {
                    topics: failed,
                    unsettled: None,
                });
            }
            (false, Some((object, source))) => {
                let unsettled = Some(Box::new(RunError::SettleFailed { object, source }));
                return Err(RunError::PublishFailed {
                    topics: failed,
                    unsettled,
                });
            }
        }
        let waiting = ledger
            .audiences
            .get(&plan.topic)
            .and_then(|receiver| receiver.head.as_ref());
        let named = |status, name: DigestName| DigestReport {
            status,
            id: Some(name.id),
            subject: Some(name.subject),
            text: None,
        };
        Ok(match (published.remove(&plan.topic), waiting) {
            (Some(name), _) => named(DigestStatus::Published, name),
            (None, Some(head)) => named(DigestStatus::Waiting, DigestName::from(head)),
            (None, None) => DigestReport::only(DigestStatus::None),
        })
    }
}

impl<S: ConfigApi, A: ObjectStore, N: Notifier, C: Clock> Run<'_, S, A, N, C> {
    /// Sends what is owned, and keeps `latest.json` at the snapshot of a full run. Neither waits
    /// for the other: a digest names its own snapshot.
    pub(super) async fn tell(
        &self,
        current: &mut Recalled,
        latest: Option<(u64, Latest<'_>)>,
    ) -> Outbox {
        let keep_latest = async {
            if let Some((sequence, snapshot)) = latest {
                self.keep_latest(sequence, snapshot).await;
            }
        };
        future::join(Box::pin(self.send(current)), Box::pin(keep_latest))
            .await
            .0
    }

    /// Sends until nothing is owned. Every digest of an audience waits for the one before it.
    pub(super) async fn send(&self, current: &mut Recalled) -> Outbox {
        let mut outbox = Outbox::default();
        loop {
            let heads: Vec<_> = current.ledger.leased_to(&self.plan.execution).collect();
            if heads.is_empty() {
                return outbox;
            }
            let answers =
                future::join_all(heads.iter().map(|(topic, head)| self.publish(topic, head))).await;
            let mut settled = Vec::new();
            for ((topic, head), answer) in heads.into_iter().zip(answers) {
                let (topic, name) = (topic.clone(), DigestName::from(head));
                match answer {
                    Ok(()) => {
                        settled.push((topic.clone(), name.id.clone(), Delivery::Published));
                        outbox.published.insert(topic, name);
                    }
                    Err(cause) => {
                        settled.push((topic.clone(), name.id, Delivery::Failed));
                        outbox.failed.push((topic, cause));
                    }
                }
            }
            // Who asked for a digest in any case, and only got one that an earlier run had left,
            // still gets its own. Who got none here may have got its own from an earlier execution
            // of this run.
            let of_this_run = format!("{}.", self.plan.run_id);
            let left_over = |topic: &&TopicArn| {
                outbox
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
                outbox.unsettled = Some((self.address(&self.plan.ledger_key), cause));
                return outbox;
            }
        }
    }

    async fn publish(&self, topic: &TopicArn, head: &OutgoingDigest) -> Result<(), BoxError> {
        // Time is kept for noting what was sent: a topic that does not answer must not hide that
        // another one did.
        let left = self.ends.saturating_duration_since(Instant::now());
        timeout_at(
            self.ends - (left / 4).min(SETTLING),
            self.ports.notifier.publish(topic, &head.message),
        )
        .await
        .unwrap_or_else(|_| Err("there was no answer before the invocation ends".into()))
    }

    async fn settle(
        &self,
        current: &mut Recalled,
        settled: &[(TopicArn, String, Delivery)],
        asked: &BTreeSet<&TopicArn>,
    ) -> Result<(), Option<BoxError>> {
        let now = self.now();
        self.rewrite(current, |ledger| {
            for (topic, digest_id, sent) in settled {
                ledger.settle(topic, digest_id, &self.plan.execution, *sent);
            }
            if self.plan.announce != NotifyMode::Never
                && let Some(due_at) = ledger.last.as_ref().map(|last| last.at)
            {
                self.occasion(due_at, now)
                    .offer(ledger, |topic| asked.contains(topic));
            }
        })
        .await
    }
}
