//! What the program needs from outside, in its own words. `aws` implements these; the pipeline
//! knows nothing else of AWS.

use std::error::Error;

use bytes::Bytes;

use crate::model::SnsMessage;
use crate::model::SourceTarget;
use crate::model::{Account, AccountId, ApiError, PackName, Status, StatusRecord, TopicArn};

/// The boxed cause of a failure, kept for the chain that the user reads.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The calls, as they are named to people.
pub const DESCRIBE_STATUSES: &str = "DescribeOrganizationConformancePackStatuses";

/// See [`DESCRIBE_STATUSES`].
pub const GET_DETAILED_STATUS: &str = "GetOrganizationConformancePackDetailedStatus";

/// The code of what there was no time for.
pub const DEADLINE_EXCEEDED: &str = "OutOfTime";

/// Rows that a page is asked for: the most that the API gives.
pub const PAGE_SIZE: u8 = 100;

/// One page of rows and, unless it was the last, the token of the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The opaque token of the next page. A page may be empty and still have one.
    pub next: Option<String>,
}

/// Which members of a pack are asked for, where it is not all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter<'a> {
    /// This one.
    Account(&'a AccountId),
    /// Those with this status, one of the nine that the API knows.
    Status(&'a Status),
}

/// Why a reading of members gave no rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MembersError {
    /// AWS Config says that there is no such pack: a proof, not a gap.
    NoSuchPack,
    /// Anything else: a gap.
    Api(ApiError),
}

/// What AWS says of the organization: AWS Config, one page at a time, and who is who.
pub trait ConfigApi {
    /// The account that the function itself runs in, as STS says.
    fn identify(&self) -> impl Future<Output = Result<AccountId, ApiError>>;

    /// One page of the packs of a source.
    fn packs(
        &self,
        source: &SourceTarget,
        token: Option<&str>,
    ) -> impl Future<Output = Result<Page<(PackName, StatusRecord)>, ApiError>>;

    /// The row of one pack, asked for by name; `None` when AWS Config says that there is no such
    /// pack.
    fn pack(
        &self,
        source: &SourceTarget,
        pack: &PackName,
    ) -> impl Future<Output = Result<Option<StatusRecord>, ApiError>>;

    /// One page of the members of a pack. A filtered page may be short, or empty, and still have a
    /// token.
    fn members(
        &self,
        source: &SourceTarget,
        pack: &PackName,
        filter: Option<Filter<'_>>,
        token: Option<&str>,
    ) -> impl Future<Output = Result<Page<(AccountId, StatusRecord)>, MembersError>>;

    /// What AWS Organizations says of an account, asked as the function itself; `None` when it says
    /// that there is none.
    fn account(
        &self,
        account: &AccountId,
    ) -> impl Future<Output = Result<Option<Account>, BoxError>>;

    /// How many attempts AWS Config throttled so far, since the process began.
    fn throttles(&self) -> u64;
}

/// The version of a stored object, opaque.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ETag(pub String);

/// What must be true of the key for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutMode {
    /// Only if no object has this key (`If-None-Match: *`).
    Create,
    /// Only if the stored object has this entity tag (`If-Match`).
    Update(ETag),
}

/// Why a write is not known to have landed.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// Something else is stored there, or writes crossed: read again.
    #[error("the object was changed by another writer")]
    PreconditionFailed,
    /// Refused; it did not land.
    #[error("the write was refused")]
    Rejected(#[source] BoxError),
    /// No answer; it may have landed.
    #[error("the write was not answered")]
    Indeterminate(#[source] BoxError),
}

/// The bucket.
pub trait ObjectStore {
    /// The bytes and version of an object; `None` when there is none.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<(Vec<u8>, ETag)>, BoxError>>;

    /// The same of the beginning of an object, of at least so many bytes if it has them. An archive
    /// that gives no parts gives the whole.
    fn get_range(
        &self,
        key: &str,
        _bytes: u16,
    ) -> impl Future<Output = Result<Option<(Vec<u8>, ETag)>, BoxError>> {
        self.get(key)
    }

    /// Stores an object, only if `mode` holds.
    fn put(
        &self,
        key: &str,
        bytes: Bytes,
        mode: &PutMode,
    ) -> impl Future<Output = Result<ETag, PutError>>;
}

/// The topics.
pub trait Notifier {
    /// Sends a message. An error may mean that it was sent and only the answer was lost.
    fn publish(
        &self,
        topic: &TopicArn,
        message: &SnsMessage,
    ) -> impl Future<Output = Result<(), BoxError>>;
}

/// The time, injected. Whole milliseconds are enough for everything here.
pub trait Clock {
    /// Now.
    fn now(&self) -> jiff::Timestamp;
}
