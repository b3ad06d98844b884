//! Model of the commit protocol: its states, and what each action makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use stateright::{Model, Property};

use super::actions::Action;
use super::digests::Accounts;
use super::execution::{Checkpoint, End, ExecutionSpec, Executions, OTHER, OURS};
use super::mutant::Mutant;
use super::properties::properties;
use super::quiescence::Liveness;
use super::replay::{Call, Time, model_time};
use super::world::{Effect, World};
use crate::support::harness::{BUS, CHAT};
use crate::support::scheduler::{topic_and_bus, two_topics};

/// Lambda timeout of an invocation, in milliseconds. Deadlines are multiples of it.
pub const INVOCATION_TIMEOUT: Time = 100_000;

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
    pub second_receiver: &'static str,
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
    pub faults: u8,
    pub changes: u8,
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

pub fn execution_id(actor: usize) -> String {
    format!("execution-{actor}")
}

fn deadline(actor: usize) -> Time {
    INVOCATION_TIMEOUT * Time::try_from(actor + 1).expect("few executions")
}

/// Returns the number of accounts whose status differs.
pub fn flips(one: Accounts, other: Accounts) -> u8 {
    one.into_iter()
        .zip(other)
        .map(|(one, other)| u8::from(one != other))
        .sum()
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
        properties()
    }
}
