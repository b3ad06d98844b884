//! Reference model: the real statuses and the reported failures.
//!
//! It reads no status records of a run and keeps no ledger. Where the expected digests depend on
//! what a run happened to observe, it keeps bounds: which failures must be notified, and which may
//! be.

use std::collections::{BTreeMap, BTreeSet};

use super::generators::Scope;
use super::organization::{ACCOUNTS, IGNORED, Key, PACKS, Pack, PackId, REGIONS, World};

const HOUR: i64 = 3_600_000;
/// Upper bound of the duration of a run without faults, in milliseconds.
const MAX_RUN_DURATION: i64 = 1_000;

/// State of a failure according to the real statuses.
enum Truth {
    Failing(i64),
    InProgress,
    /// A member that is absent while its pack is in progress, or a pack itself that is in progress
    /// while all its members are successful.
    Departing,
    NotFailing,
    /// A pack itself that is failing since the given time, or in progress (`None`), while the
    /// bounds leave open whether a failure of one of its members is open.
    Ambiguous(Option<i64>),
}

#[derive(Debug, Default)]
struct Failure {
    /// Since when it is certainly open: a run without faults read it as failing, and nothing can
    /// have closed it since.
    certain_since: Option<i64>,
    /// Since when it may be open: a run may have read it as failing, and no run has certainly read
    /// its end.
    possible_since: Option<i64>,
    /// Since when a run may have read it as departing.
    departing_since: Option<i64>,
    /// Time of the first run without faults that read it as departing.
    seen_departing_since: Option<i64>,
    /// Number of runs without faults that read it.
    reads: u32,
    /// Whether a run without faults has certainly read it as failing at an age at which it is due.
    certainly_due: bool,
    /// Whether a run may have read it as failing at such an age.
    possibly_due: bool,
    /// Number of runs that had ended before any run could read it.
    runs_before: u32,
}

/// A mute, with the times between which it applies.
#[derive(Debug, Clone, Copy)]
pub struct Mute {
    pub scope: Scope,
    pub from: i64,
    pub until: i64,
}

impl Mute {
    fn mutes(&self, key: Key, at: i64) -> bool {
        self.scope.covers(key) && (self.from..self.until).contains(&at)
    }
}

pub struct Reference {
    pub announce_after: i64,
    /// Age at which a member in progress counts as failing, in milliseconds.
    pub stuck_after: Option<i64>,
    /// All mutes, the ended ones too.
    pub mutes: Vec<Mute>,
    pub notified: BTreeSet<Key>,
    pub runs_started: u32,
    pub runs_ended: u32,
    /// Whether statuses change during the current runs.
    pub changing: bool,
    /// Packs that have needed several pages. A full read of them takes place at most once an hour,
    /// so a run may miss a member that is in progress in between.
    multi_page: BTreeSet<PackId>,
    failures: BTreeMap<Key, Failure>,
}

/// Returns all keys, each pack itself after its members, because a member failure can explain it.
pub fn keys() -> impl DoubleEndedIterator<Item = Key> {
    let packs = REGIONS
        .into_iter()
        .flat_map(|region| PACKS.into_iter().map(move |pack| (region, pack)));
    packs.flat_map(|(region, pack)| {
        ACCOUNTS
            .into_iter()
            .map(Some)
            .chain([None])
            .map(move |account| (region, pack, account))
    })
}

/// Returns whether a status has this suffix and is not that of a deleted pack or member.
fn has_suffix(status: &str, suffix: &str) -> bool {
    status.ends_with(suffix) && status != "DELETE_SUCCESSFUL"
}

/// Returns since when a status is failed, regardless of the other statuses of its pack.
fn failing_since(packs: &BTreeMap<PackId, Pack>, (region, name, account): Key) -> Option<i64> {
    let pack = packs.get(&(region, name))?;
    let (status, since) =
        account.map_or(Some(&pack.status), |account| pack.members.get(account))?;
    has_suffix(status, "_FAILED").then_some(*since)
}

impl Reference {
    pub fn new(announce_after: i64, stuck_after: Option<i64>) -> Self {
        let (notified, multi_page, failures) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        Self {
            announce_after,
            stuck_after,
            mutes: Vec::new(),
            notified,
            runs_started: 0,
            runs_ended: 0,
            changing: false,
            multi_page,
            failures,
        }
    }

    /// Returns whether a failure was muted at a time.
    pub fn muted(&self, key: Key, at: i64) -> bool {
        self.mutes.iter().any(|mute| mute.mutes(key, at))
    }

    /// Records that a mute is added. What it matches is not due until it is read without the mute.
    pub fn mute(&mut self, mute: Mute) {
        self.mutes.push(mute);
        for (key, failure) in &mut self.failures {
            if mute.mutes(*key, mute.from) {
                failure.certainly_due = false;
            }
        }
    }

    /// Returns how long a member must have been in progress so that it may and that it certainly
    /// does count as failing.
    fn stuck_ages(&self, world: &World) -> Option<(i64, i64)> {
        let after = self.stuck_after.filter(|_| world.with_timestamps.get())?;
        Some((after - MAX_RUN_DURATION, after + MAX_RUN_DURATION))
    }

    fn truth(&self, world: &World, (region, name, account): Key, now: i64) -> Truth {
        let packs = &world.packs.borrow();
        let stuck_ages = self.stuck_ages(world);
        let age_of = |status: &str, since: i64| {
            let in_progress = !has_suffix(status, "_FAILED") && !has_suffix(status, "_SUCCESSFUL");
            (in_progress && status != "DELETE_SUCCESSFUL").then_some(now - since)
        };
        let may_be_stuck = |status: &str, since: i64| {
            stuck_ages.is_some_and(|(may, _)| age_of(status, since).is_some_and(|age| age >= may))
        };
        // Of a pack with several pages, stuck members are found by the daily full read only.
        let is_stuck = |status: &str, since: i64| {
            !self.multi_page.contains(&(region, name))
                && stuck_ages
                    .is_some_and(|(_, must)| age_of(status, since).is_some_and(|age| age >= must))
        };
        let Some(pack) = packs
            .get(&(region, name))
            .filter(|pack| pack.status.0 != "DELETE_SUCCESSFUL")
        else {
            return Truth::NotFailing;
        };
        let in_progress = pack.status.0.ends_with("_IN_PROGRESS");
        let present = || {
            pack.members
                .values()
                .filter(|(status, _)| *status != "DELETE_SUCCESSFUL")
        };
        let any_member = |condition: fn(&Failure) -> bool| {
            ACCOUNTS.iter().any(|account| {
                self.failures
                    .get(&(region, name, Some(account)))
                    .is_some_and(condition)
            })
        };
        match account {
            Some(account) => match pack
                .members
                .get(account)
                .filter(|(status, _)| *status != "DELETE_SUCCESSFUL")
            {
                Some((status, since)) if has_suffix(status, "_FAILED") => Truth::Failing(*since),
                Some((status, since)) if is_stuck(status, *since) => Truth::Failing(*since),
                Some((status, since)) if may_be_stuck(status, *since) => {
                    Truth::Ambiguous(Some(*since))
                }
                Some((status, _)) if has_suffix(status, "_SUCCESSFUL") => Truth::NotFailing,
                Some(_) => Truth::InProgress,
                None if in_progress => Truth::Departing,
                None => Truth::NotFailing,
            },
            None if has_suffix(pack.status.0, "_SUCCESSFUL")
                || present().any(|(s, at)| has_suffix(s, "_FAILED") || is_stuck(s, *at)) =>
            {
                Truth::NotFailing
            }
            None if any_member(|member| member.certain_since.is_some()) => Truth::NotFailing,
            None if any_member(|member| member.possible_since.is_some()) => {
                Truth::Ambiguous((!in_progress).then_some(pack.status.1))
            }
            None if !in_progress => Truth::Failing(pack.status.1),
            None if present().next().is_some()
                && present().all(|(s, _)| has_suffix(s, "_SUCCESSFUL")) =>
            {
                Truth::Departing
            }
            None => Truth::InProgress,
        }
    }

    /// Updates the bounds. Called at every change and whenever a run starts or ends.
    pub fn observe(&mut self, world: &World, now: i64) {
        let running = self.runs_started > self.runs_ended;
        let can_be_stuck = self.stuck_ages(world).is_some();
        self.multi_page.extend(world.multi_page_packs());
        for key in keys() {
            let truth = self.truth(world, key, now);
            let muted = self.muted(key, now);
            let failure = self.failures.entry(key).or_default();
            let since = match truth {
                Truth::Failing(since) | Truth::Ambiguous(Some(since)) => Some(since),
                // A run may have listed the pack before its deletion and read its members
                // afterwards, or have listed it as failed and read its members after their
                // recovery.
                Truth::NotFailing if key.2.is_some() || self.changing => {
                    failing_since(&world.packs.borrow(), key)
                }
                _ => None,
            };
            let since = since.map(|since| {
                if world.with_timestamps.get() {
                    since
                } else {
                    now
                }
            });
            if failure.possible_since.is_none() && running && since.is_some() {
                (failure.possible_since, failure.runs_before) = (since, self.runs_ended);
            }
            // A member that was found stuck counts as failing while it is in progress, whatever its
            // newer times.
            let may_be_found_stuck = matches!(truth, Truth::InProgress) && can_be_stuck;
            failure.possibly_due |= running
                && !muted
                && (since.is_some() || may_be_found_stuck)
                && failure
                    .possible_since
                    .is_some_and(|since| now - since >= self.announce_after - MAX_RUN_DURATION);
            if matches!(truth, Truth::Departing) {
                let departing_since = *failure.departing_since.get_or_insert(now);
                if self.changing || now - departing_since >= HOUR - MAX_RUN_DURATION {
                    failure.certain_since = None;
                }
            } else {
                failure.seen_departing_since = None;
            }
            if matches!(truth, Truth::NotFailing | Truth::Ambiguous(_)) {
                failure.certain_since = None;
            }
        }
    }

    /// Records that a run without faults has read everything in its scope.
    pub fn record_read(&mut self, world: &World, scope: Scope, now: i64) {
        for key in keys().filter(|key| scope.covers(*key)) {
            let truth = self.truth(world, key, now);
            // A mute that ends during the run may apply to it.
            let muted = self.muted(key, now) || self.muted(key, now - MAX_RUN_DURATION);
            let failure = self.failures.entry(key).or_default();
            match truth {
                Truth::Failing(since) => {
                    if failure.certain_since.is_none() {
                        failure.certain_since = Some(if world.with_timestamps.get() {
                            since
                        } else {
                            now
                        });
                        (failure.reads, failure.certainly_due) = (0, false);
                    }
                    failure.reads += 1;
                    let old_enough = self.announce_after == 0
                        || failure.certain_since.is_some_and(|since| {
                            now - since >= self.announce_after + MAX_RUN_DURATION
                        });
                    failure.certainly_due |= old_enough && !muted;
                    failure.departing_since = None;
                }
                Truth::InProgress
                    if key.2.is_none() && self.multi_page.contains(&(key.0, key.1)) => {}
                Truth::InProgress => failure.departing_since = None,
                Truth::Departing
                    if now - *failure.seen_departing_since.get_or_insert(now)
                        < HOUR + MAX_RUN_DURATION => {}
                Truth::Departing | Truth::NotFailing => *failure = Failure::default(),
                Truth::Ambiguous(_) => {}
            }
        }
    }

    /// Records that a full run has not watched a region.
    pub fn unwatch(&mut self, region: &str) {
        self.failures.retain(|(of, ..), _| *of != region);
    }

    /// Returns what is known about a failure, for messages.
    pub fn describe(&self, key: Key) -> String {
        format!("{:?}", self.failures.get(&key))
    }

    /// Returns whether a failure has been present all the time since a run certainly read it.
    pub fn persists(&self, key: Key) -> bool {
        self.failures
            .get(&key)
            .is_some_and(|failure| failure.certain_since.is_some())
    }

    /// Returns whether the digests must report this failure.
    pub fn must_be_notified(&self, key: Key) -> bool {
        let due = |f: &Failure| f.certain_since.is_some() && f.certainly_due;
        let read_often_enough = |f: &Failure| key.2.is_some() || f.reads >= 2;
        key.2 != Some(IGNORED)
            && self
                .failures
                .get(&key)
                .is_some_and(|f| due(f) && read_often_enough(f))
    }

    /// Returns whether the digests may report this failure.
    pub fn may_be_notified(&self, key: Key) -> bool {
        let read_often_enough =
            |f: &Failure| key.2.is_some() || self.runs_started - f.runs_before >= 2;
        key.2 != Some(IGNORED)
            && self.failures.get(&key).is_some_and(|f| {
                f.possible_since.is_some() && f.possibly_due && read_often_enough(f)
            })
    }
}
