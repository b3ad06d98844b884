//! The nouns of the domain: sources, packs, member accounts, statuses, failures and gaps.
//!
//! Everything here is plain data with an order, so that whatever is made of it can be sorted,
//! compared and replayed.

mod interned;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use interned::interned_string;

/// Texts from AWS are cut to this many characters when read: AWS Config gives its strings no length
/// limit.
pub const MAX_TEXT_CHARS: usize = 1024;

interned_string! {
    /// The id of an AWS account: 12 digits, or the word `self` for a caller that could not be
    /// identified yet.
    AccountId
}
interned_string! {
    /// A region, such as `eu-west-1`.
    Region
}
interned_string! {
    /// The name of an organization conformance pack, as its administrator gave it.
    PackName
}
interned_string! {
    /// The ARN of an SNS topic: the name of an audience.
    TopicArn
}
interned_string! {
    /// A status, word for word as AWS Config said it, known to this version or not.
    Status
}
interned_string! {
    /// What AWS says of something: an error's code or message, the member's own name of its pack,
    /// the name of an account.
    AwsText
}
interned_string! {
    /// The id of a run.
    RunId
}

impl AccountId {
    /// What stands for the function's own account while STS has never said which it is.
    pub fn unknown() -> Self {
        Self::from("self")
    }

    /// Whether `text` has the form of an AWS account id.
    pub fn is_valid(text: &str) -> bool {
        text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
    }
}

/// What AWS Organizations says of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its name, as people gave it.
    pub name: AwsText,
    /// Its [state](https://docs.aws.amazon.com/organizations/latest/APIReference/API_Account.html),
    /// where it is not `ACTIVE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<AwsText>,
}

impl TopicArn {
    /// Whether the topic keeps order, which its name says to the letter.
    pub fn is_fifo(&self) -> bool {
        self.as_str()
            .rsplit_once('.')
            .is_some_and(|(_, ending)| ending == "fifo")
    }
}

/// What a status says about the thing that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusKind {
    /// Not there: `DELETE_SUCCESSFUL`, as good as no row.
    Deleted,
    /// Deployed as it should be.
    Successful,
    /// On its way to something else; proves nothing.
    InProgress,
    /// Failing.
    Failed,
}

impl Status {
    /// The standing of a status. A status that is not among the nine of the [API
    /// reference](https://docs.aws.amazon.com/config/latest/APIReference/API_OrganizationConformancePackStatus.html)
    /// is read by its ending, and is moving where that says nothing.
    pub fn kind(&self) -> StatusKind {
        let interned_string = self.as_str();
        if interned_string == "DELETE_SUCCESSFUL" {
            StatusKind::Deleted
        } else if interned_string.ends_with("_FAILED") {
            StatusKind::Failed
        } else if interned_string.ends_with("_SUCCESSFUL") {
            StatusKind::Successful
        } else {
            StatusKind::InProgress
        }
    }
}

/// One (caller, region) pair: AWS Config answers only for packs deployed from the calling account
/// in the called region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source {
    /// The account whose packs are read.
    pub caller: AccountId,
    /// The region that is called.
    pub region: Region,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.caller, self.region)
    }
}

/// A pack in its source. The same name in two sources is two packs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackKey {
    /// Where the pack is deployed from.
    #[serde(flatten)]
    pub source: Source,
    /// Its name.
    pub pack: PackName,
}

/// The identity of a failure: one member account failing in one pack, or the pack itself. The
/// member's own conformance pack name carries a random suffix and is no part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "FlatKey", into = "FlatKey")]
pub struct FailureKey {
    /// The pack.
    pub pack: PackKey,
    /// The member account; `None` is the pack itself.
    pub account_id: Option<AccountId>,
}

/// A [`FailureKey`] as it is written: without levels. `serde(flatten)` would read each through a
/// buffer of its parts, which takes most of the time that a large ledger takes.
#[derive(Serialize, Deserialize)]
struct FlatKey {
    caller: AccountId,
    region: Region,
    pack: PackName,
    account_id: Option<AccountId>,
}

impl From<FlatKey> for FailureKey {
    fn from(
        FlatKey {
            caller,
            region,
            pack,
            account_id,
        }: FlatKey,
    ) -> Self {
        Self {
            pack: PackKey {
                source: Source { caller, region },
                pack,
            },
            account_id,
        }
    }
}

impl From<FailureKey> for FlatKey {
    fn from(
        FailureKey {
            pack: PackKey { source, pack },
            account_id,
        }: FailureKey,
    ) -> Self {
        Self {
            caller: source.caller,
            region: source.region,
            pack,
            account_id,
        }
    }
}

impl FailureKey {
    /// The failure of one member account in `pack`.
    pub fn member(pack: &PackKey, account: &AccountId) -> Self {
        Self {
            pack: pack.clone(),
            account_id: Some(account.clone()),
        }
    }

    /// The failure of the pack itself.
    pub fn pack_itself(pack: &PackKey) -> Self {
        Self {
            pack: pack.clone(),
            account_id: None,
        }
    }

    /// Whether this is the pack itself.
    pub fn is_pack(&self) -> bool {
        self.account_id.is_none()
    }
}

/// What AWS Config says about a pack or about one member of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StatusRecord {
    /// The status, word for word.
    pub status: Status,
    /// The error code, if one is given. There is no official list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<AwsText>,
    /// The error message, if one is given, cut to [`MAX_TEXT_CHARS`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<AwsText>,
    /// When AWS Config last changed the row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_update_time: Option<Timestamp>,
    /// The member's own name of the pack, with its random suffix; `None` for the pack's own row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conformance_pack_name: Option<AwsText>,
}

impl StatusRecord {
    /// A row that has nothing but a status.
    pub fn new(status: &str) -> Self {
        Self {
            status: status.into(),
            error_code: None,
            error_message: None,
            last_update_time: None,
            conformance_pack_name: None,
        }
    }

    /// What its status says.
    pub fn kind(&self) -> StatusKind {
        self.status.kind()
    }

    /// Whether both say the same about the failure. A new time or a new suffix alone is no change.
    pub fn same_status_and_error(&self, other: &Self) -> bool {
        self.status == other.status
            && self.error_code == other.error_code
            && self.error_message == other.error_message
    }
}

/// Cuts a text from AWS to [`MAX_TEXT_CHARS`] characters.
pub fn truncate(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_TEXT_CHARS) {
        text.truncate(end);
    }
    text
}

/// How a failure ended: the name of its proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// A settled row was seen.
    Recovered,
    /// The account is no longer in a pack that is there.
    AccountRemoved,
    /// The pack is no longer there.
    PackRemoved,
    /// The pack itself was a failure until its failing members were found; no clearing.
    Explained,
    /// The settings no longer cover it; no clearing.
    Unwatched,
}

impl Resolution {
    /// Whether something got better. The others only end what an audience was told.
    pub fn is_clearing(self) -> bool {
        matches!(
            self,
            Self::Recovered | Self::AccountRemoved | Self::PackRemoved
        )
    }
}

/// What should have been read and was not: a source, or one pack in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GapKey {
    /// The source.
    #[serde(flatten)]
    pub source: Source,
    /// The pack; `None` is the whole source.
    pub pack: Option<PackName>,
}

impl GapKey {
    /// A source that was not read.
    pub fn source(source: &Source) -> Self {
        Self {
            source: source.clone(),
            pack: None,
        }
    }

    /// A pack that was not read.
    pub fn pack(pack: &PackKey) -> Self {
        Self {
            source: pack.source.clone(),
            pack: Some(pack.pack.clone()),
        }
    }

    /// The pack that was not read, if it is not the whole source.
    pub fn pack_key(&self) -> Option<PackKey> {
        Some(PackKey {
            source: self.source.clone(),
            pack: self.pack.clone()?,
        })
    }
}

/// Why something was not read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ApiError {
    /// The call that failed, by its name in the API.
    pub operation: String,
    /// AWS's error code, or a word of ours where AWS said none, such as `RepeatedPageToken`,
    /// `OutOfTime` or `NoAnswer`.
    pub code: String,
    /// What was said, the whole chain of causes.
    pub message: String,
}

impl ApiError {
    /// An answer without what was asked for.
    pub fn missing_field(operation: &str) -> Self {
        Self {
            operation: operation.to_owned(),
            code: "UnreadableAnswer".to_owned(),
            message: "AWS Config answered without what was asked for".to_owned(),
        }
    }
}
