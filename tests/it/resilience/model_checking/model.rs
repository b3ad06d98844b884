//! The commit protocol as a model checker walks through it: which executions there are, what may
//! happen to each at any point, and what must hold in every state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use stateright::{Model, Property};

use super::execution::{End, Executions, Identity, Moment};
use super::mutant::Mutant;
use super::quiescence::LivenessViolation;
use super::replay::{Call, Time, since_the_first};
use super::world::{Accounts, Effect, SafetyViolation, World};
use crate::support::harness::{CHAT, TOPIC};

/// The time of each invocation, in its order.
pub const INVOCATION: Time = 100_000;

// What has to hold in every state.
pub const OWNED: &str = "who sends owns, and nothing is sent twice without a cause";
pub const TOLD: &str = "each change is told once, under one id";
pub const READ: &str = "what is committed was read, after all that was committed before";
pub const STORED: &str = "no commit is lost, and each run is committed once";
pub const SILENT: &str = "runs without faults fall silent, and what was told is what is open";
pub const UNHINDERED: &str = "a topic that refuses everything holds up no other";

/// How much may happen.
#[derive(Clone)]
pub struct Protocol {
    pub beginnings: Vec<InitialState>,
    /// The run ids of the executions, from each beginning: Lambda may run one event twice.
    pub execution_sets: Vec<Vec<&'static str>>,
    /// Deaths, conflicts, refusals and lost answers, of any kind and at any step.
    pub faults: u8,
    /// How often the world may change before a reading.
    pub changes: u8,
    pub mutant: Option<Mutant>,
    pub executions: Arc<Executions>,
    /// The ends that an execution has come to.
    ends: Arc<Mutex<BTreeSet<End>>>,
    /// Whether runs without faults fall silent, by the world that they begin in.
    pub silence: Arc<Mutex<BTreeMap<u64, Option<LivenessViolation>>>>,
}

/// What was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitialState {
    /// Nothing: the first run is to come, and one account fails.
    First,
    /// A run that found one account failing, and told it.
    Told,
    /// The same, and then that account recovered, and the other one failed.
    Changed,
}

/// One of the executions.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    ToCome(&'static str),
    Alive(Arc<Moment>),
    Over,
}

/// Readings are told apart by whether one began after another one ended: so much does the clock
/// show, and no more. Those that begin with none ending in between begin at one time, and so do
/// those that end, and states that differ in their order are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Clock {
    time: Time,
    /// Whether a reading has begun at this time; or else one has ended.
    get_range: bool,
}

impl Clock {
    const FIRST: Self = Self {
        time: 0,
        get_range: true,
    };

    /// The time of a beginning, or of an end, that comes now.
    fn tick(&mut self, get_range: bool) -> Time {
        self.time += Time::from(self.get_range != get_range);
        self.get_range = get_range;
        self.time
    }

    fn pass(&mut self, time: Time) {
        *self = Self {
            time: self.time.max(time),
            get_range: true,
        };
    }
}

/// What is, between two steps.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub world: World,
    pub actors: Vec<Actor>,
    clock: Clock,
    /// The newest time that every clock shows.
    passed: Time,
    faults: u8,
    changes: u8,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Start {
        actor: usize,
        blind: bool,
    },
    /// A call of an execution has this effect.
    Call {
        actor: usize,
        number: usize,
        effect: Effect,
    },
    /// The world changes, and then it is read.
    Read {
        actor: usize,
        number: usize,
        failing: Accounts,
    },
    Dies {
        actor: usize,
    },
    /// The time of an execution passes; Lambda ends it, should it live.
    TimePasses {
        actor: usize,
    },
}

impl Protocol {
    pub fn new(
        beginnings: &[InitialState],
        execution_sets: &[&[&'static str]],
        faults: u8,
        changes: u8,
    ) -> Self {
        Self {
            beginnings: beginnings.to_vec(),
            execution_sets: execution_sets
                .iter()
                .map(|execution_set| execution_set.to_vec())
                .collect(),
            faults,
            changes,
            mutant: None,
            executions: Arc::new(Executions::new()),
            ends: Arc::default(),
            silence: Arc::default(),
        }
    }

    pub fn with(self, mutant: Mutant) -> Self {
        Self {
            mutant: Some(mutant),
            ..self
        }
    }

    /// How many different moments of executions, and different worlds, were looked at.
    pub fn size(&self) -> (usize, usize) {
        (
            self.executions.moments(),
            self.silence.lock().expect("nobody died").len(),
        )
    }

    /// The ends that executions have come to.
    pub fn ends(&self) -> BTreeSet<End> {
        self.ends.lock().expect("nobody died").clone()
    }

    fn begin(&self, get_range: InitialState) -> World {
        let mut world = World::new([true, false]);
        if get_range == InitialState::First {
            return world;
        }
        let run = "before".to_owned();
        let identity = Identity {
            token: run.clone(),
            run,
            started: -INVOCATION,
            deadline: -1,
            blind: false,
        };
        self.executions.run(&identity, |call, knows| {
            Some((
                world.perform(&identity, knows, call, Effect::Done),
                knows.now,
            ))
        });
        if get_range == InitialState::Changed {
            world.failing = [false, true];
        }
        world
    }

    fn identity(&self, actor: usize, run: &str, started: Time, blind: bool) -> Identity {
        let token = if self.mutant == Some(Mutant::OwnsByRunId) {
            run.to_owned()
        } else {
            token(actor)
        };
        Identity {
            run: run.to_owned(),
            token,
            started,
            deadline: deadline(actor),
            blind,
        }
    }

    /// Answers a call of a living execution, and lets it go on to its next one.
    fn answer(&self, state: &mut State, actor: usize, number: usize, effect: Effect) {
        let Actor::Alive(moment) = &state.actors[actor] else {
            return;
        };
        let moment = moment.clone();
        let Some((_, call)) = moment
            .waiting
            .iter()
            .find(|(waiting, _)| *waiting == number)
        else {
            return;
        };
        let answer = Mutant::perform(
            self.mutant,
            &mut state.world,
            &moment.identity,
            &moment.knows,
            call,
            effect,
        );
        // Clocks are only looked at where it matters, so that states which differ in nothing else
        // are one.
        let newer = state
            .world
            .ledger()
            .and_then(|ledger| ledger.reading.as_ref());
        let newer = newer.is_some_and(|reading| since_the_first(reading.until) > moment.knows.now);
        let at = if *call == Call::Read {
            state.clock.tick(false)
        } else if call.is_recall() && newer {
            state.clock.tick(true)
        } else {
            moment.knows.now.max(state.passed)
        };
        let next = self.executions.answered(&moment, number, answer, at);
        state.actors[actor] = match &next.end {
            None => Actor::Alive(next),
            Some(end) => {
                state.world.ended(&next.identity, end);
                self.ends.lock().expect("nobody died").insert(*end);
                Actor::Over
            }
        };
    }
}

fn token(actor: usize) -> String {
    format!("execution-{actor}")
}

fn deadline(actor: usize) -> Time {
    INVOCATION * Time::try_from(actor + 1).expect("few")
}

/// How many accounts are in one state here and in the other there.
fn flips(one: Accounts, other: Accounts) -> u8 {
    one.into_iter()
        .zip(other)
        .map(|(one, other)| u8::from(one != other))
        .sum()
}

impl State {
    /// What may become of a living execution.
    fn yield_now(&self, actor: usize, steps: &mut Vec<Step>) {
        let Actor::Alive(moment) = &self.actors[actor] else {
            return;
        };
        // What is for `latest.json` touches nothing that the rest looks at, nor the rest what it
        // does: that comes last, and every other order of the two ends alike.
        let all_for_latest = moment.waiting.iter().all(|(_, call)| call.is_for_latest());
        for (number, call) in moment
            .waiting
            .iter()
            .filter(|(_, call)| all_for_latest || !call.is_for_latest())
        {
            self.outcomes(actor, *number, call, steps);
        }
        if self.faults > 0 {
            steps.extend([Step::Dies { actor }, Step::TimePasses { actor }]);
        }
    }

    /// What may become of a call that waits.
    fn outcomes(&self, actor: usize, number: usize, call: &Call, steps: &mut Vec<Step>) {
        if *call == Call::Read {
            for failing in [[true, true], [true, false], [false, true], [false, false]] {
                if flips(failing, self.world.failing) <= self.changes {
                    steps.push(Step::Read {
                        actor,
                        number,
                        failing,
                    });
                }
            }
            return;
        }
        steps.push(Step::Call {
            actor,
            number,
            effect: Effect::Done,
        });
        if self.faults > 0 {
            steps.extend(faults(call).iter().map(|effect| Step::Call {
                actor,
                number,
                effect: *effect,
            }));
        }
    }

    /// Whether this execution is about to store a snapshot, under a name that no other one uses.
    fn stores_its_own_snapshot(&self, actor: usize) -> bool {
        let Actor::Alive(moment) = &self.actors[actor] else {
            return false;
        };
        let run = |other: &Actor| match other {
            Actor::ToCome(run) => *run == moment.identity.run,
            Actor::Alive(other) => other.identity.run == moment.identity.run,
            Actor::Over => false,
        };
        let snapshot =
            |call: &Call| matches!(call, Call::Put { key, .. } if key.starts_with("snapshots/"));
        moment.waiting.iter().all(|(_, call)| snapshot(call))
            && self.actors.iter().filter(|it| run(it)).count() == 1
    }

    /// Whether the ledger names this execution as the owner of a head.
    fn owns(&self, actor: usize) -> bool {
        self.world
            .ledger()
            .is_some_and(|ledger| ledger.leased_to(&token(actor)).next().is_some())
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let beginnings: Vec<World> = self
            .beginnings
            .iter()
            .map(|get_range| self.begin(*get_range))
            .collect();
        let state = |world: &World, execution_set: &Vec<&'static str>| State {
            world: world.clone(),
            actors: execution_set.iter().map(|run| Actor::ToCome(run)).collect(),
            clock: Clock::FIRST,
            passed: 0,
            faults: self.faults,
            changes: self.changes,
        };
        self.execution_sets
            .iter()
            .flat_map(|execution_set| beginnings.iter().map(|world| state(world, execution_set)))
            .collect()
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.world.broken.is_some() {
            return;
        }
        // Nobody else can tell before from after here, so nobody else has a turn in between.
        if let Some(actor) =
            (0..state.actors.len()).find(|actor| state.stores_its_own_snapshot(*actor))
        {
            return state.yield_now(actor, steps);
        }
        if let Some(actor) = state
            .actors
            .iter()
            .position(|actor| matches!(actor, Actor::ToCome(_)))
        {
            steps.push(Step::Start {
                actor,
                blind: false,
            });
            if state.faults > 0 {
                steps.push(Step::Start { actor, blind: true });
            }
        }
        // Who owns nothing and has only `latest.json` left touches nothing that another one looks
        // at: it comes at the end.
        let at_the_end = |actor: usize| match &state.actors[actor] {
            Actor::ToCome(_) => false,
            Actor::Alive(moment) => moment.only_latest_is_left() && !state.owns(actor),
            Actor::Over => true,
        };
        let all_are = (0..state.actors.len()).all(at_the_end);
        for (actor, stands) in state.actors.iter().enumerate() {
            match stands {
                Actor::Alive(_) if all_are || !at_the_end(actor) => state.yield_now(actor, steps),
                Actor::Over if state.owns(actor) && state.passed <= deadline(actor) => {
                    steps.push(Step::TimePasses { actor });
                }
                Actor::ToCome(_) | Actor::Alive(_) | Actor::Over => {}
            }
        }
    }

    fn next_state(&self, state: &State, step: Step) -> Option<State> {
        let mut next = state.clone();
        match step {
            Step::Start { actor, blind } => {
                let Actor::ToCome(run) = state.actors[actor] else {
                    return None;
                };
                next.faults -= u8::from(blind);
                let identity = self.identity(actor, run, next.clock.tick(true), blind);
                next.actors[actor] = Actor::Alive(self.executions.start(identity));
            }
            Step::Read {
                actor,
                number,
                failing,
            } => {
                next.changes -= flips(failing, state.world.failing);
                next.world.failing = failing;
                self.answer(&mut next, actor, number, Effect::Done);
            }
            Step::Call {
                actor,
                number,
                effect,
            } => {
                next.faults -= u8::from(effect != Effect::Done);
                self.answer(&mut next, actor, number, effect);
            }
            Step::Dies { actor } => {
                next.faults -= 1;
                next.world.allowed_duplicates += 1;
                next.actors[actor] = Actor::Over;
            }
            Step::TimePasses { actor } => {
                next.faults -= u8::from(matches!(state.actors[actor], Actor::Alive(_)));
                next.clock.pass(deadline(actor) + 1);
                next.passed = next.clock.time;
                for (actor, stands) in next.actors.iter_mut().enumerate() {
                    if deadline(actor) < next.clock.time && matches!(stands, Actor::Alive(_)) {
                        next.world.allowed_duplicates += 1;
                        *stands = Actor::Over;
                    }
                }
            }
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(OWNED, |model: &Self, state| {
                model.never(
                    state,
                    &[SafetyViolation::SentByAnother, SafetyViolation::SentAgain],
                )
            }),
            Property::always(TOLD, |model: &Self, state| {
                model.never(
                    state,
                    &[
                        SafetyViolation::ToldTwice,
                        SafetyViolation::OneIdTwoMessages,
                    ],
                )
            }),
            Property::always(READ, |model: &Self, state| {
                model.never(
                    state,
                    &[
                        SafetyViolation::NotWhatWasRead,
                        SafetyViolation::OlderReading,
                    ],
                )
            }),
            Property::always(STORED, |model: &Self, state| {
                let stored = [
                    SafetyViolation::CommitLost,
                    SafetyViolation::RunTwice,
                    SafetyViolation::NotStored,
                    SafetyViolation::SnapshotChanged,
                ];
                model.never(state, &stored)
            }),
            Property::always(SILENT, |model: &Self, state: &State| {
                matches!(
                    model.unrest(&state.world, None),
                    None | Some(LivenessViolation::SafetyViolation(_))
                )
            }),
            Property::always(UNHINDERED, |model: &Self, state: &State| {
                let unrest = |dead| model.unrest(&state.world, Some(dead));
                [TOPIC, CHAT].into_iter().all(|dead| {
                    matches!(
                        unrest(dead),
                        None | Some(LivenessViolation::SafetyViolation(_))
                    )
                })
            }),
        ]
    }
}

/// What can go wrong with a call.
fn faults(call: &Call) -> &'static [Effect] {
    match call {
        Call::Get { .. } => &[Effect::NotLanded],
        Call::Put { .. } => &[
            Effect::Conflict,
            Effect::Landed,
            Effect::NotLanded,
            Effect::Refused,
        ],
        Call::Publish { .. } => &[Effect::Landed, Effect::Refused],
        Call::Read => &[],
    }
}
