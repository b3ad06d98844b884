//! The outbox: puts a rendered digest into the ledger for each receiver with pending changes. What
//! is in the outbox counts as notified and is leased to the execution that sends it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::input::event::NotifyMode;
use crate::input::plan::RunPlan;
use crate::ledger::{
    LastDigest, Lease, Ledger, NotifiedCause, OpenFailure, OutgoingContent, OutgoingDigest,
    PendingChanges, Receiver, ReceiverId, RequestedDigest,
};
use crate::model::{GroupId, ReceiverArn, Scope};
use crate::notify::digest::{Digest, DigestKind, DigestRequest, OpenCauses};

/// Whose requests for a digest are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedFor {
    /// That of this run's event, and those of earlier events that still wait.
    Now,
    /// Those of earlier events, of which this run's may be one.
    Before,
}

/// The plan, scope and times for which pending changes are computed and digests rendered.
#[derive(Debug, Clone, Copy)]
pub struct NotificationContext<'a> {
    /// The plan of the run.
    pub plan: &'a RunPlan,
    /// The scope of the run. A narrowed run notifies only changes within its scope.
    pub scope: &'a Scope,
    /// Time at which failures and reminders are due: the end of the last committed read.
    pub due_at: Timestamp,
    /// Creation time of the digests.
    pub now: Timestamp,
    /// Whether receivers that await their first look get it: a full run has committed.
    pub first_looks: bool,
}

impl NotificationContext<'_> {
    /// Returns the pending changes of `receiver`.
    pub fn changes(&self, ledger: &Ledger, receiver: &Receiver) -> PendingChanges {
        let narrowed = self.scope.narrowed.then_some(self.scope);
        PendingChanges::compute(
            ledger,
            receiver.id,
            &self.plan.settings.policy,
            narrowed,
            self.due_at,
        )
    }

    /// Puts a digest into the empty outbox of each receiver that has pending changes, or for which
    /// an event asks for one. The digest is leased to this execution and counts as notified. A
    /// receiver with a digest in its outbox gets the one that this event asks for later. Returns
    /// the receivers that got one.
    pub fn enqueue(&self, ledger: &mut Ledger, asked_for: AskedFor) -> BTreeSet<ReceiverArn> {
        let mut enqueued = BTreeSet::new();
        let requested = self.requested();
        for topic in self.plan.receivers() {
            if asked_for == AskedFor::Now
                && let Some(receiver) = ledger.receivers.get_mut(topic)
            {
                receiver.requested = requested.or(receiver.requested);
            }
            let Some(receiver) = ledger
                .receivers
                .get(topic)
                .filter(|receiver| receiver.outgoing.is_none())
            else {
                continue;
            };
            // The digest of a narrowed run is not the one that another event asked for.
            let answers_requests = !self.scope.narrowed || requested.is_some();
            let changes = self.changes(ledger, receiver);
            let first_look = self.is_first_look(receiver);
            let kind = receiver
                .requested
                .filter(|_| answers_requests)
                .map_or(DigestKind::Changes, DigestKind::from);
            let forced = kind != DigestKind::Changes;
            if changes.is_empty() && !forced && !first_look {
                continue;
            }
            let request = self.request(ledger, receiver, &changes, kind);
            let rendered = self.render(&request, topic);
            let receiver_id = receiver.id;
            changes.mark_notified(ledger, receiver_id, self.now);
            ledger.mark_shown(receiver_id, self.scope, first_look || forced);
            if forced {
                self.restart_reminders(ledger, receiver_id);
            }
            if kind == DigestKind::Summary && !self.scope.narrowed {
                ledger.record_summary(receiver_id, self.due_at);
            }
            if let Some(receiver) = ledger.receivers.get_mut(topic) {
                receiver.digest_count += 1;
                receiver.last_digest = rendered.last_digest;
                receiver.causes = rendered.causes;
                receiver.awaits_first_look &= !first_look;
                receiver.newly_watched.clear();
                receiver.requested = receiver.requested.filter(|_| !answers_requests);
                receiver.outgoing = Some(OutgoingDigest {
                    id: rendered.id,
                    content: rendered.content,
                    refused: false,
                    created_at: Some(self.now),
                    lease: Some(Lease {
                        holder: self.plan.run.execution.clone(),
                        expires_at: self.plan.timing.deadline,
                    }),
                });
            }
            enqueued.insert(topic.clone());
        }
        enqueued
    }

    /// Returns whether a digest to `receiver` is its first look.
    pub fn is_first_look(&self, receiver: &Receiver) -> bool {
        self.first_looks && receiver.awaits_first_look
    }

    /// Returns the digest that the event asks for, whatever changed.
    fn requested(&self) -> Option<RequestedDigest> {
        let mode = self.plan.mode;
        match mode.announce {
            _ if mode.summary => Some(RequestedDigest::Summary),
            NotifyMode::Always => Some(RequestedDigest::Status),
            NotifyMode::Changes | NotifyMode::Never => None,
        }
    }

    /// Returns the kind of digest that the event asks for.
    pub fn requested_kind(&self) -> DigestKind {
        self.requested()
            .map_or(DigestKind::Changes, DigestKind::from)
    }

    /// Restarts the time until the reminders of the open failures in scope, all of which a forced
    /// digest lists.
    fn restart_reminders(&self, ledger: &mut Ledger, receiver: ReceiverId) {
        for (_, open) in ledger.open.iter_mut().filter(|(key, open)| {
            open.notified.contains(receiver) && (!self.scope.narrowed || self.scope.covers(key))
        }) {
            OpenFailure::update(open, |open| open.notified.insert(receiver, self.now));
        }
    }

    /// Marks the changes of this run as notified for every receiver, without a digest, and uses up
    /// first looks. Changes that were pending in the ledger `before` the run stay pending, and so
    /// do reminders. Returns the number of suppressed changes of the receiver that has the most.
    pub fn suppress(&self, ledger: &mut Ledger, before: &Ledger) -> usize {
        let mut suppressed = 0;
        for topic in self.plan.receivers() {
            let Some(receiver) = ledger.receivers.get(topic) else {
                continue;
            };
            let due_at = before
                .last_commit
                .as_ref()
                .map_or(self.due_at, |last| last.at);
            let mut changes = self
                .changes(ledger, receiver)
                .minus(&NotificationContext { due_at, ..*self }.changes(before, receiver));
            changes.reminders.clear();
            suppressed = suppressed.max(changes.len());
            let causes = self.suppressed_causes(ledger, topic, receiver, &changes);
            changes.mark_notified(ledger, receiver.id, self.now);
            if let Some(receiver) = ledger.receivers.get_mut(topic) {
                receiver.causes = causes;
            }
            if self.first_looks
                && let Some(receiver) = ledger.receivers.get_mut(topic)
            {
                receiver.awaits_first_look = false;
            }
        }
        suppressed
    }

    /// Returns the causes that a receiver regards as open after these changes, without being
    /// notified.
    fn suppressed_causes(
        &self,
        ledger: &Ledger,
        arn: &ReceiverArn,
        receiver: &Receiver,
        changes: &PendingChanges,
    ) -> BTreeMap<GroupId, NotifiedCause> {
        if self.plan.event_bus.as_ref() != Some(arn) {
            return BTreeMap::new();
        }
        let request = self.request(ledger, receiver, changes, DigestKind::Changes);
        Digest::of(&request).suppressed_causes(&receiver.causes)
    }

    /// Returns what a digest of `changes` for `receiver` is computed from.
    pub fn request<'r>(
        &'r self,
        ledger: &'r Ledger,
        receiver: &'r Receiver,
        changes: &'r PendingChanges,
        kind: DigestKind,
    ) -> DigestRequest<'r> {
        DigestRequest {
            ledger,
            receiver,
            changes,
            plan: self.plan,
            scope: self.scope,
            kind,
            first_look: self.is_first_look(receiver),
            at: self.due_at,
            now: self.now,
        }
    }

    /// Renders a digest for `receiver`. Drops the digest itself, which can be large.
    fn render(&self, request: &DigestRequest<'_>, receiver: &ReceiverArn) -> Rendered {
        let digest = Digest::of(request);
        let id = digest.id.clone();
        if self.plan.event_bus.as_ref() == Some(receiver) {
            let receiver = request.receiver;
            let asks_for_all = self.plan.mode.announce == NotifyMode::Always;
            let open_causes = match request.kind {
                DigestKind::Status => OpenCauses::All,
                _ if asks_for_all => OpenCauses::All,
                _ if receiver.awaits_first_look && receiver.joined_later => OpenCauses::None,
                _ => OpenCauses::Changed,
            };
            let (events, causes) = digest.bus_events(&receiver.causes, open_causes);
            let subject = digest.subject();
            return Rendered {
                id,
                content: OutgoingContent::Events { subject, events },
                causes,
                last_digest: None,
            };
        }
        let is_chat = self.plan.settings.chat_topic.as_ref() == Some(receiver);
        let (message, last_form) = digest.messages(is_chat);
        Rendered {
            id,
            content: OutgoingContent::Message { message, last_form },
            causes: BTreeMap::new(),
            last_digest: (!is_chat).then(|| digest.last_digest()),
        }
    }
}

/// A rendered digest.
struct Rendered {
    id: String,
    content: OutgoingContent,
    /// The causes that an event bus then regards as open.
    causes: BTreeMap<GroupId, NotifiedCause>,
    /// What the report says about it later, if it is for the digest topic.
    last_digest: Option<LastDigest>,
}
