//! Generators of histories: settings, and thirty runs with status changes before and faults during
//! each.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::organization::{ACCOUNTS, Change, Key, PACKS, PackId, REGIONS, ReadFault};
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

/// Scope of a run.
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
            Self::Region(wanted) => wanted == region,
            Self::Pack(wanted) => wanted == pack,
            Self::Account(wanted) => account == Some(wanted),
        }
    }
}

/// Stands for an event that asks for a summary.
pub const SUMMARY: &str = "summary";

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

    /// Replaces `never`: the changes that a run suppresses are known only if no other run overlaps.
    fn without_suppression(self) -> Self {
        Self {
            announce: if self.announce == "never" {
                "changes"
            } else {
                self.announce
            },
            ..self
        }
    }

    /// Whether the event asks for a digest, whatever changed.
    pub fn asks_for_digest(self) -> bool {
        matches!(self.announce, "always" | SUMMARY) && !self.dry_run
    }

    pub fn event(self) -> Value {
        let mut event = match self.announce {
            SUMMARY => json!({"summary": true, "dry_run": self.dry_run}),
            announce => json!({"announce": announce, "dry_run": self.dry_run}),
        };
        match self.scope {
            Scope::Everything => {}
            Scope::Region(region) => event["regions"] = json!([region]),
            Scope::Pack(pack) => event["packs"] = json!([pack]),
            Scope::Account(account) => event["accounts"] = json!([account]),
        }
        event
    }
}

/// Event during a run.
#[derive(Debug, Clone)]
pub enum InjectedFault {
    Change(Change),
    /// The clock advances.
    Seconds(i64),
    Crash(usize),
    /// Another execution starts, of a new run or, with `None`, of the same run.
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
    /// Lambda retries the last run.
    pub retry: bool,
    /// Region in which AWS Config denies all calls.
    pub denied: Option<&'static str>,
    /// Events, each after a number of polls.
    pub during: Vec<(usize, InjectedFault)>,
    /// Bits that select which of two overlapping executions to poll.
    pub poll_order: u64,
    /// Maximum size of a message to any topic, in bytes. Under the smallest one even the last form
    /// of a digest is refused.
    pub message_limit: Option<usize>,
    /// What the settings of the run change.
    pub settings: SettingsChange,
    /// What is muted or unmuted before the run.
    pub mute: Option<MuteChange>,
}

/// Change of the mutes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MuteChange {
    /// Mutes what the scope covers for so many minutes.
    Mute(Scope, i64),
    /// Removes the oldest mute.
    Unmute,
}

/// Change of the settings for one run. The next run has the usual settings again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SettingsChange {
    None,
    /// Another topic takes the place of the digest topic.
    OtherTopic,
    /// The same for more than a week.
    OtherTopicForWeek,
    /// The second region is no longer watched.
    FirstRegionOnly,
}

#[derive(Debug, Clone)]
pub struct History {
    pub stuck_after: i64,
    pub announce_after: i64,
    pub remind_after: i64,
    /// Whether status records carry their time of change.
    pub with_timestamps: bool,
    pub first: Vec<Change>,
    pub steps: Vec<Step>,
}

fn pack_id() -> impl Strategy<Value = PackId> {
    (select(&REGIONS[..]), select(&PACKS[..]))
}

fn status() -> impl Strategy<Value = &'static str> {
    select(&STATUSES[..])
}

fn create() -> impl Strategy<Value = Change> {
    (pack_id(), status(), vec(status(), 3..=5))
        .prop_map(|(pack, own, members)| Change::Create(pack, own, members))
}

fn change() -> impl Strategy<Value = Change> {
    let account = || select(&ACCOUNTS[..]);
    prop_oneof![
        3 => create(),
        1 => pack_id().prop_map(Change::Delete),
        3 => (pack_id(), status()).prop_map(|(pack, own)| Change::Status(pack, own)),
        6 => (pack_id(), account(), status()).prop_map(|(pack, account, status)| Change::Member(pack, account, status)),
        3 => (pack_id(), account()).prop_map(|(pack, account)| Change::Leave(pack, account)),
        3 => pack_id().prop_map(Change::Recover),
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
    let announce = prop_oneof![
        8 => Just("changes"),
        1 => Just("always"),
        1 => Just(SUMMARY),
        1 => Just("never"),
    ];
    (scope, announce, proptest::bool::weighted(0.04)).prop_map(|(scope, announce, dry_run)| {
        Request {
            scope,
            announce,
            dry_run,
        }
    })
}

fn injected_fault() -> impl Strategy<Value = InjectedFault> {
    prop_oneof![
        4 => change().prop_map(InjectedFault::Change),
        2 => select(vec![5, 60, 60, 130]).prop_map(InjectedFault::Seconds),
        2 => (0..2_usize).prop_map(InjectedFault::Crash),
        3 => proptest::option::weighted(0.7, request()).prop_map(|other| InjectedFault::Overlap(other.map(Request::without_suppression))),
        2 => select(vec![ReadFault::Denied, ReadFault::RepeatedToken]).prop_map(InjectedFault::Read),
        1 => Just(InjectedFault::Get),
        3 => select(&FAULTS[..]).prop_map(InjectedFault::Put),
        2 => select(&FAULTS[..]).prop_map(InjectedFault::Publish),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let minutes = prop_oneof![2 => Just(1), 6 => 5..70_i64, 1 => 600..4_000_i64];
    // Rare cases that random events seldom produce: a run is overtaken too late to read again, and
    // pages shift because a member leaves a page that was already read.
    let overtaken = |at| {
        vec![
            (at, InjectedFault::Overlap(Some(Request::FULL))),
            (at + 2, InjectedFault::Seconds(60)),
        ]
    };
    let shift =
        |(at, pack, account)| vec![(at, InjectedFault::Change(Change::Leave(pack, account)))];
    let during = prop_oneof![
        12 => Just(vec![]),
        8 => vec((0..14_usize, injected_fault()), 1..5),
        1 => (0..4_usize).prop_map(overtaken),
        2 => (2..9_usize, pack_id(), select(&ACCOUNTS[..])).prop_map(shift),
    ];
    let rarely = |chance| proptest::bool::weighted(chance);
    let denied = proptest::option::weighted(0.15, select(&REGIONS[..]));
    let settings = prop_oneof![
        14 => Just(SettingsChange::None),
        1 => Just(SettingsChange::OtherTopic),
        1 => Just(SettingsChange::OtherTopicForWeek),
        1 => Just(SettingsChange::FirstRegionOnly),
    ];
    let scope = prop_oneof![
        // Not the ignored account, which no digest may name.
        2 => select(&ACCOUNTS[..4]).prop_map(Scope::Account),
        1 => select(&PACKS[..]).prop_map(Scope::Pack),
        1 => select(&REGIONS[..]).prop_map(Scope::Region),
        1 => Just(Scope::Everything),
    ];
    let minutes_muted = prop_oneof![1 => 5..300_i64, 1 => 300..9_000_i64];
    let mute = prop_oneof![
        3 => (scope, minutes_muted).prop_map(|(scope, minutes)| MuteChange::Mute(scope, minutes)),
        1 => Just(MuteChange::Unmute),
    ];
    (
        minutes,
        vec(change(), 0..4),
        request(),
        rarely(0.05),
        denied,
        during,
        any::<u64>(),
        proptest::option::weighted(0.1, select(vec![500, 1_500, 2_500])),
        (settings, proptest::option::weighted(0.2, mute)),
    )
        .prop_map(
            |(
                minutes,
                before,
                request,
                retry,
                denied,
                during,
                poll_order,
                message_limit,
                (settings, mute),
            )| Step {
                minutes,
                before,
                request,
                retry,
                denied,
                during,
                poll_order,
                message_limit,
                settings,
                mute,
            },
        )
}

pub fn history() -> impl Strategy<Value = History> {
    let (announce_after, remind_after) = (select(vec![0, 0, 60]), select(vec![0, 24]));
    let stuck_after = select(vec![0, 24, 24]);
    let first = (vec(create(), 2..6), 0..3_usize).prop_map(|(mut first, page)| {
        first.push(Change::Pages(page));
        first
    });
    // SNS rejects everything during a few consecutive runs.
    let outage = (0..RUNS, 0..5_usize).prop_map(|(from, runs)| from..(from + runs).min(RUNS));
    (
        (announce_after, remind_after, stuck_after),
        any::<bool>(),
        first,
        vec(step(), RUNS),
        outage,
    )
        .prop_map(
            |(
                (announce_after, remind_after, stuck_after),
                with_timestamps,
                first,
                mut steps,
                outage,
            )| {
                for step in &mut steps[outage] {
                    step.during = (0..30)
                        .map(|at| (at, InjectedFault::Publish(Fault::Rejected)))
                        .collect();
                }
                History {
                    stuck_after,
                    announce_after,
                    remind_after,
                    with_timestamps,
                    first,
                    steps,
                }
            },
        )
}
