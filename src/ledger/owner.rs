//! Owner: the deployed function that a ledger belongs to, and which runs may write it.
//!
//! Two functions on one ledger would each mistake the other's receivers and sources for changed
//! settings, and send every notification again in every run.

use super::state::Ledger;
use crate::model::{Deployment, FunctionId, Watched};

/// Why a run may not write a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignLedger {
    /// The owner of the ledger, if it has one.
    pub owner: Option<FunctionId>,
    /// For a run that is not deployed: how its settings differ from those of the last full run.
    pub differences: Vec<String>,
}

impl Ledger {
    /// Checks whether a run may write the ledger. A deployed function may write its own ledger, and
    /// one without an owner. Any other run may write where nothing is written yet, or with the
    /// sources, packs and receivers of the last full run.
    pub fn check_owner(
        &self,
        deployment: &Deployment,
        watched: &Watched,
    ) -> Result<(), ForeignLedger> {
        let foreign = |differences| {
            Err(ForeignLedger {
                owner: self.owner.clone(),
                differences,
            })
        };
        match (deployment, &self.owner, &self.watched) {
            (Deployment::Function(_) | Deployment::Unverified(_), None, _)
            | (Deployment::Local, None, None) => Ok(()),
            (Deployment::Function(function) | Deployment::Unverified(function), Some(owner), _) => {
                if function == owner {
                    Ok(())
                } else {
                    foreign(Vec::new())
                }
            }
            (Deployment::Local, Some(_), None) => foreign(vec![
                "it has no full run to compare the settings with".to_owned(),
            ]),
            (Deployment::Local, _, Some(last)) => {
                let differences = last.differences(watched);
                if differences.is_empty() {
                    Ok(())
                } else {
                    foreign(differences)
                }
            }
        }
    }

    /// Makes a deployed function the owner if there is none.
    pub fn claim(&mut self, deployment: &Deployment) {
        if let (None, Deployment::Function(function)) = (&self.owner, deployment) {
            self.owner = Some(function.clone());
        }
    }
}
