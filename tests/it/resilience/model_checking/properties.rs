//! The properties that must hold in every state.

use stateright::Property;

use super::model::{Protocol, State};
use super::quiescence::{Disturbance, LivenessViolation};
use super::world::SafetyViolation;

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

/// Returns all properties.
pub fn properties() -> Vec<Property<Protocol>> {
    vec![
        Property::always(LEASED, |model: &Protocol, state| {
            model.never_violates(
                state,
                &[
                    SafetyViolation::SentWithoutLease,
                    SafetyViolation::UnexplainedDuplicate,
                ],
            )
        }),
        Property::always(NOTIFIED_ONCE, |model: &Protocol, state| {
            model.never_violates(
                state,
                &[
                    SafetyViolation::WrongChanges,
                    SafetyViolation::DigestIdReused,
                ],
            )
        }),
        Property::always(READ_ORDER, |model: &Protocol, state| {
            model.never_violates(
                state,
                &[
                    SafetyViolation::CommitDiffersFromRead,
                    SafetyViolation::StaleRead,
                ],
            )
        }),
        Property::always(STORED, |model: &Protocol, state| {
            let stored = [
                SafetyViolation::CommitLost,
                SafetyViolation::RunCommittedTwice,
                SafetyViolation::RunNotStored,
                SafetyViolation::SnapshotOverwritten,
            ];
            model.never_violates(state, &stored)
        }),
        Property::always(QUIESCENT, |model: &Protocol, state: &State| {
            matches!(
                model.liveness(&state.world, None).violation,
                None | Some(LivenessViolation::Unsafe(_))
            )
        }),
        Property::always(ISOLATED, |model: &Protocol, state: &State| {
            model.becomes_quiescent(state, Disturbance::Rejects)
        }),
        Property::always(UNBLOCKED, |model: &Protocol, state| {
            model.becomes_quiescent(state, Disturbance::RefusesContent)
        }),
        Property::always(MUTED, |model: &Protocol, state| {
            let mutes = [
                SafetyViolation::MuteLost,
                SafetyViolation::MuteHalfApplied,
                SafetyViolation::MutedFailureNotified,
            ];
            model.never_violates(state, &mutes)
        }),
        Property::always(OWNED, |model: &Protocol, state| {
            model.never_violates(state, &[SafetyViolation::WroteForeignLedger])
        }),
    ]
}
