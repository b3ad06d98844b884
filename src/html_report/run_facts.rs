//! What the page shows of a run beside the ledger.

use std::collections::BTreeSet;

use crate::model::FailureKey;
use crate::object_body::ObjectBody;
use crate::report::{PackFacts, RunFindings, StoredFacts};

/// What the page shows of a run beside the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFacts {
    /// The warnings of the run, in words.
    pub warnings: Vec<String>,
    /// The packs that were read.
    pub packs: Vec<PackFacts>,
    /// The failures that were due and not notified before the run.
    pub appeared: BTreeSet<FailureKey>,
}

impl RunFacts {
    /// Returns the facts of a run.
    pub fn of(findings: &RunFindings<'_>) -> Self {
        let warnings = findings.warnings.iter();
        Self {
            warnings: warnings.map(|warning| warning.message.clone()).collect(),
            packs: findings.pack_facts(),
            appeared: findings.changes.appeared.clone(),
        }
    }

    /// Reads the facts from the snapshot of a run.
    pub fn from_snapshot(snapshot: &ObjectBody) -> Result<Self, serde_json::Error> {
        let stored = StoredFacts::from_snapshot(snapshot)?;
        Ok(Self {
            warnings: stored.warnings(),
            appeared: stored.appeared(),
            packs: stored.into_packs(),
        })
    }
}
