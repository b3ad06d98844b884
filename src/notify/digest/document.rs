//! The JSON for programs, and how it is cut to the size limit of SNS: records first, then lists inside
//! groups, then groups. Numbers stay true.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::contents::{Digest, GapNotice, RecordList};
use super::links::ObjectAddress;
use crate::model::{AccountId, GroupId, PackName, Region, Resolution, RunTotals};
use crate::report::{Group, GroupEvent, RunScope, SCHEMA_VERSION};

/// The document. `packs` and `regions` repeat the message attributes, because AWS [does not deliver
/// attributes](https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html) with a message
/// that has a message structure.
#[derive(Debug, Clone, Serialize)]
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
    packs: Vec<Box<RawValue>>,
    regions: Vec<Box<RawValue>>,
    groups: Vec<Box<RawValue>>,
    appeared: Vec<Box<RawValue>>,
    cleared: Vec<Box<RawValue>>,
    unwatched: Vec<Box<RawValue>>,
    reminders: Vec<Box<RawValue>>,
    gaps: Vec<Box<RawValue>>,
    empty_sources: Vec<Box<RawValue>>,
    mutes: Vec<Box<RawValue>>,
    warnings: Vec<Box<RawValue>>,
    truncated: bool,
    snapshot: Option<String>,
    report: Option<String>,
    links: Links,
}

/// Links to the console, or through the access portal.
#[derive(Debug, Clone, Serialize)]
struct Links {
    snapshot: Option<String>,
    report: Option<String>,
}

/// A group. Its lists may be cut; the numbers are those of the whole lists.
#[derive(Serialize)]
struct GroupDocument<'a> {
    group_id: GroupId,
    event: GroupEvent,
    title: &'a str,
    status: &'a str,
    error_code: Option<&'a str>,
    error_message: Option<&'a str>,
    action: &'a str,
    resolution: Option<Resolution>,
    account_count: usize,
    accounts: Vec<AccountDocument<'a>>,
    pack_count: usize,
    packs: Vec<&'a PackName>,
    regions: Vec<&'a Region>,
    callers: Vec<&'a AccountId>,
    since: Timestamp,
    until: Option<Timestamp>,
    failures: usize,
    open_after: usize,
}

#[derive(Serialize)]
struct AccountDocument<'a> {
    id: &'a AccountId,
    name: Option<&'a str>,
    state: Option<&'a str>,
}

/// Maximum lengths of the lists inside groups that are tried one after the other.
const LIST_LIMITS: [usize; 5] = [usize::MAX, 200, 50, 10, 0];

/// Maximum numbers of characters of the messages of gaps that are tried one after the other.
const MESSAGE_LIMITS: [usize; 3] = [usize::MAX, 200, 0];

/// Maximum number of entries of a list in the scope of a narrowed run.
const MAX_SCOPE_ENTRIES: usize = 100;

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
        let link = |address: &Option<ObjectAddress>| {
            address
                .as_ref()
                .map(|address| digest.link_target.object(address))
        };
        Self {
            schema_version: SCHEMA_VERSION,
            kind: digest.kind.as_str(),
            test: digest.kind == super::contents::DigestKind::Test,
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
            links: Links {
                snapshot: link(&digest.snapshot),
                report: link(&digest.report),
            },
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

/// The bytes that are left for lists.
struct Room {
    bytes: usize,
    /// Whether something was cut.
    truncated: bool,
}

impl Room {
    /// Takes the items that fit, up to the first that does not.
    fn take(&mut self, items: Vec<Box<RawValue>>) -> Vec<Box<RawValue>> {
        let mut kept = Vec::with_capacity(items.len());
        for item in items {
            let cost = cost(&item);
            if cost > self.bytes {
                self.truncated = true;
                // What comes after is less important.
                break;
            }
            self.bytes -= cost;
            kept.push(item);
        }
        kept
    }

    /// Takes the items that fit into a part of the room.
    fn part(&mut self, bytes: usize, items: Vec<Box<RawValue>>) -> Vec<Box<RawValue>> {
        let bytes = bytes.min(self.bytes);
        let mut part = Self {
            bytes,
            truncated: self.truncated,
        };
        let kept = part.take(items);
        self.bytes -= bytes - part.bytes;
        self.truncated = part.truncated;
        kept
    }

    /// Takes the records that fit. Once one does not, no later list has any.
    fn records(&mut self, list: &RecordList) -> Vec<Box<RawValue>> {
        let kept = self.take(list.records.clone());
        if kept.len() < list.total {
            self.truncated = true;
            self.bytes = 0;
        }
        kept
    }

    /// Takes the gaps, with shorter messages if they do not fit into half of the room.
    fn gaps(&mut self, gaps: &[GapNotice]) -> Vec<Box<RawValue>> {
        let half = self.bytes / 2;
        let mut items = Vec::new();
        for limit in MESSAGE_LIMITS {
            items = raw(gaps.iter().map(|gap| with_message_limit(gap, limit)));
            if items.iter().map(|item| cost(item)).sum::<usize>() <= half {
                break;
            }
        }
        self.part(half, items)
    }

    /// Takes the groups, with shorter lists if they do not fit.
    fn groups(&mut self, groups: &[Group]) -> Vec<Box<RawValue>> {
        let mut items = Vec::new();
        for limit in LIST_LIMITS {
            items = raw(groups.iter().map(|group| GroupDocument::of(group, limit)));
            if items.iter().map(|item| cost(item)).sum::<usize>() <= self.bytes {
                let longest = |group: &Group| group.accounts.len().max(group.packs.len());
                self.truncated |= groups.iter().any(|group| longest(group) > limit);
                break;
            }
        }
        self.take(items)
    }
}

/// Returns the bytes that an item takes. The document is a JSON string inside the message, so an
/// item counts with its quotes escaped, and with a comma.
fn cost(item: &RawValue) -> usize {
    to_json(item.get()).len() - 1
}

fn with_message_limit(gap: &GapNotice, limit: usize) -> crate::report::GapRecord {
    let mut record = gap.record.clone();
    if let Some((end, _)) = record.cause.message.char_indices().nth(limit) {
        record.cause.message.truncate(end);
    }
    record
}

impl<'a> GroupDocument<'a> {
    /// Returns the document of a group, with at most `limit` entries in each list.
    fn of(group: &'a Group, limit: usize) -> Self {
        Self {
            group_id: group.group_id,
            event: group.event,
            title: &group.cause.title,
            status: &group.status,
            error_code: group.error_code.as_deref(),
            error_message: group.error_message.as_deref(),
            action: &group.cause.action,
            resolution: group.resolution,
            account_count: group.accounts.len(),
            accounts: group
                .accounts
                .iter()
                .take(limit)
                .map(|(id, view)| AccountDocument {
                    id,
                    name: view.name.as_ref().map(crate::model::AwsText::as_str),
                    state: view.state.as_ref().map(crate::model::AwsText::as_str),
                })
                .collect(),
            pack_count: group.packs.len(),
            packs: group.packs.iter().take(limit).collect(),
            regions: group.regions.iter().take(limit).collect(),
            callers: group.callers.iter().take(limit).collect(),
            since: group.since,
            until: group.until,
            failures: group.failures,
            open_after: group.open_after,
        }
    }
}

/// Serializes the items of a list.
fn raw(items: impl IntoIterator<Item: Serialize>) -> Vec<Box<RawValue>> {
    items
        .into_iter()
        .filter_map(|item| serde_json::value::to_raw_value(&item).ok())
        .collect()
}

/// Serializes to JSON, which cannot fail for documents of strings and numbers with string keys.
pub(super) fn to_json<T: Serialize + ?Sized>(document: &T) -> String {
    serde_json::to_string(document).unwrap_or_default()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}
