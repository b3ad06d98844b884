//! The commit protocol under a model checker: the real pipeline, in every order of its steps with
//! those of another execution, and with everything that can go wrong at each of them.
//!
//! In the model are one pack, two member accounts, two audiences, a bucket that keeps its word, and
//! executions that are started, answered, refused, lied to and killed. An execution is the program
//! itself, begun again and given the answers that it had so far; see `execution`.

mod execution;
mod model;
mod mutant;
mod quiescence;
mod replay;
mod world;

use std::collections::BTreeSet;

use execution::{End, Ending};
use model::{InitialState, OWNED, Protocol, READ, SILENT, STORED, State, Step, UNHINDERED};
use mutant::Mutant;
use stateright::{Checker, HasDiscoveries, Model, Path, UniformChooser};

/// Two events, and one that Lambda runs twice.
const TWO: [&[&str]; 2] = [&["a", "b"], &["a", "a"]];
const THREE: [&[&str]; 5] = [
    &["a", "b", "c"],
    &["a", "a", "b"],
    &["a", "b", "a"],
    &["a", "b", "b"],
    &["a", "a", "a"],
];

/// Looks at every state; gives how many there are, and the ends that the executions came to.
fn holds(protocol: &Protocol) -> (usize, BTreeSet<End>) {
    let checker = protocol.clone().checker().threads(2).spawn_dfs().join();
    let (executions, worlds) = protocol.size();
    println!(
        "{} states, at most {} steps deep; {executions} different executions, {worlds} worlds run until silent",
        checker.unique_state_count(),
        checker.max_depth()
    );
    if let Some((name, path)) = checker.discoveries().into_iter().next() {
        panic!("not so: {name}\n{}", to_report(path));
    }
    (checker.unique_state_count(), protocol.ends())
}

fn to_report(path: Path<State, Step>) -> String {
    path.into_vec()
        .into_iter()
        .fold(String::new(), |to_report, (state, step)| {
            let step = step.map_or_else(|| "and that is it".to_owned(), |step| format!("{step:?}"));
            let broken = state
                .world
                .broken
                .map_or_else(String::new, |broken| format!("  <- {broken:?}"));
            to_report + &step + &broken + "\n"
        })
}

#[test]
fn two_executions_and_one_fault_keep_every_promise() {
    let (states, ends) = holds(&Protocol::new(
        &[InitialState::First, InitialState::Told],
        &TWO,
        1,
        1,
    ));
    assert!(states > 100_000, "{states} states are too few to be all");
    let failures = [
        "LedgerUnreadable",
        "NothingRead",
        "PublishFailed",
        "SettleFailed",
        "StoreFailed",
    ]
    .map(End::Failed);
    let answers = [Ending::Committed, Ending::Resumed, Ending::Superseded].map(End::Answered);
    assert_eq!(
        ends,
        answers.into_iter().chain(failures).collect(),
        "every end is reached"
    );
}

#[test]
#[ignore = "three minutes, and three gigabytes"]
fn two_executions_and_two_faults_keep_every_promise() {
    holds(&Protocol::new(
        &[InitialState::First, InitialState::Told],
        &TWO,
        2,
        1,
    ));
}

#[test]
#[ignore = "twenty minutes, and three gigabytes"]
fn three_executions_and_one_fault_keep_every_promise() {
    // One after another: what one has looked at makes room for the next.
    for execution_set in THREE {
        for get_range in [InitialState::First, InitialState::Changed] {
            println!("{execution_set:?}, {get_range:?}");
            holds(&Protocol::new(&[get_range], &[execution_set], 1, 0));
        }
    }
}

/// Three are too many to look at every state in every build: wherever chance leads, then.
#[test]
fn three_executions_and_one_fault_keep_every_promise_wherever_chance_leads() {
    let by_chance = |execution_set, mutant: Option<Mutant>| {
        let protocol = Protocol::new(
            &[InitialState::First, InitialState::Changed],
            &[execution_set],
            1,
            0,
        );
        let protocol = mutant.into_iter().fold(protocol, Protocol::with);
        let checker = protocol.checker().target_state_count(5_000);
        let checker = checker.spawn_simulation(7, UniformChooser).join();
        assert!(
            checker.state_count() > 1_000,
            "{} states are not what was asked for",
            checker.state_count()
        );
        checker
            .discoveries()
            .into_iter()
            .next()
            .map(|(name, path)| format!("{name}\n{}", to_report(path)))
    };
    for execution_set in THREE {
        assert_eq!(by_chance(execution_set, None), None, "{execution_set:?}");
        assert_ne!(
            by_chance(execution_set, Some(Mutant::PutsUnconditionally)),
            None,
            "{execution_set:?}: a mistake is found"
        );
    }
}

/// A program with this mistake is found to break this promise, when these executions run.
fn breaks(property: &'static str, mutant: Mutant, execution_set: &[&'static str], faults: u8) {
    let protocol = Protocol::new(
        &[InitialState::First, InitialState::Told],
        &[execution_set],
        faults,
        1,
    )
    .with(mutant);
    let found = HasDiscoveries::AnyOf([property].into());
    let checker = protocol
        .checker()
        .threads(2)
        .finish_when(found)
        .spawn_bfs()
        .join();
    let path = checker
        .discovery(property)
        .unwrap_or_else(|| panic!("{mutant:?} is not found to break: {property}"));
    println!("{mutant:?} breaks: {property}\n{}", to_report(path));
}

#[test]
fn a_put_without_a_condition_is_found() {
    breaks(STORED, Mutant::PutsUnconditionally, &["a", "b"], 0);
}

#[test]
fn publishing_before_the_commit_is_found() {
    breaks(OWNED, Mutant::PublishesBeforeTheCommit, &["a", "b"], 1);
}

#[test]
fn taking_over_a_head_without_writing_so_is_found() {
    breaks(OWNED, Mutant::TakesOverUnwritten, &["a", "b"], 1);
}

#[test]
fn ownership_by_run_id_is_found() {
    breaks(OWNED, Mutant::OwnsByRunId, &["a", "a"], 0);
}

#[test]
fn comparing_with_the_start_of_the_other_reading_is_found() {
    breaks(READ, Mutant::ComparesWithTheStart, &["a", "b"], 0);
}

#[test]
fn asking_for_the_other_reading_only_after_a_conflict_is_found() {
    breaks(READ, Mutant::AsksOnlyAfterAConflict, &["a", "b"], 0);
}

#[test]
fn settling_the_head_of_another_is_found() {
    breaks(SILENT, Mutant::SettlesAnothersHead, &["a", "b"], 1);
}

#[test]
fn settling_before_publishing_is_found() {
    breaks(SILENT, Mutant::SettlesBeforePublishing, &["a", "b"], 1);
}

#[test]
fn a_refused_topic_that_ends_the_sending_is_found() {
    breaks(UNHINDERED, Mutant::ARefusalEndsIt, &["a", "b"], 0);
}

#[test]
fn believing_in_a_snapshot_that_got_no_answer_is_found() {
    breaks(SILENT, Mutant::BelievesInTheSnapshot, &["a", "b"], 1);
}

#[test]
fn a_run_that_read_nothing_and_counts_as_done_is_found() {
    breaks(STORED, Mutant::RecordsNothingRead, &["a", "a"], 1);
}
