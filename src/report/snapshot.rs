//! The snapshot: the document of one run in S3, and the records that the digest shares with it.
//!
//! One line of compact JSON, so that a folder of snapshots reads as a table.

use super::members::{self, Members};
use super::records::{
    EmptySourceRecord, FailureDetails, GapRecord, GapState, NotificationState, ResolvedRecord,
};
use super::summary::{RunFindings, empty_source_records};
use crate::collect::PackObservation;
use crate::ledger::{OutgoingDigest, estimated_size};
use crate::model::RunTotals;
use crate::model::Scope;
use crate::model::{AccountId, AwsText, FailureKey, PackKey, Region, Status, StatusRecord};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use std::collections::BTreeSet;

/// The schema of the snapshot and of the digest's JSON.
pub const SCHEMA_VERSION: u32 = 1;

/// The document.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the document")]
pub struct Snapshot<'a> {
    pub schema_version: u32,
    pub run: RunRecord<'a>,
    pub totals: RunTotals,
    pub packs: PackRecords<'a>,
    pub cleared: Vec<ResolvedRecord>,
    pub unwatched: Vec<ResolvedRecord>,
    pub unconfirmed: Vec<Unconfirmed>,
    pub gaps: Vec<GapRecord>,
    pub emptied: Vec<EmptySourceRecord>,
    pub digest: Option<DigestRef>,
}

/// The run block: what two runs with equal input may differ in.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the document")]
pub struct RunRecord<'a> {
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
pub struct PackRecords<'a>(&'a RunFindings<'a>);

impl Serialize for PackRecords<'_> {
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
    pub change: Option<NotificationState>,
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
    pub state: FailureDetails,
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
pub struct DigestRef {
    pub id: String,
    pub subject: String,
}

impl From<&OutgoingDigest> for DigestRef {
    fn from(head: &OutgoingDigest) -> Self {
        Self {
            id: head.id.clone(),
            subject: head.message.subject.clone(),
        }
    }
}

impl RunFindings<'_> {
    /// The document, as bytes. The names are those of the last committed snapshot and of the
    /// digest, if there is one.
    pub fn snapshot(
        &self,
        sequence: u64,
        previous: Option<&str>,
        finished_at: Timestamp,
        digest: Option<DigestRef>,
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
                .filter_map(|key| Some(ResolvedRecord::of(ledger, key, ledger.closed.get(key)?)))
                .collect()
        };
        let document = Snapshot {
            schema_version: SCHEMA_VERSION,
            run: RunRecord {
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
            packs: PackRecords(self),
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
                        GapState::Persisting
                    } else {
                        GapState::Began
                    },
                    end: None,
                })
                .collect(),
            emptied: empty_source_records(ledger, changes),
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
                    FailureDetails::of(ledger, key, open, &self.plan.policy, receiver, at),
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
            reading: members::coverage_label(reading),
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
