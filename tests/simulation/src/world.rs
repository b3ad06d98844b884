//! The state of the simulated organization.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::answer::Service;
use crate::call::Call;
use crate::change::Change;
use crate::config::Paging;
use crate::fault::Armed;
use crate::identity::Identity;
use crate::organizations::Account;
use crate::pack::Pack;
use crate::rate::{RateLimit, TokenBucket};
use crate::s3::Bucket;
use crate::sns::{Publish, Topic};

/// A calling account and a region.
pub(crate) type Source = (String, String);

#[derive(Debug, Default)]
pub(crate) struct World {
    /// Management and delegated administrator accounts.
    pub callers: BTreeSet<String>,
    /// By access key id.
    pub keys: BTreeMap<String, Identity>,
    /// The external id that each role asks for, by the role's ARN.
    pub roles: BTreeMap<String, Option<String>>,
    /// Accounts without `s3:ListBucket`.
    pub unlisting: BTreeSet<String>,
    /// The accounts of the organization that have a name, by id.
    pub accounts: BTreeMap<String, Account>,
    pub packs: BTreeMap<Source, BTreeMap<String, Pack>>,
    pub buckets: BTreeMap<String, Bucket>,
    /// By ARN.
    pub topics: BTreeMap<String, Topic>,
    pub publishes: Vec<Publish>,
    pub paging: Paging,
    pub latency: Duration,
    pub rate_limit: Option<RateLimit>,
    pub rates: BTreeMap<Source, TokenBucket>,
    pub faults: Vec<Armed>,
    pub calls: Vec<Call>,
    pub call_count: u64,
    pub in_flight: BTreeMap<(Service, Source), usize>,
    pub schedule: BTreeMap<Timestamp, Vec<Change>>,
    /// Where the clock stands; it follows the real one while this is empty.
    pub clock: Option<Timestamp>,
    serial: u64,
}

impl World {
    pub fn new(own: &str) -> Self {
        let mut world = Self::default();
        world.callers.insert(own.to_owned());
        for key in ["AKIDOWN", "AKIDEXAMPLE"] {
            world.keys.insert(key.to_owned(), Identity::user(key, own));
        }
        world
    }

    /// By the world's clock.
    pub fn now(&self) -> Timestamp {
        self.clock.unwrap_or_else(real_now)
    }

    /// A number never given before, for ids and tokens.
    pub fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A new id in the form of a UUID.
    pub fn next_id(&mut self) -> String {
        format!("00000000-0000-4000-8000-{:012x}", self.next_serial())
    }

    /// Applies the scheduled changes whose time has come, in the order of their times.
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

/// The real time, wherever the world's clock stands.
#[allow(
    clippy::disallowed_methods,
    reason = "AWS is on the far side of packwatch's injected clock"
)]
pub(crate) fn real_now() -> Timestamp {
    Timestamp::now()
}
