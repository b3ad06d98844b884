//! Groups of failures with the same cause: the same pack, status, error code and message, where
//! identifiers in the message are masked.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;

use super::account_label::AccountLabel;
use crate::model::{AccountId, AwsText, FailureKey, PackName, Region};
use crate::report::FailureRecord;

/// Failures of one pack with the same cause, in all regions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FailureGroup<'a> {
    pub pack: &'a PackName,
    pub status: &'a str,
    pub code: Option<&'a str>,
    /// The message; its identifiers are masked if the messages of the group differ.
    pub message: Option<Cow<'a, str>>,
    pub accounts: BTreeSet<AccountLabel<'a>>,
    pub regions: BTreeSet<&'a Region>,
    pub callers: BTreeSet<&'a AccountId>,
    pub failures: Vec<&'a FailureKey>,
    pub since: Timestamp,
    pub latest: Timestamp,
}

impl FailureGroup<'_> {
    /// Returns the error code, or the status if there is none.
    pub(super) fn name(&self) -> &str {
        self.code.unwrap_or(self.status)
    }

    /// Returns the number of accounts as text, such as `27 accounts` or `the pack itself`.
    pub(super) fn size(&self) -> String {
        match self.accounts.len() {
            0 => "the pack itself".to_owned(),
            1 => "1 account".to_owned(),
            many => format!("{many} accounts"),
        }
    }
}

/// Patterns of identifiers that differ between accounts, each with its mask.
#[expect(
    clippy::unwrap_used,
    reason = "the patterns are constants, and a test applies each of them"
)]
static IDENTIFIERS: LazyLock<[(Regex, &str); 4]> = LazyLock::new(|| {
    [
        (r"(?-u)arn:aws[a-z-]*:[!#-&(*+\--:<-~]+", "ARN"),
        (
            r"(?-u)\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b",
            "ID",
        ),
        (
            r#"(?i-u)\brequest[ _-]?id"?[:= ]+"?[0-9a-z+/=_-]{8,}"#,
            "Request ID: ID",
        ),
        (r"(?-u)(?:\b|_)[0-9]{12}(?:\b|_)", "ACCOUNT"),
    ]
    .map(|(pattern, mask)| (Regex::new(pattern).unwrap(), mask))
});

/// Returns the message with ARNs, UUIDs, request ids and account ids masked.
pub(super) fn mask(message: &str) -> String {
    IDENTIFIERS
        .iter()
        .fold(message.to_owned(), |text, (identifier, mask)| {
            identifier.replace_all(&text, *mask).into_owned()
        })
}

/// Groups failures by pack and cause. Groups are ordered by pack, then by size, largest first.
pub(super) fn group_by_cause(records: &[FailureRecord]) -> Vec<FailureGroup<'_>> {
    let mut groups: BTreeMap<_, FailureGroup<'_>> = BTreeMap::new();
    for record @ FailureRecord {
        key,
        group_id: _,
        details,
        cause,
    } in records
    {
        let code = cause.error_code.as_ref().map(AwsText::as_str);
        let message = cause.error_message.as_ref().map(AwsText::as_str);
        let masked = message.map(mask);
        let group = groups
            .entry((
                &key.pack.pack,
                cause.status.as_str(),
                code,
                masked.clone(),
                key.is_pack(),
            ))
            .or_insert_with(|| FailureGroup {
                pack: &key.pack.pack,
                status: cause.status.as_str(),
                code,
                message: message.map(Cow::Borrowed),
                accounts: BTreeSet::new(),
                regions: BTreeSet::new(),
                callers: BTreeSet::new(),
                failures: Vec::new(),
                since: details.failing_since,
                latest: details.failing_since,
            });
        if group.message.as_deref() != message {
            group.message = masked.map(Cow::Owned);
        }
        group.accounts.extend(AccountLabel::failing(record));
        group.regions.insert(&key.pack.source.region);
        group.callers.insert(&key.pack.source.caller);
        group.failures.push(key);
        group.since = group.since.min(details.failing_since);
        group.latest = group.latest.max(details.failing_since);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by(|one, other| {
        one.pack
            .cmp(other.pack)
            .then(other.failures.len().cmp(&one.failures.len()))
            .then(one.name().cmp(other.name()))
    });
    groups
}
