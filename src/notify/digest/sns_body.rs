//! The message body for the digest topic: text for email, the subject for SMS, and JSON for
//! programs, within the size limit of SNS.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::contents::Digest;
use super::snapshot_address::SnapshotAddress;
use crate::model::RunTotals;
use crate::report::SCHEMA_VERSION;

/// The JSON for programs. Records that do not fit are omitted as a whole; the totals stay exact.
/// `packs` and `regions` repeat the message attributes, because AWS [does not deliver
/// attributes](https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html) with a message
/// that has a message structure.
#[derive(Serialize)]
struct DigestDocument<'a> {
    schema_version: u32,
    kind: &'a str,
    digest_id: &'a str,
    run_id: Option<&'a str>,
    sequence: u64,
    created_at: Timestamp,
    label: Option<&'a str>,
    first_run: bool,
    totals: RunTotals,
    packs: Vec<Box<RawValue>>,
    regions: Vec<Box<RawValue>>,
    appeared: Vec<Box<RawValue>>,
    cleared: Vec<Box<RawValue>>,
    unwatched: Vec<Box<RawValue>>,
    reminders: Vec<Box<RawValue>>,
    gaps: Vec<Box<RawValue>>,
    empty_sources: Vec<Box<RawValue>>,
    truncated: bool,
    snapshot: Option<String>,
}

/// One message for each protocol, for `MessageStructure: json`.
#[derive(Serialize)]
struct ProtocolMessages<'a> {
    default: &'a str,
    email: &'a str,
    sms: &'a str,
}

/// Returns the body. Records are omitted to keep the body and the subject within `max_bytes`.
pub(super) fn body(digest: &Digest, max_bytes: usize) -> String {
    let (email, sms) = (digest.text(), digest.subject());
    let protocol_messages = |default: &str| {
        to_json(&ProtocolMessages {
            default,
            email: &email,
            sms: &sms,
        })
    };
    let mut document = DigestDocument {
        schema_version: SCHEMA_VERSION,
        kind: digest.kind(),
        digest_id: &digest.id,
        run_id: digest.run_id.as_deref(),
        sequence: digest.sequence,
        created_at: digest.created_at,
        label: digest.label.as_deref(),
        first_run: digest.first_run,
        totals: digest.totals,
        packs: Vec::new(),
        regions: Vec::new(),
        appeared: Vec::new(),
        cleared: Vec::new(),
        unwatched: Vec::new(),
        reminders: Vec::new(),
        gaps: Vec::new(),
        empty_sources: Vec::new(),
        truncated: false,
        snapshot: digest.snapshot.as_ref().map(SnapshotAddress::uri),
    };
    let frame = protocol_messages(&to_json(&document)).len() + digest.subject().len();
    let mut remaining = max_bytes.saturating_sub(frame + 1);
    let mut fits = |record: Box<RawValue>| {
        // The document is a JSON string inside the body, so a record counts with its quotes
        // escaped, and with a comma.
        let cost = to_json(record.get()).len() - 1;
        let fits = cost <= remaining;
        remaining = if fits { remaining - cost } else { 0 };
        fits.then_some(record)
    };
    let (packs, regions) = (digest.packs(), digest.regions());
    document.packs = records(&packs, &mut fits);
    document.regions = records(&regions, &mut fits);
    document.empty_sources = records(&digest.empty_sources, &mut fits);
    document.gaps = records(&digest.gaps, &mut fits);
    document.appeared = records(&digest.appeared, &mut fits);
    document.cleared = records(&digest.cleared, &mut fits);
    document.unwatched = records(&digest.unwatched, &mut fits);
    document.reminders = records(&digest.reminders, &mut fits);
    let DigestDocument {
        empty_sources,
        gaps,
        appeared,
        cleared,
        unwatched,
        reminders,
        ..
    } = &document;
    let lists = [
        &document.packs,
        &document.regions,
        empty_sources,
        gaps,
        appeared,
        cleared,
        unwatched,
        reminders,
    ];
    let kept: usize = lists.iter().map(|list| list.len()).sum();
    let Digest {
        empty_sources,
        gaps,
        appeared,
        cleared,
        unwatched,
        reminders,
        ..
    } = digest;
    let changed = [
        appeared.len(),
        cleared.len(),
        unwatched.len(),
        reminders.len(),
    ];
    let all = packs.len()
        + regions.len()
        + empty_sources.len()
        + gaps.len()
        + changed.iter().sum::<usize>();
    document.truncated = kept < all;
    protocol_messages(&to_json(&document))
}

/// The JSON of the last form.
#[derive(Serialize)]
struct LastForm<'a> {
    schema_version: u32,
    kind: &'a str,
    digest_id: &'a str,
    subject: &'a str,
    totals: RunTotals,
    truncated: bool,
    snapshot: Option<String>,
}

/// Returns the short body that every topic accepts.
pub(super) fn last_form(digest: &Digest) -> String {
    let subject = digest.subject();
    let document = LastForm {
        schema_version: SCHEMA_VERSION,
        kind: digest.kind(),
        digest_id: &digest.id,
        subject: &subject,
        totals: digest.totals,
        truncated: true,
        snapshot: digest.snapshot.as_ref().map(SnapshotAddress::uri),
    };
    to_json(&ProtocolMessages {
        default: &to_json(&document),
        email: &subject,
        sms: &subject,
    })
}

/// Serializes records one at a time until one does not fit. There can be far more than fit.
fn records(
    records: impl IntoIterator<Item: Serialize>,
    fits: impl FnMut(Box<RawValue>) -> Option<Box<RawValue>>,
) -> Vec<Box<RawValue>> {
    records
        .into_iter()
        .filter_map(|record| serde_json::value::to_raw_value(&record).ok())
        .map_while(fits)
        .collect()
}

/// Serializes to JSON, which cannot fail for documents of strings and numbers with string keys.
fn to_json<T: Serialize + ?Sized>(document: &T) -> String {
    serde_json::to_string(document).unwrap_or_default()
}
