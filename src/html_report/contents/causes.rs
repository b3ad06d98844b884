//! The causes of what is open: groups of failures over packs, regions and callers.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::changes::Changes;
use super::packs::Packs;
use super::text::plain;
use super::words::listed;
use crate::input::plan::RunPlan;
use crate::ledger::Ledger;
use crate::model::{AccountId, FailureKey};
use crate::report::{Group, GroupEvent, Member, Omitted, counted, group_members};

/// Maximum number of causes in the page.
const MAX_CAUSES: usize = 100;

/// Maximum number of names of packs or regions of a cause.
const MAX_NAMES: usize = 4;

/// A cause, with the failures that are neither muted nor ignored.
#[derive(Debug)]
pub(in crate::html_report) struct Cause {
    pub group: Group,
    /// Whether the last digest reports failures of it as new.
    pub is_new: bool,
    /// Its accounts and packs, such as `8 accounts, all 50 packs`.
    pub extent: String,
    /// Its packs, such as `all 50 packs`, or the first names.
    pub packs: String,
}

/// The causes: new ones first, then those of the most accounts.
#[derive(Debug)]
#[expect(
    clippy::struct_field_names,
    reason = "the causes are most of what it holds"
)]
pub(in crate::html_report) struct Causes {
    pub causes: Vec<Cause>,
    /// What is left out.
    pub omitted: Omitted,
    /// Distinct accounts, names of packs and regions of all failures that are neither muted nor
    /// ignored.
    pub accounts: usize,
    pub packs: usize,
    pub regions: usize,
    /// When the first of those failures began.
    pub since: Option<Timestamp>,
}

impl Causes {
    pub(super) fn new(
        ledger: &Ledger,
        plan: &RunPlan,
        packs: &Packs<'_>,
        changes: &Changes<'_>,
        at: Timestamp,
    ) -> Self {
        let failing = || {
            let open = ledger.open.iter();
            open.filter(|(key, open)| !open.is_suppressed(key, &plan.settings.policy, at))
        };
        let members = failing()
            .map(|(key, open)| Member::open(GroupEvent::Open, key, open, ledger.account(key), at))
            .collect();
        let grouped = group_members(members, MAX_CAUSES);
        let mut causes: Vec<_> = grouped
            .groups
            .into_iter()
            .map(|group| Cause::new(group, packs, changes))
            .collect();
        // The sort is stable: the largest stay first.
        causes.sort_by_key(|cause| !cause.is_new);
        let count = |part: fn(&FailureKey) -> Option<&str>| {
            let parts: BTreeSet<&str> = failing().filter_map(|(key, _)| part(key)).collect();
            parts.len()
        };
        Self {
            causes,
            omitted: grouped.omitted,
            accounts: count(|key| key.account_id.as_ref().map(AccountId::as_str)),
            packs: count(|key| Some(key.pack.pack.as_str())),
            regions: count(|key| Some(key.pack.source.region.as_str())),
            since: failing().map(|(_, open)| open.failing_since).min(),
        }
    }

    /// Returns the number of causes, those that are left out included.
    pub(in crate::html_report) fn total(&self) -> usize {
        self.causes.len() + self.omitted.groups
    }
}

impl Cause {
    fn new(group: Group, packs: &Packs<'_>, changes: &Changes<'_>) -> Self {
        let number = group.packs.len();
        let are_all = packs.are_all(&group.packs, &group.regions);
        let in_short = match (are_all, number, group.packs.first()) {
            (true, ..) => format!("all {number} packs"),
            (false, 1, Some(only)) => plain(only.as_str()).into_owned(),
            (false, ..) => counted(number, "pack"),
        };
        let who = match (group.accounts.len(), group.packs_themselves) {
            (0, packs) => format!(
                "{} with no account named by AWS Config",
                counted(packs, "pack")
            ),
            (accounts, _) => counted(accounts, "account"),
        };
        let names = group.packs.iter().map(|pack| plain(pack.as_str()));
        let packs = if are_all {
            in_short.clone()
        } else {
            listed(names, MAX_NAMES)
        };
        Self {
            is_new: changes.is_new(group.group_id),
            extent: format!("{who}, {in_short}"),
            packs,
            group,
        }
    }
}
