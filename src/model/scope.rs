//! Scope: the sources, packs and member accounts that a run covers.
//!
//! A run draws no conclusion about anything outside its scope, and changes nothing there.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::globs::Globs;
use super::ids::AccountId;
use super::keys::{FailureKey, GapKey, PackKey, Source};

/// The sources, packs and member accounts that a run covers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Scope {
    /// The sources, including those that could not be read.
    pub sources: BTreeSet<Source>,
    /// Whether the caller account of every source is known.
    pub identified: bool,
    /// Packs that the settings include.
    pub include: Globs,
    /// Packs that the settings exclude.
    pub exclude: Globs,
    /// Packs that the event narrows the run to; `None` for all.
    pub packs: Option<Globs>,
    /// Member accounts that the event narrows the run to; `None` for all.
    pub accounts: Option<BTreeSet<AccountId>>,
    /// Whether the event narrowed the run. Only a run that is not narrowed can determine what
    /// has left the scope of the settings.
    pub narrowed: bool,
}

impl Scope {
    /// Returns whether a pack is in scope.
    pub fn covers_pack(&self, key: &PackKey) -> bool {
        self.sources.contains(&key.source)
            && self.include.matches(key.pack.as_str())
            && !self.exclude.matches(key.pack.as_str())
            && self
                .packs
                .as_ref()
                .is_none_or(|packs| packs.matches(key.pack.as_str()))
    }

    /// Returns whether a failure is in scope.
    ///
    /// The failure of a pack itself is out of scope if the run is narrowed to accounts: such a run
    /// cannot know whether another member accounts for it.
    pub fn covers(&self, key: &FailureKey) -> bool {
        self.covers_pack(&key.pack) && self.covers_account(key.account_id.as_ref())
    }

    /// Returns whether the run covers all packs of a source that the settings cover, and so
    /// can determine whether the source is empty.
    pub fn covers_source(&self, source: &Source) -> bool {
        self.sources.contains(source) && self.packs.is_none() && self.accounts.is_none()
    }

    /// Returns whether a member account, or with `None` the pack itself, is in scope.
    pub fn covers_account(&self, account: Option<&AccountId>) -> bool {
        match (&self.accounts, account) {
            (None, _) => true,
            (Some(accounts), Some(account)) => accounts.contains(account),
            (Some(_), None) => false,
        }
    }

    /// Returns whether a gap is in scope.
    pub fn covers_gap(&self, key: &GapKey) -> bool {
        match &key.pack {
            None => self.sources.contains(&key.source),
            Some(pack) => self.covers_pack(&PackKey {
                source: key.source.clone(),
                pack: pack.clone(),
            }),
        }
    }

    /// Returns whether digests of the run show a gap. Those of a narrowed run show what is in its
    /// scope alone.
    pub fn shows_gap(&self, key: &GapKey) -> bool {
        !self.narrowed || self.covers_gap(key)
    }

    /// Returns whether digests of the run show a source without packs.
    pub fn shows_source(&self, source: &Source) -> bool {
        !self.narrowed || self.covers_source(source)
    }

    /// Returns whether the gap has ended if the run does not encounter it again.
    ///
    /// The gap of a pack cannot be closed by a run that is narrowed to accounts, because that run
    /// does not read the whole pack.
    pub fn can_close_gap(&self, key: &GapKey) -> bool {
        self.covers_gap(key) && (key.pack.is_none() || self.accounts.is_none())
    }

    /// Returns whether this scope covers everything in `other`.
    ///
    /// Globs are compared for equality only, so the result can be `false` for a scope that is in
    /// fact contained.
    pub fn contains(&self, other: &Self) -> bool {
        self.sources.is_superset(&other.sources)
            && self.include == other.include
            && self.exclude == other.exclude
            && (self.packs.is_none() || self.packs == other.packs)
            && match (&self.accounts, &other.accounts) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(accounts), Some(others)) => accounts.is_superset(others),
            }
    }
}
