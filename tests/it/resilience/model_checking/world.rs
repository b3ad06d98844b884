//! State outside the executions: the bucket, the member accounts, and the topics with what their
//! digests report.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;

use packwatch::ledger::{Ledger, OutgoingContent, OutgoingDigest};
use serde_json::Value;

use super::digests::{Accounts, ReceiverLog, form_id, is_last_form, notified_accounts};
use super::execution::{ExecutionSpec, OTHER, OURS, function_id};
use super::object::{Bytes, LATEST, LEDGER, StoredObject};
use super::replay::{Call, Progress, Response, Time};
use crate::support::harness::TOPIC;

/// Violation of a safety property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SafetyViolation {
    /// An execution sent an outgoing digest without holding its lease.
    SentWithoutLease,
    /// A digest was sent twice without a preceding crash or lost response.
    UnexplainedDuplicate,
    /// Two messages have the same digest ID.
    DigestIdReused,
    /// A digest repeats or omits a change.
    WrongChanges,
    /// The commit differs from the read.
    CommitDiffersFromRead,
    /// A read was committed over a read that ended after its start.
    StaleRead,
    /// A run was committed twice.
    RunCommittedTwice,
    /// A commit was overwritten.
    CommitLost,
    /// An execution reported its run as stored, but it is not.
    RunNotStored,
    /// A snapshot was overwritten with other content.
    SnapshotOverwritten,
    /// A function committed to the ledger of another function.
    WroteForeignLedger,
    /// A mute is not in the ledger any more, or was reported as stored and is not.
    MuteLost,
    /// A mute is in the ledger, and not in the failures that it matches.
    MuteHalfApplied,
    /// A digest that was rendered after a mute reports the muted failure as new.
    MutedFailureNotified,
}

/// Effect of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The call takes effect and its response arrives.
    Done,
    /// The service responds 409, or 412 although no other execution wrote.
    Conflict,
    /// The call takes effect, but its response is lost.
    ResponseLost,
    /// The call has no effect, and no response arrives.
    RequestLost,
    /// The service rejects the call. The call has no effect.
    Rejected,
    /// The topic refuses the content of the message. The call has no effect.
    ContentRefused,
    /// The event bus accepts only the first event.
    PartlyAccepted,
}

/// State outside the executions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    objects: Arc<BTreeMap<String, StoredObject>>,
    pub failing: Accounts,
    pub receivers: BTreeMap<&'static str, ReceiverLog>,
    /// Execution ID by ID of the run that it committed.
    pub committed: BTreeMap<String, String>,
    /// Latest end of a committed read.
    pub read_until: Time,
    /// Crashes, lost publish responses and failed ledger calls so far. Each allows one duplicate
    /// digest.
    pub allowed_duplicates: usize,
    pub violation: Option<SafetyViolation>,
    /// Digests that `Mutant::SettleBeforePublish` has still to send: execution ID, topic, digest ID
    /// and message.
    postponed: Vec<(String, String, String, Bytes)>,
}

impl World {
    pub fn new(failing: Accounts, second_receiver: &'static str) -> Self {
        Self {
            objects: Arc::default(),
            failing,
            receivers: [
                (TOPIC, ReceiverLog::default()),
                (second_receiver, ReceiverLog::default()),
            ]
            .into(),
            committed: BTreeMap::new(),
            read_until: Time::MIN,
            allowed_duplicates: 0,
            violation: None,
            postponed: Vec::new(),
        }
    }

    pub fn ledger(&self) -> Option<&Ledger> {
        self.bytes(LEDGER).map(Bytes::ledger)
    }

    pub fn version(&self, key: &str) -> Option<String> {
        self.bytes(key).map(Bytes::version)
    }

    fn bytes(&self, key: &str) -> Option<&Bytes> {
        self.objects.get(key).map(|object| &object.bytes)
    }

    /// Returns the number of messages sent, duplicates included.
    pub fn sent(&self) -> usize {
        self.receivers
            .values()
            .map(|log| log.digests.len() + log.duplicates)
            .sum()
    }

    /// Performs a call of an execution with the given effect.
    pub fn perform(
        &mut self,
        spec: &ExecutionSpec,
        progress: &Progress,
        call: &Call,
        effect: Effect,
    ) -> Response {
        // A digest may be sent twice only after a failed ledger call or a lost publish response.
        self.allowed_duplicates += usize::from(match (effect, call) {
            (
                Effect::Done | Effect::Conflict | Effect::ContentRefused | Effect::PartlyAccepted,
                _,
            ) => false,
            (_, Call::Get { key } | Call::Put { key, .. }) => key == LEDGER,
            (Effect::ResponseLost, Call::Publish { .. } | Call::PutEvents { .. }) => true,
            (_, Call::Head { .. } | Call::Publish { .. } | Call::PutEvents { .. } | Call::Read) => {
                false
            }
        });
        match (effect, call) {
            (Effect::Rejected, _) => return Response::Rejected,
            (Effect::Conflict, _) => return Response::PreconditionFailed,
            (Effect::RequestLost, _) => return Response::Unanswered,
            (
                Effect::ContentRefused,
                Call::Publish {
                    topic,
                    digest,
                    message,
                },
            ) => {
                if is_last_form(message) {
                    self.drop_digest(topic, digest, message);
                }
                return Response::ContentRefused;
            }
            (Effect::ContentRefused, _) => unreachable!("only a topic refuses content"),
            (
                Effect::PartlyAccepted,
                Call::PutEvents {
                    bus,
                    digest,
                    events,
                },
            ) => {
                self.put_events(spec, bus, digest, &events[..1]);
                return Response::PartlyAccepted;
            }
            (Effect::PartlyAccepted, _) => unreachable!("only an event bus accepts a part"),
            (Effect::Done | Effect::ResponseLost, _) => {}
        }
        let response = match call {
            Call::Get { key } => Response::Object(
                self.bytes(key)
                    .map(|bytes| (bytes.clone(), bytes.version())),
            ),
            Call::Head { key } => Response::Head(
                self.objects
                    .get(key)
                    .map(|object| (object.bytes.version(), object.sequence)),
            ),
            Call::Read => Response::Members(self.failing),
            Call::Put {
                key,
                bytes,
                sequence,
                expect,
            } => {
                if self.version(key) != *expect {
                    return Response::PreconditionFailed;
                }
                self.store(spec, progress, key, bytes, *sequence);
                Response::Stored(bytes.version())
            }
            Call::Publish {
                topic,
                digest,
                message,
            } => {
                self.send(spec, topic, digest, message);
                Response::Published
            }
            Call::PutEvents {
                bus,
                digest,
                events,
            } => {
                self.put_events(spec, bus, digest, events);
                Response::Published
            }
        };
        if effect == Effect::ResponseLost {
            Response::Unanswered
        } else {
            response
        }
    }

    /// Stores an object without a precondition.
    pub fn store(
        &mut self,
        spec: &ExecutionSpec,
        progress: &Progress,
        key: &str,
        bytes: &Bytes,
        sequence: Option<u64>,
    ) {
        if key == LEDGER {
            self.check_mutes(bytes.ledger());
            self.commit(spec, progress, bytes.ledger());
        } else if key != LATEST && self.bytes(key).is_some_and(|current| current != bytes) {
            self.record_violation(SafetyViolation::SnapshotOverwritten);
        }
        let stored = StoredObject {
            bytes: bytes.clone(),
            sequence,
        };
        Arc::make_mut(&mut self.objects).insert(key.to_owned(), stored);
    }

    /// Returns the name of the function that the ledger belongs to.
    pub fn owner(&self) -> Option<&'static str> {
        let owner = self.ledger()?.owner.as_ref()?;
        [OURS, OTHER]
            .into_iter()
            .find(|name| owner.name.as_str() == *name)
    }

    /// Makes another function the owner of the ledger.
    pub fn adopt(&mut self, name: &str) {
        let mut ledger = self.ledger().expect("a ledger").clone();
        ledger.owner = Some(function_id(name));
        let stored = StoredObject {
            sequence: Some(ledger.sequence),
            bytes: ledger.to_bytes().expect("JSON").to_vec().into(),
        };
        Arc::make_mut(&mut self.objects).insert(LEDGER.to_owned(), stored);
    }

    /// Records a digest that the program drops, because the topic refuses even its last form. Its
    /// changes count as notified.
    fn drop_digest(&mut self, topic: &str, digest: &str, message: &Bytes) {
        let after = self.notified_accounts(topic);
        let log = self.receivers.get_mut(topic).expect("a known topic");
        log.digests.insert(form_id(digest, true), message.clone());
        log.reported_open = after.unwrap_or(log.reported_open);
    }

    /// Returns the accounts that, according to the ledger, a topic was notified of as failing.
    pub fn notified_accounts(&self, topic: &str) -> Option<Accounts> {
        let ledger = self.ledger()?;
        let receivers = ledger.receivers.iter();
        let receiver = receivers
            .filter(|(arn, _)| arn.as_str() == topic)
            .map(|(_, receiver)| receiver)
            .next()?;
        Some(notified_accounts(ledger, receiver.id))
    }

    /// Sends a digest unless it was already sent.
    pub fn send_once(&mut self, spec: &ExecutionSpec, topic: &str, digest: &str, message: &Bytes) {
        if !self.receivers[topic].was_sent(digest) {
            self.send(spec, topic, digest, message);
        }
    }

    /// Records a digest to send after its settle.
    pub fn postpone(&mut self, execution: &str, topic: &str, digest: &str, message: &Bytes) {
        self.postponed.push((
            execution.to_owned(),
            topic.to_owned(),
            digest.to_owned(),
            message.clone(),
        ));
    }

    /// Removes and returns the digests that an execution has settled but not sent.
    pub fn take_postponed(&mut self, execution: &str) -> Vec<(String, String, Bytes)> {
        let postponed = std::mem::take(&mut self.postponed);
        let leased_to = || {
            self.ledger()
                .into_iter()
                .flat_map(|ledger| ledger.leased_to(execution))
        };
        let settled = |(holder, topic, digest, _): &(String, String, String, Bytes)| {
            holder == execution
                && leased_to()
                    .all(|(arn, outgoing)| arn.as_str() != topic || outgoing.id != *digest)
        };
        let (settled, kept) = postponed.into_iter().partition(settled);
        self.postponed = kept;
        settled
            .into_iter()
            .map(|(_, topic, digest, message)| (topic, digest, message))
            .collect()
    }

    /// Returns the part of the state that can influence later runs or what their digests report.
    pub fn future_relevant_state(&self) -> impl Hash {
        let reported_open: Vec<_> = self
            .receivers
            .values()
            .map(|log| (log.reported_open, log.incident))
            .collect();
        let ledger = self.bytes(LEDGER);
        let outgoing_sent: Vec<_> = ledger
            .into_iter()
            .flat_map(|bytes| {
                let receivers = bytes.ledger().receivers.iter();
                receivers.map(move |(arn, receiver)| (bytes, arn, receiver))
            })
            .map(|(bytes, arn, receiver)| {
                let outgoing = receiver.outgoing.as_ref();
                outgoing.map(|outgoing| self.sent_parts(bytes, arn.as_str(), outgoing))
            })
            .collect();
        (
            ledger.cloned(),
            self.failing,
            reported_open,
            outgoing_sent,
            self.snapshot_chain_is_complete(),
            self.violation,
        )
    }

    /// Returns which parts of an outgoing digest of the ledger its receiver has got.
    fn sent_parts(&self, ledger: &Bytes, receiver: &str, outgoing: &OutgoingDigest) -> Vec<bool> {
        let log = &self.receivers[receiver];
        match &outgoing.content {
            OutgoingContent::Message { .. } => vec![log.was_sent(&outgoing.id)],
            OutgoingContent::Events { .. } => ledger.outgoing_events()[receiver]
                .iter()
                .map(|id| log.digests.contains_key(id))
                .collect(),
        }
    }

    /// Returns whether `latest.json` is the snapshot of the last commit.
    pub fn latest_is_current(&self) -> bool {
        let ledger = self.ledger().map(|ledger| ledger.sequence);
        let latest = self.objects.get(LATEST);
        latest.map(|latest| &latest.bytes.link().sequence) == ledger.map(Value::from).as_ref()
            && latest.and_then(|latest| latest.sequence) == ledger
    }

    /// Returns whether every commit has a snapshot and each snapshot names the previous one.
    pub fn snapshot_chain_is_complete(&self) -> bool {
        let Some(ledger) = self.ledger() else {
            return true;
        };
        let mut next = ledger
            .last_commit
            .as_ref()
            .map(|last| last.snapshot.as_str());
        for sequence in (1..=ledger.sequence).rev() {
            let Some(snapshot) = next.and_then(|key| self.bytes(key)).map(Bytes::link) else {
                return false;
            };
            if snapshot.sequence != sequence {
                return false;
            }
            next = snapshot.previous.as_deref();
        }
        next.is_none()
    }

    pub fn record_violation(&mut self, violation: SafetyViolation) {
        self.violation.get_or_insert(violation);
    }
}
