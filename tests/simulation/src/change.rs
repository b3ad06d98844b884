//! The changes that a world can undergo: one vocabulary for tests, documents, schedules and the
//! control endpoint.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fault::{Armed, Fault};
use crate::identity::Identity;
use crate::organizations::Account;
use crate::pack::Pack;
use crate::rate::RateLimit;
use crate::status_record::StatusRecord;
use crate::world::World;

/// A change of the world. In JSON: `{"put_member": {"caller": "...", ...}}`, `"clear_faults"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// The account is the management account or a delegated administrator.
    AllowCaller(String),
    /// The account is no longer either: AWS Config answers it `OrganizationAccessDeniedException`.
    DenyCaller(String),
    /// A lasting access key of an account.
    AddKey {
        key: String,
        account: String,
    },
    /// A role that callers may assume.
    AllowRole {
        arn: String,
        external_id: Option<String>,
    },
    /// The role is gone, or trusts nobody.
    DenyRole(String),
    /// The name and state that AWS Organizations gives an account.
    PutAccount {
        account: String,
        name: String,
        state: String,
    },
    /// The account has left the organization.
    RemoveAccount(String),
    /// Whether the account has `s3:ListBucket`; without it a missing key answers 403 instead of
    /// 404.
    Listing {
        account: String,
        allowed: bool,
    },
    CreateBucket(String),
    /// Writes an object, creating the bucket if need be.
    SetObject {
        bucket: String,
        key: String,
        body: String,
    },
    RemoveObject {
        bucket: String,
        key: String,
    },
    CreateTopic(String),
    RemoveTopic(String),
    /// Creates a pack without members, or replaces its own row and keeps its members.
    PutPack {
        caller: String,
        region: String,
        pack: String,
        row: StatusRecord,
    },
    RemovePack {
        caller: String,
        region: String,
        pack: String,
    },
    /// Creates or replaces a member's row, creating a settled pack if need be.
    PutMember {
        caller: String,
        region: String,
        pack: String,
        account: String,
        row: StatusRecord,
    },
    RemoveMember {
        caller: String,
        region: String,
        pack: String,
        account: String,
    },
    /// Creates packs `pack-000`, `pack-001`, ... with members from account 200000000001 on, the
    /// failing ones spread evenly.
    Fill {
        caller: String,
        region: String,
        packs: usize,
        members: usize,
        failing: usize,
    },
    /// Pages hold at most so many rows, whatever the limit; `null` lifts it.
    PageSize(Option<usize>),
    /// Filters are applied after paging: filtered pages are short, or empty, and still carry a
    /// token.
    SparseFilters(bool),
    /// Before every so many pages, the first included, comes an empty one with a token; `null`
    /// lifts it.
    EmptyPageEvery(Option<usize>),
    /// A last page that is full still carries a token, which leads to an empty one.
    TrailingPage(bool),
    /// Every answer takes so many milliseconds.
    Latency(#[serde(with = "crate::millis")] Duration),
    /// AWS Config throttles above this, by caller and region; `null` lifts it.
    RateLimit(Option<RateLimit>),
    Fault(Fault),
    ClearFaults,
    /// Happens once the world's clock passes a time.
    At {
        at: Timestamp,
        change: Vec<Change>,
    },
    /// Stops the world's clock at a time. Until then it follows the real one.
    AdvanceTo(Timestamp),
    ForgetCalls,
}

impl World {
    /// Applies a change.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::AllowCaller(account) => drop(self.callers.insert(account)),
            Change::DenyCaller(account) => drop(self.callers.remove(&account)),
            Change::AddKey { key, account } => {
                self.keys
                    .insert(key.clone(), Identity::user(&key, &account));
            }
            Change::AllowRole { arn, external_id } => drop(self.roles.insert(arn, external_id)),
            Change::DenyRole(arn) => drop(self.roles.remove(&arn)),
            Change::PutPack { .. }
            | Change::RemovePack { .. }
            | Change::PutMember { .. }
            | Change::RemoveMember { .. }
            | Change::Fill { .. } => self.apply_to_packs(change),
            Change::PutAccount {
                account,
                name,
                state,
            } => drop(self.accounts.insert(account, Account { name, state })),
            Change::RemoveAccount(account) => drop(self.accounts.remove(&account)),
            Change::Listing {
                account,
                allowed: true,
            } => drop(self.unlisting.remove(&account)),
            Change::Listing {
                account,
                allowed: false,
            } => drop(self.unlisting.insert(account)),
            Change::CreateBucket(bucket) => drop(self.buckets.entry(bucket).or_default()),
            Change::SetObject { bucket, key, body } => {
                self.write_object(&bucket, &key, body.into_bytes())
            }
            Change::RemoveObject { bucket, key } => self.delete_object(&bucket, &key),
            Change::CreateTopic(arn) => drop(self.topics.entry(arn).or_default()),
            Change::RemoveTopic(arn) => drop(self.topics.remove(&arn)),
            Change::PageSize(size) => self.paging.size = size,
            Change::SparseFilters(sparse) => self.paging.sparse = sparse,
            Change::EmptyPageEvery(pages) => self.paging.empty_every = pages,
            Change::TrailingPage(trailing) => self.paging.trailing = trailing,
            Change::Latency(latency) => self.latency = latency,
            Change::RateLimit(limit) => {
                self.rate_limit = limit;
                self.rates.clear();
            }
            Change::Fault(fault) => self.faults.push(Armed::new(fault)),
            Change::ClearFaults => self.faults.clear(),
            Change::At { at, change } => {
                self.schedule.entry(at).or_default().extend(change);
                self.apply_due();
            }
            Change::AdvanceTo(time) => {
                self.clock = Some(time);
                self.apply_due();
            }
            Change::ForgetCalls => self.calls.clear(),
        }
    }

    fn apply_to_packs(&mut self, change: Change) {
        match change {
            Change::PutPack {
                caller,
                region,
                pack,
                row,
            } => self.pack(caller, region, pack).row = row,
            Change::RemovePack {
                caller,
                region,
                pack,
            } => {
                self.packs
                    .entry((caller, region))
                    .or_default()
                    .remove(&pack);
            }
            Change::PutMember {
                caller,
                region,
                pack,
                account,
                row,
            } => {
                self.pack(caller, region, pack).members.insert(account, row);
            }
            Change::RemoveMember {
                caller,
                region,
                pack,
                account,
            } => {
                if let Some(pack) = self
                    .packs
                    .entry((caller, region))
                    .or_default()
                    .get_mut(&pack)
                {
                    pack.members.remove(&account);
                }
            }
            Change::Fill {
                caller,
                region,
                packs,
                members,
                failing,
            } => {
                for number in 0..packs {
                    let generation = self.next_serial();
                    let made = Pack::generated(members, failing, generation);
                    let source = (caller.clone(), region.clone());
                    self.packs
                        .entry(source)
                        .or_default()
                        .insert(format!("pack-{number:03}"), made);
                }
            }
            other => unreachable!("{other:?} concerns no pack"),
        }
    }

    /// The pack, created settled and without members if it is not there.
    fn pack(&mut self, caller: String, region: String, pack: String) -> &mut Pack {
        let generation = self.next_serial();
        let made = || Pack {
            row: StatusRecord::new("CREATE_SUCCESSFUL"),
            members: std::collections::BTreeMap::new(),
            generation,
        };
        self.packs
            .entry((caller, region))
            .or_default()
            .entry(pack)
            .or_insert_with(made)
    }
}
