//! What a snapshot says about its packs, in the few fields that the report shows. They are taken
//! from the findings of a run, or read back from the snapshot of an earlier execution.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::members::{self, Members};
use super::records::NotificationState;
use super::summary::RunFindings;
use crate::model::{AccountId, FailureKey, PackKey, PackName, Region, Source, Status};
use crate::object_body::ObjectBody;

/// A pack that was read, without its failing accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackFacts {
    /// The pack.
    pub key: PackKey,
    /// Its own status.
    pub status: Status,
    /// How much of it was read, as the snapshot spells it.
    pub coverage: String,
    /// The counts of its members.
    pub members: Members,
}

impl RunFindings<'_> {
    /// Returns the packs in scope that were read.
    pub fn pack_facts(&self) -> Vec<PackFacts> {
        let ledger = &self.evaluation.ledger;
        let at = self.observation.ended_at;
        let packs = self.observation.packs.iter();
        packs
            .filter(|(key, _)| self.scope.covers_pack(key))
            .map(|(key, pack)| {
                let hint = ledger.pack_hints.get(key);
                let last = hint.and_then(|hint| hint.large?.last_full_scan);
                PackFacts {
                    key: key.clone(),
                    status: pack.row.status.clone(),
                    coverage: members::coverage_label(pack).to_owned(),
                    members: Members::of(pack, last, at),
                }
            })
            .collect()
    }
}

/// The part of a stored snapshot that the report needs. The rest of the document is skipped.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub struct StoredFacts {
    run: StoredRun,
    packs: Vec<StoredPack>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct StoredRun {
    #[serde(default)]
    warnings: Vec<StoredWarning>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct StoredWarning {
    message: String,
}

/// Without `#[serde(flatten)]`, which would buffer the failing accounts of each pack.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct StoredPack {
    caller: AccountId,
    region: Region,
    pack: PackName,
    status: Status,
    change: Option<NotificationState>,
    coverage: String,
    members: Members,
    failing_accounts: Vec<StoredFailure>,
}

#[derive(Debug, Deserialize, schemars::JsonSchema)]
struct StoredFailure {
    account_id: AccountId,
    change: NotificationState,
}

impl StoredFacts {
    /// Reads a snapshot.
    pub fn from_snapshot(snapshot: &ObjectBody) -> Result<Self, serde_json::Error> {
        snapshot.parse()
    }

    /// Returns the warnings of the run in words.
    pub fn warnings(&self) -> Vec<String> {
        let warnings = self.run.warnings.iter();
        warnings.map(|warning| warning.message.clone()).collect()
    }

    /// Returns the failures that were due and not notified before the run.
    pub fn appeared(&self) -> BTreeSet<FailureKey> {
        let mut appeared = BTreeSet::new();
        for pack in &self.packs {
            let key = pack.key();
            if pack.change == Some(NotificationState::Appeared) {
                appeared.insert(FailureKey::pack_itself(&key));
            }
            let new = pack
                .failing_accounts
                .iter()
                .filter(|failure| failure.change == NotificationState::Appeared);
            appeared.extend(new.map(|failure| FailureKey::member(&key, &failure.account_id)));
        }
        appeared
    }

    /// Returns the packs that were read.
    pub fn into_packs(self) -> Vec<PackFacts> {
        let packs = self.packs.into_iter();
        packs
            .map(|pack| PackFacts {
                key: pack.key(),
                status: pack.status,
                coverage: pack.coverage,
                members: pack.members,
            })
            .collect()
    }
}

impl StoredPack {
    fn key(&self) -> PackKey {
        PackKey {
            source: Source {
                caller: self.caller.clone(),
                region: self.region.clone(),
            },
            pack: self.pack.clone(),
        }
    }
}
