//! Mutes: adds or removes one in the ledger by compare-and-swap, or lists them. AWS Config is not
//! called.

use super::caller::Caller;
use super::error::{RunError, Unstored};
use super::ledger_store::{LedgerStore, StoredLedger};
use crate::input::event::InvalidEvent;
use crate::input::plan::{MutesTask, RunPlan};
use crate::ledger::{Ledger, MAX_MUTES};
use crate::model::{Deployment, Watched};
use crate::ports::ObjectStore;
use crate::report::{MuteRecord, MutesOutcome, MutesResponse, kept_mute_records};

/// Does what the event asks for, and returns all mutes.
pub(super) async fn change_mutes<S: ObjectStore>(
    store: &LedgerStore<'_, S>,
    plan: &RunPlan,
    caller: &Caller,
    request: &MutesTask,
) -> Result<MutesResponse, RunError> {
    let now = plan.timing.started_at;
    let (account, preloaded) = store.own_account(caller).await?;
    let watched = plan.watched(&account);
    let owner = (&caller.deployment, &watched);
    let mut current = store.load_unless(preloaded).await?;
    let (outcome, mute) = match request {
        MutesTask::Add(mute) => {
            let add = |ledger: &mut Ledger| {
                let fits = ledger.add_mute(mute, now);
                if fits { Ok(()) } else { Err(too_many()) }
            };
            update(store, &mut current, plan, owner, add).await?;
            (MutesOutcome::Muted, Some(mute.id.clone()))
        }
        MutesTask::Remove(id) => {
            if !current.ledger.mutes.iter().any(|mute| mute.id == *id) {
                return Err(unknown(id, &current.ledger));
            }
            let remove = |ledger: &mut Ledger| {
                ledger.remove_mute(id, now);
                Ok(())
            };
            update(store, &mut current, plan, owner, remove).await?;
            (MutesOutcome::Unmuted, Some(id.clone()))
        }
        MutesTask::List => (MutesOutcome::Mutes, None),
    };
    let mutes = kept_mute_records(&current.ledger, now);
    Ok(MutesResponse {
        run_id: plan.run.id.clone(),
        outcome,
        mute,
        mutes: mutes.into_iter().map(MuteRecord::into_owned).collect(),
    })
}

/// Stores the ledger that `change` returns, unless the ledger belongs to another function or the
/// change is refused.
async fn update<S: ObjectStore>(
    store: &LedgerStore<'_, S>,
    current: &mut StoredLedger,
    plan: &RunPlan,
    (deployment, watched): (&Deployment, &Watched),
    change: impl Fn(&mut Ledger) -> Result<(), RunError>,
) -> Result<(), RunError> {
    let object = store.address(&plan.keys.ledger);
    // The ledger that is stored can be another one than the one that was loaded.
    let refused = std::cell::RefCell::new(None);
    let stored = store.update(current, |ledger| {
        let allowed = ledger.check_owner(deployment, watched);
        let allowed = allowed.map_err(|foreign| RunError::LedgerOwnedByAnother {
            object: object.clone(),
            foreign,
        });
        let mut next = ledger.clone();
        match allowed.and_then(|()| change(&mut next)) {
            Ok(()) => {
                next.claim(deployment);
                *ledger = next;
                refused.replace(None);
            }
            Err(error) => {
                refused.replace(Some(error));
            }
        }
    });
    stored.await.map_err(|source| RunError::StoreFailed {
        what: format!("{object} could not be stored"),
        unstored: Unstored::Request,
        source,
    })?;
    refused.into_inner().map_or(Ok(()), Err)
}

fn too_many() -> RunError {
    RunError::InvalidEvent(InvalidEvent(format!(
        "\"mute\" would be one too many: the ledger has {MAX_MUTES} mutes, which is the maximum; remove one with \
         {{\"unmute\": \"<id>\"}}, and see {{\"mutes\": true}} for the list"
    )))
}

fn unknown(id: &str, ledger: &Ledger) -> RunError {
    let known = ledger.mutes.iter().map(|mute| mute.id.as_str());
    let known: Vec<&str> = known.take(10).collect();
    let accepted = if known.is_empty() {
        "there are no mutes".to_owned()
    } else {
        format!("accepted: the id of a mute, such as {}", known.join(", "))
    };
    RunError::InvalidEvent(InvalidEvent(format!(
        "\"unmute\" is {id:?}, which is not the id of a mute; {accepted}"
    )))
}
