//! The reference: what is true now and what was told, and nothing else. It reads no row and keeps
//! no ledger; where the promises hang on what a run happened to see, it knows bounds: what must be
//! told, and what may be.

use std::collections::{BTreeMap, BTreeSet};

use super::generators::Scope;
use super::organization::{ACCOUNTS, IGNORED, Key, PACKS, Pack, Place, REGIONS, World};

const HOUR: i64 = 3_600_000;
/// A run does not take longer, where nothing goes wrong.
const SLACK: i64 = 1_000;

/// How it stands with a failure, as far as the truth says.
enum Truth {
    Failing(i64),
    Moving,
    /// Not there while its pack moves, or, of a pack itself, moving with all its members settled.
    Leaving,
    Over,
    /// A pack itself, failing since or moving beside a member of which nobody knows whether it is
    /// open.
    Unclear(Option<i64>),
}

#[derive(Default)]
struct Failure {
    /// Since when it is open for sure: a fault-free run saw it failing, and nothing could have
    /// closed it since.
    surely: Option<i64>,
    /// Since when it may be open: a run may have seen it failing, and none has surely seen its end.
    maybe: Option<i64>,
    /// Since when it may have been seen leaving, and since when it is known to have been seen so
    /// all the time.
    leaving: Option<i64>,
    left: Option<i64>,
    /// How many fault-free runs saw it, and how many runs had begun before any could.
    seen: u32,
    unseen: u32,
}

pub struct Reference {
    pub announce_after: i64,
    pub told: BTreeSet<Key>,
    /// Runs that have begun, and those of them that are over.
    pub runs: u32,
    pub over: u32,
    /// Whether the world changes during the runs that go on.
    pub shifting: bool,
    /// Packs that were larger than a page. They are read whole at most once an hour: who moves in
    /// between may go unseen.
    large: BTreeSet<Place>,
    failures: BTreeMap<Key, Failure>,
}

pub fn keys() -> impl DoubleEndedIterator<Item = Key> {
    let places = REGIONS
        .into_iter()
        .flat_map(|region| PACKS.into_iter().map(move |pack| (region, pack)));
    // The pack itself last: its members explain it.
    places.flat_map(|(region, pack)| {
        ACCOUNTS
            .into_iter()
            .map(Some)
            .chain([None])
            .map(move |a| (region, pack, a))
    })
}

fn ends(status: &str, ending: &str) -> bool {
    status.ends_with(ending) && status != "DELETE_SUCCESSFUL"
}

/// Since when a row says that it fails, whatever the other rows of its pack say.
fn fails(packs: &BTreeMap<Place, Pack>, (region, name, account): Key) -> Option<i64> {
    let pack = packs.get(&(region, name))?;
    let (status, since) =
        account.map_or(Some(&pack.status), |account| pack.members.get(account))?;
    ends(status, "_FAILED").then_some(*since)
}

impl Reference {
    pub fn new(announce_after: i64) -> Self {
        let (told, large, failures) = (BTreeSet::new(), BTreeSet::new(), BTreeMap::new());
        Self {
            announce_after,
            told,
            runs: 0,
            over: 0,
            shifting: false,
            large,
            failures,
        }
    }

    fn truth(&self, packs: &BTreeMap<Place, Pack>, (region, name, account): Key) -> Truth {
        let Some(pack) = packs
            .get(&(region, name))
            .filter(|pack| pack.status.0 != "DELETE_SUCCESSFUL")
        else {
            return Truth::Over;
        };
        let moves = pack.status.0.ends_with("_IN_PROGRESS");
        let there = || {
            pack.members
                .values()
                .filter(|(status, _)| *status != "DELETE_SUCCESSFUL")
        };
        let member = |is: fn(&Failure) -> bool| {
            ACCOUNTS.iter().any(|account| {
                self.failures
                    .get(&(region, name, Some(account)))
                    .is_some_and(is)
            })
        };
        match account {
            Some(account) => match pack
                .members
                .get(account)
                .filter(|(status, _)| *status != "DELETE_SUCCESSFUL")
            {
                Some((status, since)) if ends(status, "_FAILED") => Truth::Failing(*since),
                Some((status, _)) if ends(status, "_SUCCESSFUL") => Truth::Over,
                Some(_) => Truth::Moving,
                None if moves => Truth::Leaving,
                None => Truth::Over,
            },
            None if ends(pack.status.0, "_SUCCESSFUL")
                || there().any(|(s, _)| ends(s, "_FAILED")) =>
            {
                Truth::Over
            }
            None if member(|member| member.surely.is_some()) => Truth::Over,
            None if member(|member| member.maybe.is_some()) => {
                Truth::Unclear((!moves).then_some(pack.status.1))
            }
            None if !moves => Truth::Failing(pack.status.1),
            None if there().next().is_some() && there().all(|(s, _)| ends(s, "_SUCCESSFUL")) => {
                Truth::Leaving
            }
            None => Truth::Moving,
        }
    }

    /// Looks at the world, whenever it changes and whenever a run begins or ends.
    pub fn look(&mut self, world: &World, now: i64) {
        let running = self.runs > self.over;
        self.large.extend(world.larger_than_a_page());
        for key in keys() {
            let truth = self.truth(&world.packs.borrow(), key);
            let failure = self.failures.entry(key).or_default();
            let since = match truth {
                Truth::Failing(since) | Truth::Unclear(Some(since)) => Some(since),
                // A run may have listed the pack before it went, and read its members after; or
                // have listed it failing, and read its members when none of them failed any more.
                Truth::Over if key.2.is_some() || self.shifting => {
                    fails(&world.packs.borrow(), key)
                }
                _ => None,
            };
            let since = since.map(|since| if world.dated.get() { since } else { now });
            if failure.maybe.is_none() && running && since.is_some() {
                (failure.maybe, failure.unseen) = (since, self.over);
            }
            if matches!(truth, Truth::Leaving) {
                let leaving = *failure.leaving.get_or_insert(now);
                if self.shifting || now - leaving >= HOUR - SLACK {
                    failure.surely = None;
                }
            } else {
                failure.left = None;
            }
            if matches!(truth, Truth::Over | Truth::Unclear(_)) {
                failure.surely = None;
            }
        }
    }

    /// A fault-free run saw everything in its scope.
    pub fn saw(&mut self, world: &World, scope: Scope, now: i64) {
        for key in keys().filter(|key| scope.covers(*key)) {
            let truth = self.truth(&world.packs.borrow(), key);
            let failure = self.failures.entry(key).or_default();
            match truth {
                Truth::Failing(since) => {
                    if failure.surely.is_none() {
                        (failure.surely, failure.seen) =
                            (Some(if world.dated.get() { since } else { now }), 0);
                    }
                    failure.seen += 1;
                    failure.leaving = None;
                }
                Truth::Moving if key.2.is_none() && self.large.contains(&(key.0, key.1)) => {}
                Truth::Moving => failure.leaving = None,
                Truth::Leaving if now - *failure.left.get_or_insert(now) < HOUR + SLACK => {}
                Truth::Leaving | Truth::Over => *failure = Failure::default(),
                Truth::Unclear(_) => {}
            }
        }
    }

    /// Whether a failure has been there in every instant since it was surely seen.
    pub fn lasts(&self, key: Key) -> bool {
        self.failures
            .get(&key)
            .is_some_and(|failure| failure.surely.is_some())
    }

    pub fn must_be_told(&self, key: Key, now: i64) -> bool {
        let due = |f: &Failure| {
            f.surely.is_some_and(|since| {
                now - since >= self.announce_after + SLACK || self.announce_after == 0
            })
        };
        let seen = |f: &Failure| key.2.is_some() || f.seen >= 2;
        key.2 != Some(IGNORED) && self.failures.get(&key).is_some_and(|f| due(f) && seen(f))
    }

    pub fn may_be_told(&self, key: Key, now: i64) -> bool {
        let due = |f: &Failure| {
            f.maybe
                .is_some_and(|since| now - since >= self.announce_after - SLACK)
        };
        let seen = |f: &Failure| key.2.is_some() || self.runs - f.unseen >= 2;
        key.2 != Some(IGNORED) && self.failures.get(&key).is_some_and(|f| due(f) && seen(f))
    }
}
