//! The digest: what changed, worded for people and for programs. Pure: a ledger and a difference
//! in, a message out.

mod account;
mod cause;
mod chat;
mod emptied;
mod inert;
mod json;
mod subject;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::input::plan::RunPlan;
use crate::ledger::PendingChanges;
use crate::ledger::{LastCommit, Ledger, Receiver};
use crate::model::Totals;
use crate::model::{Attribute, SIZE_LIMIT, SnsMessage};
use crate::model::{AwsText, FailureKey, GapKey, PackName, Region, Source, StatusRecord};
use crate::snapshot::{
    ClosedRecord, EmptiedRecord, FailureRecord, FailureState, GapRecord, GapState, clearings,
    emptied_records, pack_names, packs_of,
};

pub use inert::inert;

/// One digest for one audience, before it is worded.
#[derive(Debug, Clone, PartialEq)]
pub struct Digest {
    /// The id, the same however often it is sent.
    pub id: String,
    /// The last committed run, if any.
    pub run_id: Option<String>,
    /// Its number.
    pub sequence: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the reading ended whose state it tells.
    pub as_of: Timestamp,
    /// A short word for subjects and texts.
    pub label: Option<String>,
    /// Whether the run was the first.
    pub first_run: bool,
    /// The totals of the run; appeared and cleared are those of this digest.
    pub totals: Totals,
    /// Packs with an open failure.
    pub packs_open: BTreeSet<PackName>,
    /// How many packs that is, the same name in two sources counted twice.
    pub packs_failing: usize,
    /// Due and not told before.
    pub appeared: Vec<FailureRecord>,
    /// Told and no longer open; those that were explained are among them.
    pub cleared: Vec<ClosedRecord>,
    /// Told, and no longer watched.
    pub unwatched: Vec<ClosedRecord>,
    /// Told long ago, and still open.
    pub reminded: Vec<FailureRecord>,
    /// Gaps to tell.
    pub gaps: Vec<GapRecord>,
    /// Sources that list no packs any more, or some again.
    pub emptied: Vec<EmptiedRecord>,
    /// Open besides what appeared, as counts.
    pub ongoing: BTreeMap<PackName, usize>,
    /// Open and not due yet.
    pub early: usize,
    /// Sources that are watched since the last digest.
    pub newly_watched: BTreeSet<Source>,
    /// The bucket and key of the snapshot, and the region for the link.
    pub snapshot: Option<SnapshotAddress>,
}

/// Where a snapshot is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotAddress {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The region of the console.
    pub region: Region,
}

/// What a key may hold that means something else in a link, or in the markdown around it.
const IN_A_LINK: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'=')
    .remove(b'~');

impl SnapshotAddress {
    /// The `s3://` address.
    pub fn uri(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    /// The page of the object in the console of its partition.
    pub fn console(&self) -> String {
        let region = self.region.as_str();
        let host = if region.starts_with("cn-") {
            "console.amazonaws.cn"
        } else if region.starts_with("us-gov-") {
            "console.amazonaws-us-gov.com"
        } else if region.starts_with("eusc-") {
            "console.amazonaws-eusc.eu"
        } else {
            "console.aws.amazon.com"
        };
        let key = utf8_percent_encode(&self.key, IN_A_LINK);
        format!(
            "https://{host}/s3/object/{}?region={region}&prefix={key}",
            self.bucket
        )
    }
}

impl Digest {
    /// The digest that tells `changes` to `receiver`. `ledger` is the state before it is told,
    /// as of the time `at`.
    pub fn of(
        ledger: &Ledger,
        receiver: &Receiver,
        changes: &PendingChanges,
        plan: &RunPlan,
        at: Timestamp,
        now: Timestamp,
    ) -> Self {
        let policy = &plan.policy;
        let failures = |keys: &BTreeSet<FailureKey>| -> Vec<FailureRecord> {
            let record = |key: &FailureKey| {
                let open = ledger.open.get(key)?;
                let state =
                    FailureState::of(ledger, key, open, policy, Some(receiver.id), at).made_inert();
                Some(FailureRecord {
                    key: key.clone(),
                    state,
                    cause: StatusRecord::clone(open.cause()).made_inert(),
                })
            };
            keys.iter().filter_map(record).collect()
        };
        let endings = |keys: &BTreeSet<FailureKey>| -> Vec<ClosedRecord> {
            let record = |key: &FailureKey| {
                Some(ClosedRecord::of(ledger, key, ledger.closed.get(key)?).made_inert())
            };
            keys.iter().filter_map(record).collect()
        };
        let told_of: Vec<&FailureKey> = ledger
            .open
            .keys()
            .filter(|key| !policy.ignores(key))
            .collect();
        let mut ongoing = BTreeMap::new();
        let mut early = 0;
        let besides = |key: &FailureKey| !policy.ignores(key) && !changes.appeared.contains(key);
        for (key, open) in ledger.open.iter().filter(|(key, _)| besides(key)) {
            if open.told.contains_key(&receiver.id) || open.is_due(key, policy, at) {
                *ongoing.entry(key.pack.pack.clone()).or_default() += 1;
            } else {
                early += 1;
            }
        }
        let last = ledger.last.as_ref();
        Self {
            id: format!("{}.{}.{}", plan.run_id, receiver.id, receiver.digests + 1),
            run_id: last.map(|last| last.run_id.clone()),
            sequence: ledger.sequence,
            created_at: now,
            as_of: at,
            label: plan.label.clone(),
            first_run: last.is_some_and(|last| last.first && last.run_id == plan.run_id)
                && receiver.digests == 0,
            totals: Totals {
                appeared: changes.appeared.len(),
                cleared: clearings(ledger, changes),
                open_all: told_of.len(),
                ..last.map(|last| last.totals).unwrap_or_default()
            },
            packs_open: pack_names(told_of.iter().copied())
                .into_iter()
                .cloned()
                .collect(),
            packs_failing: packs_of(told_of.iter().copied()),
            appeared: failures(&changes.appeared),
            cleared: endings(&changes.cleared),
            unwatched: endings(&changes.unwatched),
            reminded: failures(&changes.reminders),
            gaps: gap_records(ledger, changes),
            emptied: emptied_records(ledger, changes),
            ongoing,
            early,
            newly_watched: receiver.newly_watched.clone(),
            snapshot: last.map(|LastCommit { snapshot, .. }| SnapshotAddress {
                bucket: plan.bucket.clone(),
                key: snapshot.clone(),
                region: plan.home_region.clone(),
            }),
        }
    }

    /// The subject, for both audiences.
    pub fn subject(&self) -> String {
        subject::subject(self)
    }

    /// The text for people.
    pub fn text(&self) -> String {
        text::text(self)
    }

    /// The request for the digest topic.
    pub fn message(&self) -> SnsMessage {
        let attributes = self.attributes();
        let taken: usize = attributes
            .iter()
            .map(|(name, value)| name.len() + value.data_type().len() + value.value().len())
            .sum();
        SnsMessage {
            subject: self.subject(),
            body: json::body(self, SIZE_LIMIT.saturating_sub(taken)),
            structured: true,
            attributes,
            deduplication_id: self.id.clone(),
        }
    }

    /// The request for the chat topic.
    pub fn chat_message(&self) -> SnsMessage {
        SnsMessage {
            subject: self.subject(),
            body: chat::body(self),
            structured: false,
            attributes: self.attributes(),
            deduplication_id: self.id.clone(),
        }
    }

    /// Every failure that the digest is about.
    fn failures(&self) -> impl Iterator<Item = &FailureKey> {
        let open = self
            .appeared
            .iter()
            .chain(&self.reminded)
            .map(|record| &record.key);
        open.chain(
            self.cleared
                .iter()
                .chain(&self.unwatched)
                .map(|record| &record.key),
        )
    }

    /// The packs that the digest is about.
    fn packs(&self) -> BTreeSet<&PackName> {
        let mut packs = pack_names(self.failures());
        packs.extend(self.gaps.iter().filter_map(|gap| gap.key.pack.as_ref()));
        packs
    }

    /// The regions that the digest is about.
    fn regions(&self) -> BTreeSet<&Region> {
        let mut regions: BTreeSet<_> = self.failures().map(|key| &key.pack.source.region).collect();
        regions.extend(self.gaps.iter().map(|gap| &gap.key.source.region));
        regions.extend(self.emptied.iter().map(|emptied| &emptied.source.region));
        regions
    }

    fn attributes(&self) -> BTreeMap<String, Attribute> {
        let packs = self.packs().into_iter().map(ToString::to_string).collect();
        BTreeMap::from([
            (
                "appeared".to_owned(),
                Attribute::Number(self.totals.appeared),
            ),
            ("cleared".to_owned(), Attribute::Number(self.totals.cleared)),
            ("open".to_owned(), Attribute::Number(self.totals.open_all)),
            ("packs".to_owned(), Attribute::Strings(packs)),
            (
                "regions".to_owned(),
                Attribute::Strings(
                    self.regions()
                        .into_iter()
                        .map(ToString::to_string)
                        .collect(),
                ),
            ),
        ])
    }
}

fn gap_records(ledger: &Ledger, changes: &PendingChanges) -> Vec<GapRecord> {
    let record = |key: &GapKey, state: GapState| {
        let gap = ledger.gaps.get(key)?;
        let mut cause = gap.cause.clone();
        cause.code = inert(&cause.code);
        cause.message = inert(&cause.message);
        Some(GapRecord {
            key: key.clone(),
            cause,
            since: gap.since,
            state,
            end: gap.ended,
        })
    };
    let lasting = changes
        .gaps_persisting
        .iter()
        .filter_map(|key| record(key, GapState::Lasting));
    let ended = changes
        .gaps_ended
        .iter()
        .filter_map(|key| record(key, GapState::Ended));
    let mut gaps: Vec<_> = lasting.chain(ended).collect();
    gaps.sort_by(|one, other| one.key.cmp(&other.key));
    gaps
}

#[expect(clippy::needless_pass_by_value, reason = "it is mapped over")]
fn calm(text: AwsText) -> AwsText {
    inert(text.as_str()).into()
}

impl StatusRecord {
    fn made_inert(mut self) -> Self {
        self.status = inert(self.status.as_str()).into();
        self.error_code = self.error_code.map(calm);
        self.error_message = self.error_message.map(calm);
        self
    }
}

impl FailureState {
    fn made_inert(mut self) -> Self {
        self.status = inert(self.status.as_str()).into();
        self.error_code = self.error_code.map(calm);
        self.error_message = self.error_message.map(calm);
        self.conformance_pack_name = self.conformance_pack_name.map(calm);
        self.account_name = self.account_name.map(calm);
        self.account_state = self.account_state.map(calm);
        self
    }
}

impl ClosedRecord {
    fn made_inert(mut self) -> Self {
        self.status_was = inert(self.status_was.as_str()).into();
        self.error_code_was = self.error_code_was.map(calm);
        self.account_name = self.account_name.map(calm);
        self.account_state = self.account_state.map(calm);
        self
    }
}
