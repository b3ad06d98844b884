//! Checks `include_packs` and `exclude_packs`: each glob of the settings matches a pack.

use std::collections::BTreeSet;

use super::answers::skipped;
use super::facts::Facts;
use crate::model::{Globs, PackName};
use crate::report::{Check, CheckAction, CheckStatus, counted};

/// Name of the second check.
const EXCLUDE: &str = "exclude_packs";

/// One of the two settings.
struct Setting<'a> {
    check: &'static str,
    variable: &'static str,
    parameter: &'static str,
    globs: &'a Globs,
}

/// Makes the checks. Whether a glob matches nothing is known only if all sources were listed.
pub(super) fn checks(facts: &Facts<'_>) -> Vec<Check> {
    let settings = &facts.plan.settings;
    let settings = [
        Setting {
            check: "include_packs",
            variable: "INCLUDE_PACKS",
            parameter: "IncludePacks",
            globs: &settings.include,
        },
        Setting {
            check: EXCLUDE,
            variable: "EXCLUDE_PACKS",
            parameter: "ExcludePacks",
            globs: &settings.exclude,
        },
    ];
    let mut packs = BTreeSet::new();
    for (_, answer) in &facts.sources {
        match &answer.packs {
            Ok(listed) => packs.extend(listed),
            Err(_) => {
                let reason = "not every source could be listed";
                return settings
                    .map(|setting| skipped(setting.check, reason))
                    .into();
            }
        }
    }
    if packs.is_empty() {
        let reason = "there are no packs to match";
        return settings
            .map(|setting| skipped(setting.check, reason))
            .into();
    }
    let include = &facts.plan.settings.include;
    let counts = Counts {
        included: packs
            .iter()
            .filter(|pack| include.matches(pack.as_str()))
            .count(),
        watched: packs.iter().filter(|pack| facts.is_watched(pack)).count(),
    };
    settings.map(|setting| setting.check(&packs, counts)).into()
}

/// Number of pack names that are included, and of those that are not excluded again.
#[derive(Clone, Copy)]
struct Counts {
    included: usize,
    watched: usize,
}

impl Setting<'_> {
    fn check(&self, packs: &BTreeSet<&PackName>, counts: Counts) -> Check {
        let variable = self.variable;
        let names = counted(packs.len(), "pack name");
        let unmatched = self.globs.unmatched(packs);
        if !unmatched.is_empty() {
            let list: Vec<_> = unmatched.iter().copied().collect();
            let list = list.join(", ");
            let detail =
                format!("{variable}: {list} matches none of the {names}; names are case-sensitive");
            let patterns = self.globs.patterns();
            let kept = patterns
                .iter()
                .filter(|glob| !unmatched.contains(glob.as_str()));
            let kept: Vec<_> = kept.map(String::as_str).collect();
            let action = CheckAction::new(format!(
                "Correct {list} in {variable}, or deploy without it"
            ))
            .parameter(self.parameter, kept.join(","));
            return Check::new(self.check, CheckStatus::Warning, detail).with_action(action);
        }
        let Counts { included, watched } = counts;
        if self.check == EXCLUDE && included > 0 && watched == 0 {
            let detail = format!("{variable} leaves out every pack that INCLUDE_PACKS selects");
            let action = CheckAction::new(format!(
                "Change {variable} so that the packs to watch are kept; an empty value excludes none"
            ));
            let action = action.parameter(self.parameter, "");
            return Check::new(self.check, CheckStatus::Warning, detail).with_action(action);
        }
        let detail = match self.globs.patterns()[..] {
            [] => format!("{variable} is empty"),
            _ => format!("{variable}: every glob matches; {watched} of {names} watched"),
        };
        Check::new(self.check, CheckStatus::Ok, detail)
    }
}
