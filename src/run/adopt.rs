//! Adoption: makes the function the owner of a ledger that another function wrote.

use super::error::{RunError, Unstored};
use super::ledger_store::LedgerStore;
use crate::input::event::InvalidEvent;
use crate::input::plan::RunPlan;
use crate::model::Deployment;
use crate::ports::ObjectStore;
use crate::report::{Adopted, AdoptedOutcome};

/// Makes the function the owner of the ledger. Leases of the former owner stay valid until they
/// expire, so no digest is sent twice.
pub(super) async fn adopt_ledger<S: ObjectStore>(
    store: &LedgerStore<'_, S>,
    plan: &RunPlan,
    deployment: &Deployment,
) -> Result<Adopted, RunError> {
    let Deployment::Function(function) = deployment else {
        return Err(RunError::InvalidEvent(InvalidEvent(
            "\"adopt_ledger\" is accepted only by a deployed function whose account STS confirms"
                .to_owned(),
        )));
    };
    let mut current = store.load().await?;
    let adopted = store.update(&mut current, |ledger| {
        ledger.owner = Some(function.clone());
    });
    adopted.await.map_err(|source| RunError::StoreFailed {
        what: format!("{} could not be stored", store.address(&plan.keys.ledger)),
        unstored: Unstored::Request,
        source,
    })?;
    Ok(Adopted {
        run_id: plan.run.id.clone(),
        outcome: AdoptedOutcome::Adopted,
        owner: function.clone(),
    })
}
