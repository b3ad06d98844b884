//! What a history is made of: settings, and thirty runs with what comes before and goes wrong in
//! each.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::organization::{ACCOUNTS, Change, Key, PACKS, Place, REGIONS, ReadFault};
use crate::support::scheduler::{FAULTS, Fault};

pub const RUNS: usize = 30;

const STATUSES: [&str; 12] = [
    "CREATE_SUCCESSFUL",
    "UPDATE_SUCCESSFUL",
    "UPDATE_SUCCESSFUL",
    "CREATE_FAILED",
    "UPDATE_FAILED",
    "UPDATE_FAILED",
    "DELETE_FAILED",
    "CREATE_IN_PROGRESS",
    "UPDATE_IN_PROGRESS",
    "UPDATE_IN_PROGRESS",
    "DELETE_IN_PROGRESS",
    "DELETE_SUCCESSFUL",
];

/// What a run is asked to look at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scope {
    Everything,
    Region(&'static str),
    Pack(&'static str),
    Account(&'static str),
}

impl Scope {
    pub fn covers(self, (region, pack, account): Key) -> bool {
        match self {
            Self::Everything => true,
            Self::Region(asked) => asked == region,
            Self::Pack(asked) => asked == pack,
            Self::Account(asked) => account == Some(asked),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Request {
    pub scope: Scope,
    pub announce: &'static str,
    pub dry_run: bool,
}

impl Request {
    pub const FULL: Self = Self {
        scope: Scope::Everything,
        announce: "changes",
        dry_run: false,
    };

    /// What a silent run changed is known only where it had the world for itself.
    fn aloud(self) -> Self {
        Self {
            announce: if self.announce == "never" {
                "changes"
            } else {
                self.announce
            },
            ..self
        }
    }

    pub fn event(self) -> Value {
        let mut event = json!({"announce": self.announce, "dry_run": self.dry_run});
        match self.scope {
            Scope::Everything => {}
            Scope::Region(region) => event["regions"] = json!([region]),
            Scope::Pack(pack) => event["packs"] = json!([pack]),
            Scope::Account(account) => event["accounts"] = json!([account]),
        }
        event
    }
}

/// What happens while a run goes on.
#[derive(Debug, Clone)]
pub enum InjectedFault {
    Change(Change),
    Seconds(i64),
    Crash(usize),
    /// Another execution begins, of a run of its own or of the same.
    Overlap(Option<Request>),
    Read(ReadFault),
    Get,
    Put(Fault),
    Publish(Fault),
}

#[derive(Debug, Clone)]
pub struct Step {
    pub minutes: i64,
    pub before: Vec<Change>,
    pub request: Request,
    /// Lambda tries the last run again.
    pub again: bool,
    pub denied: Option<&'static str>,
    /// What happens after so many polls.
    pub during: Vec<(usize, InjectedFault)>,
    /// Whose turn it is, where executions overlap.
    pub turns: u64,
}

#[derive(Debug, Clone)]
pub struct History {
    pub announce_after: i64,
    pub remind_after: i64,
    pub dated: bool,
    pub first: Vec<Change>,
    pub steps: Vec<Step>,
}

fn place() -> impl Strategy<Value = Place> {
    (select(&REGIONS[..]), select(&PACKS[..]))
}

fn status() -> impl Strategy<Value = &'static str> {
    select(&STATUSES[..])
}

fn create() -> impl Strategy<Value = Change> {
    (place(), status(), vec(status(), 3..=5))
        .prop_map(|(place, own, members)| Change::Create(place, own, members))
}

fn change() -> impl Strategy<Value = Change> {
    let account = || select(&ACCOUNTS[..]);
    prop_oneof![
        3 => create(),
        1 => place().prop_map(Change::Delete),
        3 => (place(), status()).prop_map(|(place, own)| Change::Status(place, own)),
        6 => (place(), account(), status()).prop_map(|(place, account, status)| Change::Member(place, account, status)),
        3 => (place(), account()).prop_map(|(place, account)| Change::Leave(place, account)),
        3 => place().prop_map(Change::Recover),
        1 => (0..4_usize).prop_map(Change::Pages),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let scope = prop_oneof![
        8 => Just(Scope::Everything),
        1 => select(&REGIONS[..]).prop_map(Scope::Region),
        1 => select(&PACKS[..]).prop_map(Scope::Pack),
        1 => select(&ACCOUNTS[..]).prop_map(Scope::Account),
    ];
    let announce = prop_oneof![8 => Just("changes"), 1 => Just("always"), 1 => Just("never")];
    (scope, announce, proptest::bool::weighted(0.04)).prop_map(|(scope, announce, dry_run)| {
        Request {
            scope,
            announce,
            dry_run,
        }
    })
}

fn trouble() -> impl Strategy<Value = InjectedFault> {
    prop_oneof![
        4 => change().prop_map(InjectedFault::Change),
        2 => select(vec![5, 60, 60, 130]).prop_map(InjectedFault::Seconds),
        2 => (0..2_usize).prop_map(InjectedFault::Crash),
        3 => proptest::option::weighted(0.7, request()).prop_map(|other| InjectedFault::Overlap(other.map(Request::aloud))),
        2 => select(vec![ReadFault::Refused, ReadFault::RepeatedToken]).prop_map(InjectedFault::Read),
        1 => Just(InjectedFault::Get),
        3 => select(&FAULTS[..]).prop_map(InjectedFault::Put),
        2 => select(&FAULTS[..]).prop_map(InjectedFault::Publish),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let minutes = prop_oneof![2 => Just(1), 6 => 5..70_i64, 1 => 600..4_000_i64];
    // Now and then one is overtaken too late to read again, and pages shift because one goes from
    // those that were read.
    let late = |at| {
        vec![
            (at, InjectedFault::Overlap(Some(Request::FULL))),
            (at + 2, InjectedFault::Seconds(60)),
        ]
    };
    let shift =
        |(at, place, account)| vec![(at, InjectedFault::Change(Change::Leave(place, account)))];
    let during = prop_oneof![
        12 => Just(vec![]),
        8 => vec((0..14_usize, trouble()), 1..5),
        1 => (0..4_usize).prop_map(late),
        2 => (2..9_usize, place(), select(&ACCOUNTS[..])).prop_map(shift),
    ];
    let rarely = |chance| proptest::bool::weighted(chance);
    let denied = proptest::option::weighted(0.15, select(&REGIONS[..]));
    (
        minutes,
        vec(change(), 0..4),
        request(),
        rarely(0.05),
        denied,
        during,
        any::<u64>(),
    )
        .prop_map(
            |(minutes, before, request, again, denied, during, turns)| Step {
                minutes,
                before,
                request,
                again,
                denied,
                during,
                turns,
            },
        )
}

pub fn history() -> impl Strategy<Value = History> {
    let (announce_after, remind_after) = (select(vec![0, 0, 60]), select(vec![0, 24]));
    let first = (vec(create(), 2..6), 0..3_usize).prop_map(|(mut first, page)| {
        first.push(Change::Pages(page));
        first
    });
    // For some runs on end SNS takes nothing.
    let outage = (0..RUNS, 0..5_usize).prop_map(|(from, runs)| from..(from + runs).min(RUNS));
    (
        announce_after,
        remind_after,
        any::<bool>(),
        first,
        vec(step(), RUNS),
        outage,
    )
        .prop_map(
            |(announce_after, remind_after, dated, first, mut steps, outage)| {
                for step in &mut steps[outage] {
                    step.during = (0..30)
                        .map(|at| (at, InjectedFault::Publish(Fault::Refused)))
                        .collect();
                }
                History {
                    announce_after,
                    remind_after,
                    dated,
                    first,
                    steps,
                }
            },
        )
}
