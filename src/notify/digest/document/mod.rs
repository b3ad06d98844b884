//! The JSON for programs, and how it is cut to the size limit of SNS: records first, then lists
//! inside groups, then groups. Numbers stay true.

mod cause;
mod fields;
mod group;
mod json;
mod room;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::contents::{Digest, DigestKind};
use crate::model::{PackName, Region, RunTotals, Warning, schema_of};
use crate::report::{
    EmptySourceRecord, FailureRecord, GapRecord, MuteRecord, ObjectAddress, ResolvedRecord,
    RunScope, SCHEMA_VERSION,
};

use fields::{Links, is_false};
use group::GroupDocument;
use json::raw;
use room::Room;

pub(super) use cause::{IncidentChange, cause, cause_schema, ended_cause};
pub(super) use json::to_json;

/// The document. `packs` and `regions` repeat the message attributes, because AWS [does not deliver
/// attributes](https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html) with a message
/// that has a message structure.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the fields mirror the schema of the digest"
)]
pub(super) struct DigestDocument<'a> {
    schema_version: u32,
    kind: &'static str,
    #[serde(skip_serializing_if = "is_false")]
    test: bool,
    digest_id: &'a str,
    run_id: Option<&'a str>,
    sequence: u64,
    created_at: Timestamp,
    as_of: Timestamp,
    label: Option<&'a str>,
    subject: String,
    first_run: bool,
    complete: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<RunScope>,
    totals: RunTotals,
    #[schemars(with = "Vec<PackName>")]
    packs: Vec<Box<RawValue>>,
    #[schemars(with = "Vec<Region>")]
    regions: Vec<Box<RawValue>>,
    #[schemars(with = "Vec<GroupDocument<'static>>")]
    groups: Vec<Box<RawValue>>,
    #[schemars(with = "Vec<FailureRecord<'static>>")]
    appeared: Vec<Box<RawValue>>,
    #[schemars(with = "Vec<ResolvedRecord>")]
    cleared: Vec<Box<RawValue>>,
    #[schemars(with = "Vec<ResolvedRecord>")]
    unwatched: Vec<Box<RawValue>>,
    #[schemars(with = "Vec<FailureRecord<'static>>")]
    reminders: Vec<Box<RawValue>>,
    #[schemars(with = "Vec<GapRecord>")]
    gaps: Vec<Box<RawValue>>,
    #[schemars(with = "Vec<EmptySourceRecord>")]
    empty_sources: Vec<Box<RawValue>>,
    #[schemars(with = "Vec<MuteRecord<'static>>")]
    mutes: Vec<Box<RawValue>>,
    #[schemars(with = "Vec<Warning>")]
    warnings: Vec<Box<RawValue>>,
    truncated: bool,
    snapshot: Option<String>,
    report: Option<String>,
    links: Links,
}

/// Maximum number of entries of a list in the scope of a narrowed run.
const MAX_SCOPE_ENTRIES: usize = 100;

/// Returns the JSON schema of the document.
pub(super) fn document_schema() -> schemars::Schema {
    schema_of::<DigestDocument<'static>>("packwatch digest")
}

/// Returns the document as JSON. `frame` returns the size of the message around a document.
pub(super) fn document(digest: &Digest, max_bytes: usize, frame: impl Fn(&str) -> usize) -> String {
    let mut document = DigestDocument::empty(digest);
    let mut room = Room {
        bytes: max_bytes.saturating_sub(frame(&to_json(&document)) + 1),
        truncated: digest.omitted.groups > 0 || document.scope_is_cut(digest),
    };
    let quarter = room.bytes / 4;
    document.packs = room.part(quarter, raw(&digest.packs));
    document.regions = room.part(quarter, raw(&digest.regions));
    document.warnings = room.part(quarter, raw(&digest.warnings));
    document.empty_sources = room.part(quarter, raw(&digest.empty_sources));
    document.gaps = room.gaps(&digest.gaps);
    document.groups = room.groups(&digest.groups);
    document.mutes = room.part(quarter, raw(&digest.mutes));
    let records = &digest.records;
    document.appeared = room.records(&records.appeared);
    document.cleared = room.records(&records.cleared);
    document.unwatched = room.records(&records.unwatched);
    document.reminders = room.records(&records.reminders);
    document.truncated = room.truncated;
    to_json(&document)
}

impl<'a> DigestDocument<'a> {
    /// Returns the document without lists.
    fn empty(digest: &'a Digest) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            kind: digest.kind.as_str(),
            test: digest.kind == DigestKind::Test,
            digest_id: &digest.id,
            run_id: digest.run_id.as_deref(),
            sequence: digest.sequence,
            created_at: digest.created_at,
            as_of: digest.as_of,
            label: digest.label.as_deref(),
            subject: digest.subject(),
            first_run: digest.first_run,
            complete: digest.complete,
            scope: digest.scope.as_ref().map(cut_scope),
            totals: digest.totals,
            packs: Vec::new(),
            regions: Vec::new(),
            groups: Vec::new(),
            appeared: Vec::new(),
            cleared: Vec::new(),
            unwatched: Vec::new(),
            reminders: Vec::new(),
            gaps: Vec::new(),
            empty_sources: Vec::new(),
            mutes: Vec::new(),
            warnings: Vec::new(),
            truncated: false,
            snapshot: digest.snapshot.as_ref().map(ObjectAddress::uri),
            report: digest.report.as_ref().map(ObjectAddress::uri),
            links: Links::of(digest),
        }
    }

    fn scope_is_cut(&self, digest: &Digest) -> bool {
        let length = |scope: &Option<RunScope>| {
            scope.as_ref().map(|scope| {
                (
                    scope.packs.len(),
                    scope.excluded_packs.len(),
                    scope.accounts.len(),
                )
            })
        };
        length(&self.scope) != length(&digest.scope)
    }
}

/// Returns the scope with lists of limited length: an event can name thousands of accounts.
fn cut_scope(scope: &RunScope) -> RunScope {
    fn first<T: Clone>(list: &[T]) -> Vec<T> {
        list.iter().take(MAX_SCOPE_ENTRIES).cloned().collect()
    }
    RunScope {
        packs: first(&scope.packs),
        excluded_packs: first(&scope.excluded_packs),
        accounts: first(&scope.accounts),
        regions: scope.regions.clone(),
        callers: scope.callers.clone(),
    }
}
