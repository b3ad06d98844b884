//! Keys: the identities of sources, packs, failures and gaps.
//!
//! They key the maps of the ledger, and their order is the order of every list that is output.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::{AccountId, PackName, Region};

/// One caller account in one region. AWS Config returns only packs that were deployed from the
/// calling account in the called region.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Source {
    /// The account that the packs were deployed from, and that they are read as.
    pub caller: AccountId,
    /// The region that the packs were deployed in.
    pub region: Region,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.caller, self.region)
    }
}

/// A pack in its source. Packs of the same name in two sources are different packs.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct PackKey {
    /// The source that the pack is deployed from.
    #[serde(flatten)]
    pub source: Source,
    /// The name of the pack.
    pub pack: PackName,
}

/// The identity of a failure: one member account in one pack, or the pack itself.
///
/// The name of the conformance pack inside the member account is not part of it, because it carries
/// a random suffix.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(from = "FlatKey", into = "FlatKey")]
pub struct FailureKey {
    /// The pack.
    pub pack: PackKey,
    /// The member account; `None` for the pack itself.
    pub account_id: Option<AccountId>,
}

/// The serialized form of a [`FailureKey`], with all fields on one level.
///
/// `#[serde(flatten)]` would buffer the fields of every key, which took most of the time needed to
/// parse a large ledger.
#[derive(Serialize, Deserialize, schemars::JsonSchema)]
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
    /// Returns the key for the failure of one member account in `pack`.
    pub fn member(pack: &PackKey, account: &AccountId) -> Self {
        Self {
            pack: pack.clone(),
            account_id: Some(account.clone()),
        }
    }

    /// Returns the key for the failure of the pack itself.
    pub fn pack_itself(pack: &PackKey) -> Self {
        Self {
            pack: pack.clone(),
            account_id: None,
        }
    }

    /// Returns the id of the failure in documents: `<caller>/<region>/<pack>/<account id>`, with
    /// `-` in place of the account for the pack itself.
    pub fn failure_id(&self) -> String {
        let Self {
            pack: PackKey { source, pack },
            account_id,
        } = self;
        let account = account_id.as_ref().map_or("-", AccountId::as_str);
        format!("{}/{}/{pack}/{account}", source.caller, source.region)
    }

    /// Returns whether this is the failure of the pack itself.
    pub fn is_pack(&self) -> bool {
        self.account_id.is_none()
    }
}

/// The identity of a gap: a source that was not read, or one pack in it.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct GapKey {
    /// The source that was not read, or that contains the pack.
    #[serde(flatten)]
    pub source: Source,
    /// The pack; `None` for the whole source.
    pub pack: Option<PackName>,
}

impl GapKey {
    /// Returns the key for a source that was not read.
    pub fn source(source: &Source) -> Self {
        Self {
            source: source.clone(),
            pack: None,
        }
    }

    /// Returns the key for a pack that was not read.
    pub fn pack(pack: &PackKey) -> Self {
        Self {
            source: pack.source.clone(),
            pack: Some(pack.pack.clone()),
        }
    }

    /// Returns the pack that was not read, or `None` for a whole source.
    pub fn pack_key(&self) -> Option<PackKey> {
        Some(PackKey {
            source: self.source.clone(),
            pack: self.pack.clone()?,
        })
    }
}
