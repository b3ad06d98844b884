//! Handle to the simulated organization.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::call::Call;
use crate::config::status_record::StatusRecord;
use crate::events::PutEvent;
use crate::faults::Fault;
use crate::faults::rate_limit::RateLimit;
use crate::s3::Version;
use crate::sns::Publish;
use crate::world::World;
use crate::world::change::Change;
use crate::world::document::Document;

/// A simulated organization. Clones share the same state.
///
/// The own account has the access keys `AKIDOWN` and `AKIDEXAMPLE` and may call AWS Config. Secrets
/// are not verified. Methods with the name of a [`Change`] variant apply that change; the variant
/// documents its effect.
#[derive(Clone, Debug)]
pub struct Organization(Arc<Mutex<World>>);

impl Organization {
    /// Creates an empty organization with its own account.
    #[must_use]
    pub fn new(own_account: &str) -> Self {
        Self(Arc::new(Mutex::new(World::new(own_account))))
    }

    /// Creates an organization from a JSON document; `tests/fixtures/organizations` has examples.
    ///
    /// # Errors
    /// When the document is not valid JSON or has an unknown field.
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

    pub fn management_account(&self, account: &str) {
        self.apply(Change::ManagementAccount(account.to_owned()));
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

    pub fn use_role(&self, key: &str, role: &str) {
        let [key, role] = [key, role].map(str::to_owned);
        self.apply(Change::UseRole { key, role });
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

    pub fn expire_sessions(&self) {
        self.apply(Change::ExpireSessions);
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

    /// Denies `s3:ListBucket` to an account.
    pub fn deny_listing(&self, account: &str) {
        self.apply(Change::Listing {
            account: account.to_owned(),
            allowed: false,
        });
    }

    /// Grants `s3:ListBucket` to an account again.
    pub fn allow_listing(&self, account: &str) {
        self.apply(Change::Listing {
            account: account.to_owned(),
            allowed: true,
        });
    }

    pub fn put_pack(&self, caller: &str, region: &str, pack: &str, record: StatusRecord) {
        let [caller, region, pack] = [caller, region, pack].map(str::to_owned);
        self.apply(Change::PutPack {
            caller,
            region,
            pack,
            record,
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
        record: StatusRecord,
    ) {
        let [caller, region, pack, account] = [caller, region, pack, account].map(str::to_owned);
        self.apply(Change::PutMember {
            caller,
            region,
            pack,
            account,
            record,
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
            message_length: 0,
        });
    }

    pub fn create_bucket(&self, bucket: &str) {
        self.apply(Change::CreateBucket(bucket.to_owned()));
    }

    /// Sets the versioning status of a bucket; empty for one that never had versioning.
    pub fn versioning(&self, bucket: &str, status: &str) {
        self.apply(Change::Versioning {
            bucket: bucket.to_owned(),
            status: status.to_owned(),
        });
    }

    pub fn ignore_conditions(&self, ignore: bool) {
        self.apply(Change::IgnoreConditions(ignore));
    }

    /// Deletes a bucket with its objects.
    pub fn remove_bucket(&self, bucket: &str) {
        self.world().buckets.remove(bucket);
    }

    /// Makes the policy of a bucket deny every write without this value of
    /// `x-amz-server-side-encryption`.
    pub fn demand_encryption(&self, bucket: &str, encryption: &str) {
        let (bucket, encryption) = (bucket.to_owned(), encryption.to_owned());
        self.world().demanded_encryption.insert(bucket, encryption);
    }

    /// Makes the policy of a bucket deny every write whose body is not covered by the signature.
    pub fn demand_signed_payloads(&self, bucket: &str) {
        self.world().signed_payloads_only.insert(bucket.to_owned());
    }

    pub fn set_object(&self, bucket: &str, key: &str, body: impl Into<Vec<u8>>) {
        self.world()
            .write_object(bucket, key, body.into(), BTreeMap::new());
    }

    pub fn remove_object(&self, bucket: &str, key: &str) {
        self.world().delete_object(bucket, key);
    }

    /// Returns the current content of an object; `None` if the object is missing or deleted.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Vec<u8>> {
        self.world()
            .current(bucket, key)
            .map(|version| version.body.clone())
    }

    /// Returns the current content of all objects of a bucket, by key.
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

    /// Returns all versions of an object, oldest first.
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

    pub fn subscriptions(&self, topic: &str, confirmed: u32, pending: u32) {
        self.apply(Change::Subscriptions {
            topic: topic.to_owned(),
            confirmed,
            pending,
        });
    }

    /// Sets `MaximumMessageSize` of a topic.
    ///
    /// # Panics
    /// When the size is not from 1,024 to 1,048,576 bytes.
    pub fn maximum_message_size(&self, topic: &str, bytes: usize) {
        self.apply(Change::MaximumMessageSize {
            topic: topic.to_owned(),
            bytes,
        });
    }

    /// Returns the messages that SNS accepted, in order.
    pub fn publishes(&self) -> Vec<Publish> {
        self.world().publishes.clone()
    }

    /// Returns the events that EventBridge accepted, in order.
    pub fn events(&self) -> Vec<PutEvent> {
        self.world().events.clone()
    }

    /// Creates an event bus.
    pub fn create_event_bus(&self, arn: &str) {
        self.apply(Change::CreateEventBus(arn.to_owned()));
    }

    /// Refuses every event whose detail contains the text; an empty code accepts them again.
    pub fn refuse_events(&self, containing: &str, code: &str) {
        self.apply(Change::RefuseEvents {
            containing: containing.to_owned(),
            code: code.to_owned(),
        });
    }

    /// Forgets the messages that were published so far.
    pub fn forget_publishes(&self) {
        self.world().publishes.clear();
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

    pub fn account_filter_requires_member(&self, required: bool) {
        self.apply(Change::AccountFilterRequiresMember(required));
    }

    /// Sets the time from the end of a request to its response.
    pub fn latency(&self, latency: Duration) {
        self.apply(Change::Latency(latency));
    }

    /// Limits the rate of AWS Config calls for each caller and region.
    pub fn rate_limit(&self, limit: Option<RateLimit>) {
        self.apply(Change::RateLimit(limit));
    }

    pub fn fault(&self, fault: Fault) {
        self.apply(Change::Fault(fault));
    }

    pub fn clear_faults(&self) {
        self.apply(Change::ClearFaults);
    }

    /// Schedules a change for a simulated time.
    pub fn at(&self, time: Timestamp, change: Change) {
        self.apply(Change::At {
            at: time,
            change: vec![change],
        });
    }

    /// Stops the simulated clock at a time, and applies the changes that are due.
    pub fn advance_to(&self, time: Timestamp) {
        self.apply(Change::AdvanceTo(time));
    }

    /// Returns the simulated time.
    pub fn now(&self) -> Timestamp {
        self.world().now()
    }

    /// Returns the logged calls in the order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.world().calls.clone()
    }

    pub fn forget_calls(&self) {
        self.apply(Change::ForgetCalls);
    }
}
