//! Traits through which the program uses the outside world: AWS Config and AWS Organizations, the
//! object store, the notifier and the clock. [`aws`](crate::aws) implements them on the AWS SDK;
//! reading, evaluation and delivery reach AWS only through them.

use std::error::Error;

use crate::model::{
    Account, AccountId, ApiError, BusEvent, Identity, PackName, ReceiverArn, Region, SnsMessage,
    SourceTarget, Status, StatusRecord,
};
use crate::object_body::ObjectBody;

/// A boxed error. Its chain of sources is kept, because error messages show the whole chain.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Name of the AWS Config operation that returns the statuses of the packs of a source, as it
/// appears in messages.
pub const DESCRIBE_STATUSES: &str = "DescribeOrganizationConformancePackStatuses";

/// Name of the AWS Config operation that returns the statuses of the member accounts of a pack, as
/// it appears in messages.
pub const GET_DETAILED_STATUS: &str = "GetOrganizationConformancePackDetailedStatus";

/// Error code of a call that was not finished at the deadline for reading.
pub const DEADLINE_EXCEEDED: &str = "DeadlineExceeded";

/// Number of status records to request per page: the maximum that the API allows.
pub const PAGE_SIZE: u8 = 100;

/// One page of a paginated response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The records of the page.
    pub rows: Vec<T>,
    /// Token of the next page; `None` on the last page. An empty page can have a next page.
    pub next: Option<String>,
}

/// Restricts which member accounts of a pack are returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter<'a> {
    /// Only this account.
    Account(&'a AccountId),
    /// Only member accounts with this status, which must be one of the nine that the API defines.
    Status(&'a Status),
}

/// Error of [`ConfigApi::members`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MembersError {
    /// AWS Config reports that the pack does not exist. Only [`ConfigApi::pack`], called
    /// afterwards, shows whether it was removed.
    NoSuchPack,
    /// Any other error, which leaves a gap.
    Api(ApiError),
}

/// Read access to the organization: the packs and member accounts in AWS Config, one page at a
/// time, the identity of the caller, and the names of accounts.
pub trait ConfigApi {
    /// Returns the account that the function runs in, as STS reports it.
    fn identify(&self) -> impl Future<Output = Result<AccountId, ApiError>>;

    /// Returns one page of the packs of a source.
    fn packs(
        &self,
        target: &SourceTarget,
        token: Option<&str>,
    ) -> impl Future<Output = Result<Page<(PackName, StatusRecord)>, ApiError>>;

    /// Returns the status record of one pack, requested by name; `None` if AWS Config reports that
    /// the pack does not exist.
    fn pack(
        &self,
        target: &SourceTarget,
        pack: &PackName,
    ) -> impl Future<Output = Result<Option<StatusRecord>, ApiError>>;

    /// Returns one page of the member accounts of a pack. A filtered page can have fewer than
    /// [`PAGE_SIZE`] records, or none, and still have a next page.
    fn members(
        &self,
        target: &SourceTarget,
        pack: &PackName,
        filter: Option<Filter<'_>>,
        token: Option<&str>,
    ) -> impl Future<Output = Result<Page<(AccountId, StatusRecord)>, MembersError>>;

    /// Returns the name and state of an account in AWS Organizations; `None` if AWS Organizations
    /// reports that the account does not exist, or no name. The request uses the function's own
    /// identity.
    fn account(
        &self,
        account: &AccountId,
    ) -> impl Future<Output = Result<Option<Account>, BoxError>>;

    /// Returns the number of attempts that AWS Config throttled since the process started.
    fn throttle_count(&self) -> u64;
}

/// Entity tag of a stored object: its version, as an opaque string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(pub String);

/// Metadata that is stored with an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ObjectMetadata {
    /// Sequence of the run that wrote the object, for objects that only a later run may replace.
    pub sequence: Option<u64>,
    /// What the object is, for those who open it.
    pub content: ContentType,
}

/// What an object is, for those who open it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ContentType {
    /// JSON.
    #[default]
    Json,
    /// A page in UTF-8 that browsers must not cache.
    Html,
}

/// An object without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectHead {
    /// Entity tag of the object.
    pub etag: ETag,
    /// [`ObjectMetadata::sequence`]; `None` if the object has none, or one that is not a number.
    pub sequence: Option<u64>,
}

/// Condition under which a write takes effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutMode {
    /// Only if no object has this key (`If-None-Match: *`).
    Create,
    /// Only if the stored object has this entity tag (`If-Match`).
    Update(ETag),
}

/// Cause of a failed call, as far as the remedy depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureCause {
    /// There are no credentials, or AWS rejected them as expired or invalid.
    Credentials,
    /// A policy does not allow the call.
    AccessDenied,
    /// The KMS key cannot be used: it is disabled or missing, or a policy does not allow its use.
    KmsKey,
    /// The bucket does not exist.
    NoSuchBucket,
    /// The bucket is in another region, which is known if the response names it.
    WrongRegion(Option<String>),
    /// The object is in an archive storage class.
    Archived,
    /// There was no response: no route, no name, no connection, or a timeout.
    Unreachable,
    /// The TLS certificate of the other side is not trusted.
    UntrustedCertificate,
    /// The response is not one of AWS, such as the page of a proxy.
    ForeignResponse,
    /// The run had no time left.
    OutOfTime,
    /// Any other cause.
    Other,
}

/// A failed call to a service. The message says in words what failed and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ServiceFailure {
    /// The cause.
    pub cause: FailureCause,
    /// The error code and the message of AWS, or the words of packwatch if AWS did not answer.
    pub message: String,
}

impl ServiceFailure {
    /// Returns the first failed call in the chain of causes of an error.
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        std::iter::successors(Some(error), |&error| error.source())
            .find_map(|error| error.downcast_ref())
    }
}

/// Error of [`ObjectStore::put`].
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The condition of the [`PutMode`] does not hold, or two writes conflicted. Read the object
    /// again before the next write.
    #[error("the object was changed by another writer")]
    PreconditionFailed,
    /// The store rejected the write. The object is unchanged.
    #[error("the write was refused")]
    Rejected(#[source] BoxError),
    /// The store did not respond. The write may have taken effect.
    #[error("the write was not confirmed")]
    Indeterminate(#[source] BoxError),
}

/// A bucket with conditional writes. The error of a failed call has a [`ServiceFailure`] in its
/// chain of causes.
pub trait ObjectStore {
    /// Returns the body and the entity tag of an object; `None` if the object does not exist.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<(ObjectBody, ETag)>, BoxError>>;

    /// Returns the entity tag and the metadata of an object; `None` if the object does not exist.
    fn head(&self, key: &str) -> impl Future<Output = Result<Option<ObjectHead>, BoxError>>;

    /// Stores an object with its metadata if the condition of `mode` holds, and returns its new
    /// entity tag. The metadata replaces that of the stored object.
    fn put(
        &self,
        key: &str,
        body: ObjectBody,
        metadata: ObjectMetadata,
        mode: &PutMode,
    ) -> impl Future<Output = Result<ETag, PutError>>;
}

/// Error of [`Notifier::publish`].
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The receiver refused the content of the message, such as its size. It would refuse the same
    /// message again.
    #[error(transparent)]
    Content(BoxError),
    /// The message was refused for another reason, or not answered: it may have been published.
    #[error(transparent)]
    Failed(BoxError),
}

impl PublishError {
    /// Returns the cause.
    pub fn into_cause(self) -> BoxError {
        match self {
            Self::Content(cause) | Self::Failed(cause) => cause,
        }
    }
}

/// Sends digests to topics and to an event bus.
pub trait Notifier {
    /// Publishes a message to a topic.
    fn publish(
        &self,
        topic: &ReceiverArn,
        message: &SnsMessage,
    ) -> impl Future<Output = Result<(), PublishError>>;

    /// Puts events on a bus in one call: at most
    /// [`MAX_EVENTS_IN_CALL`](crate::model::MAX_EVENTS_IN_CALL), of at most
    /// [`MAX_EVENTS_SIZE`](crate::model::MAX_EVENTS_SIZE) bytes. Returns for each event whether the
    /// bus accepted it, or the error of the whole call.
    fn put_events(
        &self,
        bus: &ReceiverArn,
        events: &[BusEvent],
    ) -> impl Future<Output = Result<Vec<Result<(), PublishError>>, PublishError>>;
}

/// The account and the ARN of an identity, as STS reports them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    /// The account.
    pub account: AccountId,
    /// The ARN of the principal. For a role it is that of the session.
    pub arn: String,
}

/// An organization in AWS Organizations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationInfo {
    /// Its id, such as `o-1a2b3c4d5e`.
    pub id: String,
    /// Its management account.
    pub management_account: AccountId,
}

/// Number of subscriptions of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscriptions {
    /// Subscriptions that get messages.
    pub confirmed: u64,
    /// Subscriptions that get nothing until they are confirmed.
    pub pending: u64,
}

/// Versioning of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versioning {
    /// Earlier versions of an object are kept.
    Enabled,
    /// Versioning was enabled once. A write replaces the object.
    Suspended,
    /// Versioning was never enabled.
    Never,
}

/// Read access to what only the preflight looks at.
pub trait PreflightApi {
    /// Returns the account and the ARN of an identity. A role is assumed first.
    fn caller_identity(
        &self,
        identity: &Identity,
    ) -> impl Future<Output = Result<CallerIdentity, ApiError>>;

    /// Returns the organization of the function's own account.
    fn organization(&self) -> impl Future<Output = Result<OrganizationInfo, ApiError>>;

    /// Returns one page of the delegated administrators for organization conformance packs. The
    /// request uses the function's own identity.
    fn delegated_administrators(
        &self,
        token: Option<&str>,
    ) -> impl Future<Output = Result<Page<AccountId>, ApiError>>;

    /// Returns one page of the packs that an identity sees in any region.
    fn packs_in_region(
        &self,
        identity: &Identity,
        region: &Region,
        token: Option<&str>,
    ) -> impl Future<Output = Result<Page<PackName>, ApiError>>;

    /// Returns the number of subscriptions of a topic.
    fn subscriptions(
        &self,
        topic: &ReceiverArn,
    ) -> impl Future<Output = Result<Subscriptions, ApiError>>;

    /// Returns whether an event bus exists; an error if it does not.
    fn event_bus(&self, bus: &ReceiverArn) -> impl Future<Output = Result<(), ApiError>>;

    /// Returns the versioning of the bucket.
    fn versioning(&self) -> impl Future<Output = Result<Versioning, ApiError>>;
}

/// Source of the current time, injected for tests. A resolution of one millisecond is sufficient.
pub trait Clock {
    /// Returns the current time.
    fn now(&self) -> jiff::Timestamp;
}
