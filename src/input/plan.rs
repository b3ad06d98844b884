//! What this run is: its names, its scope, its time and what it may write. After the plan nothing
//! chooses.

use crate::input::event::{InvalidEvent, ManualRequest, NotifyMode, Trigger, quoted};
use crate::input::settings::{InvalidSettings, Settings};
use crate::model::{
    AccountId, Identity, NotificationPolicy, PackGlobs, Region, Scope, Source, SourceTarget,
    TopicArn,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// What Lambda says about the invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The request id: the same when Lambda tries again.
    pub request_id: String,
    /// A token of this execution alone.
    pub execution: String,
    /// When Lambda ends it.
    pub deadline: Timestamp,
    /// When it began.
    pub now: Timestamp,
}

/// One run, decided.
#[derive(Debug, Clone, PartialEq)]
pub struct RunPlan {
    /// The id of the run, Lambda's request id.
    pub run_id: String,
    /// The token of this execution: two executions can have the same run id.
    pub execution: String,
    /// `schedule` or `manual`.
    pub trigger: &'static str,
    /// The time that the schedule meant.
    pub scheduled_at: Option<Timestamp>,
    /// When the run began.
    pub started_at: Timestamp,
    /// What is not read by then is a gap.
    pub read_deadline: Timestamp,
    /// The end of the invocation.
    pub deadline: Timestamp,
    /// The key of the snapshot, if the name is free.
    pub snapshot_key: String,
    /// The key of the newest snapshot of a full run.
    pub latest_key: String,
    /// The key of the ledger.
    pub ledger_key: String,
    /// The bucket of all three, for people.
    pub bucket: String,
    /// The function's own region, for links.
    pub home_region: Region,
    /// The callers and the regions that each is read in.
    pub callers: Vec<Identity>,
    /// The regions to read.
    pub regions: BTreeSet<Region>,
    /// Packs that the settings include.
    pub include: PackGlobs,
    /// Packs that the settings exclude.
    pub exclude: PackGlobs,
    /// Packs that the request narrows to.
    pub packs: Option<PackGlobs>,
    /// Member accounts that the request narrows to.
    pub accounts: Option<BTreeSet<AccountId>>,
    /// Whether the request narrowed anything.
    pub narrowed: bool,
    /// Write and publish nothing.
    pub dry_run: bool,
    /// When a digest is sent.
    pub announce: NotifyMode,
    /// Which failures are told.
    pub policy: NotificationPolicy,
    /// The topic of the digest.
    pub topic: TopicArn,
    /// The topic for chat.
    pub chat_topic: Option<TopicArn>,
    /// Config calls in flight per source.
    pub concurrency: usize,
    /// A short word for subjects and texts.
    pub label: Option<String>,
    /// Whether names of failing accounts are looked up.
    pub account_names: bool,
}

/// The time kept for storing and publishing: this share of what is left, and at most
/// [`MAX_RESERVED`].
const RESERVED_FRACTION: i32 = 5;

const MAX_RESERVED: SignedDuration = SignedDuration::from_secs(20);

/// A deadline in the past is none: local emulators send numbers that are no epoch time.
const UNKNOWN_DEADLINE: SignedDuration = SignedDuration::from_secs(60);

impl RunPlan {
    /// Decides the run, or refuses the event.
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
        let (word, scheduled_at, request) = match trigger {
            Trigger::Schedule { scheduled_at } => {
                ("schedule", Some(scheduled_at), ManualRequest::default())
            }
            Trigger::Manual(request) => ("manual", None, request),
        };
        let regions = match &request.regions {
            None => settings.regions.clone(),
            Some(regions) => watched_regions(regions, settings)?,
        };
        let packs = request
            .packs
            .as_ref()
            .map(|globs| PackGlobs::parse(globs.iter().map(String::as_str)))
            .transpose();
        let packs = packs.map_err(|fault| {
            InvalidEvent(format!(
                "\"packs\": {fault}; accepted are globs such as baseline*"
            ))
        })?;
        let left = if deadline > now {
            deadline.duration_since(now)
        } else {
            UNKNOWN_DEADLINE
        };
        let kept = (left / RESERVED_FRACTION).min(MAX_RESERVED);
        let named_at = scheduled_at.unwrap_or(now);
        Ok(Self {
            trigger: word,
            scheduled_at,
            started_at: now,
            read_deadline: now + (left - kept),
            deadline: now + left,
            snapshot_key: settings.key(&format!(
                "{}{}.json",
                named_at.strftime("snapshots/dt=%Y-%m-%d/%Y%m%dT%H%M%SZ_"),
                key_segment(&request_id)
            )),
            latest_key: settings.key("latest.json"),
            ledger_key: settings.key("ledger.json"),
            bucket: settings.bucket.clone(),
            home_region: settings.home_region.clone(),
            callers: settings.callers.clone(),
            regions,
            include: settings.include.clone(),
            exclude: settings.exclude.clone(),
            narrowed: packs.is_some() || request.accounts.is_some() || request.regions.is_some(),
            packs,
            accounts: request
                .accounts
                .map(|accounts| accounts.into_iter().collect()),
            dry_run: request.dry_run,
            announce: request.announce,
            policy: NotificationPolicy {
                ignored_accounts: settings.ignored_accounts.clone(),
                announce_after: settings.announce_after,
                remind_after: settings.remind_after,
            },
            topic: settings.topic.clone(),
            chat_topic: settings.chat_topic.clone(),
            concurrency: settings.concurrency,
            label: settings.label.clone(),
            account_names: settings.account_names,
            run_id: request_id,
            execution,
        })
    }

    /// The audiences, the digest topic first.
    pub fn audiences(&self) -> impl Iterator<Item = &TopicArn> {
        std::iter::once(&self.topic).chain(&self.chat_topic)
    }

    /// The sources, each with the caller it is read as. `own` is the function's own account, or
    /// `self`.
    pub fn targets(&self, own: &AccountId) -> Result<Vec<SourceTarget>, InvalidSettings> {
        let mut accounts = BTreeSet::new();
        let mut targets = Vec::new();
        for caller in &self.callers {
            let account = match caller {
                Identity::Own => own,
                Identity::Role(role) => &role.account,
            };
            if !accounts.insert(account) {
                let callers: Vec<_> = self.callers.iter().map(ToString::to_string).collect();
                return Err(InvalidSettings(vec![format!(
                    "ROLE_ARNS is {:?}, which names a role in {account}, the function's own account, and self; accepted is \
                     each account once: take out either self or that role",
                    callers.join(",")
                )]));
            }
            targets.extend(self.regions.iter().map(|region| SourceTarget {
                source: Source {
                    caller: account.clone(),
                    region: region.clone(),
                },
                caller: caller.clone(),
            }));
        }
        targets.sort();
        Ok(targets)
    }

    /// What the run looks at.
    pub fn scope(&self, targets: &[SourceTarget], identified: bool) -> Scope {
        Scope {
            sources: targets
                .iter()
                .map(|targets| targets.source.clone())
                .collect(),
            identified,
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            packs: self.packs.clone(),
            accounts: self.accounts.clone(),
            narrowed: self.narrowed,
        }
    }

    /// The key of the snapshot under another name, where the planned one is taken.
    pub fn snapshot_key_with(&self, token: &str) -> String {
        let stem = self
            .snapshot_key
            .strip_suffix(".json")
            .unwrap_or(&self.snapshot_key);
        format!("{stem}.{token}.json")
    }
}

fn watched_regions(
    regions: &[String],
    settings: &Settings,
) -> Result<BTreeSet<Region>, InvalidEvent> {
    let asked: BTreeSet<_> = regions
        .iter()
        .map(|region| Region::from(region.as_str()))
        .collect();
    match asked.difference(&settings.regions).next() {
        None => Ok(asked),
        Some(stranger) => {
            let targets: Vec<_> = settings.regions.iter().map(Region::as_str).collect();
            Err(InvalidEvent(format!(
                "\"regions\" holds {}, which is not watched; accepted are {}",
                quoted(stranger.as_str()),
                targets.join(", ")
            )))
        }
    }
}

/// A request id as a part of a key: Lambda's own are UUIDs and stay as they are.
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
