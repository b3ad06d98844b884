//! The packs, with how much of them was read and the counts of their members.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::html_report::run_facts::RunFacts;
use crate::input::plan::RunPlan;
use crate::ledger::Ledger;
use crate::model::{GapKey, PackKey, PackName, Region};
use crate::report::PackFacts;

/// Maximum number of packs in the page. `latest.json` has all of them.
const MAX_PACKS: usize = 1_000;

/// A pack.
#[derive(Debug, Clone, Copy)]
pub(in crate::html_report) struct PackLine<'a> {
    pub key: &'a PackKey,
    /// What was read; `None` if nothing was.
    pub read: Option<&'a PackFacts>,
    /// Open failures of member accounts that are neither muted nor ignored.
    pub failing: usize,
    /// Whether the pack itself is failing.
    pub is_failing_itself: bool,
    /// Open failures that are muted or ignored.
    pub suppressed: usize,
    /// Whether something of it was not read.
    pub has_gap: bool,
}

/// The packs: first those that fail, most failures first, then those without data.
#[derive(Debug)]
pub(in crate::html_report) struct Packs<'a> {
    pub lines: Vec<PackLine<'a>>,
    /// Number of packs, those that are left out included.
    pub total: usize,
    /// The names of all packs of each region.
    names: BTreeMap<&'a Region, BTreeSet<&'a PackName>>,
}

impl<'a> Packs<'a> {
    pub(super) fn new(
        ledger: &'a Ledger,
        plan: &RunPlan,
        facts: &'a RunFacts,
        at: Timestamp,
    ) -> Self {
        let mut lines: BTreeMap<&PackKey, PackLine<'a>> = BTreeMap::new();
        for read in &facts.packs {
            lines.insert(&read.key, PackLine::new(&read.key, Some(read)));
        }
        let lasting = |key: &GapKey| ledger.gaps.get(key).is_some_and(|gap| gap.ended.is_none());
        let has_gap =
            |key: &PackKey| lasting(&GapKey::source(&key.source)) || lasting(&GapKey::pack(key));
        // A pack that was not read is known from before.
        for key in ledger.known_packs() {
            if has_gap(key) {
                let line = lines.entry(key).or_insert_with(|| PackLine::new(key, None));
                line.has_gap = true;
            }
        }
        for (key, open) in &ledger.open {
            let line = lines
                .entry(&key.pack)
                .or_insert_with(|| PackLine::new(&key.pack, None));
            if open.is_suppressed(key, &plan.settings.policy, at) {
                line.suppressed += 1;
            } else if key.is_pack() {
                line.is_failing_itself = true;
            } else {
                line.failing += 1;
            }
        }
        let mut names: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for key in lines.keys() {
            names
                .entry(&key.source.region)
                .or_default()
                .insert(&key.pack);
        }
        let mut lines: Vec<_> = lines.into_values().collect();
        lines.sort_by(|one, other| {
            let weight = |line: &PackLine<'_>| (line.failing, line.is_failing_itself, line.has_gap);
            weight(other).cmp(&weight(one)).then(one.key.cmp(other.key))
        });
        let total = lines.len();
        lines.truncate(MAX_PACKS);
        Self {
            lines,
            total,
            names,
        }
    }

    /// Returns the number of distinct names of packs.
    pub(in crate::html_report) fn distinct(&self) -> usize {
        let names: BTreeSet<_> = self.names.values().flatten().collect();
        names.len()
    }

    /// Returns the number of regions that have packs.
    pub(in crate::html_report) fn regions(&self) -> usize {
        self.names.len()
    }

    /// Returns whether these are all packs of these regions, and more than one.
    pub(super) fn are_all(&self, packs: &BTreeSet<PackName>, regions: &BTreeSet<Region>) -> bool {
        let all: BTreeSet<&PackName> = regions
            .iter()
            .filter_map(|region| self.names.get(region))
            .flatten()
            .copied()
            .collect();
        packs.len() > 1 && packs.iter().eq(all)
    }
}

impl<'a> PackLine<'a> {
    fn new(key: &'a PackKey, read: Option<&'a PackFacts>) -> Self {
        Self {
            key,
            read,
            failing: 0,
            is_failing_itself: false,
            suppressed: 0,
            has_gap: false,
        }
    }
}
