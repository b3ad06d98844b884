//! Warnings: an entry of the settings or the request that matches nothing, which is probably a
//! typing error.
//!
//! A warning is certain. A glob is judged by the names of all listed packs, so only if the listing
//! of every source is complete. An account is judged by the members of the packs in scope, so only
//! if all members of every pack were read, or AWS Config was asked for this account. A failing-only
//! read does not show the successful members, so after one there is no warning about an account.

use std::collections::BTreeSet;

use super::words::counted;
use crate::collect::{Observation, PackObservation};
use crate::input::event::shortened;
use crate::input::plan::RunPlan;
use crate::ledger::Ledger;
use crate::model::{AccountId, GapKey, Globs, PackKey, PackName, Scope, Warning, WarningCode};

/// Returns the warnings of a run: first those about `INCLUDE_PACKS`, then about the `packs` and the
/// `accounts` of the request, each in the order of their entries. `ledger` is the evaluated one.
pub(super) fn warnings(
    plan: &RunPlan,
    scope: &Scope,
    observation: &Observation,
    ledger: &Ledger,
) -> Vec<Warning> {
    if !is_listed(scope, observation) {
        return Vec::new();
    }
    // A pack that is unreadable by name may exist.
    let unread: Vec<PackKey> = observation
        .gaps
        .keys()
        .filter_map(GapKey::pack_key)
        .collect();
    let in_scope: BTreeSet<&PackKey> = observation.packs.keys().chain(&unread).collect();
    let known: BTreeSet<&PackKey> = in_scope
        .iter()
        .copied()
        .chain(&observation.out_of_scope)
        .collect();
    let sources = counted(scope.sources.len(), "source");
    let mut warnings = Vec::new();
    // A run of some regions does not see what the globs match in the others.
    if plan.selection.regions == plan.settings.regions {
        for glob in unmatched(&scope.include, &known) {
            let packs = counted(known.len(), "pack");
            warnings.push(Warning {
                code: WarningCode::PackGlobMatchesNothing,
                message: format!(
                    "INCLUDE_PACKS contains {}, which matches none of the {packs} in {sources}; names are case-sensitive",
                    shortened(&glob)
                ),
                subject: glob,
            });
        }
    }
    let watched: BTreeSet<&PackKey> = known
        .iter()
        .copied()
        .filter(|pack| {
            scope.include.matches(pack.pack.as_str()) && !scope.exclude.matches(pack.pack.as_str())
        })
        .collect();
    if let Some(packs) = &scope.packs {
        let unmatched_anywhere = unmatched(packs, &known);
        for glob in unmatched(packs, &watched) {
            let count = counted(watched.len(), "watched pack");
            let hint = if unmatched_anywhere.contains(&glob) {
                "names are case-sensitive"
            } else {
                "INCLUDE_PACKS or EXCLUDE_PACKS leaves out the packs that it matches"
            };
            warnings.push(Warning {
                code: WarningCode::PackGlobMatchesNothing,
                message: format!(
                    "\"packs\" contains {}, which matches none of the {count} in {sources}; {hint}",
                    shortened(&glob)
                ),
                subject: glob,
            });
        }
    }
    let unknown = |account: &&AccountId| is_unknown(account, scope, observation, ledger);
    for account in scope.accounts.iter().flatten().filter(unknown) {
        let packs = counted(in_scope.len(), "pack");
        warnings.push(Warning {
            code: WarningCode::AccountMatchesNothing,
            subject: account.as_str().to_owned(),
            message: format!(
                "\"accounts\" contains {account}, which is not a member of any of the {packs} in {sources}"
            ),
        });
    }
    warnings
}

/// Returns whether the listing of every source in scope is complete.
fn is_listed(scope: &Scope, observation: &Observation) -> bool {
    let complete = |source| {
        let listing = observation.listings.get(source);
        listing.is_some_and(|listing| listing.complete)
    };
    scope.sources.iter().all(complete)
}

fn unmatched(globs: &Globs, packs: &BTreeSet<&PackKey>) -> BTreeSet<String> {
    let names: BTreeSet<&PackName> = packs.iter().map(|key| &key.pack).collect();
    let globs = globs.unmatched(&names);
    globs.into_iter().map(str::to_owned).collect()
}

/// Returns whether it is certain that no pack in scope has the account as a member, and no failure
/// of it is open or has just ended.
fn is_unknown(
    account: &AccountId,
    scope: &Scope,
    observation: &Observation,
    ledger: &Ledger,
) -> bool {
    let lacks = |pack: &PackObservation| {
        let seen = pack.successful.contains(account) || pack.not_successful.contains_key(account);
        !seen && (pack.is_complete() || pack.absent.contains(account))
    };
    let mut recorded = ledger.open.keys().chain(ledger.resolved.keys());
    observation.gaps.is_empty()
        && observation.packs.values().all(lacks)
        && !recorded.any(|key| key.account_id.as_ref() == Some(account) && scope.covers(key))
}
