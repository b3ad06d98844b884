//! Which accounts recovered completely, and which only in some packs, regions or callers.

use std::collections::{BTreeMap, BTreeSet};

use super::request::DigestRequest;
use crate::model::{AccountId, PackKey};
use crate::report::sanitize;

/// The accounts of cleared failures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recoveries {
    /// Number of accounts without an open failure.
    pub complete: usize,
    /// The accounts that still fail elsewhere, by where they recovered and where they still fail.
    pub partial: Vec<PartialRecovery>,
}

/// Accounts that recovered in one place and still fail in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialRecovery {
    /// Where they recovered.
    pub recovered_in: String,
    /// Where they still fail.
    pub failing_in: String,
    /// The accounts.
    pub accounts: BTreeSet<AccountId>,
}

/// Maximum number of names in a list of packs, regions or callers.
const MAX_PLACES: usize = 3;

impl Recoveries {
    pub(super) fn of(request: &DigestRequest<'_>) -> Self {
        let DigestRequest {
            ledger,
            changes,
            plan,
            ..
        } = *request;
        let cleared: BTreeSet<&AccountId> = changes
            .cleared
            .iter()
            .filter_map(|key| key.account_id.as_ref())
            .collect();
        let mut places: BTreeMap<&AccountId, (Vec<&PackKey>, Vec<&PackKey>)> = BTreeMap::new();
        for key in ledger
            .open
            .keys()
            .filter(|key| !plan.settings.policy.ignores(key))
        {
            if let Some(account) = &key.account_id
                && cleared.contains(account)
            {
                places.entry(account).or_default().1.push(&key.pack);
            }
        }
        for key in &changes.cleared {
            if let Some(account) = &key.account_id
                && let Some((recovered, _)) = places.get_mut(account)
            {
                recovered.push(&key.pack);
            }
        }
        let complete = cleared.len() - places.len();
        let mut partial: BTreeMap<(String, String), BTreeSet<AccountId>> = BTreeMap::new();
        for (account, (recovered, failing)) in places {
            let places = difference(&recovered, &failing);
            partial.entry(places).or_default().insert(account.clone());
        }
        Self {
            complete,
            partial: partial
                .into_iter()
                .map(|((recovered_in, failing_in), accounts)| PartialRecovery {
                    recovered_in,
                    failing_in,
                    accounts,
                })
                .collect(),
        }
    }

    /// Returns the number of accounts that still fail elsewhere.
    pub fn partial_count(&self) -> usize {
        self.partial
            .iter()
            .map(|partial| partial.accounts.len())
            .sum()
    }
}

/// Returns the words for two sets of packs: by region if no region is in both, else by pack, else
/// by caller, else by pack and region.
fn difference(recovered: &[&PackKey], failing: &[&PackKey]) -> (String, String) {
    let names: [fn(&PackKey) -> String; 4] = [
        |pack| pack.source.region.to_string(),
        |pack| sanitize(pack.pack.as_str()),
        |pack| format!("packs of {}", pack.source.caller),
        |pack| format!("{} in {}", sanitize(pack.pack.as_str()), pack.source.region),
    ];
    let sets = |name: fn(&PackKey) -> String| {
        let set = |packs: &[&PackKey]| packs.iter().map(|pack| name(pack)).collect::<BTreeSet<_>>();
        (set(recovered), set(failing))
    };
    let different = names
        .into_iter()
        .map(sets)
        .find(|(recovered, failing)| recovered.is_disjoint(failing));
    // The same pack cannot be both, so the last names differ, apart from the caller.
    let (recovered, failing) = different.unwrap_or_else(|| sets(names[3]));
    (listed(&recovered), listed(&failing))
}

fn listed(names: &BTreeSet<String>) -> String {
    let shown: Vec<&str> = names.iter().take(MAX_PLACES).map(String::as_str).collect();
    match names.len().saturating_sub(MAX_PLACES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
