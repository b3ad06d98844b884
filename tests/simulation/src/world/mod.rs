//! The simulated state ("world"), and the changes that can be applied to it.

pub(crate) mod change;
pub(crate) mod document;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::call::Call;
use crate::config::Paging;
use crate::config::pack::Pack;
use crate::events::PutEvent;
use crate::faults::ArmedFault;
use crate::faults::rate_limit::{RateLimit, TokenBucket};
use crate::identity::Identity;
use crate::organizations::Account;
use crate::s3::Bucket;
use crate::service::Service;
use crate::sns::{Publish, Topic};

use change::Change;

/// Source of packs: a calling account and a region.
pub(crate) type Source = (String, String);

/// State of the simulated organization, including faults and the call log.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// The management account.
    pub management: String,
    /// Accounts that AWS Config answers: the management account and delegated administrators.
    pub callers: BTreeSet<String>,
    /// Identities by access key id.
    pub keys: BTreeMap<String, Identity>,
    /// External ids that the roles require, by role ARN.
    pub roles: BTreeMap<String, Option<String>>,
    /// Accounts without `s3:ListBucket`.
    pub without_list_bucket: BTreeSet<String>,
    /// Accounts that AWS Organizations can describe, by id.
    pub accounts: BTreeMap<String, Account>,
    /// Packs by source and name.
    pub packs: BTreeMap<Source, BTreeMap<String, Pack>>,
    pub buckets: BTreeMap<String, Bucket>,
    /// Value of `x-amz-server-side-encryption` that the policy of a bucket demands of every write.
    pub demanded_encryption: BTreeMap<String, String>,
    /// Buckets whose policy denies every write whose body is not covered by the signature.
    pub signed_payloads_only: BTreeSet<String>,
    /// Versioning status of the buckets where it is not `Enabled`; empty for a bucket without one.
    pub versioning: BTreeMap<String, String>,
    /// Whether S3 ignores the conditions of writes, as some other stores do.
    pub ignore_conditions: bool,
    /// Topics by ARN.
    pub topics: BTreeMap<String, Topic>,
    pub publishes: Vec<Publish>,
    /// Event buses by ARN.
    pub event_buses: BTreeSet<String>,
    /// Error codes of events whose detail contains a text.
    pub refused_events: BTreeMap<String, String>,
    pub events: Vec<PutEvent>,
    pub paging: Paging,
    /// Whether an account filter for an account without a row is an error.
    pub account_filter_requires_member: bool,
    pub latency: Duration,
    pub rate_limit: Option<RateLimit>,
    pub token_buckets: BTreeMap<Source, TokenBucket>,
    pub faults: Vec<ArmedFault>,
    pub calls: Vec<Call>,
    /// Number of calls so far. Clearing the call log does not reset it.
    pub call_count: u64,
    pub in_flight: BTreeMap<(Service, Source), usize>,
    /// Scheduled changes by the time at which they become due.
    pub schedule: BTreeMap<Timestamp, Vec<Change>>,
    /// Time at which the simulated clock is stopped; `None` while it follows the real clock.
    pub clock: Option<Timestamp>,
    serial: u64,
}

impl World {
    pub fn new(own: &str) -> Self {
        let mut world = Self::default();
        own.clone_into(&mut world.management);
        world.callers.insert(own.to_owned());
        for key in ["AKIDOWN", "AKIDEXAMPLE"] {
            world.keys.insert(key.to_owned(), Identity::user(key, own));
        }
        world
    }

    /// Returns the simulated time.
    pub fn now(&self) -> Timestamp {
        self.clock.unwrap_or_else(real_now)
    }

    /// Returns a new unique number for ids and tokens.
    pub fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Returns a new unique id in the form of a UUID.
    pub fn next_id(&mut self) -> String {
        format!("00000000-0000-4000-8000-{:012x}", self.next_serial())
    }

    /// Applies the scheduled changes that are due, in the order of their times.
    pub fn apply_due(&mut self) {
        let now = self.now();
        while let Some(entry) = self
            .schedule
            .first_entry()
            .filter(|entry| *entry.key() <= now)
        {
            for change in entry.remove() {
                self.apply(change);
            }
        }
    }
}

/// Returns the real time, independent of the simulated clock.
#[allow(
    clippy::disallowed_methods,
    reason = "the simulation is a server: packwatch's injected clock does not apply to it"
)]
pub(crate) fn real_now() -> Timestamp {
    Timestamp::now()
}
