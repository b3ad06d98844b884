//! Liveness: from any state, consecutive runs without faults must become quiescent, with correct
//! digests.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::digests::is_last_form;
use super::execution::{End, ExecutionSpec, OURS};
use super::model::{INVOCATION_TIMEOUT, Protocol, State};
use super::mutant::Mutant;
use super::replay::{Call, Time};
use super::world::{Effect, SafetyViolation, World};
use crate::support::harness::{BUS, TOPIC};

/// Start of the runs without faults, long after every deadline of the model.
const QUIESCENCE_START: Time = 10_000_000;

/// The result of runs without faults from one state.
#[derive(Debug, Clone)]
pub struct Liveness {
    /// How they violate liveness, if they do.
    pub violation: Option<LivenessViolation>,
    /// The receivers that got a call.
    pub called: BTreeSet<String>,
}

/// What a topic does to the runs without faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disturbance {
    /// The topic rejects everything.
    Rejects(&'static str),
    /// The topic refuses the content of every digest that is not in its last form.
    RefusesContent(&'static str),
}

/// Violation of a liveness property by runs without faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LivenessViolation {
    /// The runs violate a safety property.
    Unsafe(SafetyViolation),
    RunFailed,
    KeepsPublishing,
    OutgoingDigestLeft,
    WrongReportedState,
    /// The events of the bus leave an incident open that has ended, or none of what is open.
    WrongIncident,
    SnapshotChainBroken,
    /// One topic rejects everything, and the other topic does not get its digests.
    OtherTopicBlocked,
}

impl Protocol {
    /// Returns whether runs without faults become quiescent although one topic disturbs them. A
    /// topic that gets no call from them cannot.
    pub fn becomes_quiescent(
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

    /// Returns whether none of these violations has happened, or happens in later runs without
    /// faults.
    pub fn never_violates(&self, state: &State, violations: &[SafetyViolation]) -> bool {
        let later = match self.liveness(&state.world, None).violation {
            Some(LivenessViolation::Unsafe(violation)) => Some(violation),
            _ => None,
        };
        state
            .world
            .violation
            .or(later)
            .is_none_or(|found| !violations.contains(&found))
    }

    /// Returns the result of consecutive runs without faults.
    ///
    /// The runs start after every lease has expired. They must stop sending digests, leave no
    /// outgoing digest, and report exactly what is open. If a topic rejects everything, the other
    /// topic must still get its digests. If a topic refuses the content of every full digest, it
    /// must get the last forms.
    pub fn liveness(&self, world: &World, disturbance: Option<Disturbance>) -> Arc<Liveness> {
        let mut hasher = DefaultHasher::new();
        (world.future_relevant_state(), disturbance).hash(&mut hasher);
        let fingerprint = hasher.finish();
        let cache = || self.liveness_cache.lock().expect("no thread panicked");
        if let Some(known) = cache().get(&fingerprint) {
            return known.clone();
        }
        let mut called = BTreeSet::new();
        let result = self.run_until_quiescent(world.clone(), disturbance, &mut called);
        let liveness = Arc::new(Liveness {
            violation: result.err(),
            called,
        });
        cache().insert(fingerprint, liveness.clone());
        liveness
    }

    fn run_until_quiescent(
        &self,
        mut world: World,
        disturbance: Option<Disturbance>,
        called: &mut BTreeSet<String>,
    ) -> Result<(), LivenessViolation> {
        let dead = match disturbance {
            Some(Disturbance::Rejects(topic)) => Some(topic),
            Some(Disturbance::RefusesContent(_)) | None => None,
        };
        // The runs are those of the owner: runs of another function are refused.
        let function = world.owner().unwrap_or(OURS);
        // Executions that still run count as crashed, so their digests may be sent twice.
        world.allowed_duplicates += 1_000;
        let mut failed = false;
        let quiescent = (0..6).any(|number| {
            let started = QUIESCENCE_START + number * 36 * INVOCATION_TIMEOUT;
            let run_id = format!("quiescence-{number}");
            let spec = ExecutionSpec {
                id: run_id.clone(),
                run_id,
                started,
                deadline: started + INVOCATION_TIMEOUT,
                config_denied: false,
                function,
            };
            let sent = world.sent();
            let end = self.executions.run(&spec, |call, progress| {
                if let Call::Publish { topic, .. } | Call::PutEvents { bus: topic, .. } = call {
                    called.insert(topic.clone());
                }
                let effect = match (call, disturbance) {
                    (
                        Call::Publish { topic, .. } | Call::PutEvents { bus: topic, .. },
                        Some(Disturbance::Rejects(dead)),
                    ) if topic == dead => Effect::Rejected,
                    (
                        Call::Publish { topic, message, .. },
                        Some(Disturbance::RefusesContent(strict)),
                    ) if topic == strict && !is_last_form(message) => Effect::ContentRefused,
                    _ => Effect::Done,
                };
                let response =
                    Mutant::perform(self.mutant, &mut world, &spec, progress, call, effect);
                Some((
                    response,
                    if *call == Call::Read {
                        progress.now + 1
                    } else {
                        progress.now
                    },
                ))
            });
            world.ended(&spec, &end);
            failed |= matches!(end, End::Failed(_));
            world.sent() == sent
        });
        if failed && dead.is_none() {
            return Err(LivenessViolation::RunFailed);
        }
        if let Some(violation) = world.violation {
            return Err(LivenessViolation::Unsafe(violation));
        }
        if !quiescent {
            return Err(LivenessViolation::KeepsPublishing);
        }
        for (topic, log) in world
            .receivers
            .iter()
            .filter(|(topic, _)| Some(**topic) != dead)
        {
            let mut expected = world.failing;
            if world.is_muted() && expected[0] {
                // It may have been notified before it was muted.
                expected[0] = log.reported_open[0];
            }
            if log.reported_open != expected {
                return Err(if dead.is_some() {
                    LivenessViolation::OtherTopicBlocked
                } else {
                    LivenessViolation::WrongReportedState
                });
            }
            if *topic == BUS && log.incident != expected.contains(&true) {
                return Err(LivenessViolation::WrongIncident);
            }
            let receivers = &world.ledger().expect("a run has committed").receivers;
            if receivers
                .iter()
                .any(|(arn, receiver)| arn.as_str() == *topic && receiver.outgoing.is_some())
            {
                return Err(LivenessViolation::OutgoingDigestLeft);
            }
        }
        if world.snapshot_chain_is_complete() && world.latest_is_current() {
            Ok(())
        } else {
            Err(LivenessViolation::SnapshotChainBroken)
        }
    }
}
