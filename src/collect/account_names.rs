//! Names of failing accounts, asked of AWS Organizations: few in a run, since it answers slowly,
//! and each not again for a week. A name is a kindness: where it cannot be had, it is missing, and
//! nothing else is different.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use super::observation::Observation;
use crate::ledger::Ledger;
use crate::model::Scope;
use crate::model::display_chain;
use crate::model::{Account, AccountId, StatusKind};
use crate::ports::ConfigApi;

/// Accounts that one run asks about.
const MAX_LOOKUPS_PER_RUN: usize = 50;
/// Calls in flight: all that call AWS Organizations share one small limit.
const MAX_CONCURRENCY: usize = 4;
/// How long names are waited for.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// So many calls may fail: one may be about an odd account, but what denies or throttles three does
/// so with the next.
const MAX_FAILURES: usize = 3;

/// Asks about accounts that fail, or failed until now, and have no good name.
pub async fn resolve<S: ConfigApi>(
    source: &S,
    observation: &Observation,
    ledger: &Ledger,
    scope: &Scope,
    until: Instant,
) -> BTreeMap<AccountId, Option<Account>> {
    let mut found = BTreeMap::new();
    let asked = unnamed(observation, ledger, scope, observation.ended_at);
    let mut answers = stream::iter(&asked)
        .map(|id| async move { (id, source.account(id).await) })
        .buffered(MAX_CONCURRENCY);
    let until = until.min(Instant::now() + LOOKUP_TIMEOUT);
    let mut failures = Vec::new();
    while failures.len() < MAX_FAILURES {
        match timeout_at(until, answers.next()).await {
            Ok(Some((id, Ok(account)))) => {
                found.insert(id.clone(), account);
            }
            Ok(Some((id, Err(cause)))) => {
                failures.push(format!("{id}: {}", display_chain(cause.as_ref())))
            }
            Ok(None) => break,
            Err(_) => failures.resize_with(MAX_FAILURES, || {
                "AWS Organizations did not answer in time".to_owned()
            }),
        }
    }
    let Some(missing) = failures.last() else {
        return found;
    };
    tracing::warn!(
        cause = missing,
        "names of accounts are missing; give the function organizations:DescribeAccount in the management account or a \
         delegated administrator, or set ACCOUNT_NAMES to off"
    );
    found
}

/// Those that were never asked about first, then those whose names are the oldest.
fn unnamed(
    observation: &Observation,
    ledger: &Ledger,
    scope: &Scope,
    now: Timestamp,
) -> Vec<AccountId> {
    let mut failing: BTreeSet<&AccountId> = ledger
        .open
        .keys()
        .filter(|key| scope.covers(key))
        .filter_map(|key| key.account_id.as_ref())
        .collect();
    for (_, reading) in observation
        .packs
        .iter()
        .filter(|(pack, _)| scope.covers_pack(pack))
    {
        let rows = reading
            .unsettled
            .iter()
            .filter(|(_, row)| row.kind() == StatusKind::Failed);
        failing.extend(
            rows.map(|(account, _)| account)
                .filter(|account| scope.covers_account(Some(account))),
        );
    }
    let named = |id: &AccountId| ledger.names.get(id);
    let mut asked: Vec<_> = failing
        .into_iter()
        .filter(|id| !named(id).is_some_and(|named| named.is_fresh(now)))
        .collect();
    asked.sort_by_key(|id| named(id).map(|named| named.at));
    asked
        .into_iter()
        .take(MAX_LOOKUPS_PER_RUN)
        .cloned()
        .collect()
}
