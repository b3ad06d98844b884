//! Run plan: the ids, object keys, scope, deadlines and permitted writes of one run.
//!
//! The plan is derived once from the event, the settings and the invocation, and contains the
//! settings. Later steps read the plan and never the event.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::input::event::{InvalidEvent, ManualRequest, NotifyMode, Trigger};
use crate::input::event_values::quoted;
use crate::input::settings::{InvalidSettings, Settings};
use crate::model::{
    AccountId, Globs, Identity, ReceiverArn, Region, Scope, Source, SourceTarget, Watched,
};

pub use super::task::{MutesTask, Task};

/// The invocation of the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// Lambda's request id, which stays the same across retries of an invocation.
    pub request_id: String,
    /// Id that is unique to this execution.
    pub execution: String,
    /// When Lambda ends the invocation.
    pub deadline: Timestamp,
    /// When the invocation started.
    pub now: Timestamp,
}

/// What started a run, as the snapshot records it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriggerKind {
    /// EventBridge Scheduler or an EventBridge rule.
    Schedule,
    /// A manual request.
    Manual,
}

/// One run: everything that is decided before the first call.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPlan {
    /// The settings of the function.
    pub settings: Settings,
    /// The event bus. One that the settings only name is missing until
    /// [`complete_event_bus`](Self::complete_event_bus) is called.
    pub event_bus: Option<ReceiverArn>,
    /// What the invocation does.
    pub task: Task,
    /// Which run it is.
    pub run: RunIdentity,
    /// When its parts must end.
    pub timing: Timing,
    /// The objects that it reads and writes.
    pub keys: ObjectKeys,
    /// What it reads.
    pub selection: Selection,
    /// What it may write and send.
    pub mode: Mode,
}

/// Which run it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunIdentity {
    /// The id of the run: Lambda's request id, which retries of the same event share.
    pub id: String,
    /// The id of this execution: two executions can have the same run id.
    pub execution: String,
    /// What started the run.
    pub trigger: TriggerKind,
    /// The time of the schedule that started it, as the event has it, if one did.
    pub scheduled_at: Option<Timestamp>,
}

/// When the parts of a run must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// When the run started.
    pub started_at: Timestamp,
    /// When reading ends. What is not read by then is a gap.
    pub read_deadline: Timestamp,
    /// When the invocation ends.
    pub deadline: Timestamp,
}

impl Timing {
    /// Returns the times of an invocation that ends at `deadline`.
    fn new(now: Timestamp, deadline: Timestamp) -> Self {
        let remaining = if deadline > now {
            deadline.duration_since(now)
        } else {
            UNKNOWN_DEADLINE
        };
        let reserved = (remaining / RESERVED_DIVISOR).min(MAX_RESERVED);
        Self {
            started_at: now,
            read_deadline: now + (remaining - reserved),
            deadline: now + remaining,
        }
    }
}

/// Keys of the objects of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectKeys {
    /// The first key to try for the snapshot.
    pub snapshot: String,
    /// The key of the newest snapshot of a full run.
    pub latest: String,
    /// The key of the report about the newest full run.
    pub report: String,
    /// The key of the ledger.
    pub ledger: String,
    /// The key of the result of the last preflight.
    pub preflight: String,
}

impl ObjectKeys {
    /// Returns the keys under the prefix of the settings. The snapshot is named after a time and
    /// the request.
    fn new(settings: &Settings, at: Timestamp, request_id: &str) -> Self {
        Self {
            snapshot: settings.key(&format!(
                "{}{}.json",
                at.strftime("snapshots/dt=%Y-%m-%d/%Y%m%dT%H%M%SZ_"),
                key_segment(request_id)
            )),
            latest: settings.key("latest.json"),
            report: settings.key("report.html"),
            ledger: settings.key("ledger.json"),
            preflight: settings.key("preflight.json"),
        }
    }

    /// Returns another key for the snapshot, with `suffix` before its extension.
    pub fn snapshot_with(&self, suffix: &str) -> String {
        let stem = self
            .snapshot
            .strip_suffix(".json")
            .unwrap_or(&self.snapshot);
        format!("{stem}.{suffix}.json")
    }
}

/// What a run reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// The regions to read.
    pub regions: BTreeSet<Region>,
    /// Packs that the event narrows the run to; `None` for all.
    pub packs: Option<Globs>,
    /// Member accounts that the event narrows the run to; `None` for all.
    pub accounts: Option<BTreeSet<AccountId>>,
    /// Whether the event narrows the run to some packs, accounts or regions.
    pub narrowed: bool,
}

/// What a run may write and send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// Whether to report the changes without storing or publishing anything.
    pub dry_run: bool,
    /// When to send a digest.
    pub announce: NotifyMode,
    /// Whether the digest is a summary, which is always sent.
    pub summary: bool,
}

impl Mode {
    /// Returns whether the event asks for a digest whatever changed.
    pub fn asks_for_digest(self) -> bool {
        self.summary || self.announce == NotifyMode::Always
    }
}

/// Divisor of the remaining time that gives the time reserved for storing and publishing: a fifth,
/// and at most [`MAX_RESERVED`].
const RESERVED_DIVISOR: i32 = 5;

/// Maximum time reserved for storing and publishing.
const MAX_RESERVED: SignedDuration = SignedDuration::from_secs(20);

/// Maximum difference between the scheduled time and the clock for the scheduled time to name the
/// snapshot. A sample event, or one that was recorded, has a time that says nothing about the run.
const MAX_SCHEDULE_DIFFERENCE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Duration of an invocation whose deadline is unknown. A deadline in the past counts as unknown,
/// because local emulators of Lambda send values that are not epoch times.
const UNKNOWN_DEADLINE: SignedDuration = SignedDuration::from_secs(60);

impl RunPlan {
    /// Returns the plan of a run.
    ///
    /// Fails if the event has a malformed glob, a region that is not in the settings, keys that
    /// exclude each other, or a mute that does not end within the next 366 days.
    pub fn new(
        trigger: Trigger,
        settings: &Settings,
        invocation: Invocation,
    ) -> Result<Self, InvalidEvent> {
        let Invocation {
            request_id,
            execution,
            deadline,
            now,
        } = invocation;
        let mut run_trigger = TriggerKind::Manual;
        let mut scheduled_at = None;
        let mut request = ManualRequest::default();
        let task = match trigger {
            Trigger::Schedule {
                scheduled_at: at,
                summary,
            } => {
                run_trigger = TriggerKind::Schedule;
                scheduled_at = Some(at);
                request.summary = summary;
                Task::Run
            }
            Trigger::Manual(manual) => {
                request = manual;
                Task::Run
            }
            Trigger::AdoptLedger => Task::AdoptLedger,
            Trigger::Mute(mute) => {
                let mute = mute.into_mute(&request_id, now)?;
                Task::Mutes(MutesTask::Add(Box::new(mute)))
            }
            Trigger::Unmute(id) => Task::Mutes(MutesTask::Remove(id)),
            Trigger::ListMutes => Task::Mutes(MutesTask::List),
            Trigger::Check => Task::Check,
            Trigger::Test => Task::Test,
        };
        if request.summary && request.announce == NotifyMode::Never {
            return Err(InvalidEvent(
                "\"summary\" is true and \"announce\" is \"never\"; accepted: one of the two, because a summary is always sent"
                    .to_owned(),
            ));
        }
        let regions = match &request.regions {
            None => settings.regions.clone(),
            Some(regions) => narrowed_regions(regions, settings)?,
        };
        let packs = request
            .packs
            .as_ref()
            .map(|globs| Globs::parse(globs.iter().map(String::as_str)))
            .transpose();
        let packs = packs.map_err(|error| {
            InvalidEvent(format!(
                "\"packs\": {error}; accepted: globs such as baseline*"
            ))
        })?;
        let key_time = scheduled_at
            .filter(|at| at.duration_since(now).abs() <= MAX_SCHEDULE_DIFFERENCE)
            .unwrap_or(now);
        Ok(Self {
            timing: Timing::new(now, deadline),
            keys: ObjectKeys::new(settings, key_time, &request_id),
            selection: Selection {
                regions,
                narrowed: packs.is_some()
                    || request.accounts.is_some()
                    || request.regions.is_some(),
                packs,
                accounts: request
                    .accounts
                    .map(|accounts| accounts.into_iter().collect()),
            },
            mode: Mode {
                dry_run: request.dry_run,
                announce: request.announce,
                summary: request.summary,
            },
            run: RunIdentity {
                id: request_id,
                execution,
                trigger: run_trigger,
                scheduled_at,
            },
            task,
            event_bus: event_bus_arn(settings, None),
            settings: settings.clone(),
        })
    }

    /// Completes the name of an event bus with the function's own account.
    pub fn complete_event_bus(&mut self, account: &AccountId) {
        self.event_bus = event_bus_arn(&self.settings, Some(account));
    }

    /// Returns the receivers, the digest topic first.
    pub fn receivers(&self) -> impl Iterator<Item = &ReceiverArn> {
        self.settings.topics().chain(&self.event_bus)
    }

    /// Returns the sources, each with the identity that reads it, in the order of the sources.
    ///
    /// `own_account` is the function's own account, or [`AccountId::unknown`]. Fails if a role is
    /// in the function's own account and the function also reads as itself, because both would be
    /// the same sources.
    pub fn targets(&self, own_account: &AccountId) -> Result<Vec<SourceTarget>, InvalidSettings> {
        let mut accounts = BTreeSet::new();
        let mut targets = Vec::new();
        for identity in &self.settings.identities {
            let account = match identity {
                Identity::Own => own_account,
                Identity::Role(role) => &role.account,
            };
            if !accounts.insert(account) {
                let identities: Vec<_> = self
                    .settings
                    .identities
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                return Err(InvalidSettings(vec![format!(
                    "ROLE_ARNS is {:?}, which names both self and a role in {account}, the function's own account; each account is \
                     allowed once: remove either self or that role",
                    identities.join(",")
                )]));
            }
            targets.extend(self.selection.regions.iter().map(|region| SourceTarget {
                source: Source {
                    caller: account.clone(),
                    region: region.clone(),
                },
                identity: identity.clone(),
            }));
        }
        targets.sort();
        Ok(targets)
    }

    /// Returns what the settings watch and notify, whatever the event narrows the run to.
    pub fn watched(&self, own_account: &AccountId) -> Watched {
        let callers = self
            .settings
            .identities
            .iter()
            .map(|identity| match identity {
                Identity::Own => own_account,
                Identity::Role(role) => &role.account,
            });
        let regions = &self.settings.regions;
        let sources = callers.flat_map(|caller| {
            regions.iter().map(|region| Source {
                caller: caller.clone(),
                region: region.clone(),
            })
        });
        Watched {
            sources: sources.collect(),
            include: self.settings.include.clone(),
            exclude: self.settings.exclude.clone(),
            receivers: self.receivers().cloned().collect(),
        }
    }

    /// Returns the scope of the run. `identified` is whether the function's own account is known.
    pub fn scope(&self, targets: &[SourceTarget], identified: bool) -> Scope {
        Scope {
            sources: targets.iter().map(|target| target.source.clone()).collect(),
            identified,
            include: self.settings.include.clone(),
            exclude: self.settings.exclude.clone(),
            packs: self.selection.packs.clone(),
            accounts: self.selection.accounts.clone(),
            narrowed: self.selection.narrowed,
        }
    }
}

/// Returns the ARN of the event bus of the settings, as far as it is known.
fn event_bus_arn(settings: &Settings, account: Option<&AccountId>) -> Option<ReceiverArn> {
    let bus = settings.event_bus.as_ref()?;
    bus.arn(&settings.topic, &settings.home_region, account)
}

/// Parses the regions that an event narrows the run to. Each must be in the settings.
fn narrowed_regions(
    regions: &[String],
    settings: &Settings,
) -> Result<BTreeSet<Region>, InvalidEvent> {
    let requested: BTreeSet<_> = regions
        .iter()
        .map(|region| Region::from(region.as_str()))
        .collect();
    match requested.difference(&settings.regions).next() {
        None => Ok(requested),
        Some(unknown) => {
            let accepted: Vec<_> = settings.regions.iter().map(Region::as_str).collect();
            Err(InvalidEvent(format!(
                "\"regions\" contains {}, which is not watched; accepted: {}",
                quoted(unknown.as_str()),
                accepted.join(", ")
            )))
        }
    }
}

/// Returns a request id as a part of an object key. Characters that are not safe in a key become
/// `-`; Lambda's request ids are UUIDs and stay unchanged.
fn key_segment(request_id: &str) -> String {
    request_id
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') {
                c
            } else {
                '-'
            }
        })
        .collect()
}
