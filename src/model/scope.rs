//! What a run looks at: what is outside says nothing and is not touched.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::globs::PackGlobs;
use super::ids::AccountId;
use super::keys::{FailureKey, GapKey, PackKey, Source};

/// The sources, packs and member accounts of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    /// The sources, those that could not be read included.
    pub sources: BTreeSet<Source>,
    /// Whether every source is known by its caller's account.
    pub identified: bool,
    /// Packs that the settings include.
    pub include: PackGlobs,
    /// Packs that the settings exclude.
    pub exclude: PackGlobs,
    /// Packs that the request narrows to.
    pub packs: Option<PackGlobs>,
    /// Member accounts that the request narrows to.
    pub accounts: Option<BTreeSet<AccountId>>,
    /// Whether a request narrowed anything. Only a full run may say what is no longer watched.
    pub narrowed: bool,
}

impl Scope {
    /// Whether a pack is in it.
    pub fn covers_pack(&self, key: &PackKey) -> bool {
        self.sources.contains(&key.source)
            && self.include.matches(&key.pack)
            && !self.exclude.matches(&key.pack)
            && self
                .packs
                .as_ref()
                .is_none_or(|packs| packs.matches(&key.pack))
    }

    /// Whether a failure is in it. A run narrowed to accounts cannot know whether a pack fails
    /// without a failing member.
    pub fn covers(&self, key: &FailureKey) -> bool {
        self.covers_pack(&key.pack) && self.covers_account(key.account_id.as_ref())
    }

    /// Whether the run sees all packs of a source that are watched, and so whether there are none.
    pub fn covers_source(&self, source: &Source) -> bool {
        self.sources.contains(source) && self.packs.is_none() && self.accounts.is_none()
    }

    /// Whether a member account, or with `None` the pack itself, is in it.
    pub fn covers_account(&self, account: Option<&AccountId>) -> bool {
        match (&self.accounts, account) {
            (None, _) => true,
            (Some(accounts), Some(account)) => accounts.contains(account),
            (Some(_), None) => false,
        }
    }

    /// Whether the run may meet this gap.
    pub fn covers_gap(&self, key: &GapKey) -> bool {
        match &key.pack {
            None => self.sources.contains(&key.source),
            Some(pack) => self.covers_pack(&PackKey {
                source: key.source.clone(),
                pack: pack.clone(),
            }),
        }
    }

    /// Whether the run would have met this gap again, and so says that it has ended: a pack that is
    /// read for a few accounts only is not read.
    pub fn can_close_gap(&self, key: &GapKey) -> bool {
        self.covers_gap(key) && (key.pack.is_none() || self.accounts.is_none())
    }

    /// Whether all that `other` looks at is in it too; in doubt, not.
    pub fn contains(&self, other: &Self) -> bool {
        self.sources.is_superset(&other.sources)
            && self.include == other.include
            && self.exclude == other.exclude
            && (self.packs.is_none() || self.packs == other.packs)
            && match (&self.accounts, &other.accounts) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(ours), Some(theirs)) => ours.is_superset(theirs),
            }
    }
}
