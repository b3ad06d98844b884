//! State outside the executions: the bucket, the member accounts, and the topics with what their
//! digests report. It detects safety violations and records the first one.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use packwatch::ledger::{Ledger, OutgoingContent, OutgoingDigest};
use packwatch::model::{BusEvent, BusEventType, FailureKey, SnsMessage};
use serde_json::Value;

use super::execution::{End, ExecutionSpec, OTHER, OURS, RunOutcome, function_id};
use super::replay::{Call, Progress, Response, Time};
use crate::support::harness::{CHAT, TOPIC, keys};

pub const LEDGER: &str = "ledger.json";
pub const LATEST: &str = "latest.json";
pub const REPORT: &str = "report.html";

/// The member accounts of the one pack.
pub const ACCOUNTS: [&str; 2] = ["222233334444", "333344445555"];
/// The account that the execution `MUTE` mutes.
pub const MUTED_ACCOUNT: &str = ACCOUNTS[0];
/// Which of them fail, or are reported as failing.
pub type Accounts = [bool; 2];

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

/// Content of an object, compared by fingerprint, as S3 compares by `ETag`.
#[derive(Clone)]
pub struct Bytes(Arc<Content>);

/// An object in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct StoredObject {
    bytes: Bytes,
    /// Sequence in the metadata.
    sequence: Option<u64>,
}

/// Bytes and their decoded form, which is cached because every state reads it.
struct Content {
    bytes: Vec<u8>,
    fingerprint: u64,
    ledger: OnceLock<Ledger>,
    link: OnceLock<Link>,
}

/// Position of a snapshot in the chain.
struct Link {
    sequence: Value,
    previous: Option<String>,
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let fingerprint = hasher.finish();
        Self(Arc::new(Content {
            bytes,
            fingerprint,
            ledger: OnceLock::new(),
            link: OnceLock::new(),
        }))
    }
}

impl Bytes {
    pub fn to_vec(&self) -> Vec<u8> {
        self.0.bytes.clone()
    }

    /// Returns the `ETag`.
    pub fn version(&self) -> String {
        format!("{:016x}", self.0.fingerprint)
    }

    pub fn ledger(&self) -> &Ledger {
        self.0
            .ledger
            .get_or_init(|| Ledger::from_bytes(&self.0.bytes).expect("a ledger"))
    }

    fn link(&self) -> &Link {
        self.0.link.get_or_init(|| {
            let run = &self.json()["run"];
            Link {
                sequence: run["sequence"].clone(),
                previous: run["previous"].as_str().map(str::to_owned),
            }
        })
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.0.bytes).expect("JSON")
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        self.0.fingerprint == other.0.fingerprint
    }
}

impl Eq for Bytes {}

impl Hash for Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.fingerprint.hash(state);
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.version())
    }
}

/// Digests that a receiver has got.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ReceiverLog {
    /// Accounts that the digests report as open.
    pub reported_open: Accounts,
    /// Whether the events of an event bus leave an incident open. Both accounts have one cause.
    pub incident: bool,
    digests: BTreeMap<String, Bytes>,
    duplicates: usize,
}

impl ReceiverLog {
    /// Returns whether a digest was sent in any form.
    fn was_sent(&self, digest: &str) -> bool {
        [true, false]
            .into_iter()
            .any(|last_form| self.digests.contains_key(&form_id(digest, last_form)))
    }
}

/// Returns the id of a form of a digest.
fn form_id(digest: &str, last_form: bool) -> String {
    format!("{digest}{}", if last_form { " (last form)" } else { "" })
}

/// State outside the executions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    objects: Arc<BTreeMap<String, StoredObject>>,
    pub failing: Accounts,
    pub receivers: BTreeMap<&'static str, ReceiverLog>,
    /// Execution ID by ID of the run that it committed.
    committed: BTreeMap<String, String>,
    /// Latest end of a committed read.
    read_until: Time,
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
    fn notified_accounts(&self, topic: &str) -> Option<Accounts> {
        let ledger = self.ledger()?;
        let receivers = ledger.receivers.iter();
        let receiver = receivers
            .filter(|(arn, _)| arn.as_str() == topic)
            .map(|(_, receiver)| receiver)
            .next()?;
        Some(notified_accounts(ledger, receiver.id))
    }

    /// Checks that a mute stays in the ledger, that it is applied as a whole, and that no digest is
    /// rendered that reports the muted failure as new.
    fn check_mutes(&mut self, next: &Ledger) {
        if self.is_muted() && next.mutes.is_empty() {
            self.record_violation(SafetyViolation::MuteLost);
        }
        if next.mutes.is_empty() {
            return;
        }
        let is_muted = |key: &FailureKey| {
            let account = key.account_id.as_ref();
            account.is_some_and(|account| account.as_str() == MUTED_ACCOUNT)
        };
        let mut open = next.open.iter();
        if open.any(|(key, open)| is_muted(key) != open.muted_until.is_some()) {
            self.record_violation(SafetyViolation::MuteHalfApplied);
        }
        for (topic, receiver) in &next.receivers {
            let Some(outgoing) = &receiver.outgoing else {
                continue;
            };
            let before = self.ledger().and_then(|before| before.receivers.get(topic));
            let before = before.and_then(|before| before.outgoing.as_ref());
            let is_new = before.is_none_or(|before| before.id != outgoing.id);
            let message = message(outgoing);
            if is_new
                && topic.as_str() == TOPIC
                && matches!(
                    reported_changes(TOPIC, &message).0,
                    ReportedChange::Accounts([true, _])
                )
            {
                self.record_violation(SafetyViolation::MutedFailureNotified);
            }
        }
    }

    /// Returns whether a mute is in the ledger.
    pub fn is_muted(&self) -> bool {
        self.ledger().is_some_and(|ledger| !ledger.mutes.is_empty())
    }

    fn commit(&mut self, spec: &ExecutionSpec, progress: &Progress, next: &Ledger) {
        let before = self.ledger().map_or(0, |ledger| ledger.sequence);
        if next.sequence < before {
            return self.record_violation(SafetyViolation::CommitLost);
        }
        let Some(last) = next
            .last_commit
            .as_ref()
            .filter(|last| last.run_id == spec.run_id)
        else {
            return;
        };
        if next.sequence == before
            && self.ledger().and_then(|ledger| ledger.last_commit.as_ref()) == Some(last)
        {
            return;
        }
        if next.sequence == before {
            self.record_violation(SafetyViolation::CommitLost);
        }
        if self.owner().is_some_and(|owner| owner != spec.function) {
            self.record_violation(SafetyViolation::WroteForeignLedger);
        }
        let (failing, ended) = progress.found.expect("a committing execution has read");
        if open(next) != failing {
            self.record_violation(SafetyViolation::CommitDiffersFromRead);
        }
        if progress.read_started < self.read_until {
            self.record_violation(SafetyViolation::StaleRead);
        }
        self.read_until = self.read_until.max(ended);
        if self
            .committed
            .insert(spec.run_id.clone(), spec.id.clone())
            .is_some()
        {
            self.record_violation(SafetyViolation::RunCommittedTwice);
        }
    }

    /// Sends a digest to the receiver of a topic.
    pub fn send(&mut self, spec: &ExecutionSpec, topic: &str, digest: &str, message: &Bytes) {
        let leased_to = self.is_leased_to(spec, topic, digest);
        let notified_accounts = self.notified_accounts(topic);
        let is_last_form = is_last_form(message);
        let allowed_duplicates = self.allowed_duplicates;
        let log = self.receivers.get_mut(topic).expect("a known topic");
        let mut violation = (!leased_to).then_some(SafetyViolation::SentWithoutLease);
        let form = form_id(digest, is_last_form);
        let was_sent = log.was_sent(digest);
        let first = log.digests.entry(form).or_insert_with(|| message.clone());
        if first != message {
            violation.get_or_insert(SafetyViolation::DigestIdReused);
        }
        if was_sent {
            log.duplicates += 1;
            if log.duplicates > allowed_duplicates {
                violation.get_or_insert(SafetyViolation::UnexplainedDuplicate);
            }
        } else if is_last_form {
            // The last form names no changes.
            log.reported_open = notified_accounts.unwrap_or(log.reported_open);
        } else {
            let (appeared, cleared) = reported_changes(topic, message);
            let after = notified_accounts.unwrap_or(log.reported_open);
            let (new, gone) = changes_between(log.reported_open, after);
            if (appeared, cleared)
                != (
                    ReportedChange::of(topic, new),
                    ReportedChange::of(topic, gone),
                )
            {
                violation.get_or_insert(SafetyViolation::WrongChanges);
            }
            log.reported_open = after;
        }
        if let Some(violation) = violation {
            self.record_violation(violation);
        }
    }

    /// Accepts events of a digest.
    pub fn put_events(&mut self, spec: &ExecutionSpec, bus: &str, digest: &str, events: &[Bytes]) {
        if !self.is_leased_to(spec, bus, digest) {
            self.record_violation(SafetyViolation::SentWithoutLease);
        }
        let after = self.notified_accounts(bus);
        let allowed_duplicates = self.allowed_duplicates;
        let log = self.receivers.get_mut(bus).expect("a known bus");
        let mut violation = None;
        let (mut repeated, mut wrong) = (false, false);
        for event in events {
            let id = format!("{digest} {}", event.version());
            if log.digests.insert(id, event.clone()).is_some() {
                repeated = true;
                continue;
            }
            let event: BusEvent = serde_json::from_value(event.json()).expect("an event");
            let detail: Value = serde_json::from_str(&event.detail).expect("JSON");
            assert_eq!(detail["digest_id"], digest);
            match event.detail_type {
                BusEventType::Cause => log.incident = detail["event_action"] == "trigger",
                BusEventType::Digest => {
                    let after = after.unwrap_or(log.reported_open);
                    wrong |= changes_in(&detail) != changes_between(log.reported_open, after);
                    log.reported_open = after;
                }
            }
        }
        if wrong {
            violation = Some(SafetyViolation::WrongChanges);
        }
        if repeated {
            log.duplicates += 1;
            if log.duplicates > allowed_duplicates {
                violation = Some(SafetyViolation::UnexplainedDuplicate);
            }
        }
        if let Some(violation) = violation {
            self.record_violation(violation);
        }
    }

    /// Returns whether a digest is in the outbox of a receiver and leased to an execution.
    fn is_leased_to(&self, spec: &ExecutionSpec, receiver: &str, digest: &str) -> bool {
        let receivers = self
            .ledger()
            .into_iter()
            .flat_map(|ledger| &ledger.receivers);
        let mut outbox = receivers.filter(|(arn, _)| arn.as_str() == receiver);
        let outgoing = outbox.find_map(|(_, receiver)| receiver.outgoing.as_ref());
        let outgoing = outgoing.filter(|outgoing| outgoing.id == digest);
        let lease = outgoing.and_then(|outgoing| outgoing.lease.as_ref());
        lease.is_some_and(|lease| lease.holder == spec.id)
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

    /// Checks the result that an execution returns.
    pub fn ended(&mut self, spec: &ExecutionSpec, end: &End) {
        let committed_by = self.committed.get(&spec.run_id);
        let consistent = match end {
            End::Succeeded(RunOutcome::Committed) => committed_by == Some(&spec.id),
            End::Succeeded(RunOutcome::Resumed) => committed_by.is_some(),
            End::Succeeded(RunOutcome::Superseded) | End::Failed(_) => true,
            End::Succeeded(RunOutcome::Muted) => {
                if !self.is_muted() {
                    self.record_violation(SafetyViolation::MuteLost);
                }
                true
            }
        };
        if !consistent {
            self.record_violation(SafetyViolation::RunNotStored);
        }
    }

    /// Returns the part of the state that can influence later runs or what their digests report.
    pub fn future_relevant_state(&self) -> impl Hash {
        let reported_open: Vec<_> = self
            .receivers
            .values()
            .map(|log| (log.reported_open, log.incident))
            .collect();
        let outgoing_sent: Vec<_> = self
            .ledger()
            .into_iter()
            .flat_map(|ledger| &ledger.receivers)
            .map(|(arn, receiver)| {
                let outgoing = receiver.outgoing.as_ref();
                outgoing.map(|outgoing| self.sent_parts(arn.as_str(), outgoing))
            })
            .collect();
        (
            self.bytes(LEDGER).cloned(),
            self.failing,
            reported_open,
            outgoing_sent,
            self.snapshot_chain_is_complete(),
            self.violation,
        )
    }

    /// Returns which parts of an outgoing digest its receiver has got.
    fn sent_parts(&self, receiver: &str, outgoing: &OutgoingDigest) -> Vec<bool> {
        let log = &self.receivers[receiver];
        match &outgoing.content {
            OutgoingContent::Message { .. } => vec![log.was_sent(&outgoing.id)],
            OutgoingContent::Events { events, .. } => events
                .iter()
                .map(|event| {
                    let id = format!("{} {}", outgoing.id, event_bytes(event).version());
                    log.digests.contains_key(&id)
                })
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

    fn record_violation(&mut self, violation: SafetyViolation) {
        self.violation.get_or_insert(violation);
    }
}

/// Returns the accounts that are open in the ledger.
fn open(ledger: &Ledger) -> Accounts {
    ACCOUNTS.map(|account| {
        ledger.open.keys().any(|key| {
            key.account_id
                .as_ref()
                .is_some_and(|id| id.as_str() == account)
        })
    })
}

/// Returns the accounts that, according to the ledger, a receiver was last notified of as failing.
fn notified_accounts(ledger: &Ledger, receiver: u32) -> Accounts {
    let notified = ledger
        .open
        .iter()
        .filter(|(_, open)| open.notified.contains(receiver))
        .map(|(key, _)| key);
    let unnotified = ledger
        .resolved
        .iter()
        .filter(|(_, resolved)| resolved.unnotified.contains(receiver))
        .map(|(key, _)| key);
    let accounts: Vec<_> = notified
        .chain(unnotified)
        .filter_map(|key| key.account_id.as_ref())
        .collect();
    ACCOUNTS.map(|account| accounts.iter().any(|id| id.as_str() == account))
}

/// Changes of one kind in a message: the digest topic names the accounts, the chat topic counts
/// them.
#[derive(Debug, PartialEq)]
enum ReportedChange {
    Accounts(Accounts),
    Count(usize),
}

impl ReportedChange {
    fn of(topic: &str, accounts: Accounts) -> Self {
        if topic == TOPIC {
            Self::Accounts(accounts)
        } else {
            Self::Count(accounts.into_iter().filter(|changed| *changed).count())
        }
    }
}

/// Returns whether a message is the last form of a digest, which has no attributes that count
/// changes.
pub fn is_last_form(message: &Bytes) -> bool {
    message.json()["attributes"]["appeared"].is_null()
}

/// Returns the appeared and the cleared failures of a message.
fn reported_changes(topic: &str, message: &Bytes) -> (ReportedChange, ReportedChange) {
    let message: SnsMessage = serde_json::from_value(message.json()).expect("a message");
    let body: Value = serde_json::from_str(&message.body).expect("JSON");
    if topic == CHAT {
        let context = &body["metadata"]["additionalContext"];
        let count = |name: &str| {
            ReportedChange::Count(
                context[name]
                    .as_str()
                    .expect("a string")
                    .parse()
                    .expect("a number"),
            )
        };
        return (count("appeared"), count("cleared"));
    }
    let digest: Value =
        serde_json::from_str(body["default"].as_str().expect("text")).expect("JSON");
    let (appeared, cleared) = changes_in(&digest);
    (
        ReportedChange::Accounts(appeared),
        ReportedChange::Accounts(cleared),
    )
}

/// Returns the accounts that appeared and that cleared in a digest.
fn changes_in(digest: &Value) -> (Accounts, Accounts) {
    let named = |list: &str| {
        let keys = keys(&digest[list]);
        ACCOUNTS.map(|account| keys.contains(&format!("baseline/{account}")))
    };
    (named("appeared"), named("cleared"))
}

/// Returns the accounts that appear and that clear between two reported states.
fn changes_between(before: Accounts, after: Accounts) -> (Accounts, Accounts) {
    (
        [0, 1].map(|account| after[account] && !before[account]),
        [0, 1].map(|account| !after[account] && before[account]),
    )
}

/// Returns the message of an outgoing digest, as bytes.
pub fn message(outgoing: &OutgoingDigest) -> Bytes {
    let OutgoingContent::Message { message, .. } = &outgoing.content else {
        unreachable!("there is no event bus");
    };
    serde_json::to_vec(message).expect("JSON").into()
}

/// Returns an event as bytes.
pub fn event_bytes(event: &BusEvent) -> Bytes {
    serde_json::to_vec(event).expect("JSON").into()
}
