//! The body for the digest topic: a text for people, a line for phones, and JSON for programs that
//! always fits.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::contents::Digest;
use crate::model::RunTotals;
use crate::report::SCHEMA_VERSION;

/// The JSON for programs. Records are cut where they do not fit, whole ones; the counts stay true.
/// `packs` and `regions` are those of the attributes, which by [AWS's
/// word](https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html) do not go with a
/// message that has a structure.
#[derive(Serialize)]
struct DigestDocument<'a> {
    schema_version: u32,
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
    reminded: Vec<Box<RawValue>>,
    gaps: Vec<Box<RawValue>>,
    emptied: Vec<Box<RawValue>>,
    truncated: bool,
    snapshot: Option<String>,
}

/// What SNS picks from by protocol (`MessageStructure: json`).
#[derive(Serialize)]
struct ProtocolMessages<'a> {
    default: &'a str,
    email: &'a str,
    sms: &'a str,
}

/// The body, in at most `room` bytes.
pub(super) fn body(digest: &Digest, room: usize) -> String {
    let (email, sms) = (digest.text(), digest.subject());
    let protocol_messages = |default: &str| {
        write(&ProtocolMessages {
            default,
            email: &email,
            sms: &sms,
        })
    };
    let mut document = DigestDocument {
        schema_version: SCHEMA_VERSION,
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
        reminded: Vec::new(),
        gaps: Vec::new(),
        emptied: Vec::new(),
        truncated: false,
        snapshot: digest
            .snapshot
            .as_ref()
            .map(super::snapshot_address::SnapshotAddress::uri),
    };
    let frame = protocol_messages(&write(&document)).len() + digest.subject().len();
    let mut left = room.saturating_sub(frame + 1);
    let mut fits = |record: Box<RawValue>| {
        // The JSON is a string inside the body, so that its quotes count twice; a comma goes with
        // each record.
        let cost = write(record.get()).len() - 1;
        let fits = cost <= left;
        left = if fits { left - cost } else { 0 };
        fits.then_some(record)
    };
    let (packs, regions) = (digest.packs(), digest.regions());
    document.packs = records(&packs, &mut fits);
    document.regions = records(&regions, &mut fits);
    document.emptied = records(&digest.emptied, &mut fits);
    document.gaps = records(&digest.gaps, &mut fits);
    document.appeared = records(&digest.appeared, &mut fits);
    document.cleared = records(&digest.cleared, &mut fits);
    document.unwatched = records(&digest.unwatched, &mut fits);
    document.reminded = records(&digest.reminded, &mut fits);
    let DigestDocument {
        emptied,
        gaps,
        appeared,
        cleared,
        unwatched,
        reminded,
        ..
    } = &document;
    let lists = [
        &document.packs,
        &document.regions,
        emptied,
        gaps,
        appeared,
        cleared,
        unwatched,
        reminded,
    ];
    let kept: usize = lists.iter().map(|list| list.len()).sum();
    let Digest {
        emptied,
        gaps,
        appeared,
        cleared,
        unwatched,
        reminded,
        ..
    } = digest;
    let changed = [
        appeared.len(),
        cleared.len(),
        unwatched.len(),
        reminded.len(),
    ];
    let all =
        packs.len() + regions.len() + emptied.len() + gaps.len() + changed.iter().sum::<usize>();
    document.truncated = kept < all;
    protocol_messages(&write(&document))
}

/// The records that fit, written one at a time: there may be far more of them.
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

/// Documents of strings and numbers with string keys can always be written.
fn write<T: Serialize + ?Sized>(document: &T) -> String {
    serde_json::to_string(document).unwrap_or_default()
}
