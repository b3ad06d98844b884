//! The actions of the model: which are possible in a state.

use super::digests::Accounts;
use super::model::{Actor, State, execution_id, flips};
use super::replay::Call;
use super::world::Effect;

/// Action of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Start {
        actor: usize,
        config_denied: bool,
    },
    /// A pending call of an execution takes this effect.
    Call {
        actor: usize,
        number: usize,
        effect: Effect,
    },
    /// The member accounts change their status, then an execution reads them.
    Read {
        actor: usize,
        number: usize,
        failing: Accounts,
    },
    Crash {
        actor: usize,
    },
    /// Another function becomes the owner of the ledger.
    Adopt,
    /// The deadline of an execution passes. Lambda stops the execution if it still runs.
    PassDeadline {
        actor: usize,
    },
}

impl State {
    /// Adds the actions of a running execution.
    pub fn add_actions(&self, actor: usize, actions: &mut Vec<Action>) {
        let Actor::Running(checkpoint) = &self.actors[actor] else {
            return;
        };
        // Calls for `latest.json` are independent of all other calls, so every order gives the same
        // result. The model explores only the order in which they come last.
        let all_for_latest = checkpoint
            .waiting
            .iter()
            .all(|(_, call)| call.is_for_latest());
        for (number, call) in checkpoint
            .waiting
            .iter()
            .filter(|(_, call)| all_for_latest || !call.is_for_latest())
        {
            self.add_call_actions(actor, *number, call, actions);
        }
        if self.faults > 0 {
            actions.extend([Action::Crash { actor }, Action::PassDeadline { actor }]);
        }
    }

    /// Adds the actions that complete a pending call.
    fn add_call_actions(
        &self,
        actor: usize,
        number: usize,
        call: &Call,
        actions: &mut Vec<Action>,
    ) {
        if *call == Call::Read {
            for failing in [[true, true], [true, false], [false, true], [false, false]] {
                if flips(failing, self.world.failing) <= self.changes {
                    actions.push(Action::Read {
                        actor,
                        number,
                        failing,
                    });
                }
            }
            return;
        }
        actions.push(Action::Call {
            actor,
            number,
            effect: Effect::Done,
        });
        if self.faults > 0 {
            actions.extend(faults(call).iter().map(|effect| Action::Call {
                actor,
                number,
                effect: *effect,
            }));
        }
    }

    /// Returns whether this execution stores a snapshot next, under a key that no other one uses.
    pub fn stores_its_own_snapshot(&self, actor: usize) -> bool {
        let Actor::Running(checkpoint) = &self.actors[actor] else {
            return false;
        };
        let same_run = |other: &Actor| match other {
            Actor::NotStarted(run_id) => *run_id == checkpoint.spec.run_id,
            Actor::Running(other) => other.spec.run_id == checkpoint.spec.run_id,
            Actor::Ended => false,
        };
        let is_snapshot =
            |call: &Call| matches!(call, Call::Put { key, .. } if key.starts_with("snapshots/"));
        checkpoint.waiting.iter().all(|(_, call)| is_snapshot(call))
            && self.actors.iter().filter(|other| same_run(other)).count() == 1
    }

    /// Returns whether this execution holds the lease of an outgoing digest.
    pub fn holds_lease(&self, actor: usize) -> bool {
        self.world
            .ledger()
            .is_some_and(|ledger| ledger.leased_to(&execution_id(actor)).next().is_some())
    }
}

/// Returns the faults of a call.
fn faults(call: &Call) -> &'static [Effect] {
    match call {
        Call::Get { .. } | Call::Head { .. } => &[Effect::RequestLost],
        Call::Put { .. } => &[
            Effect::Conflict,
            Effect::ResponseLost,
            Effect::RequestLost,
            Effect::Rejected,
        ],
        Call::Publish { .. } => &[
            Effect::ResponseLost,
            Effect::Rejected,
            Effect::ContentRefused,
        ],
        Call::PutEvents { events, .. } if events.len() < 2 => {
            &[Effect::ResponseLost, Effect::Rejected]
        }
        Call::PutEvents { .. } => &[
            Effect::ResponseLost,
            Effect::Rejected,
            Effect::PartlyAccepted,
        ],
        Call::Read => &[],
    }
}
