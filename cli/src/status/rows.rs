//! Failures by account or by pack: one row each.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use packwatch::model::{Account, AccountId, FailureKey, GroupId, PackKey, Region};
use packwatch::notify::digest::capitalized;

use super::current::Current;

/// Words about a failure whose cause the snapshot does not have.
pub(super) const UNSEEN: &str = "No data, failing when last read";

/// The failures of one account or one pack.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) failures: usize,
    pub(super) since: Timestamp,
    pub(super) account: Option<&'a Account>,
    pub(super) accounts: BTreeSet<&'a AccountId>,
    /// Whether the pack itself fails.
    pub(super) pack_itself: bool,
    pub(super) packs: BTreeSet<&'a PackKey>,
    pub(super) regions: BTreeSet<&'a Region>,
    /// The causes by title, each with its group id; `None` where it is unseen.
    pub(super) causes: BTreeMap<String, Option<GroupId>>,
}

/// Returns the rows, those with the most failures first. `row_key` returns what a failure is
/// counted under.
pub(super) fn rows<'a, K: Ord>(
    current: &'a Current,
    row_key: impl Fn(&'a FailureKey) -> K,
) -> Vec<(K, Row<'a>)> {
    let titles: BTreeMap<GroupId, String> = current
        .groups()
        .into_iter()
        .map(|group| (group.group_id, capitalized(&group.cause.short_title)))
        .collect();
    let seen = current.failures.iter().map(|failure| {
        let title = titles.get(&failure.group_id).cloned().unwrap_or_default();
        let cause = (title, Some(failure.group_id));
        (&failure.key, failure.since, failure.account.as_ref(), cause)
    });
    let unseen = current.unseen.iter().map(|unconfirmed| {
        let cause = (UNSEEN.to_owned(), None);
        (&unconfirmed.key, unconfirmed.failing_since, None, cause)
    });
    let mut rows: BTreeMap<K, Row<'a>> = BTreeMap::new();
    for (key, since, account, (title, group_id)) in seen.chain(unseen) {
        let row = rows.entry(row_key(key)).or_insert_with(|| Row {
            failures: 0,
            since,
            account: None,
            accounts: BTreeSet::new(),
            pack_itself: false,
            packs: BTreeSet::new(),
            regions: BTreeSet::new(),
            causes: BTreeMap::new(),
        });
        row.failures += 1;
        row.since = row.since.min(since);
        row.account = row.account.or(account);
        row.accounts.extend(&key.account_id);
        row.pack_itself |= key.is_pack();
        row.packs.insert(&key.pack);
        row.regions.insert(&key.pack.source.region);
        row.causes.insert(title, group_id);
    }
    let mut rows: Vec<(K, Row<'a>)> = rows.into_iter().collect();
    rows.sort_by_key(|(_, row)| usize::MAX - row.failures);
    rows
}
