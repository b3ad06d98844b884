//! What is open, since when, what each audience was told, what is being sent: all that one run
//! leaves for the next.
//!
//! What else is to be told is not stored. It is the difference between what an audience was told
//! and what is open, so it can neither pile up nor contradict the rest; see
//! [`difference`](crate::difference).

mod document;
mod hint;
mod protocol;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use litemap::LiteMap;
use serde::{Deserialize, Serialize};

use crate::message::SnsMessage;
use crate::model::{
    Account, AccountId, ApiError, FailureKey, GapKey, PackKey, Resolution, RunId, Source,
    StatusRecord, TopicArn,
};
use crate::plan::Policy;
use crate::scope::Scope;
use crate::totals::Totals;

pub use document::Unreadable;
pub(crate) use document::room_for;
pub use hint::{Large, PackHint, Whole};
pub use protocol::{Sent, Turn};

/// The number by which the ledger knows an audience: shorter than its ARN, and never given twice.
pub type AudienceId = u32;

/// When audiences were told. There are one or two, and as many of these as failures.
pub type Told = LiteMap<AudienceId, Timestamp>;

/// The ledger.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// The number of the last commit.
    pub sequence: u64,
    /// The last commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Committed>,
    /// The runs that committed within a day.
    pub runs: Vec<RecentRun>,
    /// The end and scope of the last committed reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
    /// The function's own account, as STS last said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_account: Option<AccountId>,
    /// The sources of the last full run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched: Option<BTreeSet<Source>>,
    /// The next audience's number.
    pub next_audience: AudienceId,
    /// Who is told.
    pub audiences: BTreeMap<TopicArn, Audience>,
    /// What is failing.
    #[serde(
        default,
        serialize_with = "document::write_pairs",
        deserialize_with = "document::read_pairs"
    )]
    pub open: BTreeMap<FailureKey, Arc<Open>>,
    /// What an audience still believes to be failing, or watched.
    #[serde(
        default,
        serialize_with = "document::write_pairs",
        deserialize_with = "document::read_pairs"
    )]
    pub closed: BTreeMap<FailureKey, Closed>,
    /// What was not read.
    #[serde(
        default,
        serialize_with = "document::write_pairs",
        deserialize_with = "document::read_pairs"
    )]
    pub gaps: BTreeMap<GapKey, OpenGap>,
    /// Sources that had packs and list none.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        serialize_with = "document::write_pairs",
        deserialize_with = "document::read_pairs"
    )]
    pub emptied: BTreeMap<Source, Emptied>,
    /// Hints for the next reading.
    #[serde(
        default,
        serialize_with = "document::write_pairs",
        deserialize_with = "document::read_pairs"
    )]
    pub packs: BTreeMap<PackKey, PackHint>,
    /// Who accounts are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<AccountId, Named>,
}

/// The last commit, as the digests name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Committed {
    /// Its run.
    pub run_id: String,
    /// When its reading ended. What is due is asked of this time.
    pub at: Timestamp,
    /// The key of its snapshot.
    pub snapshot: String,
    /// Its totals.
    pub totals: Totals,
    /// Whether no run had committed before it.
    pub first: bool,
}

/// A run that committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentRun {
    /// The id of the run.
    pub run_id: String,
    /// The execution that committed it.
    pub execution: String,
    /// Its number.
    pub sequence: u64,
    /// The key of its snapshot.
    pub snapshot: String,
    /// When it committed.
    pub at: Timestamp,
    /// Its totals.
    pub totals: Totals,
    /// Whether it was complete.
    pub complete: bool,
    /// Whether it was narrowed, and so is no `latest.json`.
    pub narrowed: bool,
}

/// The last committed reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// When it ended.
    pub until: Timestamp,
    /// What it looked at.
    pub scope: Scope,
}

/// A configured topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audience {
    /// Its number in the ledger.
    pub id: AudienceId,
    /// How many digests it was given.
    pub digests: u64,
    /// Sources that are watched since its last digest.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub newly_watched: BTreeSet<Source>,
    /// The digest that may be on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<Head>,
}

/// A rendered digest that may already be on its way. What it tells counts as told from the moment
/// that it is here, because it is always sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The id of the digest, the same however often it is sent.
    pub id: String,
    /// The request, word for word.
    pub message: SnsMessage,
    /// When it was made. One that an earlier version made does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_at: Option<Timestamp>,
    /// Who sends it; nobody when it failed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
}

/// The execution that may send a head, until its time is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Its token.
    pub execution: String,
    /// The end of its invocation.
    pub until: Timestamp,
}

/// A failure that is open. Ledgers share those that are the same in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Open {
    /// The newest row.
    pub row: Arc<StatusRecord>,
    /// The last failing row, where the newest is not failing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Arc<StatusRecord>>,
    /// When it was first seen, or the row's own time where that is earlier.
    pub failing_since: Timestamp,
    /// When its status, code or message last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// The run that saw it first.
    pub first_run: RunId,
    /// Whether another run saw it too.
    pub seen_again: bool,
    /// Since when its account has been absent from the pack, in every reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_since: Option<Timestamp>,
    /// Since when whole readings of a moving pack have found only settled members; of a pack
    /// itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_since: Option<Timestamp>,
    /// Which audiences were told, and when last.
    #[serde(serialize_with = "document::write_map")]
    pub told: Told,
}

impl Open {
    /// Changes it in one ledger; where nothing changes, it stays shared.
    pub fn revise<T>(this: &mut Arc<Self>, change: impl FnOnce(&mut Self) -> T) -> T {
        let mut revised = Self::clone(this);
        let result = change(&mut revised);
        if revised != **this {
            *this = Arc::new(revised);
        }
        result
    }

    /// The row that says why it fails.
    pub fn cause(&self) -> &Arc<StatusRecord> {
        self.failed.as_ref().unwrap_or(&self.row)
    }

    /// Whether it is old enough, seen often enough and not ignored.
    pub fn is_due(&self, key: &FailureKey, policy: &Policy, at: Timestamp) -> bool {
        !policy.ignores(key)
            && at.duration_since(self.failing_since) >= policy.announce_after
            && (!key.is_pack() || self.seen_again)
    }
}

impl Policy {
    /// Whether a failure is recorded but never told.
    pub fn ignores(&self, key: &FailureKey) -> bool {
        key.account_id
            .as_ref()
            .is_some_and(|account| self.ignore.contains(account))
    }
}

/// A failure that ended, kept until every audience that was told of it is told of its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Closed {
    /// The proof.
    pub how: Resolution,
    /// The last failing row.
    pub row: Arc<StatusRecord>,
    /// Since when it had failed.
    pub failing_since: Timestamp,
    /// When it ended.
    pub closed_at: Timestamp,
    /// Whether an audience was told of the end. For that one a failure that comes back is another
    /// failure.
    #[serde(default)]
    pub told: bool,
    /// The audiences that are still to be told, and when they were last told that it was failing.
    #[serde(serialize_with = "document::write_map")]
    pub owed: Told,
}

/// Something that was not read, or whose end an audience is still to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenGap {
    /// Why.
    pub cause: ApiError,
    /// Since when.
    pub since: Timestamp,
    /// The run that met it first.
    pub first_run: RunId,
    /// Whether another run met it too.
    pub met_again: bool,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<GapEnd>,
    /// The audiences that were told of it, and not of its end.
    pub told: BTreeSet<AudienceId>,
}

/// How a gap ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapEnd {
    /// It was read again.
    Read,
    /// The pack is no longer there.
    Gone,
    /// The settings no longer cover it.
    Unwatched,
}

/// A source that had packs and lists none, or whose packs are back and an audience is still to be
/// told so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emptied {
    /// How many packs were known there.
    pub packs_before: usize,
    /// When it was first seen without any.
    pub since: Timestamp,
    /// Whether it lists packs again.
    #[serde(default)]
    pub ended: bool,
    /// The audiences that were told of it, and not of its end.
    pub told: BTreeSet<AudienceId>,
}

/// What AWS Organizations said of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// When it was asked.
    pub at: Timestamp,
    /// What it said; `None` is that there is no such account.
    pub account: Option<Account>,
}

/// How long a name is good for.
const NAMES_ARE_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Named {
    /// Whether it is not to be asked again yet.
    pub fn is_good(&self, now: Timestamp) -> bool {
        now.duration_since(self.at) < NAMES_ARE_KEPT
    }
}

/// How long a committed run id is known: Lambda tries an asynchronous invocation again for up to
/// six hours.
pub(crate) const RUNS_ARE_KNOWN: SignedDuration = SignedDuration::from_hours(24);

impl Ledger {
    /// The ledger of a first run, whose numbers go on after `sequence`.
    pub fn starting_after(sequence: u64) -> Self {
        Self {
            sequence,
            ..Self::default()
        }
    }

    /// The open failures of a pack: its own first, then its members'.
    pub fn open_in(&self, pack: &PackKey) -> impl Iterator<Item = (&FailureKey, &Open)> {
        let open = self
            .open
            .range(FailureKey::pack_itself(pack)..)
            .take_while(move |(key, _)| key.pack == *pack);
        open.map(|(key, open)| (key, &**open))
    }

    /// What is known of the account of a failure.
    pub fn account(&self, key: &FailureKey) -> Option<&Account> {
        self.names.get(key.account_id.as_ref()?)?.account.as_ref()
    }

    /// The number of a configured audience.
    pub fn audience_id(&self, topic: &TopicArn) -> Option<AudienceId> {
        self.audiences.get(topic).map(|audience| audience.id)
    }

    /// Makes every configured audience known; a new one starts with nothing told.
    pub fn welcome<'a>(&mut self, topics: impl IntoIterator<Item = &'a TopicArn>) {
        for topic in topics {
            if !self.audiences.contains_key(topic) {
                let id = self.next_audience;
                self.next_audience += 1;
                self.audiences.insert(
                    topic.clone(),
                    Audience {
                        id,
                        digests: 0,
                        newly_watched: BTreeSet::new(),
                        head: None,
                    },
                );
            }
        }
    }

    /// Forgets the audiences that are no longer configured, and all that they were told.
    pub fn forget_audiences_but(&mut self, topics: &[TopicArn]) {
        self.audiences.retain(|topic, _| topics.contains(topic));
        let known: BTreeSet<AudienceId> = self
            .audiences
            .values()
            .map(|audience| audience.id)
            .collect();
        for open in self.open.values_mut() {
            Open::revise(open, |open| open.told.retain(|id, _| known.contains(id)));
        }
        for closed in self.closed.values_mut() {
            closed.owed.retain(|id, _| known.contains(id));
        }
        for gap in self.gaps.values_mut() {
            gap.told.retain(|id| known.contains(id));
        }
        for emptied in self.emptied.values_mut() {
            emptied.told.retain(|id| known.contains(id));
        }
        self.drop_what_nobody_waits_for();
    }

    /// Drops endings that every audience knows of.
    pub fn drop_what_nobody_waits_for(&mut self) {
        self.closed.retain(|_, closed| !closed.owed.is_empty());
        self.gaps
            .retain(|_, gap| gap.ended.is_none() || !gap.told.is_empty());
        self.emptied
            .retain(|_, emptied| !emptied.ended || !emptied.told.is_empty());
    }
}
