//! Everything outside an execution: the bucket, the topics with what their readers believe, the
//! member accounts. It knows what must never happen, and notes it when it does.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use packwatch::ledger::Ledger;
use packwatch::model::SnsMessage;
use serde_json::Value;

use super::execution::{End, Ending, Identity};
use super::replay::{Answer, Call, Knows, Time};
use crate::support::harness::{CHAT, TOPIC, keys};

pub const LEDGER: &str = "ledger.json";
pub const LATEST: &str = "latest.json";

/// The member accounts of the one pack.
pub const ACCOUNTS: [&str; 2] = ["222233334444", "333344445555"];
/// Which of them fail, or are believed to.
pub type Accounts = [bool; 2];

/// What must never happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SafetyViolation {
    /// A head was sent by an execution that the ledger does not name as its owner.
    SentByAnother,
    /// A digest was sent again though nothing had died and no answer was lost.
    SentAgain,
    /// One digest id, two messages.
    OneIdTwoMessages,
    /// A digest told as new what was told before, or left out what was not.
    ToldTwice,
    /// What was committed is not what was read.
    NotWhatWasRead,
    /// A reading was committed over one that ended after it began.
    OlderReading,
    /// One run was committed twice.
    RunTwice,
    /// A commit is gone.
    CommitLost,
    /// An execution says that its run is stored, and it is not.
    NotStored,
    /// A snapshot was written over.
    SnapshotChanged,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It is done and answered.
    Done,
    /// 409, or 412 though nobody else wrote.
    Conflict,
    /// It is done, and the answer is lost.
    Landed,
    /// It is not done, and no answer comes.
    NotLanded,
    /// It is not done, and refused.
    Refused,
}

/// Bytes that are told apart by their print, as S3 does by `ETag`.
#[derive(Clone)]
pub struct Bytes(Arc<Kept>);

/// Bytes, and what they say, which is read once: every state looks at it.
struct Kept {
    bytes: Vec<u8>,
    print: u64,
    ledger: OnceLock<Ledger>,
    link: OnceLock<Link>,
}

/// The place of a snapshot in the chain.
struct Link {
    sequence: Value,
    previous: Option<String>,
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let print = hasher.finish();
        Self(Arc::new(Kept {
            bytes,
            print,
            ledger: OnceLock::new(),
            link: OnceLock::new(),
        }))
    }
}

impl Bytes {
    pub fn to_vec(&self) -> Vec<u8> {
        self.0.bytes.clone()
    }

    pub fn version(&self) -> String {
        format!("{:016x}", self.0.print)
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
        self.0.print == other.0.print
    }
}

impl Eq for Bytes {}

impl Hash for Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.print.hash(state);
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.version())
    }
}

/// What the readers of a topic have had.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Told {
    pub believed: Accounts,
    digests: BTreeMap<String, Bytes>,
    again: usize,
}

/// The world.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    objects: Arc<BTreeMap<String, Bytes>>,
    pub failing: Accounts,
    pub told: BTreeMap<&'static str, Told>,
    /// Who committed which run.
    committed: BTreeMap<String, String>,
    read_until: Time,
    /// Deaths, lost answers and refusals so far: so often a digest may be sent again.
    pub allowed_duplicates: usize,
    pub broken: Option<SafetyViolation>,
    /// What an execution that settles too early has still to send: by its token, topic and digest.
    postponed: Vec<(String, String, String, Bytes)>,
}

impl World {
    pub fn new(failing: Accounts) -> Self {
        Self {
            objects: Arc::default(),
            failing,
            told: [(TOPIC, Told::default()), (CHAT, Told::default())].into(),
            committed: BTreeMap::new(),
            read_until: Time::MIN,
            allowed_duplicates: 0,
            broken: None,
            postponed: Vec::new(),
        }
    }

    pub fn ledger(&self) -> Option<&Ledger> {
        self.objects.get(LEDGER).map(Bytes::ledger)
    }

    pub fn version(&self, key: &str) -> Option<String> {
        self.objects.get(key).map(Bytes::version)
    }

    pub fn sent(&self) -> usize {
        self.told
            .values()
            .map(|told| told.digests.len() + told.again)
            .sum()
    }

    /// Does what an execution asks, as far as `effect` lets it.
    pub fn perform(
        &mut self,
        who: &Identity,
        knows: &Knows,
        call: &Call,
        effect: Effect,
    ) -> Answer {
        // Only what the ledger could not note, or a topic did not say, is sent again.
        self.allowed_duplicates += usize::from(match (effect, call) {
            (Effect::Done | Effect::Conflict, _) => false,
            (_, Call::Get { key } | Call::Put { key, .. }) => key == LEDGER,
            (Effect::Landed, Call::Publish { .. }) => true,
            (_, Call::Publish { .. } | Call::Read) => false,
        });
        match (effect, call) {
            (Effect::Refused, _) => return Answer::Refused,
            (Effect::Conflict, _) => return Answer::Lost,
            (Effect::NotLanded, _) => return Answer::TimeoutCount,
            (Effect::Done | Effect::Landed, _) => {}
        }
        let answer = match call {
            Call::Get { key } => Answer::Object(
                self.objects
                    .get(key)
                    .map(|bytes| (bytes.clone(), bytes.version())),
            ),
            Call::Read => Answer::Failing(self.failing),
            Call::Put { key, bytes, expect } => {
                if self.version(key) != *expect {
                    return Answer::Lost;
                }
                self.store(who, knows, key, bytes);
                Answer::Stored(bytes.version())
            }
            Call::Publish {
                topic,
                digest,
                message,
            } => {
                self.send(who, topic, digest, message);
                Answer::Delivery
            }
        };
        if effect == Effect::Landed {
            Answer::TimeoutCount
        } else {
            answer
        }
    }

    /// Stores an object, whatever was there.
    pub fn store(&mut self, who: &Identity, knows: &Knows, key: &str, bytes: &Bytes) {
        if key == LEDGER {
            self.commit(who, knows, bytes.ledger());
        } else if key != LATEST && self.objects.get(key).is_some_and(|there| there != bytes) {
            self.breaks(SafetyViolation::SnapshotChanged);
        }
        Arc::make_mut(&mut self.objects).insert(key.to_owned(), bytes.clone());
    }

    fn commit(&mut self, who: &Identity, knows: &Knows, next: &Ledger) {
        let before = self.ledger().map_or(0, |ledger| ledger.sequence);
        if next.sequence < before {
            return self.breaks(SafetyViolation::CommitLost);
        }
        let Some(last) = next.last.as_ref().filter(|last| last.run_id == who.run) else {
            return;
        };
        if next.sequence == before
            && self.ledger().and_then(|ledger| ledger.last.as_ref()) == Some(last)
        {
            return;
        }
        if next.sequence == before {
            self.breaks(SafetyViolation::CommitLost);
        }
        let (found, ended) = knows.found.expect("who commits has read");
        if open(next) != found {
            self.breaks(SafetyViolation::NotWhatWasRead);
        }
        if knows.reading_began < self.read_until {
            self.breaks(SafetyViolation::OlderReading);
        }
        self.read_until = self.read_until.max(ended);
        if self
            .committed
            .insert(who.run.clone(), who.token.clone())
            .is_some()
        {
            self.breaks(SafetyViolation::RunTwice);
        }
    }

    /// Sends a digest to the readers of a topic.
    pub fn send(&mut self, who: &Identity, topic: &str, digest: &str, message: &Bytes) {
        let receiver = self.ledger().and_then(|ledger| {
            ledger
                .audiences
                .iter()
                .find(|(arn, _)| arn.as_str() == topic)
        });
        let head = receiver
            .and_then(|(_, receiver)| receiver.head.as_ref())
            .filter(|head| head.id == digest);
        let leased_to = head
            .and_then(|head| head.owner.as_ref())
            .is_some_and(|owner| owner.execution == who.token);
        let told_of = receiver
            .map(|(_, receiver)| told_of(self.ledger().expect("there is one"), receiver.id));
        let allowed_duplicates = self.allowed_duplicates;
        let told = self.told.get_mut(topic).expect("a topic");
        let mut broken = (!leased_to).then_some(SafetyViolation::SentByAnother);
        if let Some(first) = told.digests.get(digest) {
            told.again += 1;
            if first != message {
                broken.get_or_insert(SafetyViolation::OneIdTwoMessages);
            } else if told.again > allowed_duplicates {
                broken.get_or_insert(SafetyViolation::SentAgain);
            }
        } else {
            told.digests.insert(digest.to_owned(), message.clone());
            let (appeared, cleared) = changes(topic, message);
            let after = told_of.unwrap_or(told.believed);
            let new = [0, 1].map(|account| after[account] && !told.believed[account]);
            let gone = [0, 1].map(|account| !after[account] && told.believed[account]);
            if (appeared, cleared) != (Change::of(topic, new), Change::of(topic, gone)) {
                broken.get_or_insert(SafetyViolation::ToldTwice);
            }
            told.believed = after;
        }
        if let Some(broken) = broken {
            self.breaks(broken);
        }
    }

    /// Sends a digest, unless it was sent before.
    pub fn send_once(&mut self, who: &Identity, topic: &str, digest: &str, message: &Bytes) {
        if !self.told[topic].digests.contains_key(digest) {
            self.send(who, topic, digest, message);
        }
    }

    pub fn postpone(&mut self, token: &str, topic: &str, digest: &str, message: &Bytes) {
        self.postponed.push((
            token.to_owned(),
            topic.to_owned(),
            digest.to_owned(),
            message.clone(),
        ));
    }

    /// What an execution has settled and not sent.
    pub fn take_postponed(&mut self, token: &str) -> Vec<(String, String, Bytes)> {
        let postponed = std::mem::take(&mut self.postponed);
        let leased_to = || {
            self.ledger()
                .into_iter()
                .flat_map(|ledger| ledger.leased_to(token))
        };
        let settled = |(of, topic, digest, _): &(String, String, String, Bytes)| {
            of == token
                && leased_to().all(|(arn, head)| arn.as_str() != topic || head.id != *digest)
        };
        let (settled, kept) = postponed.into_iter().partition(settled);
        self.postponed = kept;
        settled
            .into_iter()
            .map(|(_, topic, digest, message)| (topic, digest, message))
            .collect()
    }

    /// What an execution says at its end.
    pub fn ended(&mut self, who: &Identity, end: &End) {
        let by = self.committed.get(&who.run);
        let right = match end {
            End::Answered(Ending::Committed) => by == Some(&who.token),
            End::Answered(Ending::Resumed) => by.is_some(),
            End::Answered(Ending::Superseded) | End::Failed(_) => true,
        };
        if !right {
            self.breaks(SafetyViolation::NotStored);
        }
    }

    /// All that runs to come, and their readers, can tell this world from another by.
    pub fn what_matters_afterwards(&self) -> impl Hash {
        let believed: Vec<_> = self.told.values().map(|told| told.believed).collect();
        let heads: Vec<_> = self
            .ledger()
            .into_iter()
            .flat_map(|ledger| &ledger.audiences)
            .map(|(arn, receiver)| {
                receiver
                    .head
                    .as_ref()
                    .is_some_and(|head| self.told[arn.as_str()].digests.contains_key(&head.id))
            })
            .collect();
        (
            self.objects.get(LEDGER).cloned(),
            self.failing,
            believed,
            heads,
            self.snapshots_are_whole(),
            self.broken,
        )
    }

    /// Whether `latest.json` is the snapshot of the last commit.
    pub fn latest_is_the_last(&self) -> bool {
        let latest = self
            .objects
            .get(LATEST)
            .map(|latest| &latest.link().sequence);
        latest.cloned() == self.ledger().map(|ledger| ledger.sequence.into())
    }

    /// Whether every commit has its snapshot, and each names the one before it.
    pub fn snapshots_are_whole(&self) -> bool {
        let Some(ledger) = self.ledger() else {
            return true;
        };
        let mut next = ledger.last.as_ref().map(|last| last.snapshot.as_str());
        for number in (1..=ledger.sequence).rev() {
            let Some(snapshot) = next.and_then(|key| self.objects.get(key)).map(Bytes::link) else {
                return false;
            };
            if snapshot.sequence != number {
                return false;
            }
            next = snapshot.previous.as_deref();
        }
        next.is_none()
    }

    fn breaks(&mut self, broken: SafetyViolation) {
        self.broken.get_or_insert(broken);
    }
}

/// Which accounts are open in the ledger.
fn open(ledger: &Ledger) -> Accounts {
    ACCOUNTS.map(|account| {
        ledger.open.keys().any(|key| {
            key.account_id
                .as_ref()
                .is_some_and(|id| id.as_str() == account)
        })
    })
}

/// Which accounts the ledger takes an audience to believe failing.
fn told_of(ledger: &Ledger, receiver: u32) -> Accounts {
    let told = ledger
        .open
        .iter()
        .filter(|(_, open)| open.told.contains_key(&receiver))
        .map(|(key, _)| key);
    let owed = ledger
        .closed
        .iter()
        .filter(|(_, closed)| closed.owed.contains_key(&receiver))
        .map(|(key, _)| key);
    let accounts: Vec<_> = told
        .chain(owed)
        .filter_map(|key| key.account_id.as_ref())
        .collect();
    ACCOUNTS.map(|account| accounts.iter().any(|id| id.as_str() == account))
}

/// What a message says of a kind of change: the digest topic names the accounts, the chat topic
/// counts them.
#[derive(Debug, PartialEq)]
enum Change {
    Names(Accounts),
    Number(usize),
}

impl Change {
    fn of(topic: &str, accounts: Accounts) -> Self {
        if topic == TOPIC {
            Self::Names(accounts)
        } else {
            Self::Number(accounts.into_iter().filter(|it| *it).count())
        }
    }
}

/// What a message tells as appeared and as cleared.
fn changes(topic: &str, message: &Bytes) -> (Change, Change) {
    let message: SnsMessage = serde_json::from_value(message.json()).expect("a message");
    let body: Value = serde_json::from_str(&message.body).expect("JSON");
    if topic == CHAT {
        let context = &body["metadata"]["additionalContext"];
        let number = |name: &str| {
            Change::Number(
                context[name]
                    .as_str()
                    .expect("a word")
                    .parse()
                    .expect("a number"),
            )
        };
        return (number("appeared"), number("cleared"));
    }
    let digest: Value =
        serde_json::from_str(body["default"].as_str().expect("text")).expect("JSON");
    let named = |list: &str| {
        let keys = keys(&digest[list]);
        Change::Names(ACCOUNTS.map(|account| keys.contains(&format!("baseline/{account}"))))
    };
    (named("appeared"), named("cleared"))
}
