//! Names of the accounts that a run shows, looked up in AWS Organizations. Names are cached for a
//! week, because AWS Organizations responds slowly. Names are optional: after a failed lookup only
//! the name is missing, and the run is the same otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use super::observation::Observation;
use crate::ledger::Ledger;
use crate::model::{Account, AccountId, NotificationPolicy, Scope, display_chain};
use crate::ports::ConfigApi;

/// Maximum number of accounts to look up in one run.
const MAX_LOOKUPS_PER_RUN: usize = 500;
/// Maximum number of lookups in flight. All callers of AWS Organizations share one low rate limit.
const MAX_CONCURRENCY: usize = 4;
/// Timeout of all lookups of a run together.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// Number of failed lookups after which a run makes no more. One failure can be specific to its
/// account; after three, the next lookup would be denied or throttled as well.
const MAX_FAILURES: usize = 3;

/// Looks up the accounts that a digest of this run can show and that have no fresh name in the
/// ledger: those that are failing, were open before this run, or ended without a notification, and
/// the callers. Stops at `deadline`, after a timeout, or after too many failures, and returns the
/// accounts looked up until then; `None` means that AWS Organizations has no such account.
pub async fn resolve<S: ConfigApi>(
    api: &S,
    observation: &Observation,
    ledger: &Ledger,
    scope: &Scope,
    policy: &NotificationPolicy,
    deadline: Instant,
) -> BTreeMap<AccountId, Option<Account>> {
    let mut resolved = BTreeMap::new();
    let accounts = accounts_to_look_up(observation, ledger, scope, policy);
    let mut responses = stream::iter(&accounts)
        .map(|id| async move { (id, api.account(id).await) })
        .buffered(MAX_CONCURRENCY);
    let deadline = deadline.min(Instant::now() + LOOKUP_TIMEOUT);
    let mut failures = Vec::new();
    while failures.len() < MAX_FAILURES {
        match timeout_at(deadline, responses.next()).await {
            Ok(Some((id, Ok(account)))) => {
                resolved.insert(id.clone(), account);
            }
            Ok(Some((id, Err(cause)))) => {
                failures.push(format!("{id}: {}", display_chain(cause.as_ref())));
            }
            Ok(None) => break,
            Err(_) => failures.resize_with(MAX_FAILURES, || {
                "AWS Organizations did not answer in time".to_owned()
            }),
        }
    }
    let Some(missing) = failures.last() else {
        return resolved;
    };
    tracing::warn!(
        cause = missing,
        "account names are missing; allow the function to call organizations:DescribeAccount, in the management account or a \
         delegated administrator, or set ACCOUNT_NAMES to off"
    );
    resolved
}

/// Returns the accounts to look up: first those that were never looked up, then those with the
/// oldest names.
fn accounts_to_look_up(
    observation: &Observation,
    ledger: &Ledger,
    scope: &Scope,
    policy: &NotificationPolicy,
) -> Vec<AccountId> {
    let now = observation.ended_at;
    // A full run also shows what the settings no longer cover.
    let known = ledger.open.keys().chain(ledger.resolved.keys());
    let known: Vec<_> = known
        .filter(|key| !scope.narrowed || scope.covers(key))
        .collect();
    let mut shown: BTreeSet<&AccountId> = known
        .iter()
        .filter_map(|key| key.account_id.as_ref())
        .collect();
    for (_, observed) in observation
        .packs
        .iter()
        .filter(|(pack, _)| scope.covers_pack(pack))
    {
        let rows = observed
            .not_successful
            .iter()
            .filter(|(_, row)| policy.counts_as_failing(row, now));
        shown.extend(
            rows.map(|(account, _)| account)
                .filter(|account| scope.covers_account(Some(account))),
        );
    }
    let earlier = known
        .iter()
        .map(|key| &key.pack.source)
        .chain(ledger.gaps.keys().map(|gap| &gap.source))
        .chain(ledger.empty_sources.keys())
        .filter(|_| !scope.narrowed);
    let gaps = observation.gaps.keys().map(|gap| &gap.source);
    let callers: BTreeSet<_> = scope
        .sources
        .iter()
        .chain(gaps)
        .chain(earlier)
        .map(|source| &source.caller)
        .collect();
    shown.extend(
        callers
            .into_iter()
            .filter(|caller| AccountId::is_valid(caller.as_str())),
    );
    let cached = |id: &AccountId| ledger.accounts.get(id);
    let mut accounts: Vec<_> = shown
        .into_iter()
        .filter(|id| !cached(id).is_some_and(|cached| cached.is_fresh(now)))
        .collect();
    accounts.sort_by_key(|id| cached(id).map(|cached| cached.at));
    accounts
        .into_iter()
        .take(MAX_LOOKUPS_PER_RUN)
        .cloned()
        .collect()
}
