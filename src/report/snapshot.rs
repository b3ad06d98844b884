//! The snapshot: the document of one run in S3. It is one line of compact JSON, so that query
//! engines can read a prefix of snapshots as a table.

use std::collections::BTreeSet;
use std::io;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::members::{self, Members};
use super::mute_records::{MuteRecord, mute_records};
use super::records::{
    EmptySourceRecord, FailureDetails, GapRecord, GapState, NotificationState, ResolvedRecord,
    with_failure_id,
};
use super::summary::RunFindings;
use crate::collect::PackObservation;
use crate::input::event::NotifyMode;
use crate::input::plan::TriggerKind;
use crate::ledger::OutgoingDigest;
use crate::model::{
    AccountId, AwsText, FailureKey, GroupId, PackKey, Region, RunTotals, Scope, Status,
    StatusRecord, Warning,
};
use crate::object_body::ObjectBody;

/// Schema version of the snapshot and of the digest's JSON.
pub const SCHEMA_VERSION: u32 = 1;

/// The snapshot document.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[expect(missing_docs, reason = "the fields mirror the snapshot schema")]
pub struct Snapshot<'a> {
    pub schema_version: u32,
    pub run: RunRecord<'a>,
    pub totals: RunTotals,
    pub packs: PackRecords<'a>,
    pub cleared: Vec<ResolvedRecord>,
    pub unwatched: Vec<ResolvedRecord>,
    pub unconfirmed: Vec<Unconfirmed>,
    pub gaps: Vec<GapRecord>,
    pub empty_sources: Vec<EmptySourceRecord>,
    pub mutes: Vec<MuteRecord<'a>>,
    pub digest: Option<DigestRef>,
}

/// The run block of the snapshot. Only this block differs between two runs with equal input.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[expect(missing_docs, reason = "the fields mirror the snapshot schema")]
pub struct RunRecord<'a> {
    pub id: &'a str,
    pub sequence: u64,
    pub previous: Option<&'a str>,
    pub outcome: &'a str,
    pub trigger: TriggerKind,
    pub announce: NotifyMode,
    pub warnings: &'a [Warning],
    pub scheduled_at: Option<Timestamp>,
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    pub complete: bool,
    pub scope: RunScope,
    pub config_calls: u64,
}

/// The scope of the run.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[expect(missing_docs, reason = "the fields mirror the snapshot schema")]
pub struct RunScope {
    pub packs: Vec<String>,
    pub excluded_packs: Vec<String>,
    pub accounts: Vec<AccountId>,
    pub regions: BTreeSet<Region>,
    pub callers: BTreeSet<AccountId>,
}

impl RunScope {
    /// Returns the scope as the snapshot has it.
    pub fn of(scope: &Scope) -> Self {
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

/// The packs in scope. Each record is built when it is serialized, to save memory: the packs can
/// have a hundred thousand members.
#[derive(Debug)]
pub struct PackRecords<'a>(&'a RunFindings<'a>);

impl schemars::JsonSchema for PackRecords<'_> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PackRecords".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Vec::<PackRecord>::json_schema(generator)
    }
}

impl Serialize for PackRecords<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let packs = self
            .0
            .observation
            .packs
            .iter()
            .filter(|(key, _)| self.0.scope.covers_pack(key));
        serializer.collect_seq(packs.map(|(key, pack)| self.0.pack_record(key, pack)))
    }
}

/// A pack that exists.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[expect(missing_docs, reason = "the fields mirror the snapshot schema")]
pub struct PackRecord {
    #[serde(flatten)]
    pub key: PackKey,
    pub status: Status,
    pub error_code: Option<AwsText>,
    pub error_message: Option<AwsText>,
    pub last_update_time: Option<Timestamp>,
    pub failing_since: Option<Timestamp>,
    pub change: Option<NotificationState>,
    pub coverage: &'static str,
    pub members: Members,
    pub failing_accounts: Vec<FailingAccount>,
}

/// An open failure of a member account, inside its pack.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[expect(missing_docs, reason = "the fields mirror the snapshot schema")]
pub struct FailingAccount {
    pub failure_id: String,
    pub group_id: GroupId,
    pub account_id: AccountId,
    #[serde(flatten)]
    pub details: FailureDetails,
}

/// An open failure under a gap.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[expect(missing_docs, reason = "the fields mirror the snapshot schema")]
pub struct Unconfirmed {
    #[serde(flatten, serialize_with = "with_failure_id")]
    #[schemars(with = "super::records::KeyWithId<'static>")]
    pub key: FailureKey,
    pub failing_since: Timestamp,
}

/// Id and subject of the digest that the commit of this snapshot puts into the outbox.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[expect(missing_docs, reason = "the fields mirror the snapshot schema")]
pub struct DigestRef {
    pub id: String,
    pub subject: String,
}

impl From<&OutgoingDigest> for DigestRef {
    fn from(outgoing: &OutgoingDigest) -> Self {
        Self {
            id: outgoing.id.clone(),
            subject: outgoing.content.subject().to_owned(),
        }
    }
}

impl RunFindings<'_> {
    /// Serializes the snapshot. `previous` is the key of the last committed snapshot, `digest` the
    /// new digest for the digest topic.
    pub fn snapshot(
        &self,
        sequence: u64,
        previous: Option<&str>,
        finished_at: Timestamp,
        digest: Option<DigestRef>,
    ) -> io::Result<ObjectBody> {
        let Self {
            plan,
            scope,
            observation,
            evaluation,
            changes,
            totals,
            ref warnings,
        } = *self;
        let ledger = &evaluation.ledger;
        let resolved = |key| Some(ResolvedRecord::of(ledger, key, ledger.resolved.get(key)?));
        let document = Snapshot {
            schema_version: SCHEMA_VERSION,
            run: RunRecord {
                id: &plan.run.id,
                sequence,
                previous,
                outcome: "committed",
                trigger: plan.run.trigger,
                announce: plan.mode.announce,
                warnings,
                scheduled_at: plan.run.scheduled_at,
                started_at: plan.timing.started_at,
                finished_at,
                complete: self.is_complete(),
                scope: RunScope::of(scope),
                config_calls: observation.config_calls,
            },
            totals,
            packs: PackRecords(self),
            cleared: changes.ended().filter_map(resolved).collect(),
            unwatched: changes.unwatched.iter().filter_map(resolved).collect(),
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
                .filter_map(|key| {
                    let gap = ledger.gaps.get(key)?;
                    Some(GapRecord {
                        key: key.clone(),
                        cause: gap.cause.clone(),
                        since: gap.since,
                        state: if gap.seen_again {
                            GapState::Lasting
                        } else {
                            GapState::Began
                        },
                        end: None,
                    })
                })
                .collect(),
            empty_sources: self.empty_sources(),
            mutes: mute_records(ledger, observation.ended_at),
            digest,
        };
        ObjectBody::json(&document)
    }

    fn pack_record(&self, key: &PackKey, pack: &PackObservation) -> PackRecord {
        let ledger = &self.evaluation.ledger;
        let receiver = ledger.receiver_id(&self.plan.settings.topic);
        let at = self.observation.ended_at;
        let open = ledger
            .open_in(key)
            .filter(|(key, _)| self.scope.covers(key));
        let mut states = open
            .map(|(key, open)| {
                let details =
                    FailureDetails::of(ledger, key, open, &self.plan.settings.policy, receiver, at);
                (key, open.group_id, details)
            })
            .peekable();
        let pack_failure = states
            .next_if(|(key, _, _)| key.is_pack())
            .map(|(_, _, state)| state);
        let StatusRecord {
            status,
            error_code,
            error_message,
            last_update_time,
            conformance_pack_name: _,
        } = StatusRecord::clone(&pack.row);
        let last = ledger
            .pack_hints
            .get(key)
            .and_then(|hint| hint.large?.last_full_scan);
        PackRecord {
            key: key.clone(),
            status,
            error_code,
            error_message,
            last_update_time,
            failing_since: pack_failure.as_ref().map(|state| state.failing_since),
            change: pack_failure.as_ref().map(|state| state.change),
            coverage: members::coverage_label(pack),
            members: Members::of(pack, last, at),
            failing_accounts: states
                .filter_map(|(key, group_id, mut details)| {
                    let account_id = key.account_id.clone()?;
                    // The ledger keeps a shorter message.
                    if let Some(row) = pack.not_successful_row(&account_id) {
                        details.error_message.clone_from(&row.error_message);
                    }
                    Some(FailingAccount {
                        failure_id: key.failure_id(),
                        group_id,
                        account_id,
                        details,
                    })
                })
                .collect(),
        }
    }
}
