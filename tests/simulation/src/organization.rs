//! The handle that tests hold.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::call::Call;
use crate::change::Change;
use crate::document::Document;
use crate::fault::Fault;
use crate::rate::RateLimit;
use crate::s3::Version;
use crate::sns::Publish;
use crate::status_record::StatusRecord;
use crate::world::World;

/// A simulated organization. Clones share one world.
///
/// Its own account may call AWS Config from the start, with the access keys `AKIDOWN` and
/// `AKIDEXAMPLE`; any secret will do. The methods are short for [`Change`]s, which say what each
/// means.
#[derive(Clone, Debug)]
pub struct Organization(Arc<Mutex<World>>);

impl Organization {
    #[must_use]
    pub fn new(own_account: &str) -> Self {
        Self(Arc::new(Mutex::new(World::new(own_account))))
    }

    /// An organization from a JSON document; `tests/worlds/` has examples.
    ///
    /// # Errors
    /// When the document is none, or has a member that does not exist.
    pub fn from_json(document: &str) -> Result<Self, serde_json::Error> {
        let document: Document = serde_json::from_str(document)?;
        let organization = Self::new(&document.own);
        for change in document.changes() {
            organization.apply(change);
        }
        Ok(organization)
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies a change.
    pub fn apply(&self, change: Change) {
        self.world().apply(change);
    }

    pub fn allow_caller(&self, account: &str) {
        self.apply(Change::AllowCaller(account.to_owned()));
    }

    pub fn deny_caller(&self, account: &str) {
        self.apply(Change::DenyCaller(account.to_owned()));
    }

    pub fn add_key(&self, key: &str, account: &str) {
        self.apply(Change::AddKey {
            key: key.to_owned(),
            account: account.to_owned(),
        });
    }

    pub fn allow_role(&self, arn: &str, external_id: Option<&str>) {
        self.apply(Change::AllowRole {
            arn: arn.to_owned(),
            external_id: external_id.map(str::to_owned),
        });
    }

    pub fn deny_role(&self, arn: &str) {
        self.apply(Change::DenyRole(arn.to_owned()));
    }

    pub fn put_account(&self, account: &str, name: &str, state: &str) {
        let [account, name, state] = [account, name, state].map(str::to_owned);
        self.apply(Change::PutAccount {
            account,
            name,
            state,
        });
    }

    pub fn remove_account(&self, account: &str) {
        self.apply(Change::RemoveAccount(account.to_owned()));
    }

    /// Takes `s3:ListBucket` from an account.
    pub fn deny_listing(&self, account: &str) {
        self.apply(Change::Listing {
            account: account.to_owned(),
            allowed: false,
        });
    }

    /// Gives `s3:ListBucket` back to an account.
    pub fn allow_listing(&self, account: &str) {
        self.apply(Change::Listing {
            account: account.to_owned(),
            allowed: true,
        });
    }

    pub fn put_pack(&self, caller: &str, region: &str, pack: &str, row: StatusRecord) {
        let [caller, region, pack] = [caller, region, pack].map(str::to_owned);
        self.apply(Change::PutPack {
            caller,
            region,
            pack,
            row,
        });
    }

    pub fn remove_pack(&self, caller: &str, region: &str, pack: &str) {
        let [caller, region, pack] = [caller, region, pack].map(str::to_owned);
        self.apply(Change::RemovePack {
            caller,
            region,
            pack,
        });
    }

    pub fn put_member(
        &self,
        caller: &str,
        region: &str,
        pack: &str,
        account: &str,
        row: StatusRecord,
    ) {
        let [caller, region, pack, account] = [caller, region, pack, account].map(str::to_owned);
        self.apply(Change::PutMember {
            caller,
            region,
            pack,
            account,
            row,
        });
    }

    pub fn remove_member(&self, caller: &str, region: &str, pack: &str, account: &str) {
        let [caller, region, pack, account] = [caller, region, pack, account].map(str::to_owned);
        self.apply(Change::RemoveMember {
            caller,
            region,
            pack,
            account,
        });
    }

    /// Creates packs `pack-000`, `pack-001`, ... with generated members.
    pub fn fill(
        &self,
        caller: &str,
        region: &str,
        packs: usize,
        members_per_pack: usize,
        failing_per_pack: usize,
    ) {
        let [caller, region] = [caller, region].map(str::to_owned);
        self.apply(Change::Fill {
            caller,
            region,
            packs,
            members: members_per_pack,
            failing: failing_per_pack,
        });
    }

    pub fn create_bucket(&self, bucket: &str) {
        self.apply(Change::CreateBucket(bucket.to_owned()));
    }

    pub fn set_object(&self, bucket: &str, key: &str, body: impl Into<Vec<u8>>) {
        self.world().write_object(bucket, key, body.into());
    }

    pub fn remove_object(&self, bucket: &str, key: &str) {
        self.world().delete_object(bucket, key);
    }

    /// The object as readers see it.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        self.world()
            .current(bucket, key)
            .map(|version| version.body.clone())
    }

    /// All objects of a bucket as readers see them, by key.
    pub fn objects(&self, bucket: &str) -> BTreeMap<String, Vec<u8>> {
        let world = self.world();
        let keys = world
            .buckets
            .get(bucket)
            .into_iter()
            .flat_map(|objects| objects.keys());
        keys.filter_map(|key| Some((key.clone(), world.current(bucket, key)?.body.clone())))
            .collect()
    }

    /// Every version that an object ever had, oldest first.
    pub fn versions(&self, bucket: &str, key: &str) -> Vec<Version> {
        let world = self.world();
        world
            .buckets
            .get(bucket)
            .and_then(|objects| objects.get(key))
            .cloned()
            .unwrap_or_default()
    }

    pub fn create_topic(&self, arn: &str) {
        self.apply(Change::CreateTopic(arn.to_owned()));
    }

    pub fn remove_topic(&self, arn: &str) {
        self.apply(Change::RemoveTopic(arn.to_owned()));
    }

    /// The messages that SNS took, in their order.
    pub fn publishes(&self) -> Vec<Publish> {
        self.world().publishes.clone()
    }

    pub fn page_size(&self, size: Option<usize>) {
        self.apply(Change::PageSize(size));
    }

    pub fn sparse_filters(&self, sparse: bool) {
        self.apply(Change::SparseFilters(sparse));
    }

    pub fn empty_page_every(&self, pages: Option<usize>) {
        self.apply(Change::EmptyPageEvery(pages));
    }

    pub fn trailing_page(&self, trailing: bool) {
        self.apply(Change::TrailingPage(trailing));
    }

    pub fn latency(&self, latency: Duration) {
        self.apply(Change::Latency(latency));
    }

    /// Throttles AWS Config, by caller and region.
    pub fn rate_limit(&self, limit: Option<RateLimit>) {
        self.apply(Change::RateLimit(limit));
    }

    pub fn fault(&self, fault: Fault) {
        self.apply(Change::Fault(fault));
    }

    pub fn clear_faults(&self) {
        self.apply(Change::ClearFaults);
    }

    /// Schedules a change for when the world's clock passes a time.
    pub fn at(&self, time: Timestamp, change: Change) {
        self.apply(Change::At {
            at: time,
            change: vec![change],
        });
    }

    /// Stops the world's clock at a time, and applies what was scheduled until then.
    pub fn advance_to(&self, time: Timestamp) {
        self.apply(Change::AdvanceTo(time));
    }

    /// The world's time.
    pub fn now(&self) -> Timestamp {
        self.world().now()
    }

    /// The calls so far, in the order of their arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.world().calls.clone()
    }

    pub fn forget_calls(&self) {
        self.apply(Change::ForgetCalls);
    }
}
