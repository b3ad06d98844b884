//! What one run leaves for the next: open failures, gaps and empty sources, what each receiver was
//! notified of, and the digests that may be in delivery.
//!
//! Pending changes are not stored. They are the difference between what a receiver was notified of
//! and what is open, so they can neither pile up nor contradict the rest; see
//! [`PendingChanges`](super::PendingChanges).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use litemap::LiteMap;
use serde::{Deserialize, Serialize};

use super::hints::PackHint;
use crate::model::NotificationPolicy;
use crate::model::RunTotals;
use crate::model::Scope;
use crate::model::SnsMessage;
use crate::model::{
    Account, AccountId, ApiError, FailureKey, GapKey, PackKey, Resolution, RunId, Source,
    StatusRecord, TopicArn,
};

/// The number by which the ledger knows an audience: shorter than its ARN, and never given twice.
pub type ReceiverId = u32;

/// When audiences were told. There are one or two, and as many of these as failures.
pub type NotifiedAt = LiteMap<ReceiverId, Timestamp>;

/// The ledger.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// The number of the last commit.
    pub sequence: u64,
    /// The last commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastCommit>,
    /// The runs that committed within a day.
    pub runs: Vec<RecentRun>,
    /// The end and scope of the last committed reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<LastRead>,
    /// The function's own account, as STS last said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_account: Option<AccountId>,
    /// The sources of the last full run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched: Option<BTreeSet<Source>>,
    /// The next audience's number.
    pub next_audience: ReceiverId,
    /// Who is told.
    pub audiences: BTreeMap<TopicArn, Receiver>,
    /// What is failing.
    #[serde(default, with = "super::map_as_pairs")]
    pub open: BTreeMap<FailureKey, Arc<OpenFailure>>,
    /// What an audience still believes to be failing, or watched.
    #[serde(default, with = "super::map_as_pairs")]
    pub closed: BTreeMap<FailureKey, ResolvedFailure>,
    /// What was not read.
    #[serde(default, with = "super::map_as_pairs")]
    pub gaps: BTreeMap<GapKey, Gap>,
    /// Sources that had packs and list none.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        with = "super::map_as_pairs"
    )]
    pub emptied: BTreeMap<Source, EmptySource>,
    /// Hints for the next reading.
    #[serde(default, with = "super::map_as_pairs")]
    pub packs: BTreeMap<PackKey, PackHint>,
    /// Who accounts are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<AccountId, CachedAccount>,
}

/// The last commit, as the digests name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastCommit {
    /// Its run.
    pub run_id: String,
    /// When its reading ended. What is due is asked of this time.
    pub at: Timestamp,
    /// The key of its snapshot.
    pub snapshot: String,
    /// Its totals.
    pub totals: RunTotals,
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
    pub totals: RunTotals,
    /// Whether it was complete.
    pub complete: bool,
    /// Whether it was narrowed, and so is no `latest.json`.
    pub narrowed: bool,
}

/// The last committed reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LastRead {
    /// When it ended.
    pub until: Timestamp,
    /// What it looked at.
    pub scope: Scope,
}

/// A configured topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receiver {
    /// Its number in the ledger.
    pub id: ReceiverId,
    /// How many digests it was given.
    pub digests: u64,
    /// Sources that are watched since its last digest.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub newly_watched: BTreeSet<Source>,
    /// The digest that may be on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<OutgoingDigest>,
}

/// A rendered digest that may already be on its way. What it tells counts as told from the moment
/// that it is here, because it is always sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutgoingDigest {
    /// The id of the digest, the same however often it is sent.
    pub id: String,
    /// The request, word for word.
    pub message: SnsMessage,
    /// When it was made. One that an earlier version made does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_at: Option<Timestamp>,
    /// Who sends it; nobody when it failed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Lease>,
}

/// The execution that may send a head, until its time is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its token.
    pub execution: String,
    /// The end of its invocation.
    pub until: Timestamp,
}

/// A failure that is open. Ledgers share those that are the same in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenFailure {
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
    #[serde(serialize_with = "super::map_as_pairs::serialize_small")]
    pub told: NotifiedAt,
}

impl OpenFailure {
    /// Changes it in one ledger; where nothing changes, it stays shared.
    pub fn update<T>(this: &mut Arc<Self>, change: impl FnOnce(&mut Self) -> T) -> T {
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
    pub fn is_due(&self, key: &FailureKey, policy: &NotificationPolicy, at: Timestamp) -> bool {
        !policy.ignores(key)
            && at.duration_since(self.failing_since) >= policy.announce_after
            && (!key.is_pack() || self.seen_again)
    }
}

/// A failure that ended, kept until every audience that was told of it is told of its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResolvedFailure {
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
    #[serde(serialize_with = "super::map_as_pairs::serialize_small")]
    pub owed: NotifiedAt,
}

/// Something that was not read, or whose end an audience is still to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
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
    pub ended: Option<GapResolution>,
    /// The audiences that were told of it, and not of its end.
    pub told: BTreeSet<ReceiverId>,
}

/// How a gap ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapResolution {
    /// It was read again.
    Read,
    /// The pack is no longer there.
    PackRemoved,
    /// The settings no longer cover it.
    OutOfScope,
}

/// A source that had packs and lists none, or whose packs are back and an audience is still to be
/// told so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmptySource {
    /// How many packs were known there.
    pub packs_before: usize,
    /// When it was first seen without any.
    pub since: Timestamp,
    /// Whether it lists packs again.
    #[serde(default)]
    pub ended: bool,
    /// The audiences that were told of it, and not of its end.
    pub told: BTreeSet<ReceiverId>,
}

/// What AWS Organizations said of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachedAccount {
    /// When it was asked.
    pub at: Timestamp,
    /// What it said; `None` is that there is no such account.
    pub account: Option<Account>,
}

/// How long a name is good for.
const ACCOUNT_CACHE_TTL: SignedDuration = SignedDuration::from_hours(7 * 24);

impl CachedAccount {
    /// Whether it is not to be asked again yet.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.duration_since(self.at) < ACCOUNT_CACHE_TTL
    }
}

/// How long a committed run id is known: Lambda tries an asynchronous invocation again for up to
/// six hours.
pub(crate) const RUN_ID_RETENTION: SignedDuration = SignedDuration::from_hours(24);

impl Ledger {
    /// The ledger of a first run, whose numbers go on after `sequence`.
    pub fn with_sequence(sequence: u64) -> Self {
        Self {
            sequence,
            ..Self::default()
        }
    }

    /// The open failures of a pack: its own first, then its members'.
    pub fn open_in(&self, pack: &PackKey) -> impl Iterator<Item = (&FailureKey, &OpenFailure)> {
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
    pub fn receiver_id(&self, topic: &TopicArn) -> Option<ReceiverId> {
        self.audiences.get(topic).map(|receiver| receiver.id)
    }

    /// Makes every configured audience known; a new one starts with nothing told.
    pub fn register_receivers<'a>(&mut self, topics: impl IntoIterator<Item = &'a TopicArn>) {
        for topic in topics {
            if !self.audiences.contains_key(topic) {
                let id = self.next_audience;
                self.next_audience += 1;
                self.audiences.insert(
                    topic.clone(),
                    Receiver {
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
        let known: BTreeSet<ReceiverId> = self
            .audiences
            .values()
            .map(|receiver| receiver.id)
            .collect();
        for open in self.open.values_mut() {
            OpenFailure::update(open, |open| open.told.retain(|id, _| known.contains(id)));
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
        self.prune_delivered();
    }

    /// Drops endings that every audience knows of.
    pub fn prune_delivered(&mut self) {
        self.closed.retain(|_, closed| !closed.owed.is_empty());
        self.gaps
            .retain(|_, gap| gap.ended.is_none() || !gap.told.is_empty());
        self.emptied
            .retain(|_, emptied| !emptied.ended || !emptied.told.is_empty());
    }
}
