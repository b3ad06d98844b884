//! Gaps with the same cause, over packs, regions and callers: a role that is lost is one of them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::account_label::AccountLabel;
use super::contents::{Digest, GapNotice};
use super::phrases::{listed, pack_name};
use crate::ledger::GapResolution;
use crate::model::{AccountId, ApiError, GroupId, PackName, Source, StatusRecord};
use crate::report::{GapAction, GapState, counted, gap_action};

/// Maximum number of names in a list of packs or regions.
const MAX_NAMES: usize = 3;

/// Gaps with the same cause.
#[derive(Debug, Clone)]
pub(super) struct GapGroup<'a> {
    /// How they ended; `None` while they last.
    pub end: Option<GapResolution>,
    /// The failed call of the first one.
    pub cause: &'a ApiError,
    /// What to say about it.
    pub words: GapAction,
    /// The sources that were not read, or that contain the packs.
    pub sources: BTreeSet<&'a Source>,
    /// The packs that were not read; none for whole sources.
    pub packs: BTreeSet<&'a PackName>,
    /// When the first one began.
    pub since: Timestamp,
    /// Whether one of them is a change.
    pub triggers: bool,
    /// Whether this run met one of them for the first time.
    pub began: bool,
    /// Number of packs that are known there.
    pub packs_known: usize,
    /// Number of open failures that are known there.
    pub failures: usize,
    /// When something was last read there, for whole sources.
    pub last_read: Option<Timestamp>,
}

/// Groups the gaps of a digest: first those that last, those of whole sources first, then by
/// number.
pub(super) fn gap_groups(digest: &Digest) -> Vec<GapGroup<'_>> {
    let mut groups: BTreeMap<_, Vec<&GapNotice>> = BTreeMap::new();
    for gap in &digest.gaps {
        let record = &gap.record;
        // How a gap ended matters, and not what it was.
        let cause = record.end.is_none().then(|| {
            let message = StatusRecord {
                error_message: Some(record.cause.message.as_str().into()),
                ..StatusRecord::new(&record.cause.code)
            };
            (&record.cause.operation, GroupId::of(&message))
        });
        let key = (record.end, record.key.pack.is_some(), cause);
        groups.entry(key).or_default().push(gap);
    }
    let mut groups: Vec<_> = groups
        .into_values()
        .filter_map(|gaps| build(&gaps))
        .collect();
    groups.sort_by_key(|group| {
        let size = group.sources.len().max(group.packs.len());
        (group.end, !group.packs.is_empty(), usize::MAX - size)
    });
    groups
}

fn build<'a>(gaps: &[&'a GapNotice]) -> Option<GapGroup<'a>> {
    let first = gaps.first()?;
    let packs_known: BTreeSet<_> = gaps.iter().flat_map(|gap| &gap.packs).collect();
    Some(GapGroup {
        end: first.record.end,
        cause: &first.record.cause,
        words: gap_action(&first.record.cause),
        sources: gaps.iter().map(|gap| &gap.record.key.source).collect(),
        packs: gaps
            .iter()
            .filter_map(|gap| gap.record.key.pack.as_ref())
            .collect(),
        since: gaps.iter().map(|gap| gap.record.since).min()?,
        triggers: gaps.iter().any(|gap| gap.triggers),
        began: gaps.iter().any(|gap| gap.record.state == GapState::Began),
        packs_known: packs_known.len(),
        failures: gaps.iter().map(|gap| gap.failures).sum(),
        last_read: gaps.iter().filter_map(|gap| gap.last_read).min(),
    })
}

impl GapGroup<'_> {
    /// Returns the regions in few words: their names, or their number.
    fn regions(&self) -> String {
        let regions: BTreeSet<_> = self.sources.iter().map(|source| &source.region).collect();
        if regions.len() > MAX_NAMES {
            return counted(regions.len(), "region");
        }
        listed(regions)
    }

    /// Returns what was not read in few words, for the subject: `us-east-1`, `account 444455556666
    /// in 3 regions` or `20 packs in us-east-1`.
    pub(super) fn subject(&self) -> String {
        let callers: BTreeSet<_> = self.sources.iter().map(|source| &source.caller).collect();
        let regions: BTreeSet<_> = self.sources.iter().map(|source| &source.region).collect();
        let first_pack = self.packs.first();
        match (self.packs.len(), first_pack) {
            (1, Some(pack)) => format!("pack {} in {}", pack_name(pack), self.regions()),
            (many, Some(_)) => format!("{many} packs in {}", self.regions()),
            (_, None) if callers.len() == 1 && regions.len() > 1 => {
                let caller = listed(callers);
                format!("account {caller} in {}", counted(regions.len(), "region"))
            }
            (_, None) if self.sources.len() > MAX_NAMES => counted(self.sources.len(), "source"),
            (_, None) => listed(regions),
        }
    }

    /// Returns what was not read, for a heading.
    pub(super) fn place(&self, digest: &Digest) -> String {
        if !self.packs.is_empty() {
            return self.subject();
        }
        let callers: BTreeSet<_> = self.sources.iter().map(|source| &source.caller).collect();
        let named = |caller: &AccountId| {
            let view = digest.callers.get(caller);
            let name = view.and_then(|view| AccountLabel::new(caller, view).name());
            name.map_or_else(|| caller.to_string(), |name| format!("{caller} \"{name}\""))
        };
        let regions: BTreeSet<_> = self.sources.iter().map(|source| &source.region).collect();
        let shown = listed(callers.iter().take(MAX_NAMES).map(|caller| named(caller)));
        let callers = match callers.len().saturating_sub(MAX_NAMES) {
            0 => shown,
            more => format!("{shown} and {more} more"),
        };
        if self.sources.len() == 1 {
            format!("{} in account {callers}", listed(regions))
        } else {
            format!("account {callers}: {}", listed(regions))
        }
    }
}
