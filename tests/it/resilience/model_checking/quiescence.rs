//! What comes of a state when nothing goes wrong any more: one run after another, until one has
//! nothing to say.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::execution::{End, Identity};
use super::model::{INVOCATION, Protocol, State};
use super::mutant::Mutant;
use super::replay::{Call, Time};
use super::world::{Effect, SafetyViolation, World};

/// When the runs without faults begin, long after everything else.
const AFTERWARDS: Time = 10_000_000;

/// Why runs without faults do not fall silent as they should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LivenessViolation {
    SafetyViolation(SafetyViolation),
    RunFailed,
    KeepsTalking,
    HeadLeft,
    ToldIsNotOpen,
    ChainTorn,
    /// One topic refuses everything, and the other one is not told.
    HeldUp,
}

impl Protocol {
    /// Whether none of this has happened, or happens in the runs afterwards.
    pub fn never(&self, state: &State, broken: &[SafetyViolation]) -> bool {
        let afterwards = match self.unrest(&state.world, None) {
            Some(LivenessViolation::SafetyViolation(broken)) => Some(broken),
            _ => None,
        };
        state
            .world
            .broken
            .or(afterwards)
            .is_none_or(|found| !broken.contains(&found))
    }

    /// Whether one run after another without faults, with every owner's time over, falls silent,
    /// with every head gone and what was told, replayed, what is open. With a `dead` topic: whether
    /// the other one is told everything.
    pub fn unrest(&self, world: &World, dead: Option<&'static str>) -> Option<LivenessViolation> {
        let mut hasher = DefaultHasher::new();
        (world.what_matters_afterwards(), dead).hash(&mut hasher);
        let print = hasher.finish();
        if let Some(known) = self.silence.lock().expect("nobody died").get(&print) {
            return *known;
        }
        let unrest = self.run_until_silent(world.clone(), dead).err();
        self.silence
            .lock()
            .expect("nobody died")
            .insert(print, unrest);
        unrest
    }

    fn run_until_silent(
        &self,
        mut world: World,
        dead: Option<&'static str>,
    ) -> Result<(), LivenessViolation> {
        // Who is still alive counts as dead: what it has sent may be sent again.
        world.allowed_duplicates += 1_000;
        let mut failed = false;
        let silent = (0..6).any(|number| {
            let started = AFTERWARDS + number * 36 * INVOCATION;
            let run = format!("afterwards-{number}");
            let identity = Identity {
                token: run.clone(),
                run,
                started,
                deadline: started + INVOCATION,
                blind: false,
            };
            let sent = world.sent();
            let end = self.executions.run(&identity, |call, knows| {
                let refused =
                    matches!(call, Call::Publish { topic, .. } if Some(topic.as_str()) == dead);
                let effect = if refused {
                    Effect::Refused
                } else {
                    Effect::Done
                };
                let answer =
                    Mutant::perform(self.mutant, &mut world, &identity, knows, call, effect);
                Some((
                    answer,
                    if *call == Call::Read {
                        knows.now + 1
                    } else {
                        knows.now
                    },
                ))
            });
            world.ended(&identity, &end);
            failed |= matches!(end, End::Failed(_));
            world.sent() == sent
        });
        if failed && dead.is_none() {
            return Err(LivenessViolation::RunFailed);
        }
        if let Some(broken) = world.broken {
            return Err(LivenessViolation::SafetyViolation(broken));
        }
        if !silent {
            return Err(LivenessViolation::KeepsTalking);
        }
        for (topic, told) in world.told.iter().filter(|(topic, _)| Some(**topic) != dead) {
            if told.believed != world.failing {
                return Err(if dead.is_some() {
                    LivenessViolation::HeldUp
                } else {
                    LivenessViolation::ToldIsNotOpen
                });
            }
            let audiences = &world.ledger().expect("a run has committed").audiences;
            if audiences
                .iter()
                .any(|(arn, receiver)| arn.as_str() == *topic && receiver.head.is_some())
            {
                return Err(LivenessViolation::HeadLeft);
            }
        }
        if world.snapshots_are_whole() && world.latest_is_the_last() {
            Ok(())
        } else {
            Err(LivenessViolation::ChainTorn)
        }
    }
}
