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
const MIN_RATE: f64 = 0.5;

/// From so many answers on, what was answered between two throttled calls is a measurement.
const MIN_SAMPLES: u32 = 6;

/// After so many answers without a throttled call the rate has doubled, and after as many again it
/// is ninefold. A limit that stands still throttles about one call in twenty then.
const SUCCESSES_TO_DOUBLE: f64 = 24.0;

/// The same where the limit is not found yet.
const SUCCESSES_TO_DOUBLE_WHILE_SEARCHING: f64 = 4.0;

/// What a limit is taken to have saved up before it is first met, as time in which it was not used;
/// and the time without a call after which it is taken to have done so again.
const ASSUMED_BURST: Duration = Duration::from_secs(1);

/// The pace of one source. What it learned stays for the next runs of the process.
#[derive(Debug, Default)]
pub struct AdaptiveRateLimiter {
    /// Who waits, waits in the order of coming.
    queue: tokio::sync::Mutex<()>,
    state: Mutex<LimiterState>,
}

impl AdaptiveRateLimiter {
    /// Waits until it is this call's turn and there is room for it; gives the room, and the time of
    /// the turn.
    pub async fn acquire<T>(&self, permit: impl Future<Output = T>) -> (T, Instant) {
        let _first = self.queue.lock().await;
        loop {
            let due = self.state().due();
            match due.filter(|due| *due > Instant::now()) {
                // The rate can fall meanwhile, so it is asked again.
                Some(due) => sleep_until(due).await,
                None => break,
            }
        }
        let permit = permit.await;
        let now = Instant::now();
        self.state().call(now);
        (permit, now)
    }

    /// A call that had its turn at `sent` was not throttled.
    pub fn on_success(&self, sent: Instant) {
        self.state().on_success(sent);
    }

    /// A call that had its turn at `sent` was throttled.
    pub fn on_throttle(&self, sent: Instant) {
        self.state().on_throttle(sent, Instant::now());
    }

    fn state(&self) -> MutexGuard<'_, LimiterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct LimiterState {
    last_call: Option<Instant>,
    window: Option<MeasurementWindow>,
    limit: Option<RateEstimate>,
}

/// What is counted, and since when.
#[derive(Debug, Clone, Copy)]
struct MeasurementWindow {
    since: Instant,
    on_success: u32,
    /// Whether there may have been something saved up at its beginning; else it began with a
    /// throttled call.
    with_burst: bool,
}

/// What is known of a limit that was met.
#[derive(Debug, Clone, Copy)]
struct RateEstimate {
    /// Calls a second, right after the last throttled call.
    rate: f64,
    /// The last rate that was measured. Where calls were too few to use up what was given, it is
    /// too low.
    measured: Option<f64>,
    /// Whether the rate is about the one that was measured before, and so to be believed; else it
    /// is searched on from.
    converged: bool,
    throttled_at: Instant,
    /// Of the calls that were sent since then.
    on_success: u32,
    /// What each answer to a call that was sent before adds to the rate.
    per_late_response: f64,
}

impl RateEstimate {
    /// Calls a second now: at first hardly more than at the last throttled call, then more and
    /// more.
    fn now(&self) -> f64 {
        let grown = f64::from(self.on_success)
            / if self.converged {
                SUCCESSES_TO_DOUBLE
            } else {
                SUCCESSES_TO_DOUBLE_WHILE_SEARCHING
            };
        self.rate * (1.0 + grown.powi(3))
    }
}

impl LimiterState {
    /// When the next call may be made; `None` as long as no limit was met.
    fn due(&self) -> Option<Instant> {
        Some(self.last_call? + Duration::from_secs_f64(1.0 / self.limit?.now()))
    }

    fn call(&mut self, now: Instant) {
        let pause = self.limit.map_or(ASSUMED_BURST, |limit| {
            ASSUMED_BURST.max(Duration::from_secs_f64(2.0 / limit.now()))
        });
        if self.last_call.is_none_or(|last| now - last > pause) {
            self.window = Some(MeasurementWindow {
                since: now,
                on_success: 0,
                with_burst: true,
            });
        }
        self.last_call = Some(now);
    }

    fn on_success(&mut self, sent: Instant) {
        if let Some(window) = &mut self.window {
            window.on_success += 1;
        }
        if let Some(limit) = &mut self.limit {
            if sent >= limit.throttled_at {
                limit.on_success += 1;
            } else {
                limit.rate += limit.per_late_response;
            }
        }
    }

    fn on_throttle(&mut self, sent: Instant, now: Instant) {
        // Calls that were in flight together say the same once.
        if self.limit.is_some_and(|limit| sent < limit.throttled_at) {
            return;
        }
        let Some(window) = &mut self.window else {
            return;
        };
        let (took, on_success) = (
            (now - window.since).as_secs_f64(),
            f64::from(window.on_success),
        );
        let over = took + ASSUMED_BURST.as_secs_f64();
        let (seen, measured) = match (window.with_burst, window.on_success) {
            (true, _) => (on_success / over, false),
            // One more than there were: none at all would be no rate.
            (false, ..MIN_SAMPLES) => ((on_success + 1.0) / took, false),
            (false, _) => (on_success / took, true),
        };
        // Of a first salvo the throttled calls may be answered before the others.
        let per_late_response = if window.with_burst { 1.0 / over } else { 0.0 };
        if measured || window.with_burst {
            *window = MeasurementWindow {
                since: now,
                on_success: 0,
                with_burst: false,
            };
        }
        let rate = self
            .limit
            .map_or(seen, |limit| limit.now().min(seen))
            .max(MIN_RATE);
        let last = self.limit.and_then(|limit| limit.measured);
        self.limit = Some(RateEstimate {
            rate,
            measured: if measured { Some(rate) } else { last },
            converged: last.is_some_and(|last| rate >= last / 2.0),
            throttled_at: now,
            on_success: 0,
            per_late_response,
        });
    }
}
