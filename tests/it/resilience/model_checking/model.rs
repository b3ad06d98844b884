//! Model of the commit protocol: its initial states, its actions, and the properties that must hold
//! in every state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use stateright::{Model, Property};

use super::execution::{Checkpoint, End, ExecutionSpec, Executions, OTHER, OURS};
use super::mutant::Mutant;
use super::quiescence::{Disturbance, Liveness, LivenessViolation};
use super::replay::{Call, Time, model_time};
use super::world::{Accounts, Effect, SafetyViolation, World};
use crate::support::harness::{BUS, CHAT, TOPIC};
use crate::support::scheduler::{topic_and_bus, two_topics};

/// Lambda timeout of an invocation, in milliseconds. Deadlines are multiples of it.
pub const INVOCATION_TIMEOUT: Time = 100_000;

// Names of the properties. Each must hold in every state.
pub const LEASED: &str = "only the lease holder sends a digest, and duplicates have a cause";
pub const NOTIFIED_ONCE: &str = "each change is reported once, under one digest ID";
pub const READ_ORDER: &str =
    "each commit equals its read, which follows the earlier committed reads";
pub const STORED: &str = "no commit is lost, and each run is committed once";
pub const QUIESCENT: &str = "runs without faults become quiescent and report what is open";
pub const ISOLATED: &str = "a topic that rejects everything does not block the other topic";
pub const UNBLOCKED: &str = "a topic that refuses the content of digests is not blocked";
pub const OWNED: &str = "only the owner of the ledger commits to it";
pub const MUTED: &str = "a mute stays, is applied as a whole, and what it matches is not notified";

/// Model of the commit protocol, with bounds on its faults and changes.
#[derive(Clone)]
pub struct Protocol {
    pub initial_states: Vec<InitialState>,
    /// The run IDs of the executions, for each initial state. Lambda may run one event twice.
    pub execution_sets: Vec<Vec<&'static str>>,
    /// Maximum number of crashes, conflicts, rejections and lost responses, at any action.
    pub faults: u8,
    /// Maximum number of accounts that change their status before a read.
    pub changes: u8,
    pub mutant: Option<Mutant>,
    /// The receiver beside the digest topic: the chat topic or an event bus.
    second_receiver: &'static str,
    pub executions: Arc<Executions>,
    /// The results that executions have returned.
    ends: Arc<Mutex<BTreeSet<End>>>,
    /// Result of the liveness check, by fingerprint of the state that the check starts from.
    pub liveness_cache: Arc<Mutex<BTreeMap<u64, Arc<Liveness>>>>,
}

/// State before the first execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitialState {
    /// There is no ledger, and one account fails.
    NoLedger,
    /// A run has found that account failing and has sent a digest.
    Notified,
    /// As `Notified`, but then that account has recovered and the other one has failed.
    Changed,
}

/// State of one of the executions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Holds the run ID.
    NotStarted(&'static str),
    Running(Arc<Checkpoint>),
    Ended,
}

/// Logical clock of the reads. It advances only between the start of a read and the end of a read.
///
/// The protocol orders reads only by whether one started after another one ended. Consecutive
/// starts share a time, and so do consecutive ends, so that states that differ only in their order
/// are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Clock {
    time: Time,
    /// Whether reads start at this time. Otherwise reads end at it.
    read_starts: bool,
}

impl Clock {
    const FIRST: Self = Self {
        time: 0,
        read_starts: true,
    };

    /// Returns the time of a read that starts or ends now.
    fn tick(&mut self, read_starts: bool) -> Time {
        self.time += Time::from(self.read_starts != read_starts);
        self.read_starts = read_starts;
        self.time
    }

    /// Advances the clock to at least `time`.
    fn pass(&mut self, time: Time) {
        *self = Self {
            time: self.time.max(time),
            read_starts: true,
        };
    }
}

/// State between two actions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub world: World,
    pub actors: Vec<Actor>,
    clock: Clock,
    /// Lower bound of the time of every later response.
    min_time: Time,
    faults: u8,
    changes: u8,
}

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

impl Protocol {
    pub fn new(
        initial_states: &[InitialState],
        execution_sets: &[&[&'static str]],
        faults: u8,
        changes: u8,
    ) -> Self {
        Self {
            initial_states: initial_states.to_vec(),
            execution_sets: execution_sets
                .iter()
                .map(|execution_set| execution_set.to_vec())
                .collect(),
            faults,
            changes,
            mutant: None,
            second_receiver: CHAT,
            executions: Arc::new(Executions::new(two_topics())),
            ends: Arc::default(),
            liveness_cache: Arc::default(),
        }
    }

    /// Puts an event bus in the place of the chat topic.
    pub fn with_event_bus(self) -> Self {
        Self {
            second_receiver: BUS,
            executions: Arc::new(Executions::new(topic_and_bus())),
            ..self
        }
    }

    pub fn with_mutant(self, mutant: Mutant) -> Self {
        Self {
            mutant: Some(mutant),
            ..self
        }
    }

    /// Returns the number of distinct checkpoints, and of distinct liveness checks.
    pub fn size(&self) -> (usize, usize) {
        (
            self.executions.checkpoints(),
            self.liveness_cache
                .lock()
                .expect("no thread panicked")
                .len(),
        )
    }

    /// Returns the results that executions have returned.
    pub fn ends(&self) -> BTreeSet<End> {
        self.ends.lock().expect("no thread panicked").clone()
    }

    fn initial_world(&self, initial: InitialState) -> World {
        let mut world = World::new([true, false], self.second_receiver);
        if initial == InitialState::NoLedger {
            return world;
        }
        let run_id = "initial".to_owned();
        let spec = ExecutionSpec {
            id: run_id.clone(),
            run_id,
            started: -INVOCATION_TIMEOUT,
            deadline: -1,
            config_denied: false,
            function: OURS,
        };
        self.executions.run(&spec, |call, progress| {
            Some((
                world.perform(&spec, progress, call, Effect::Done),
                progress.now,
            ))
        });
        if initial == InitialState::Changed {
            world.failing = [false, true];
        }
        world
    }

    fn spec(
        &self,
        actor: usize,
        run_id: &str,
        started: Time,
        config_denied: bool,
    ) -> ExecutionSpec {
        let id = if self.mutant == Some(Mutant::LeaseByRunId) {
            run_id.to_owned()
        } else {
            execution_id(actor)
        };
        ExecutionSpec {
            run_id: run_id.to_owned(),
            id,
            started,
            deadline: deadline(actor),
            config_denied,
            function: OURS,
        }
    }

    /// Returns whether runs without faults become quiescent although one topic disturbs them. A
    /// topic that gets no call from them cannot.
    fn becomes_quiescent(
        &self,
        state: &State,
        disturbance: fn(&'static str) -> Disturbance,
    ) -> bool {
        let undisturbed = self.liveness(&state.world, None);
        [TOPIC, self.second_receiver]
            .into_iter()
            .filter(|topic| undisturbed.called.contains(*topic))
            .all(|topic| {
                let disturbed = self.liveness(&state.world, Some(disturbance(topic)));
                matches!(
                    disturbed.violation,
                    None | Some(LivenessViolation::Unsafe(_))
                )
            })
    }

    /// Completes a pending call of a running execution, which then continues to its next call.
    fn complete_call(&self, state: &mut State, actor: usize, number: usize, effect: Effect) {
        let Actor::Running(checkpoint) = &state.actors[actor] else {
            return;
        };
        let checkpoint = checkpoint.clone();
        let Some((_, call)) = checkpoint
            .waiting
            .iter()
            .find(|(waiting, _)| *waiting == number)
        else {
            return;
        };
        let response = Mutant::perform(
            self.mutant,
            &mut state.world,
            &checkpoint.spec,
            &checkpoint.progress,
            call,
            effect,
        );
        // The clock advances only where the protocol compares times, so that states which differ in
        // nothing else are equal.
        let last_read = state
            .world
            .ledger()
            .and_then(|ledger| ledger.recent_reads.last());
        let is_newer =
            last_read.is_some_and(|read| model_time(read.until) > checkpoint.progress.now);
        let at = if *call == Call::Read {
            state.clock.tick(false)
        } else if call.is_ledger_get() && is_newer {
            state.clock.tick(true)
        } else {
            checkpoint.progress.now.max(state.min_time)
        };
        let next = self.executions.advance(&checkpoint, number, response, at);
        state.actors[actor] = match &next.end {
            None => Actor::Running(next),
            Some(end) => {
                state.world.ended(&next.spec, end);
                self.ends.lock().expect("no thread panicked").insert(*end);
                Actor::Ended
            }
        };
    }
}

fn execution_id(actor: usize) -> String {
    format!("execution-{actor}")
}

fn deadline(actor: usize) -> Time {
    INVOCATION_TIMEOUT * Time::try_from(actor + 1).expect("few executions")
}

/// Returns the number of accounts whose status differs.
fn flips(one: Accounts, other: Accounts) -> u8 {
    one.into_iter()
        .zip(other)
        .map(|(one, other)| u8::from(one != other))
        .sum()
}

impl State {
    /// Adds the actions of a running execution.
    fn add_actions(&self, actor: usize, actions: &mut Vec<Action>) {
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
    fn stores_its_own_snapshot(&self, actor: usize) -> bool {
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
    fn holds_lease(&self, actor: usize) -> bool {
        self.world
            .ledger()
            .is_some_and(|ledger| ledger.leased_to(&execution_id(actor)).next().is_some())
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let worlds: Vec<World> = self
            .initial_states
            .iter()
            .map(|initial| self.initial_world(*initial))
            .collect();
        let state = |world: &World, execution_set: &Vec<&'static str>| State {
            world: world.clone(),
            actors: execution_set
                .iter()
                .map(|run_id| Actor::NotStarted(run_id))
                .collect(),
            clock: Clock::FIRST,
            min_time: 0,
            faults: self.faults,
            changes: self.changes,
        };
        self.execution_sets
            .iter()
            .flat_map(|execution_set| worlds.iter().map(|world| state(world, execution_set)))
            .collect()
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.world.violation.is_some() {
            return;
        }
        if state.faults > 0 && state.world.owner() == Some(OURS) {
            actions.push(Action::Adopt);
        }
        // No other execution can observe this call, so the model explores no interleaving with it.
        if let Some(actor) =
            (0..state.actors.len()).find(|actor| state.stores_its_own_snapshot(*actor))
        {
            return state.add_actions(actor, actions);
        }
        if let Some(actor) = state
            .actors
            .iter()
            .position(|actor| matches!(actor, Actor::NotStarted(_)))
        {
            actions.push(Action::Start {
                actor,
                config_denied: false,
            });
            if state.faults > 0 {
                actions.push(Action::Start {
                    actor,
                    config_denied: true,
                });
            }
        }
        // An execution without a lease and with only calls for `latest.json` affects no other one,
        // so the model continues it last.
        let is_deferred = |actor: usize| match &state.actors[actor] {
            Actor::NotStarted(_) => false,
            Actor::Running(checkpoint) => {
                checkpoint.only_latest_calls_remain() && !state.holds_lease(actor)
            }
            Actor::Ended => true,
        };
        let all_deferred = (0..state.actors.len()).all(is_deferred);
        for (actor, status) in state.actors.iter().enumerate() {
            match status {
                Actor::Running(_) if all_deferred || !is_deferred(actor) => {
                    state.add_actions(actor, actions);
                }
                Actor::Ended if state.holds_lease(actor) && state.min_time <= deadline(actor) => {
                    actions.push(Action::PassDeadline { actor });
                }
                Actor::NotStarted(_) | Actor::Running(_) | Actor::Ended => {}
            }
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::Start {
                actor,
                config_denied,
            } => {
                let Actor::NotStarted(run_id) = state.actors[actor] else {
                    return None;
                };
                next.faults -= u8::from(config_denied);
                let spec = self.spec(actor, run_id, next.clock.tick(true), config_denied);
                next.actors[actor] = Actor::Running(self.executions.start(spec));
            }
            Action::Read {
                actor,
                number,
                failing,
            } => {
                next.changes -= flips(failing, state.world.failing);
                next.world.failing = failing;
                self.complete_call(&mut next, actor, number, Effect::Done);
            }
            Action::Call {
                actor,
                number,
                effect,
            } => {
                next.faults -= u8::from(effect != Effect::Done);
                self.complete_call(&mut next, actor, number, effect);
            }
            Action::Adopt => {
                next.faults -= 1;
                next.world.adopt(OTHER);
            }
            Action::Crash { actor } => {
                next.faults -= 1;
                next.world.allowed_duplicates += 1;
                next.actors[actor] = Actor::Ended;
            }
            Action::PassDeadline { actor } => {
                next.faults -= u8::from(matches!(state.actors[actor], Actor::Running(_)));
                next.clock.pass(deadline(actor) + 1);
                next.min_time = next.clock.time;
                for (actor, status) in next.actors.iter_mut().enumerate() {
                    if deadline(actor) < next.clock.time && matches!(status, Actor::Running(_)) {
                        next.world.allowed_duplicates += 1;
                        *status = Actor::Ended;
                    }
                }
            }
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(LEASED, |model: &Self, state| {
                model.never_violates(
                    state,
                    &[
                        SafetyViolation::SentWithoutLease,
                        SafetyViolation::UnexplainedDuplicate,
                    ],
                )
            }),
            Property::always(NOTIFIED_ONCE, |model: &Self, state| {
                model.never_violates(
                    state,
                    &[
                        SafetyViolation::WrongChanges,
                        SafetyViolation::DigestIdReused,
                    ],
                )
            }),
            Property::always(READ_ORDER, |model: &Self, state| {
                model.never_violates(
                    state,
                    &[
                        SafetyViolation::CommitDiffersFromRead,
                        SafetyViolation::StaleRead,
                    ],
                )
            }),
            Property::always(STORED, |model: &Self, state| {
                let stored = [
                    SafetyViolation::CommitLost,
                    SafetyViolation::RunCommittedTwice,
                    SafetyViolation::RunNotStored,
                    SafetyViolation::SnapshotOverwritten,
                ];
                model.never_violates(state, &stored)
            }),
            Property::always(QUIESCENT, |model: &Self, state: &State| {
                matches!(
                    model.liveness(&state.world, None).violation,
                    None | Some(LivenessViolation::Unsafe(_))
                )
            }),
            Property::always(ISOLATED, |model: &Self, state: &State| {
                model.becomes_quiescent(state, Disturbance::Rejects)
            }),
            Property::always(UNBLOCKED, |model: &Self, state| {
                model.becomes_quiescent(state, Disturbance::RefusesContent)
            }),
            Property::always(MUTED, |model: &Self, state| {
                let mutes = [
                    SafetyViolation::MuteLost,
                    SafetyViolation::MuteHalfApplied,
                    SafetyViolation::MutedFailureNotified,
                ];
                model.never_violates(state, &mutes)
            }),
            Property::always(OWNED, |model: &Self, state| {
                model.never_violates(state, &[SafetyViolation::WroteForeignLedger])
            }),
        ]
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
