//! The test notification: one invented failure, sent once to every receiver, outside of outbox and
//! leases. Nothing is written.

use std::collections::BTreeSet;

use futures_util::future;
use tokio::time::Instant;

use super::caller::Caller;
use super::error::RunError;
use super::ledger_store::LedgerStore;
use super::publish::publish;
use super::put_events::put_events;
use super::services::Services;
use crate::input::plan::RunPlan;
use crate::ledger::{Ledger, PendingChanges, Receiver};
use crate::model::{AccountId, ReceiverArn, Scope};
use crate::notify::digest::{Digest, DigestKind, DigestRequest};
use crate::ports::{BoxError, Clock, Notifier, PublishError};
use crate::report::{DigestStatus, DigestSummary, TestOutcome, TestResponse};

/// Sends a test notification to every receiver. Returns the first refusal after all were tried.
pub(super) async fn send_test<S: Services>(
    services: &S,
    store: &LedgerStore<'_, S::Store>,
    plan: &RunPlan,
    caller: &Caller,
    deadline: Instant,
) -> Result<TestResponse, RunError> {
    let (account, preloaded) = store.own_account(caller).await?;
    let targets = plan.targets(&account).map_err(RunError::InvalidSettings)?;
    let scope = plan.scope(&targets, caller.own_account.is_ok());
    let ledger = store.load_unless(preloaded).await?.ledger;
    let watched = plan.watched(&account);
    let note = if ledger == Ledger::with_sequence(ledger.sequence) {
        Some("There is no ledger yet: no run has been committed.".to_owned())
    } else {
        ledger
            .check_owner(&caller.deployment, &watched)
            .err()
            .map(|foreign| match foreign.owner {
                Some(owner) => format!("The ledger belongs to another function, {owner}."),
                None => "The ledger belongs to a function with other settings.".to_owned(),
            })
    };
    let test = TestNotification {
        plan,
        scope: &scope,
        account: Some(&account)
            .filter(|account| AccountId::is_valid(account.as_str()))
            .or(caller.account()),
        ledger: &ledger,
        note,
        now: services.clock().now(),
    };
    let digest_topic = test.digest(&plan.settings.topic);
    let summary = |status, text| DigestSummary {
        status,
        id: Some(digest_topic.id.clone()),
        subject: Some(digest_topic.subject()),
        text,
    };
    let response = |digest| TestResponse {
        run_id: plan.run.id.clone(),
        outcome: TestOutcome::Test,
        digest,
    };
    if plan.mode.dry_run {
        let shown = Some(digest_topic.text());
        return Ok(response(summary(DigestStatus::DryRun, shown)));
    }
    let receivers: BTreeSet<&ReceiverArn> = plan.receivers().collect();
    let sent = receivers.into_iter().map(|receiver| {
        let digest = test.digest(receiver);
        async move {
            let cause = send(services.notifier(), plan, deadline, receiver, &digest).await?;
            Some((receiver.clone(), cause))
        }
    });
    let refusals: Vec<_> = future::join_all(sent).await.into_iter().flatten().collect();
    if refusals.is_empty() {
        Ok(response(summary(DigestStatus::Published, None)))
    } else {
        Err(RunError::PublishFailed {
            receivers: refusals,
            settle_error: None,
        })
    }
}

/// Sends a test notification to one receiver. Returns the error if the receiver refuses it.
async fn send<N: Notifier>(
    notifier: &N,
    plan: &RunPlan,
    deadline: Instant,
    receiver: &ReceiverArn,
    digest: &Digest,
) -> Option<BoxError> {
    if plan.event_bus.as_ref() == Some(receiver) {
        let events = digest.test_events();
        let sent = put_events(notifier, deadline, receiver, &events).await;
        return sent.settled().1;
    }
    let is_chat = plan.settings.chat_topic.as_ref() == Some(receiver);
    let (message, last_form) = digest.messages(is_chat);
    let published = publish(notifier, deadline, receiver, &message, &last_form).await;
    published.err().map(PublishError::into_cause)
}

/// What a test notification is rendered from.
struct TestNotification<'a> {
    plan: &'a RunPlan,
    scope: &'a Scope,
    /// The function's own account, if it is known.
    account: Option<&'a AccountId>,
    ledger: &'a Ledger,
    /// What is wrong with the ledger, if anything.
    note: Option<String>,
    now: jiff::Timestamp,
}

impl TestNotification<'_> {
    fn digest(&self, topic: &ReceiverArn) -> Digest {
        let Self {
            plan,
            scope,
            ledger,
            now,
            ..
        } = *self;
        // A receiver that the ledger does not know yet was notified of nothing.
        let unknown = Receiver::new(ledger.next_receiver_id, now);
        let receiver = ledger.receivers.get(topic).unwrap_or(&unknown);
        let mut digest = Digest::of(&DigestRequest {
            ledger,
            receiver,
            changes: &PendingChanges::default(),
            plan,
            scope,
            kind: DigestKind::Test,
            first_look: false,
            at: ledger.last_commit.as_ref().map_or(now, |last| last.at),
            now,
        });
        digest.link_target.own_account = self.account.cloned();
        let digest = digest.with_test_failure(&plan.settings.home_region);
        Digest {
            id: format!("{}.{}.test", plan.run.id, receiver.id),
            note: self.note.clone(),
            ..digest
        }
    }
}
