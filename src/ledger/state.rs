//! Ledger state: open failures, gaps and empty sources, what each receiver was notified of, and the
//! digests in the outbox.
//!
//! Pending changes are not stored. They are the difference between what a receiver was notified of
//! and what is open, so they can neither accumulate nor contradict the rest; see
//! [`PendingChanges`](super::PendingChanges).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::failure::{OpenFailure, ResolvedFailure, is_false};
use super::hints::PackHint;
use super::history_day::History;
use super::notified_at::ReceiverId;
use super::receiver::Receiver;
use crate::model::{
    Account, AccountId, ApiError, FailureKey, FunctionId, GapKey, Mute, PackKey, PackName,
    ReceiverArn, RunId, RunTotals, Scope, Source, Warning, Watched,
};

/// The state that a run reads, and stores for the next run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Ledger {
    /// Sequence number of the last commit.
    pub sequence: u64,
    /// The last commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_commit: Option<LastCommit>,
    /// The function that the ledger belongs to; `None` until a deployed function has written it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<FunctionId>,
    /// The runs that committed within the last hours, to recognize retries of their invocations.
    pub recent_runs: Vec<RecentRun>,
    /// The last committed full read, and the narrowed reads that a run in progress may have missed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recent_reads: Vec<CommittedRead>,
    /// The function's own account, as STS last identified it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_account: Option<AccountId>,
    /// What the last run that was not narrowed watched and notified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched: Option<Watched>,
    /// The id that the next new receiver gets.
    pub next_receiver_id: ReceiverId,
    /// The receivers, by their ARN.
    pub receivers: BTreeMap<ReceiverArn, Receiver>,
    /// The open failures.
    #[serde(default, with = "super::map_as_pairs")]
    #[schemars(with = "Vec<(FailureKey, OpenFailure)>")]
    pub open: BTreeMap<FailureKey, Arc<OpenFailure>>,
    /// Failures that ended, until every receiver that was notified of them is notified of the end.
    #[serde(default, with = "super::map_as_pairs")]
    #[schemars(with = "Vec<(FailureKey, ResolvedFailure)>")]
    pub resolved: BTreeMap<FailureKey, ResolvedFailure>,
    /// The gaps, and ended gaps whose end a receiver is still to be notified of.
    #[serde(default, with = "super::map_as_pairs")]
    #[schemars(with = "Vec<(GapKey, Gap)>")]
    pub gaps: BTreeMap<GapKey, Gap>,
    /// The empty sources, and those that list packs again until every receiver is notified of it.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        with = "super::map_as_pairs"
    )]
    #[schemars(with = "Vec<(Source, EmptySource)>")]
    pub empty_sources: BTreeMap<Source, EmptySource>,
    /// Hints for reading each pack with fewer calls.
    #[serde(default, with = "super::map_as_pairs")]
    #[schemars(with = "Vec<(PackKey, PackHint)>")]
    pub pack_hints: BTreeMap<PackKey, PackHint>,
    /// The mutes, in the order of their creation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mutes: Vec<Mute>,
    /// The counts of each UTC day with a commit.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub history: History,
    /// End of the last full run without gaps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_complete_read: Option<Timestamp>,
    /// Cached names and states of accounts from AWS Organizations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub accounts: BTreeMap<AccountId, CachedAccount>,
}

/// The last commit, as digests refer to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LastCommit {
    /// The id of the run.
    pub run_id: String,
    /// End of its read. Whether a failure is due is decided for this time.
    pub at: Timestamp,
    /// Key of its snapshot.
    pub snapshot: String,
    /// The totals of the run.
    pub totals: RunTotals,
    /// Whether this is the first commit of a run that was not narrowed.
    pub first: bool,
    /// The warnings of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// A run that committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RecentRun {
    /// The id of the run.
    pub run_id: String,
    /// The execution that committed it.
    pub execution: String,
    /// Sequence number of the commit.
    pub sequence: u64,
    /// Key of its snapshot.
    pub snapshot: String,
    /// End of its read.
    pub at: Timestamp,
    /// The totals of the run.
    pub totals: RunTotals,
    /// Whether the run had no gaps.
    pub complete: bool,
    /// Whether the run was narrowed. The snapshot of a narrowed run is not copied to `latest.json`.
    pub narrowed: bool,
}

/// The end and scope of a committed read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CommittedRead {
    /// When the read ended.
    pub until: Timestamp,
    /// The scope of the run.
    pub scope: Scope,
    /// Whether parts of the scope were left out, because narrowed runs had read them later.
    #[serde(default, skip_serializing_if = "is_false")]
    pub partial: bool,
}

/// A gap, kept until every receiver that was notified of it knows of its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Gap {
    /// The error of the last run that encountered the gap.
    pub cause: ApiError,
    /// When the gap began.
    pub since: Timestamp,
    /// The run that first encountered the gap.
    pub first_run: RunId,
    /// Whether another run encountered it too.
    pub seen_again: bool,
    /// How the gap ended; `None` while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<GapResolution>,
    /// The receivers that got a digest because two runs encountered the gap.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub announced: BTreeSet<ReceiverId>,
    /// The receivers that were shown it and not yet its end.
    pub notified: BTreeSet<ReceiverId>,
}

/// How a gap ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GapResolution {
    /// The source or pack was read again.
    Read,
    /// The pack no longer exists.
    PackRemoved,
    /// The source or pack is no longer in the scope of the settings.
    OutOfScope,
}

/// A source that lists no packs, kept until every receiver that was notified of it knows that the
/// source lists packs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct EmptySource {
    /// The packs that were known in the source; none if it never had any.
    pub packs: BTreeSet<PackName>,
    /// When the source was first seen without packs.
    pub since: Timestamp,
    /// How the state ended; `None` while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<EmptySourceResolution>,
    /// The receivers that were notified of it and not yet of its end.
    pub notified: BTreeSet<ReceiverId>,
}

/// How the state of a source without packs ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EmptySourceResolution {
    /// The source lists packs again.
    Repopulated,
    /// The source is no longer in the scope of the settings.
    OutOfScope,
}

/// A cached response of AWS Organizations about an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CachedAccount {
    /// When AWS Organizations was called.
    pub at: Timestamp,
    /// The account; `None` if the organization has no such account.
    pub account: Option<Account>,
}

/// Time after which a cached account is looked up again.
const ACCOUNT_CACHE_TTL: SignedDuration = SignedDuration::from_hours(7 * 24);

impl CachedAccount {
    /// Returns whether the entry can be used without another lookup.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.duration_since(self.at) < ACCOUNT_CACHE_TTL
    }
}

/// How long the id of a committed run is kept, so that a retry of its invocation is recognized.
/// Lambda retries an asynchronous invocation for [up to six
/// hours](https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html); the
/// rest is for the last execution and for clock skew.
pub(crate) const RUN_ID_RETENTION: SignedDuration = SignedDuration::from_mins(6 * 60 + 30);

/// How long a receiver that is no longer in the settings is kept, with what it was notified of.
const RECEIVER_RETENTION: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Ledger {
    /// Returns an empty ledger whose next commit has the sequence number after `sequence`.
    pub fn with_sequence(sequence: u64) -> Self {
        Self {
            sequence,
            ..Self::default()
        }
    }

    /// Returns the open failures of a pack: first the pack itself, then its member accounts.
    pub fn open_in(&self, pack: &PackKey) -> impl Iterator<Item = (&FailureKey, &OpenFailure)> {
        let open = self
            .open
            .range(FailureKey::pack_itself(pack)..)
            .take_while(move |(key, _)| key.pack == *pack);
        open.map(|(key, open)| (key, &**open))
    }

    /// Returns the cached account of a failure, if the account is known.
    pub fn account(&self, key: &FailureKey) -> Option<&Account> {
        self.accounts
            .get(key.account_id.as_ref()?)?
            .account
            .as_ref()
    }

    /// Returns the number of the receiver of a topic.
    pub fn receiver_id(&self, topic: &ReceiverArn) -> Option<ReceiverId> {
        self.receivers.get(topic).map(|receiver| receiver.id)
    }

    /// Records at `at` that the settings have these receivers, and adds those that are new. A new
    /// receiver was notified of nothing.
    pub fn register_receivers<'a>(
        &mut self,
        topics: impl IntoIterator<Item = &'a ReceiverArn>,
        at: Timestamp,
    ) {
        let joined_later = self.watched.is_some();
        for topic in topics {
            if let Some(receiver) = self.receivers.get_mut(topic) {
                receiver.configured_at = receiver.configured_at.max(at);
            } else {
                let id = self.next_receiver_id;
                self.next_receiver_id += 1;
                self.receivers.insert(
                    topic.clone(),
                    Receiver {
                        awaits_first_look: true,
                        joined_later,
                        ..Receiver::new(id, at)
                    },
                );
            }
        }
    }

    /// Removes the receivers that have not been in the settings for seven days, and all records of
    /// what they were notified of.
    pub fn forget_receivers(&mut self, now: Timestamp) {
        let before = self.receivers.len();
        self.receivers
            .retain(|_, receiver| now.duration_since(receiver.configured_at) < RECEIVER_RETENTION);
        if self.receivers.len() == before {
            return;
        }
        let known: BTreeSet<ReceiverId> = self
            .receivers
            .values()
            .map(|receiver| receiver.id)
            .collect();
        for open in self.open.values_mut() {
            OpenFailure::update(open, |open| {
                open.notified.retain(|id| known.contains(&id));
            });
        }
        for resolved in self.resolved.values_mut() {
            resolved.unnotified.retain(|id| known.contains(&id));
        }
        for gap in self.gaps.values_mut() {
            gap.notified.retain(|id| known.contains(id));
            gap.announced.retain(|id| known.contains(id));
        }
        for empty_source in self.empty_sources.values_mut() {
            empty_source.notified.retain(|id| known.contains(id));
        }
        self.prune_delivered();
    }

    /// Removes ended failures, gaps and empty sources whose end every receiver has been
    /// notified of.
    pub fn prune_delivered(&mut self) {
        self.resolved
            .retain(|_, resolved| !resolved.unnotified.is_empty());
        self.gaps
            .retain(|_, gap| gap.ended.is_none() || !gap.notified.is_empty());
        self.empty_sources
            .retain(|_, source| source.ended.is_none() || !source.notified.is_empty());
    }
}
