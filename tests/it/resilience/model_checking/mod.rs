//! Model checking of the commit protocol: the real run, in every interleaving of its calls with
//! those of other executions, and with every fault at each call.
//!
//! The model contains one pack, two member accounts, two receivers, a strongly consistent bucket,
//! and executions that are started, receive responses and faults, and crash. An execution is the
//! program itself, started again with the responses that it has received so far; see `execution`.

mod actions;
mod checks;
mod digests;
mod execution;
mod model;
mod mutant;
mod object;
mod properties;
mod quiescence;
mod replay;
mod world;

use std::collections::BTreeSet;

use stateright::{Checker, HasDiscoveries, Model, Path, UniformChooser};

use actions::Action;
use execution::{End, MUTE, RunOutcome};
use model::{InitialState, Protocol, State};
use mutant::Mutant;
use properties::{ISOLATED, LEASED, MUTED, OWNED, QUIESCENT, READ_ORDER, STORED, UNBLOCKED};

/// Two events, or one event that Lambda runs twice.
const TWO_EXECUTIONS: [&[&str]; 2] = [&["a", "b"], &["a", "a"]];
const THREE_EXECUTIONS: [&[&str]; 5] = [
    &["a", "b", "c"],
    &["a", "a", "b"],
    &["a", "b", "a"],
    &["a", "b", "b"],
    &["a", "a", "a"],
];

/// Checks all properties in every state. Returns the number of states and the results of
/// executions.
fn check_exhaustively(protocol: &Protocol) -> (usize, BTreeSet<End>) {
    let checker = protocol.clone().checker().threads(2).spawn_dfs().join();
    let (checkpoints, liveness_checks) = protocol.size();
    println!(
        "{} states, maximum depth {}; {checkpoints} checkpoints of executions, {liveness_checks} liveness checks",
        checker.unique_state_count(),
        checker.max_depth()
    );
    if let Some((name, path)) = checker.discoveries().into_iter().next() {
        panic!("property violated: {name}\n{}", format_path(path));
    }
    (checker.unique_state_count(), protocol.ends())
}

/// Formats the actions that lead to a state, one a line.
fn format_path(path: Path<State, Action>) -> String {
    path.into_vec()
        .into_iter()
        .fold(String::new(), |text, (state, action)| {
            let action = action.map_or_else(
                || "(final state)".to_owned(),
                |action| format!("{action:?}"),
            );
            let violation = state
                .world
                .violation
                .map_or_else(String::new, |violation| format!("  <- {violation:?}"));
            text + &action + &violation + "\n"
        })
}

#[test]
fn two_executions_with_one_fault_satisfy_all_properties() {
    let (states, ends) = check_exhaustively(&Protocol::new(
        &[InitialState::NoLedger, InitialState::Notified],
        &TWO_EXECUTIONS,
        1,
        1,
    ));
    assert!(
        states > 100_000,
        "{states} states are too few for an exhaustive check"
    );
    let failures = [
        "LedgerUnreadable",
        "AllSourcesFailed",
        "PublishFailed",
        "SettleFailed",
        "StoreFailed",
        "LedgerOwnedByAnother",
    ]
    .map(End::Failed);
    let successes = [
        RunOutcome::Committed,
        RunOutcome::Resumed,
        RunOutcome::Superseded,
    ]
    .map(End::Succeeded);
    assert_eq!(
        ends,
        successes.into_iter().chain(failures).collect(),
        "not every result is reached"
    );
}

#[test]
#[ignore = "takes 13 minutes and 5 GB of memory"]
fn two_executions_with_two_faults_satisfy_all_properties() {
    check_exhaustively(&Protocol::new(
        &[InitialState::NoLedger, InitialState::Notified],
        &TWO_EXECUTIONS,
        2,
        1,
    ));
}

#[test]
#[ignore = "takes an hour and 6 GB of memory"]
fn three_executions_with_one_fault_satisfy_all_properties() {
    // One check after another, so that each frees the memory of the previous one.
    for execution_set in THREE_EXECUTIONS {
        for initial in [InitialState::NoLedger, InitialState::Changed] {
            println!("{execution_set:?}, {initial:?}");
            check_exhaustively(&Protocol::new(&[initial], &[execution_set], 1, 0));
        }
    }
}

#[test]
fn mute_beside_one_execution_satisfies_all_properties() {
    let (_, ends) = check_exhaustively(&Protocol::new(
        &[InitialState::NoLedger, InitialState::Notified],
        &[&["a", MUTE], &[MUTE, "a"]],
        1,
        1,
    ));
    assert!(
        ends.contains(&End::Succeeded(RunOutcome::Muted)),
        "{ends:?}"
    );
}

#[test]
#[ignore = "takes minutes and gigabytes of memory"]
fn mute_beside_two_executions_satisfies_all_properties() {
    for execution_set in [["a", "b", MUTE], ["a", MUTE, "b"]] {
        for initial in [InitialState::NoLedger, InitialState::Notified] {
            println!("{execution_set:?}, {initial:?}");
            check_exhaustively(&Protocol::new(&[initial], &[&execution_set], 1, 0));
        }
    }
}

#[test]
fn event_bus_beside_topic_satisfies_all_properties() {
    let protocol = Protocol::new(
        &[InitialState::NoLedger, InitialState::Notified],
        &TWO_EXECUTIONS,
        1,
        1,
    );
    let (states, _) = check_exhaustively(&protocol.with_event_bus());
    assert!(states > 50_000, "{states} states are too few");
}

#[test]
#[ignore = "takes 11 minutes and 7 GB of memory"]
fn event_bus_with_two_faults_satisfies_all_properties() {
    let protocol = Protocol::new(
        &[InitialState::NoLedger, InitialState::Notified],
        &TWO_EXECUTIONS,
        2,
        1,
    );
    check_exhaustively(&protocol.with_event_bus());
}

/// Random walks, because an exhaustive check of three executions takes too long for every build.
#[test]
fn three_executions_satisfy_all_properties_in_random_walks() {
    let random_walk = |execution_set, mutant: Option<Mutant>| {
        let protocol = Protocol::new(
            &[InitialState::NoLedger, InitialState::Changed],
            &[execution_set],
            1,
            0,
        );
        let protocol = mutant.into_iter().fold(protocol, Protocol::with_mutant);
        let checker = protocol.checker().target_state_count(5_000);
        let checker = checker.spawn_simulation(7, UniformChooser).join();
        assert!(
            checker.state_count() > 1_000,
            "only {} states were visited",
            checker.state_count()
        );
        checker
            .discoveries()
            .into_iter()
            .next()
            .map(|(name, path)| format!("{name}\n{}", format_path(path)))
    };
    for execution_set in THREE_EXECUTIONS {
        assert_eq!(random_walk(execution_set, None), None, "{execution_set:?}");
        assert_ne!(
            random_walk(execution_set, Some(Mutant::UnconditionalPut)),
            None,
            "{execution_set:?}: the mutant is not detected"
        );
    }
}

/// Asserts that the checker detects the violation of a property by a mutant, with these executions.
fn assert_detects(
    property: &'static str,
    mutant: Mutant,
    execution_set: &[&'static str],
    faults: u8,
) {
    let protocol = Protocol::new(
        &[InitialState::NoLedger, InitialState::Notified],
        &[execution_set],
        faults,
        1,
    );
    let has_event_bus = matches!(
        mutant,
        Mutant::ForgetAcceptedEvents | Mutant::TakePartForWhole
    );
    let protocol = if has_event_bus {
        protocol.with_event_bus()
    } else {
        protocol
    }
    .with_mutant(mutant);
    let violation_found = HasDiscoveries::AnyOf([property].into());
    let checker = protocol
        .checker()
        .threads(2)
        .finish_when(violation_found)
        .spawn_bfs()
        .join();
    let path = checker
        .discovery(property)
        .unwrap_or_else(|| panic!("{mutant:?} is not detected by: {property}"));
    println!("{mutant:?} violates: {property}\n{}", format_path(path));
}

#[test]
fn unconditional_put_is_detected() {
    assert_detects(STORED, Mutant::UnconditionalPut, &["a", "b"], 0);
}

#[test]
fn publish_before_commit_is_detected() {
    assert_detects(LEASED, Mutant::PublishBeforeCommit, &["a", "b"], 1);
}

#[test]
fn takeover_without_written_lease_is_detected() {
    assert_detects(LEASED, Mutant::TakeOverWithoutLease, &["a", "b"], 1);
}

#[test]
fn lease_by_run_id_is_detected() {
    assert_detects(LEASED, Mutant::LeaseByRunId, &["a", "a"], 0);
}

#[test]
fn comparison_with_read_start_is_detected() {
    assert_detects(READ_ORDER, Mutant::CompareWithReadStart, &["a", "b"], 0);
}

#[test]
fn read_check_only_after_conflict_is_detected() {
    assert_detects(
        READ_ORDER,
        Mutant::CheckReadOnlyAfterConflict,
        &["a", "b"],
        0,
    );
}

#[test]
fn settling_another_outgoing_digest_is_detected() {
    assert_detects(QUIESCENT, Mutant::SettleOtherDigest, &["a", "b"], 1);
}

#[test]
fn settle_before_publish_is_detected() {
    assert_detects(QUIESCENT, Mutant::SettleBeforePublish, &["a", "b"], 1);
}

#[test]
fn delivery_stopped_by_rejection_is_detected() {
    assert_detects(ISOLATED, Mutant::StopAfterRejection, &["a", "b"], 0);
}

#[test]
fn assumed_snapshot_write_is_detected() {
    assert_detects(QUIESCENT, Mutant::AssumeSnapshotStored, &["a", "b"], 1);
}

#[test]
fn retried_refusal_of_content_is_detected() {
    assert_detects(UNBLOCKED, Mutant::RetryRefusedContent, &["a", "b"], 0);
}

#[test]
fn unconditional_put_that_loses_mute_is_detected() {
    assert_detects(MUTED, Mutant::UnconditionalPut, &["a", MUTE], 0);
}

#[test]
fn ignored_owner_is_detected() {
    assert_detects(OWNED, Mutant::IgnoreOwner, &["a", "b"], 1);
}

#[test]
fn recorded_run_without_read_is_detected() {
    assert_detects(STORED, Mutant::RecordRunWithoutRead, &["a", "a"], 1);
}

#[test]
fn accepted_events_that_are_sent_again_are_detected() {
    assert_detects(LEASED, Mutant::ForgetAcceptedEvents, &["a", "b"], 1);
}

#[test]
fn accepted_part_that_is_taken_for_all_is_detected() {
    assert_detects(QUIESCENT, Mutant::TakePartForWhole, &["a", "b"], 1);
}
