//! A world in a JSON document.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::change::Change;
use crate::fault::Fault;
use crate::organizations::Account;
use crate::pack::generate_members;
use crate::rate::RateLimit;
use crate::status_record::StatusRecord;

/// The document. Only `own` is required.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    /// The account of the keys `AKIDOWN` and `AKIDEXAMPLE`.
    pub own: String,
    /// Where the world's clock stands; it follows the real one when this is left out.
    now: Option<Timestamp>,
    /// Further management and delegated administrator accounts.
    #[serde(default)]
    callers: Vec<String>,
    /// Accounts by access key id.
    #[serde(default)]
    keys: BTreeMap<String, String>,
    /// The external id that each role asks for, or null, by ARN.
    #[serde(default)]
    roles: BTreeMap<String, Option<String>>,
    /// Names and states of accounts, by id.
    #[serde(default)]
    accounts: BTreeMap<String, Account>,
    #[serde(default)]
    buckets: Vec<String>,
    #[serde(default)]
    topics: Vec<String>,
    #[serde(default)]
    packs: Vec<PackEntry>,
    page_size: Option<usize>,
    #[serde(default)]
    sparse_filters: bool,
    empty_page_every: Option<usize>,
    #[serde(default)]
    trailing_page: bool,
    #[serde(default)]
    latency_millis: u64,
    rate_limit: Option<RateLimit>,
    #[serde(default)]
    faults: Vec<Fault>,
    /// Anything else, last.
    #[serde(default)]
    changes: Vec<Change>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PackEntry {
    caller: String,
    region: String,
    pack: String,
    /// The pack's own row; settled when it is left out.
    row: Option<StatusRecord>,
    #[serde(default)]
    members: Members,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Members {
    Generated(Generated),
    Listed(BTreeMap<String, StatusRecord>),
}

/// `{"count": 350, "failing": 10}`: consecutive account ids, the failing ones spread evenly.
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
    /// The changes that make this world out of a new one.
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
        changes.extend(self.packs.into_iter().flat_map(PackEntry::changes));
        changes.push(Change::PageSize(self.page_size));
        changes.push(Change::SparseFilters(self.sparse_filters));
        changes.push(Change::EmptyPageEvery(self.empty_page_every));
        changes.push(Change::TrailingPage(self.trailing_page));
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
            row,
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
            row: row.unwrap_or_else(|| StatusRecord::new("CREATE_SUCCESSFUL")),
        };
        let members = members.into_iter().map(|(account, row)| Change::PutMember {
            caller: caller.clone(),
            region: region.clone(),
            pack: pack.clone(),
            account,
            row,
        });
        std::iter::once(put).chain(members).collect()
    }
}
