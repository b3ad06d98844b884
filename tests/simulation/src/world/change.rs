//! Changes of the simulated state. Tests, JSON documents, schedules and the control endpoint all
//! use this one type.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::pack::Pack;
use crate::config::status_record::StatusRecord;
use crate::faults::rate_limit::RateLimit;
use crate::faults::{ArmedFault, Fault};
use crate::identity::Identity;
use crate::organizations::Account;
use crate::world::World;

/// A change of the simulated state. In JSON: `{"put_member": {"caller": "...", ...}}`,
/// `"clear_faults"`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// Makes the account the management account. At first it is the own account.
    ManagementAccount(String),
    /// Makes the account a delegated administrator, unless it is the management account.
    AllowCaller(String),
    /// Reverts `AllowCaller`. AWS Config returns `OrganizationAccessDeniedException` to other
    /// accounts.
    DenyCaller(String),
    /// Adds a long-term access key of an account.
    AddKey { key: String, account: String },
    /// Makes the principal of an access key a session of the role in its account, as the one of a
    /// Lambda function. The key needs no session token.
    UseRole { key: String, role: String },
    /// Adds a role that every caller with the external id may assume.
    AllowRole {
        arn: String,
        external_id: Option<String>,
    },
    /// Removes the role. `AssumeRole` returns `AccessDenied`. Sessions that exist remain valid.
    DenyRole(String),
    /// Expires the credentials that `AssumeRole` has issued so far: every service rejects them with
    /// its error for an expired session token. Later sessions and long-term keys remain valid.
    ExpireSessions,
    /// Sets the name and state that AWS Organizations reports for an account.
    PutAccount {
        account: String,
        name: String,
        state: String,
    },
    /// Removes an account from the organization.
    RemoveAccount(String),
    /// Grants or denies `s3:ListBucket` to an account. Without it S3 returns 403 instead of 404 for
    /// a missing key.
    Listing { account: String, allowed: bool },
    /// Creates a bucket.
    CreateBucket(String),
    /// Sets the versioning status of a bucket: `Enabled`, `Suspended`, or empty for a bucket that
    /// never had versioning. It is enabled at first. Versions are kept in any case.
    Versioning { bucket: String, status: String },
    /// Ignores the conditions of writes to S3.
    IgnoreConditions(bool),
    /// Writes an object, and creates the bucket if it does not exist.
    SetObject {
        bucket: String,
        key: String,
        body: String,
        /// User metadata, stored as `x-amz-meta-<name>: <value>`.
        #[serde(default)]
        metadata: BTreeMap<String, String>,
    },
    /// Deletes an object.
    RemoveObject { bucket: String, key: String },
    /// Creates an SNS topic, given by its ARN. A FIFO topic has a name that ends with `.fifo`.
    CreateTopic(String),
    /// Deletes a topic.
    RemoveTopic(String),
    /// Sets the number of subscriptions of a topic, and creates the topic if it does not exist. A
    /// new topic has none. Messages are recorded whatever the number is.
    Subscriptions {
        topic: String,
        confirmed: u32,
        pending: u32,
    },
    /// Sets `MaximumMessageSize` of a topic, from 1,024 to 1,048,576 bytes, and creates the topic
    /// if it does not exist. A new topic has 262,144 bytes. Other sizes are rejected in JSON, and
    /// panic otherwise.
    MaximumMessageSize {
        topic: String,
        #[serde(deserialize_with = "crate::sns::deserialize_message_size")]
        bytes: usize,
    },
    /// Creates an event bus, given by its ARN.
    CreateEventBus(String),
    /// Refuses every event whose detail contains the text, with an error code in its entry of the
    /// response; an empty code accepts them again.
    RefuseEvents { containing: String, code: String },
    /// Creates a pack without members, or replaces the pack's own status record and keeps its
    /// members.
    PutPack {
        caller: String,
        region: String,
        pack: String,
        #[serde(rename = "row")]
        record: StatusRecord,
    },
    /// Deletes a pack with its members.
    RemovePack {
        caller: String,
        region: String,
        pack: String,
    },
    /// Creates or replaces a member's status record. A missing pack is created as
    /// `CREATE_SUCCESSFUL`.
    PutMember {
        caller: String,
        region: String,
        pack: String,
        account: String,
        #[serde(rename = "row")]
        record: StatusRecord,
    },
    /// Deletes a member of a pack.
    RemoveMember {
        caller: String,
        region: String,
        pack: String,
        account: String,
    },
    /// Creates packs `pack-000`, `pack-001`, ... with consecutive member accounts from 200000000001
    /// on. Failing members are spread evenly.
    Fill {
        caller: String,
        region: String,
        packs: usize,
        members: usize,
        failing: usize,
        /// Length of the error messages of failing members, each of which is different. Zero gives
        /// all of them the same short message.
        #[serde(default)]
        message_length: usize,
    },
    /// Limits pages to this many records, even if a call asks for more. `null` removes the limit.
    PageSize(Option<usize>),
    /// Applies filters after paging: filtered pages are short or empty and still have a page token.
    SparseFilters(bool),
    /// Inserts an empty page with a page token before the first page, and then after every n pages.
    /// `null` removes the empty pages.
    EmptyPageEvery(Option<usize>),
    /// Adds a page token to a full last page. The token leads to an empty page.
    TrailingPage(bool),
    /// Returns `NoSuchOrganizationConformancePackException` if `Filters.AccountId` names an account
    /// without a row in the pack, also when there is a status filter. By default such a call
    /// returns an empty page. It is not documented which of the two AWS Config does.
    AccountFilterRequiresMember(bool),
    /// Delays every response by this many milliseconds.
    Latency(#[serde(with = "crate::serde_millis")] Duration),
    /// Limits the rate of AWS Config calls for each caller and region. `null` removes the limit.
    RateLimit(Option<RateLimit>),
    /// Adds a fault.
    Fault(Fault),
    /// Removes all faults.
    ClearFaults,
    /// Schedules changes for a simulated time.
    At { at: Timestamp, change: Vec<Change> },
    /// Stops the simulated clock at a time. Before the first use the clock follows the real one.
    AdvanceTo(Timestamp),
    /// Clears the call log.
    ForgetCalls,
}

impl World {
    /// Applies a change.
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::ManagementAccount(account) => self.management = account,
            Change::AllowCaller(account) => drop(self.callers.insert(account)),
            Change::DenyCaller(account) => drop(self.callers.remove(&account)),
            Change::AddKey { key, account } => {
                self.keys
                    .insert(key.clone(), Identity::user(&key, &account));
            }
            Change::UseRole { key, role } => {
                if let Some(identity) = self.keys.get_mut(&key) {
                    identity.use_role(&role);
                }
            }
            Change::AllowRole { arn, external_id } => drop(self.roles.insert(arn, external_id)),
            Change::DenyRole(arn) => drop(self.roles.remove(&arn)),
            Change::ExpireSessions => self.keys.values_mut().for_each(Identity::expire_session),
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
            } => drop(self.without_list_bucket.remove(&account)),
            Change::Listing {
                account,
                allowed: false,
            } => drop(self.without_list_bucket.insert(account)),
            Change::CreateBucket(bucket) => drop(self.buckets.entry(bucket).or_default()),
            Change::Versioning { bucket, status } => {
                self.versioning.insert(bucket, status);
            }
            Change::IgnoreConditions(ignore) => self.ignore_conditions = ignore,
            Change::SetObject {
                bucket,
                key,
                body,
                metadata,
            } => self.write_object(&bucket, &key, body.into_bytes(), metadata),
            Change::RemoveObject { bucket, key } => self.delete_object(&bucket, &key),
            Change::CreateTopic(arn) => drop(self.topics.entry(arn).or_default()),
            Change::RemoveTopic(arn) => drop(self.topics.remove(&arn)),
            Change::Subscriptions {
                topic,
                confirmed,
                pending,
            } => self
                .topics
                .entry(topic)
                .or_default()
                .set_subscriptions(confirmed, pending),
            Change::MaximumMessageSize { topic, bytes } => self
                .topics
                .entry(topic)
                .or_default()
                .set_maximum_message_size(bytes),
            Change::CreateEventBus(arn) => drop(self.event_buses.insert(arn)),
            Change::RefuseEvents { containing, code } if code.is_empty() => {
                self.refused_events.remove(&containing);
            }
            Change::RefuseEvents { containing, code } => {
                self.refused_events.insert(containing, code);
            }
            Change::PageSize(size) => self.paging.size = size,
            Change::SparseFilters(sparse) => self.paging.sparse = sparse,
            Change::EmptyPageEvery(pages) => self.paging.empty_every = pages,
            Change::TrailingPage(trailing) => self.paging.trailing = trailing,
            Change::AccountFilterRequiresMember(required) => {
                self.account_filter_requires_member = required;
            }
            Change::Latency(latency) => self.latency = latency,
            Change::RateLimit(limit) => {
                self.rate_limit = limit;
                self.token_buckets.clear();
            }
            Change::Fault(fault) => self.faults.push(ArmedFault::new(fault)),
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
                record,
            } => self.pack(caller, region, pack).record = record,
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
                record,
            } => {
                self.pack(caller, region, pack)
                    .members
                    .insert(account, record);
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
                message_length,
            } => {
                for number in 0..packs {
                    let generation = self.next_serial();
                    let mut new_pack = Pack::generated(members, failing, generation);
                    if message_length > 0 {
                        new_pack.make_messages_different(number, message_length);
                    }
                    let source = (caller.clone(), region.clone());
                    self.packs
                        .entry(source)
                        .or_default()
                        .insert(format!("pack-{number:03}"), new_pack);
                }
            }
            other => unreachable!("{other:?} is not a change of packs"),
        }
    }

    /// Returns the pack. A missing pack is created as `CREATE_SUCCESSFUL` without members.
    fn pack(&mut self, caller: String, region: String, pack: String) -> &mut Pack {
        let generation = self.next_serial();
        let new_pack = || Pack {
            record: StatusRecord::new("CREATE_SUCCESSFUL"),
            members: BTreeMap::new(),
            generation,
        };
        self.packs
            .entry((caller, region))
            .or_default()
            .entry(pack)
            .or_insert_with(new_pack)
    }
}
