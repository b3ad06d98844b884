//! The snapshot: the document of one run in S3, and the records that the digest shares with it.
//!
//! One line of compact JSON, so that a folder of snapshots reads as a table.

mod members;
mod records;
mod sequence;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::collect::{Observation, PackObservation};
use crate::evaluate::Evaluation;
use crate::input::plan::RunPlan;
use crate::ledger::PendingChanges;
use crate::ledger::{EmptySource, Ledger, OutgoingDigest, estimated_size};
use crate::model::Scope;
use crate::model::Totals;
use crate::model::{
    AccountId, AwsText, FailureKey, PackKey, PackName, Region, Source, Status, StatusKind,
    StatusRecord,
};

pub use members::{AsOf, Members};
pub use records::{
    Change, ClosedRecord, EmptiedRecord, EmptiedState, FailureRecord, FailureState, GapRecord,
    GapState,
};
pub use sequence::sequence_of;

/// The schema of the snapshot and of the digest's JSON.
pub const SCHEMA_VERSION: u32 = 1;

/// The document.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the document")]
pub struct Snapshot<'a> {
    pub schema_version: u32,
    pub run: Run<'a>,
    pub totals: Totals,
    pub packs: Packs<'a>,
    pub cleared: Vec<ClosedRecord>,
    pub unwatched: Vec<ClosedRecord>,
    pub unconfirmed: Vec<Unconfirmed>,
    pub gaps: Vec<GapRecord>,
    pub emptied: Vec<EmptiedRecord>,
    pub digest: Option<DigestName>,
}

/// The run block: what two runs with equal input may differ in.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the document")]
pub struct Run<'a> {
    pub id: &'a str,
    pub sequence: u64,
    pub previous: Option<&'a str>,
    pub outcome: &'a str,
    pub trigger: &'a str,
    pub scheduled_at: Option<Timestamp>,
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    pub complete: bool,
    pub scope: RunScope,
    pub config_calls: u64,
}

/// What the run looked at.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the document")]
pub struct RunScope {
    pub packs: Vec<String>,
    pub excluded_packs: Vec<String>,
    pub accounts: Vec<AccountId>,
    pub regions: BTreeSet<Region>,
    pub callers: BTreeSet<AccountId>,
}

impl RunScope {
    fn of(scope: &Scope) -> Self {
        Self {
            packs: scope.packs.as_ref().unwrap_or(&scope.include).patterns(),
            excluded_packs: scope.exclude.patterns(),
            accounts: scope.accounts.iter().flatten().cloned().collect(),
            regions: scope
                .sources
                .iter()
                .map(|source| source.region.clone())
                .collect(),
            callers: scope
                .sources
                .iter()
                .map(|source| source.caller.clone())
                .collect(),
        }
    }
}

/// The packs that are there, each made when it is written: all their members at once can be a
/// hundred thousand.
#[derive(Debug)]
pub struct Packs<'a>(&'a Findings<'a>);

impl Serialize for Packs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let packs = self
            .0
            .observation
            .packs
            .iter()
            .filter(|(pack, _)| self.0.scope.covers_pack(pack));
        serializer.collect_seq(packs.map(|(pack, reading)| self.0.pack(pack, reading)))
    }
}

/// A pack that is there.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the document")]
pub struct PackRecord {
    #[serde(flatten)]
    pub key: PackKey,
    pub status: Status,
    pub error_code: Option<AwsText>,
    pub error_message: Option<AwsText>,
    pub last_update_time: Option<Timestamp>,
    pub failing_since: Option<Timestamp>,
    pub change: Option<Change>,
    pub reading: &'static str,
    pub members: Members,
    pub failing_accounts: Vec<FailingAccount>,
}

/// An open failure of a member account, inside its pack.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the document")]
pub struct FailingAccount {
    pub account_id: AccountId,
    #[serde(flatten)]
    pub state: FailureState,
}

/// An open failure that could not be read.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the document")]
pub struct Unconfirmed {
    #[serde(flatten)]
    pub key: FailureKey,
    pub failing_since: Timestamp,
}

/// The digest that the commit of this snapshot sends.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the document")]
pub struct DigestName {
    pub id: String,
    pub subject: String,
}

impl From<&OutgoingDigest> for DigestName {
    fn from(head: &OutgoingDigest) -> Self {
        Self {
            id: head.id.clone(),
            subject: head.message.subject.clone(),
        }
    }
}

/// All that a run found out, before it is told to anybody.
#[derive(Debug, Clone, Copy)]
pub struct Findings<'a> {
    /// The run.
    pub plan: &'a RunPlan,
    /// What it looked at.
    pub scope: &'a Scope,
    /// What it saw.
    pub observation: &'a Observation,
    /// What that changed.
    pub evaluation: &'a Evaluation,
    /// What the digest topic is to be told.
    pub changes: &'a PendingChanges,
}

impl Findings<'_> {
    /// Whether everything in scope was read.
    pub fn is_complete(&self) -> bool {
        self.observation.gaps.is_empty()
    }

    /// The numbers of the run.
    pub fn totals(&self) -> Totals {
        let ledger = &self.evaluation.ledger;
        let policy = &self.plan.policy;
        let told_of = |key: &&FailureKey| !policy.ignores(key);
        let open: Vec<&FailureKey> = ledger
            .open
            .keys()
            .filter(|key| self.scope.covers(key))
            .collect();
        let failing: Vec<&FailureKey> = open.iter().copied().filter(told_of).collect();
        let packs = || {
            self.observation
                .packs
                .iter()
                .filter(|(pack, _)| self.scope.covers_pack(pack))
        };
        Totals {
            packs: packs().count(),
            packs_failing: packs_of(failing.iter().copied()),
            packs_moving: packs()
                .filter(|(_, reading)| reading.row.kind() == StatusKind::InProgress)
                .count(),
            accounts_failing: failing.iter().filter(|key| !key.is_pack()).count(),
            failures: failing.len(),
            ignored: open.len() - failing.len(),
            appeared: self.changes.appeared.len(),
            cleared: clearings(ledger, self.changes),
            unconfirmed: self.evaluation.unconfirmed.len(),
            gaps: self.evaluation.gaps.len(),
            open_all: ledger.open.keys().filter(told_of).count(),
        }
    }

    /// The document, as bytes. The names are those of the last committed snapshot and of the
    /// digest, if there is one.
    pub fn snapshot(
        &self,
        sequence: u64,
        previous: Option<&str>,
        finished_at: Timestamp,
        digest: Option<DigestName>,
    ) -> Result<Vec<u8>, serde_json::Error> {
        let Self {
            plan,
            scope,
            observation,
            evaluation,
            changes,
        } = *self;
        let ledger = &evaluation.ledger;
        let closed = |keys: &BTreeSet<FailureKey>| {
            keys.iter()
                .filter_map(|key| Some(ClosedRecord::of(ledger, key, ledger.closed.get(key)?)))
                .collect()
        };
        let document = Snapshot {
            schema_version: SCHEMA_VERSION,
            run: Run {
                id: &plan.run_id,
                sequence,
                previous,
                outcome: "committed",
                trigger: plan.trigger,
                scheduled_at: plan.scheduled_at,
                started_at: plan.started_at,
                finished_at,
                complete: self.is_complete(),
                scope: RunScope::of(scope),
                config_calls: observation.config_calls,
            },
            totals: self.totals(),
            packs: Packs(self),
            cleared: closed(&changes.cleared),
            unwatched: closed(&changes.unwatched),
            unconfirmed: evaluation
                .unconfirmed
                .iter()
                .filter_map(|key| {
                    Some(Unconfirmed {
                        key: key.clone(),
                        failing_since: ledger.open.get(key)?.failing_since,
                    })
                })
                .collect(),
            gaps: evaluation
                .gaps
                .iter()
                .map(|(key, cause, since, met_before)| GapRecord {
                    key: key.clone(),
                    cause: cause.clone(),
                    since: *since,
                    state: if *met_before {
                        GapState::Lasting
                    } else {
                        GapState::Began
                    },
                    end: None,
                })
                .collect(),
            emptied: emptied_records(ledger, changes),
            digest,
        };
        let mut bytes = Vec::with_capacity(estimated_size(ledger.open.len() + ledger.closed.len()));
        serde_json::to_writer(&mut bytes, &document)?;
        Ok(bytes)
    }

    fn pack(&self, pack: &PackKey, reading: &PackObservation) -> PackRecord {
        let ledger = &self.evaluation.ledger;
        let receiver = ledger.receiver_id(&self.plan.topic);
        let at = self.observation.ended_at;
        let open = ledger
            .open_in(pack)
            .filter(|(key, _)| self.scope.covers(key));
        let mut states = open
            .map(|(key, open)| {
                (
                    key,
                    FailureState::of(ledger, key, open, &self.plan.policy, receiver, at),
                )
            })
            .peekable();
        let itself = states
            .next_if(|(key, _)| key.is_pack())
            .map(|(_, state)| state);
        let StatusRecord {
            status,
            error_code,
            error_message,
            last_update_time,
            conformance_pack_name: _,
        } = StatusRecord::clone(&reading.row);
        let last = ledger.packs.get(pack).and_then(|hint| hint.large?.whole);
        PackRecord {
            key: pack.clone(),
            status,
            error_code,
            error_message,
            last_update_time,
            failing_since: itself.as_ref().map(|state| state.failing_since),
            change: itself.as_ref().map(|state| state.change),
            reading: members::word(reading),
            members: Members::of(reading, last),
            failing_accounts: states
                .filter_map(|(key, state)| {
                    Some(FailingAccount {
                        account_id: key.account_id.clone()?,
                        state,
                    })
                })
                .collect(),
        }
    }
}

/// How many of a difference's endings got better.
pub(crate) fn clearings(ledger: &Ledger, changes: &PendingChanges) -> usize {
    let better = |key: &&FailureKey| {
        ledger
            .closed
            .get(*key)
            .is_some_and(|closed| closed.how.is_clearing())
    };
    changes.cleared.iter().filter(better).count()
}

/// The sources of a difference that list no packs any more, or some again, in the order of the
/// sources.
pub(crate) fn emptied_records(ledger: &Ledger, changes: &PendingChanges) -> Vec<EmptiedRecord> {
    let record = |source: &Source| {
        let EmptySource {
            packs_before,
            since,
            ended,
            told: _,
        } = *ledger.emptied.get(source)?;
        let state = if ended {
            EmptiedState::Ended
        } else {
            EmptiedState::Began
        };
        Some(EmptiedRecord {
            source: source.clone(),
            packs_before,
            since,
            state,
        })
    };
    (&changes.emptied | &changes.repopulated)
        .iter()
        .filter_map(record)
        .collect()
}

/// How many packs these failures are in.
pub(crate) fn packs_of<'a>(failures: impl IntoIterator<Item = &'a FailureKey>) -> usize {
    failures
        .into_iter()
        .map(|key| &key.pack)
        .collect::<BTreeSet<_>>()
        .len()
}

/// The names of the packs that these failures are in.
pub(crate) fn pack_names<'a>(
    failures: impl IntoIterator<Item = &'a FailureKey>,
) -> BTreeSet<&'a PackName> {
    failures.into_iter().map(|key| &key.pack.pack).collect()
}
