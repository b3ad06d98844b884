//! How fast AWS Config is called in one source: without a limit, until it throttles; from then on
//! as fast as it was seen to answer, and a little faster, so that a limit that rises is found.
//!
//! The limit is not published, but it shows. At a throttled call nothing of it is left; so what was
//! answered between two throttled calls is what it gave in that time. The limiter of AWS's SDK
//! guesses by the clock instead: it takes seconds to come up to a high limit, and goes over a low
//! one every few seconds. Where next to nothing is saved up, what was answered is less than what
//! was given, and it takes some measurements to come up to it. `docs/scale.md` has figures.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The least rate that is tried, in calls a second. A source that throttled everything for a while
/// is still asked.
const LEAST: f64 = 0.5;

/// From so many answers on, what was answered between two throttled calls is a measurement.
const ENOUGH: u32 = 6;

/// After so many answers without a throttled call the rate has doubled, and after as many again it
/// is ninefold. A limit that stands still throttles about one call in twenty then.
const ANSWERS_TO_DOUBLE: f64 = 24.0;

/// The same where the limit is not found yet.
const ANSWERS_TO_FIND: f64 = 4.0;

/// What a limit is taken to have saved up before it is first met, as time in which it was not used;
/// and the time without a call after which it is taken to have done so again.
const SAVED_UP: Duration = Duration::from_secs(1);

/// The pace of one source. What it learned stays for the next runs of the process.
#[derive(Debug, Default)]
pub struct Pace {
    /// Who waits, waits in the order of coming.
    queue: tokio::sync::Mutex<()>,
    learned: Mutex<Learned>,
}

impl Pace {
    /// Waits until it is this call's turn and there is room for it; gives the room, and the time of
    /// the turn.
    pub async fn turn<T>(&self, room: impl Future<Output = T>) -> (T, Instant) {
        let _first = self.queue.lock().await;
        loop {
            let due = self.learned().due();
            match due.filter(|due| *due > Instant::now()) {
                // The rate can fall meanwhile, so it is asked again.
                Some(due) => sleep_until(due).await,
                None => break,
            }
        }
        let room = room.await;
        let now = Instant::now();
        self.learned().call(now);
        (room, now)
    }

    /// A call that had its turn at `sent` was not throttled.
    pub fn answered(&self, sent: Instant) {
        self.learned().answered(sent);
    }

    /// A call that had its turn at `sent` was throttled.
    pub fn throttled(&self, sent: Instant) {
        self.learned().throttled(sent, Instant::now());
    }

    fn learned(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Learned {
    last_call: Option<Instant>,
    span: Option<Span>,
    limit: Option<Limit>,
}

/// What is counted, and since when.
#[derive(Debug, Clone, Copy)]
struct Span {
    since: Instant,
    answered: u32,
    /// Whether there may have been something saved up at its beginning; else it began with a
    /// throttled call.
    saved_up: bool,
}

/// What is known of a limit that was met.
#[derive(Debug, Clone, Copy)]
struct Limit {
    /// Calls a second, right after the last throttled call.
    rate: f64,
    /// The last rate that was measured. Where calls were too few to use up what was given, it is
    /// too low.
    measured: Option<f64>,
    /// Whether the rate is about the one that was measured before, and so to be believed; else it
    /// is searched on from.
    found: bool,
    throttled_at: Instant,
    /// Of the calls that were sent since then.
    answered: u32,
    /// What each answer to a call that was sent before adds to the rate.
    late: f64,
}

impl Limit {
    /// Calls a second now: at first hardly more than at the last throttled call, then more and
    /// more.
    fn now(&self) -> f64 {
        let grown = f64::from(self.answered)
            / if self.found {
                ANSWERS_TO_DOUBLE
            } else {
                ANSWERS_TO_FIND
            };
        self.rate * (1.0 + grown.powi(3))
    }
}

impl Learned {
    /// When the next call may be made; `None` as long as no limit was met.
    fn due(&self) -> Option<Instant> {
        Some(self.last_call? + Duration::from_secs_f64(1.0 / self.limit?.now()))
    }

    fn call(&mut self, now: Instant) {
        let pause = self.limit.map_or(SAVED_UP, |limit| {
            SAVED_UP.max(Duration::from_secs_f64(2.0 / limit.now()))
        });
        if self.last_call.is_none_or(|last| now - last > pause) {
            self.span = Some(Span {
                since: now,
                answered: 0,
                saved_up: true,
            });
        }
        self.last_call = Some(now);
    }

    fn answered(&mut self, sent: Instant) {
        if let Some(span) = &mut self.span {
            span.answered += 1;
        }
        if let Some(limit) = &mut self.limit {
            if sent >= limit.throttled_at {
                limit.answered += 1;
            } else {
                limit.rate += limit.late;
            }
        }
    }

    fn throttled(&mut self, sent: Instant, now: Instant) {
        // Calls that were in flight together say the same once.
        if self.limit.is_some_and(|limit| sent < limit.throttled_at) {
            return;
        }
        let Some(span) = &mut self.span else { return };
        let (took, answered) = ((now - span.since).as_secs_f64(), f64::from(span.answered));
        let over = took + SAVED_UP.as_secs_f64();
        let (seen, measured) = match (span.saved_up, span.answered) {
            (true, _) => (answered / over, false),
            // One more than there were: none at all would be no rate.
            (false, ..ENOUGH) => ((answered + 1.0) / took, false),
            (false, _) => (answered / took, true),
        };
        // Of a first salvo the throttled calls may be answered before the others.
        let late = if span.saved_up { 1.0 / over } else { 0.0 };
        if measured || span.saved_up {
            *span = Span {
                since: now,
                answered: 0,
                saved_up: false,
            };
        }
        let rate = self
            .limit
            .map_or(seen, |limit| limit.now().min(seen))
            .max(LEAST);
        let last = self.limit.and_then(|limit| limit.measured);
        self.limit = Some(Limit {
            rate,
            measured: if measured { Some(rate) } else { last },
            found: last.is_some_and(|last| rate >= last / 2.0),
            throttled_at: now,
            answered: 0,
            late,
        });
    }
}
