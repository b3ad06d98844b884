//! Keys of the ledger: sources, packs, failures and gaps.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::{AccountId, PackName, Region};

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
