//! Description of a simulated organization as a JSON document.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::config::pack::generate_members;
use crate::config::status_record::StatusRecord;
use crate::faults::Fault;
use crate::faults::rate_limit::RateLimit;
use crate::organizations::Account;
use crate::world::change::Change;

/// JSON document that describes an organization. Only `own` is required.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    /// Account of the access keys `AKIDOWN` and `AKIDEXAMPLE`.
    pub own: String,
    /// Time at which the simulated clock is stopped. By default it follows the real clock.
    now: Option<Timestamp>,
    /// Additional management and delegated administrator accounts.
    #[serde(default)]
    callers: Vec<String>,
    /// Accounts by access key id.
    #[serde(default)]
    keys: BTreeMap<String, String>,
    /// External ids that the roles require, or null, by role ARN.
    #[serde(default)]
    roles: BTreeMap<String, Option<String>>,
    /// Names and states of accounts by id.
    #[serde(default)]
    accounts: BTreeMap<String, Account>,
    #[serde(default)]
    buckets: Vec<String>,
    #[serde(default)]
    topics: Vec<String>,
    #[serde(default)]
    event_buses: Vec<String>,
    /// `MaximumMessageSize` in bytes by topic ARN; 262,144 by default.
    #[serde(default)]
    maximum_message_sizes: BTreeMap<String, MessageSize>,
    #[serde(default)]
    packs: Vec<PackEntry>,
    page_size: Option<usize>,
    #[serde(default)]
    sparse_filters: bool,
    empty_page_every: Option<usize>,
    #[serde(default)]
    trailing_page: bool,
    #[serde(default)]
    account_filter_requires_member: bool,
    #[serde(default)]
    latency_millis: u64,
    rate_limit: Option<RateLimit>,
    #[serde(default)]
    faults: Vec<Fault>,
    /// Further changes, applied last.
    #[serde(default)]
    changes: Vec<Change>,
}

#[derive(Debug, Deserialize)]
struct MessageSize(#[serde(deserialize_with = "crate::sns::deserialize_message_size")] usize);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PackEntry {
    caller: String,
    region: String,
    pack: String,
    /// The pack's own status record; `CREATE_SUCCESSFUL` by default.
    #[serde(rename = "row")]
    record: Option<StatusRecord>,
    #[serde(default)]
    members: Members,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Members {
    Generated(Generated),
    Listed(BTreeMap<String, StatusRecord>),
}

/// `{"count": 350, "failing": 10}`: members with consecutive account ids, the failing ones spread
/// evenly.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Generated {
    count: usize,
    #[serde(default)]
    failing: usize,
}

impl Default for Members {
    fn default() -> Self {
        Self::Listed(BTreeMap::new())
    }
}

impl Document {
    /// Returns the changes that build this organization from a new one.
    pub fn changes(self) -> Vec<Change> {
        let mut changes: Vec<Change> = self.now.map(Change::AdvanceTo).into_iter().collect();
        changes.extend(self.callers.into_iter().map(Change::AllowCaller));
        changes.extend(
            self.keys
                .into_iter()
                .map(|(key, account)| Change::AddKey { key, account }),
        );
        changes.extend(
            self.roles
                .into_iter()
                .map(|(arn, external_id)| Change::AllowRole { arn, external_id }),
        );
        changes.extend(
            self.accounts
                .into_iter()
                .map(|(account, Account { name, state })| Change::PutAccount {
                    account,
                    name,
                    state,
                }),
        );
        changes.extend(self.buckets.into_iter().map(Change::CreateBucket));
        changes.extend(self.topics.into_iter().map(Change::CreateTopic));
        changes.extend(self.event_buses.into_iter().map(Change::CreateEventBus));
        changes.extend(
            self.maximum_message_sizes
                .into_iter()
                .map(|(topic, MessageSize(bytes))| Change::MaximumMessageSize { topic, bytes }),
        );
        changes.extend(self.packs.into_iter().flat_map(PackEntry::changes));
        changes.push(Change::PageSize(self.page_size));
        changes.push(Change::SparseFilters(self.sparse_filters));
        changes.push(Change::EmptyPageEvery(self.empty_page_every));
        changes.push(Change::TrailingPage(self.trailing_page));
        changes.push(Change::AccountFilterRequiresMember(
            self.account_filter_requires_member,
        ));
        changes.push(Change::Latency(std::time::Duration::from_millis(
            self.latency_millis,
        )));
        changes.push(Change::RateLimit(self.rate_limit));
        changes.extend(self.faults.into_iter().map(Change::Fault));
        changes.extend(self.changes);
        changes
    }
}

impl PackEntry {
    fn changes(self) -> Vec<Change> {
        let Self {
            caller,
            region,
            pack,
            record,
            members,
        } = self;
        let members = match members {
            Members::Generated(Generated { count, failing }) => generate_members(count, failing),
            Members::Listed(members) => members,
        };
        let put = Change::PutPack {
            caller: caller.clone(),
            region: region.clone(),
            pack: pack.clone(),
            record: record.unwrap_or_else(|| StatusRecord::new("CREATE_SUCCESSFUL")),
        };
        let members = members
            .into_iter()
            .map(|(account, record)| Change::PutMember {
                caller: caller.clone(),
                region: region.clone(),
                pack: pack.clone(),
                account,
                record,
            });
        std::iter::once(put).chain(members).collect()
    }
}
