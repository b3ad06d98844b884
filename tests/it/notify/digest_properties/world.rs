//! Random worlds: a ledger with failures in every state, gaps and sources without packs, a
//! receiver, and the event of the run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use packwatch::input::event::Trigger;
use packwatch::input::plan::{Invocation, RunPlan};
use packwatch::input::settings::Settings;
use packwatch::ledger::{
    CachedAccount, EmptySource, EmptySourceResolution, Gap, GapResolution, LastCommit, Ledger,
    OpenFailure, PackHint, PendingChanges, Receiver, ResolvedFailure,
};
use packwatch::model::{
    Account, ApiError, FailureKey, GapKey, GroupId, PackKey, Resolution, RunTotals, Scope, Source,
    StatusRecord, Warning, WarningCode,
};
use packwatch::notify::digest::{Digest, DigestKind, DigestRequest};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::harness::{BUCKET, TOPIC, time};

/// The receiver of the digests.
pub const RECEIVER: u32 = 0;
/// Another receiver, which must not matter.
pub const OTHER: u32 = 1;
/// Account that the settings ignore.
pub const IGNORED: &str = "999900000000";

pub fn now() -> Timestamp {
    time("2026-03-02T03:00:00Z")
}

/// State of an open failure towards the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Pending,
    Due,
    NoLongerMuted,
    Notified,
    ReminderDue,
    Muted,
    NotifiedAndMuted,
}

pub const STATES: [State; 7] = [
    State::Pending,
    State::Due,
    State::NoLongerMuted,
    State::Notified,
    State::ReminderDue,
    State::Muted,
    State::NotifiedAndMuted,
];

/// An open failure.
#[derive(Debug, Clone)]
pub struct Failure {
    pub place: Place,
    pub state: State,
    pub cause: StatusRecord,
    pub hours: i64,
    pub stuck: bool,
    pub cause_changed: bool,
}

/// Caller, region and pack, by number, and the account, or the pack itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub caller: usize,
    pub region: usize,
    pub pack: usize,
    pub account: Option<usize>,
}

pub const CALLERS: [&str; 2] = ["111122223333", "444455556666"];
pub const REGIONS: [&str; 3] = ["eu-central-1", "eu-west-1", "us-east-1"];

/// Everything that a digest is computed from.
#[derive(Debug, Clone)]
pub struct World {
    pub failures: Vec<Failure>,
    pub ended: Vec<(Place, Resolution, StatusRecord)>,
    pub gaps: Vec<(usize, usize, Option<usize>, GapState)>,
    pub empty: Vec<(usize, usize, usize, EmptyState)>,
    pub packs: Vec<String>,
    pub names: Vec<Option<(String, Option<String>)>>,
    pub first_look: bool,
    pub event: &'static str,
    pub label: Option<String>,
    pub portal: bool,
    pub warning: Option<String>,
    pub prefix: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapState {
    /// Met by this run for the first time.
    Began,
    /// Met by two runs, and not announced.
    Due,
    /// Announced before.
    Lasting,
    /// Shown before, and ended.
    Ended,
    /// Shown before, and no longer in the settings.
    OutOfScope,
    /// Ended, and never shown to the receiver.
    EndedUnseen,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyState {
    Began,
    Lasting,
    Ended,
}

impl World {
    pub fn plan(&self) -> RunPlan {
        let settings = Settings::read(|name| {
            let value = match name {
                "AWS_REGION" => "eu-west-1",
                "SNAPSHOT_BUCKET" => BUCKET,
                "SNAPSHOT_PREFIX" if !self.prefix.is_empty() => &self.prefix,
                "TOPIC_ARN" => TOPIC,
                "REGIONS" => "eu-central-1,eu-west-1,us-east-1",
                "ROLE_ARNS" => "self,arn:aws:iam::444455556666:role/reader",
                "IGNORE_ACCOUNTS" => IGNORED,
                "ANNOUNCE_AFTER_MINUTES" => "60",
                "ACCESS_PORTAL_URL" if self.portal => "https://example.awsapps.com/start",
                "LABEL" => self.label.as_deref()?,
                _ => return None,
            };
            Some(value.to_owned())
        });
        let invocation = Invocation {
            request_id: "00000000-0000-4000-8000-000000000000".to_owned(),
            execution: "execution".to_owned(),
            deadline: now() + SignedDuration::from_mins(2),
            now: now(),
        };
        let trigger = Trigger::read(self.event).expect("a valid event");
        RunPlan::new(trigger, &settings.expect("valid settings"), invocation).expect("a plan")
    }

    pub fn scope(plan: &RunPlan) -> Scope {
        let targets = plan.targets(&CALLERS[0].into()).expect("two callers");
        plan.scope(&targets, true)
    }

    pub fn source(caller: usize, region: usize) -> Source {
        Source {
            caller: CALLERS[caller].into(),
            region: REGIONS[region].into(),
        }
    }

    pub fn pack_key(&self, place: &Place) -> PackKey {
        PackKey {
            source: Self::source(place.caller, place.region),
            pack: self.packs[place.pack % self.packs.len()].as_str().into(),
        }
    }

    pub fn key(&self, place: &Place) -> FailureKey {
        let account = place.account.map(account_id);
        FailureKey {
            pack: self.pack_key(place),
            account_id: account.map(|id| id.as_str().into()),
        }
    }

    /// Returns the ledger after the commit of the run.
    pub fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::with_sequence(7);
        let mut open = BTreeMap::new();
        for failure in &self.failures {
            open.entry(self.key(&failure.place))
                .or_insert_with(|| Arc::new(failure.open()));
        }
        for (number, (place, resolution, cause)) in self.ended.iter().enumerate() {
            let key = self.key(place);
            if open.contains_key(&key) || key.is_pack() != (*resolution == Resolution::Attributed) {
                continue;
            }
            let since = now()
                - SignedDuration::from_hours(100 + i64::try_from(number).expect("few failures"));
            ledger.resolved.insert(
                key,
                ResolvedFailure {
                    resolution: *resolution,
                    row: Arc::new(cause.clone()),
                    group_id: GroupId::of(cause),
                    failing_since: since,
                    resolved_at: now(),
                    unnotified: [(RECEIVER, since)].into_iter().collect(),
                },
            );
        }
        for (caller, region, pack, state) in &self.gaps {
            let source = Self::source(*caller, *region);
            let pack = pack.map(|pack| self.packs[pack % self.packs.len()].as_str().into());
            ledger
                .gaps
                .entry(GapKey { source, pack })
                .or_insert_with(|| state.gap(*region));
        }
        for (caller, region, packs, state) in &self.empty {
            let source = Self::source(*caller, *region);
            let packs = self.packs.iter().cycle().take(*packs);
            let lasts = *state != EmptyState::Ended;
            let notified = *state != EmptyState::Began;
            ledger.empty_sources.entry(source).or_insert(EmptySource {
                packs: packs.map(|pack| pack.as_str().into()).collect(),
                since: now(),
                ended: (!lasts).then_some(EmptySourceResolution::Repopulated),
                notified: notified.then_some(RECEIVER).into_iter().collect(),
            });
        }
        let hints = self
            .failures
            .iter()
            .map(|failure| self.pack_key(&failure.place));
        ledger.pack_hints = hints
            .map(|pack| {
                let hint = PackHint {
                    attempted_at: now(),
                    members: Some(60),
                    large: None,
                };
                (pack, hint)
            })
            .collect();
        for (number, name) in self.names.iter().enumerate() {
            let account = name.as_ref().map(|(name, state)| Account {
                name: name.as_str().into(),
                state: state.as_deref().map(Into::into),
            });
            let cached = CachedAccount { at: now(), account };
            ledger
                .accounts
                .insert(account_id(number).as_str().into(), cached);
        }
        ledger.last_commit = Some(LastCommit {
            run_id: "00000000-0000-4000-8000-000000000000".to_owned(),
            at: now(),
            snapshot: format!("{}snapshots/dt=2026-03-02/x.json", self.prefix),
            totals: RunTotals::default(),
            first: self.first_look,
            warnings: self
                .warning
                .iter()
                .map(|message| Warning {
                    code: WarningCode::PackGlobMatchesNothing,
                    subject: message.clone(),
                    message: message.clone(),
                })
                .collect(),
        });
        ledger.own_account = Some(CALLERS[0].into());
        ledger.receivers.insert(TOPIC.into(), self.receiver());
        ledger.open = open;
        ledger
    }

    pub fn receiver(&self) -> Receiver {
        Receiver {
            id: RECEIVER,
            digest_count: 3,
            awaits_first_look: self.first_look,
            joined_later: false,
            last_digest: None,
            newly_watched: BTreeSet::new(),
            configured_at: now(),
            causes: BTreeMap::new(),
            last_summary: None,
            requested: None,
            outgoing: None,
        }
    }

    pub fn kind(&self, plan: &RunPlan) -> DigestKind {
        match self.event {
            _ if plan.mode.summary => DigestKind::Summary,
            event if event.contains("always") => DigestKind::Status,
            _ => DigestKind::Changes,
        }
    }
}

/// A world with what the library makes of it.
pub struct Made {
    pub world: World,
    pub ledger: Ledger,
    pub scope: Scope,
    pub changes: PendingChanges,
    pub digest: Digest,
}

impl Made {
    pub fn new(world: World) -> Self {
        let plan = world.plan();
        let scope = World::scope(&plan);
        let ledger = world.ledger();
        let narrowed = scope.narrowed.then_some(&scope);
        let changes =
            PendingChanges::compute(&ledger, RECEIVER, &plan.settings.policy, narrowed, now());
        let digest = Digest::of(&DigestRequest {
            ledger: &ledger,
            receiver: &world.receiver(),
            changes: &changes,
            plan: &plan,
            scope: &scope,
            kind: world.kind(&plan),
            first_look: world.first_look && !scope.narrowed,
            at: now(),
            now: now(),
        });
        Self {
            world,
            ledger,
            scope,
            changes,
            digest,
        }
    }
}

impl Failure {
    fn open(&self) -> OpenFailure {
        let ago = |hours| now() - SignedDuration::from_hours(hours);
        let muted = matches!(self.state, State::Muted | State::NotifiedAndMuted);
        let notified_at = match self.state {
            State::Notified | State::NotifiedAndMuted => Some(ago(2)),
            State::ReminderDue => Some(ago(200)),
            _ => None,
        };
        let row = Arc::new(self.cause.clone());
        let group_id = GroupId::of(&row);
        OpenFailure {
            group_id: if self.cause_changed {
                GroupId::of(&StatusRecord::new("CREATE_FAILED"))
            } else {
                group_id
            },
            changed_group_id: self.cause_changed.then_some(group_id),
            row,
            failing_row: None,
            failing_since: ago(if self.state == State::Pending {
                0
            } else {
                self.hours.max(1)
            }),
            stuck_since: self.stuck.then(|| ago(48)),
            changed_at: None,
            first_run: "run".into(),
            seen_again: true,
            due: self.state != State::Pending && !muted,
            muted_until: muted.then(|| now() + SignedDuration::from_hours(5)),
            was_muted: self.state == State::NoLongerMuted,
            unconfirmed: false,
            absent_since: None,
            successful_since: None,
            notified: notified_at
                .map(|at| (RECEIVER, at))
                .into_iter()
                .chain([(OTHER, ago(300))])
                .collect(),
        }
    }
}

impl GapState {
    fn gap(self, region: usize) -> Gap {
        let ended = match self {
            Self::Ended | Self::EndedUnseen => Some(GapResolution::Read),
            Self::OutOfScope => Some(GapResolution::OutOfScope),
            _ => None,
        };
        let has = |set: bool| set.then_some(RECEIVER).into_iter().collect();
        Gap {
            cause: ApiError {
                operation: "DescribeOrganizationConformancePackStatuses".to_owned(),
                code: ["AccessDeniedException", "ThrottlingException", "<@U1> *x*"][region]
                    .to_owned(),
                message: "explicit deny in a service control policy <!channel> `x` _y_".to_owned(),
            },
            since: now() - SignedDuration::from_hours(9),
            first_run: "run".into(),
            seen_again: self != Self::Began,
            ended,
            announced: has(matches!(
                self,
                Self::Lasting | Self::Ended | Self::OutOfScope
            )),
            notified: has(matches!(
                self,
                Self::Lasting | Self::Ended | Self::OutOfScope
            )),
        }
    }
}

pub fn account_id(number: usize) -> String {
    if number == 0 {
        return IGNORED.to_owned();
    }
    format!("{:012}", 210_000_000_000 + number * 7_919_113)
}

/// Generates texts that imitate links, mentions, markup and entries of an account list.
pub fn hostile_text() -> impl Strategy<Value = String> {
    let parts = vec![
        "dev",
        "\"",
        "\u{201c}",
        "''",
        ", ",
        ",",
        "999988887777 ",
        " (suspended)",
        " and 3 more",
        "\n",
        "https://evil.com",
        "HTTP",
        "ht\u{200b}tp",
        "://",
        "：／／",
        "//",
        "www.",
        "ｗｗｗ．",
        "WwW",
        ".",
        "com",
        "user@evil.com",
        "mailto:",
        "@here",
        "<!channel>",
        "<@U1>",
        "[a](http://b.io)",
        "`",
        "*",
        "_",
        "~",
        "|",
        "\u{202e}",
        "\u{2067}",
        "\u{0}",
        "\u{1b}[31m",
        "[",
        "]",
        "é",
        "例え",
        "&lt;",
        "- ",
        "1. ",
        "# ",
        "NO DATA  us-east-1",
        "\\",
    ];
    vec(select(parts), 0..9).prop_map(|parts| parts.concat())
}

fn cause() -> impl Strategy<Value = StatusRecord> {
    let plain = |status: &str, code: Option<&str>, message: Option<&str>| StatusRecord {
        error_code: code.map(Into::into),
        error_message: message.map(Into::into),
        conformance_pack_name: Some("OrgConformsPack-x-ab12cd34".into()),
        ..StatusRecord::new(status)
    };
    let denied = "User: arn:aws:sts::222233334444:assumed-role/AWSServiceRoleForConfigConforms/x is not authorized to perform: \
                  config:PutConfigRule with an explicit deny in a service control policy";
    let known = vec![
        plain(
            "CREATE_FAILED",
            Some("NoAvailableConfigurationRecorderException"),
            Some("There is no recorder in 222233334444."),
        ),
        plain("UPDATE_FAILED", Some("AccessDeniedException"), Some(denied)),
        plain("UPDATE_FAILED", None, None),
        plain(
            "UPDATE_FAILED",
            Some("SomethingNewException"),
            Some("it broke"),
        ),
        plain("CREATE_IN_PROGRESS", None, None),
    ];
    prop_oneof![
        4 => select(known),
        1 => (hostile_text(), hostile_text()).prop_map(move |(code, message)| {
            plain("UPDATE_FAILED", Some(&code), Some(&message))
        }),
        1 => "[ -~]{0,60}".prop_map(move |code| plain("UPDATE_FAILED", Some(&code), Some(&code.repeat(20)))),
    ]
}

fn place() -> impl Strategy<Value = Place> {
    let account = prop_oneof![1 => Just(None), 8 => (0..12_usize).prop_map(Some)];
    (0..CALLERS.len(), 0..REGIONS.len(), 0..6_usize, account).prop_map(
        |(caller, region, pack, account)| Place {
            caller,
            region,
            pack,
            account,
        },
    )
}

fn failure() -> impl Strategy<Value = Failure> {
    (
        place(),
        select(&STATES[..]),
        cause(),
        0..3_000_i64,
        any::<bool>(),
        proptest::bool::weighted(0.1),
    )
        .prop_map(|(place, state, cause, hours, stuck, changed)| Failure {
            place,
            state,
            stuck: stuck && cause.status.as_str().ends_with("PROGRESS"),
            cause,
            hours,
            cause_changed: changed && matches!(state, State::Notified | State::ReminderDue),
        })
}

pub fn world() -> impl Strategy<Value = World> {
    let resolution = select(vec![
        Resolution::Recovered,
        Resolution::Recovered,
        Resolution::AccountRemoved,
        Resolution::PackRemoved,
        Resolution::Attributed,
        Resolution::Unwatched,
    ]);
    let gap = (
        0..CALLERS.len(),
        0..REGIONS.len(),
        proptest::option::of(0..6_usize),
        select(vec![
            GapState::Began,
            GapState::Due,
            GapState::Lasting,
            GapState::Ended,
            GapState::OutOfScope,
            GapState::EndedUnseen,
        ]),
    );
    let empty = (
        0..CALLERS.len(),
        0..REGIONS.len(),
        0..4_usize,
        select(vec![
            EmptyState::Began,
            EmptyState::Lasting,
            EmptyState::Ended,
        ]),
    );
    let size = prop_oneof![2 => Just(0..1), 2 => Just(0..4), 3 => Just(0..60)];
    let failures = size.clone().prop_flat_map(|size| vec(failure(), size));
    let ended = size.prop_flat_map(move |size| vec((place(), resolution.clone(), cause()), size));
    let some = |range: std::ops::Range<usize>| prop_oneof![Just(0..1), Just(range)];
    let gaps = some(0..8).prop_flat_map(move |size| vec(gap.clone(), size));
    let empty = some(0..4).prop_flat_map(move |size| vec(empty.clone(), size));
    let name = proptest::option::of((
        prop_oneof![
            hostile_text(),
            "[a-z]{1,12}-[a-z]{1,12}",
            Just("x".repeat(50))
        ],
        proptest::option::of(prop_oneof![Just("SUSPENDED".to_owned()), hostile_text()]),
    ));
    let event = select(vec![
        "{}",
        "{}",
        "{}",
        r#"{"announce": "always"}"#,
        r#"{"summary": true}"#,
        r#"{"regions": ["eu-west-1"]}"#,
        r#"{"packs": ["a*"], "announce": "always"}"#,
        r#"{"trigger": "schedule", "scheduled_at": "2026-03-02T03:00:00Z", "summary": true}"#,
    ]);
    let pack = prop_oneof![3 => "[a-z][-a-zA-Z0-9]{0,20}", 1 => "[a-zA-Z][-a-zA-Z0-9]{100,127}"];
    let other = (
        any::<bool>(),
        event,
        proptest::option::of("[a-zA-Z0-9._-]{1,24}"),
        any::<bool>(),
        proptest::option::of(hostile_text()),
        prop_oneof![
            Just(String::new()),
            "[a-z/(]{1,40}/".prop_map(|prefix| prefix.trim_start_matches('/').to_owned())
        ],
    );
    (
        failures,
        ended,
        gaps,
        empty,
        vec(pack, 1..5),
        vec(name, 12),
        other,
    )
        .prop_map(|(failures, ended, gaps, empty, packs, names, other)| {
            let (first_look, event, label, portal, warning, prefix) = other;
            World {
                failures,
                ended,
                gaps,
                empty,
                packs,
                names,
                first_look,
                event,
                label,
                portal,
                warning,
                prefix,
            }
        })
}
