//! Check `unwatched_regions`: packs in regions of the partition that the settings do not name.

use std::collections::{BTreeMap, BTreeSet};

use super::answers::{Meaning, meaning, skipped};
use super::facts::Facts;
use crate::model::Region;
use crate::report::{Check, CheckAction, CheckStatus, counted};

const NAME: &str = "unwatched_regions";

/// Makes the check. Regions that could not be asked are a check of their own, so that they never
/// look as if they had no packs.
pub(super) fn checks(facts: &Facts<'_>) -> Vec<Check> {
    let mut with_packs = Vec::new();
    let mut asked = BTreeSet::new();
    let mut not_asked: BTreeMap<&str, BTreeSet<&Region>> = BTreeMap::new();
    for (account, region, packs) in &facts.other_regions {
        match packs {
            Ok(packs) => {
                asked.insert(region);
                // Packs that the settings exclude would not be watched there, either.
                let count = packs.iter().filter(|pack| facts.is_watched(pack)).count();
                if count > 0 {
                    with_packs.push((account, region, count));
                }
            }
            Err(error) => {
                let reason = match meaning(error) {
                    Meaning::NoAnswer => "no answer",
                    Meaning::OutOfTime => "no time left",
                    _ => error.code.as_str(),
                };
                not_asked.entry(reason).or_default().insert(region);
            }
        }
    }
    let mut checks = Vec::new();
    if !with_packs.is_empty() {
        let found = with_packs.iter().map(|(account, region, count)| {
            let packs = counted(*count, "pack");
            format!("{packs} of {account} in {region}")
        });
        let detail = format!("not watched: {}", join(found));
        let regions = with_packs.iter().map(|(_, region, _)| *region);
        let regions: BTreeSet<_> = facts.plan.settings.regions.iter().chain(regions).collect();
        let regions: Vec<_> = regions.into_iter().map(Region::as_str).collect();
        let action = CheckAction::new("To watch them, deploy with REGIONS set to all of these")
            .parameter("Regions", regions.join(","));
        checks.push(Check::new(NAME, CheckStatus::Warning, detail).with_action(action));
    } else if !asked.is_empty() {
        let regions = counted(asked.len(), "other region");
        let detail =
            format!("{regions} checked: no packs that INCLUDE_PACKS and EXCLUDE_PACKS select");
        checks.push(Check::new(NAME, CheckStatus::Ok, detail));
    }
    let not_assumed = facts.roles.iter().filter(|(_, identity)| identity.is_err());
    let not_assumed: Vec<_> = not_assumed.map(|(role, _)| &role.account).collect();
    if !not_asked.is_empty() || !not_assumed.is_empty() {
        let regions = not_asked.iter().map(|(reason, regions)| {
            let regions: Vec<_> = regions.iter().map(|region| region.as_str()).collect();
            format!("{} ({reason})", regions.join(", "))
        });
        let accounts = not_assumed
            .iter()
            .map(|account| format!("the regions of {account} (its role cannot be assumed)"));
        let regions = regions.chain(accounts);
        checks.push(skipped(
            NAME,
            format!("could not be checked: {}", join(regions)),
        ));
    }
    if checks.is_empty() {
        let detail = "every region of the partition is watched";
        checks.push(Check::new(NAME, CheckStatus::Ok, detail));
    }
    checks
}

fn join(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join("; ")
}
