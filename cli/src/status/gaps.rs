//! Gaps with the same cause: what could not be read, why, and what to do.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use packwatch::model::{ApiError, GapKey, GroupId, Source, StatusRecord};
use packwatch::notify::digest::listed;
use packwatch::report::{GapAction, counted, gap_action};

use super::snapshot::{Gap, Snapshot};

/// Maximum number of sources that are named.
const MAX_SOURCES: usize = 5;

/// Gaps with the same cause.
#[derive(Debug)]
pub(crate) struct GapGroup {
    /// What was not read.
    pub(super) keys: BTreeSet<GapKey>,
    /// The failed call of the first one.
    pub(super) cause: ApiError,
    /// What to say about it.
    pub(super) words: GapAction,
    /// When the first one began.
    pub(super) since: Timestamp,
    /// Number of open failures there that could not be confirmed.
    pub(super) unconfirmed: usize,
}

/// Groups the gaps of a snapshot, the largest first.
pub(super) fn gap_groups(snapshot: &Snapshot) -> Vec<GapGroup> {
    let mut groups: BTreeMap<_, Vec<&Gap>> = BTreeMap::new();
    for gap in &snapshot.gaps {
        let message = StatusRecord {
            error_message: Some(gap.cause.message.as_str().into()),
            ..StatusRecord::new(&gap.cause.code)
        };
        let key = (gap.cause.operation.as_str(), GroupId::of(&message));
        groups.entry(key).or_default().push(gap);
    }
    let mut groups: Vec<GapGroup> = groups
        .into_values()
        .filter_map(|gaps| {
            let first = gaps.first()?;
            let keys: BTreeSet<GapKey> = gaps.iter().map(|gap| gap.key.clone()).collect();
            let unconfirmed = snapshot.unconfirmed.iter().filter(|unconfirmed| {
                let pack = &unconfirmed.key.pack;
                keys.iter().any(|key| {
                    key.source == pack.source
                        && key.pack.as_ref().is_none_or(|name| *name == pack.pack)
                })
            });
            Some(GapGroup {
                words: gap_action(&first.cause),
                cause: first.cause.clone(),
                since: gaps.iter().map(|gap| gap.since).min()?,
                unconfirmed: unconfirmed.count(),
                keys,
            })
        })
        .collect();
    groups.sort_by_key(|group| usize::MAX - group.keys.len());
    groups
}

impl GapGroup {
    /// Returns what was not read, such as `us-east-1 of 111122223333`.
    pub(super) fn place(&self) -> String {
        place(&self.keys)
    }
}

/// Returns what was not read: regions by caller, and numbers of packs.
pub(crate) fn place(keys: &BTreeSet<GapKey>) -> String {
    let mut sources: BTreeMap<&Source, Vec<&GapKey>> = BTreeMap::new();
    for key in keys {
        sources.entry(&key.source).or_default().push(key);
    }
    let mut places: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (source, keys) in &sources {
        let packs: Vec<String> = keys
            .iter()
            .filter_map(|key| key.pack.as_ref())
            .map(|pack| packwatch::report::sanitize(pack.as_str()))
            .collect();
        let what = match packs.as_slice() {
            [] => String::new(),
            [pack] => format!("{pack} in "),
            packs => format!("{} in ", counted(packs.len(), "pack")),
        };
        places
            .entry((&source.caller, what))
            .or_default()
            .push(&source.region);
    }
    let names: Vec<String> = places
        .iter()
        .map(|((caller, what), regions)| format!("{what}{} of {caller}", listed(regions)))
        .collect();
    let shown = names.iter().take(MAX_SOURCES).cloned().collect::<Vec<_>>();
    match names.len() - shown.len() {
        0 => shown.join("; "),
        more => format!("{} and {more} more", shown.join("; ")),
    }
}
