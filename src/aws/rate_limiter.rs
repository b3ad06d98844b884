//! Adaptive rate limiter for the AWS Config calls of one source. There is no limit until AWS Config
//! throttles a call. From then on the limiter allows the rate that AWS Config was measured to
//! serve, and raises it slowly to find a limit that has risen.
//!
//! AWS Config does not publish its limits, but a throttled call shows that its token bucket is
//! empty. The calls that succeed between two throttled calls are therefore what the bucket refilled
//! in that time. The rate limiter of the AWS SDK estimates from the clock instead: it takes seconds
//! to reach a high limit, and exceeds a low one every few seconds. For a bucket with almost no
//! capacity the measurement is too low, and several of them are needed to reach the limit.
//! `docs/scale.md` has figures.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Minimum rate in calls per second. A source that throttled every call for a while is still
/// called.
const MIN_RATE: f64 = 0.5;

/// Minimum number of successful calls between two throttled calls that make a measurement.
const MIN_SAMPLES: u32 = 6;

/// Number of successful calls without a throttled one after which the rate has doubled. After twice
/// as many it is ninefold. At a constant limit, about one call in twenty is throttled.
const SUCCESSES_TO_DOUBLE: f64 = 24.0;

/// [`SUCCESSES_TO_DOUBLE`] while the estimate has not converged.
const SUCCESSES_TO_DOUBLE_WHILE_SEARCHING: f64 = 4.0;

/// Capacity that the token bucket is assumed to have before the first throttled call, as the time
/// in which it fills. After a pause of at least this length, the bucket is assumed to be full
/// again.
const ASSUMED_BURST: Duration = Duration::from_secs(1);

/// Rate limiter of one source. It keeps its estimate for the next runs of the process.
#[derive(Debug, Default)]
pub struct AdaptiveRateLimiter {
    /// Admits the waiting calls in the order of their arrival.
    queue: tokio::sync::Mutex<()>,
    state: Mutex<LimiterState>,
}

impl AdaptiveRateLimiter {
    /// Waits until the rate limit admits the call and `permit` is ready. Returns the output of
    /// `permit`, and the time from which the call counts as sent.
    pub async fn acquire<T>(&self, permit: impl Future<Output = T>) -> (T, Instant) {
        let _first = self.queue.lock().await;
        loop {
            let due = self.state().next_call_at();
            match due.filter(|due| *due > Instant::now()) {
                // The rate can fall during the sleep, so the time is computed again.
                Some(due) => sleep_until(due).await,
                None => break,
            }
        }
        let permit = permit.await;
        let now = Instant::now();
        self.state().record_call(now);
        (permit, now)
    }

    /// Records that the call sent at `sent` was not throttled.
    pub fn on_success(&self, sent: Instant) {
        self.state().on_success(sent);
    }

    /// Records that the call sent at `sent` was throttled.
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
    estimate: Option<RateEstimate>,
}

/// Number of successful calls since a point in time.
#[derive(Debug, Clone, Copy)]
struct MeasurementWindow {
    since: Instant,
    successes: u32,
    /// Whether the token bucket may have been full at the start. Otherwise the window starts with a
    /// throttled call.
    with_burst: bool,
}

/// Estimate of the rate limit, made at a throttled call.
#[derive(Debug, Clone, Copy)]
struct RateEstimate {
    /// Rate in calls per second, right after the last throttled call.
    rate: f64,
    /// The last measured rate. It is too low where there were too few calls to use up the limit.
    measured: Option<f64>,
    /// Whether the rate is at least half of the previous measurement, so that the estimate is
    /// trusted. Otherwise the search for the limit goes on from it.
    converged: bool,
    throttled_at: Instant,
    /// Number of successful calls that were sent after `throttled_at`.
    successes: u32,
    /// Increase of the rate for each success of a call that was sent before `throttled_at`.
    per_late_response: f64,
}

impl RateEstimate {
    /// Returns the current rate in calls per second. It grows with the cube of the successes:
    /// slowly at first after a throttled call, then faster and faster.
    fn current_rate(&self) -> f64 {
        let grown = f64::from(self.successes)
            / if self.converged {
                SUCCESSES_TO_DOUBLE
            } else {
                SUCCESSES_TO_DOUBLE_WHILE_SEARCHING
            };
        self.rate * (1.0 + grown.powi(3))
    }
}

impl LimiterState {
    /// Returns the time at which the next call is allowed; `None` until a call was throttled.
    fn next_call_at(&self) -> Option<Instant> {
        Some(self.last_call? + Duration::from_secs_f64(1.0 / self.estimate?.current_rate()))
    }

    fn record_call(&mut self, now: Instant) {
        let pause = self.estimate.map_or(ASSUMED_BURST, |estimate| {
            ASSUMED_BURST.max(Duration::from_secs_f64(2.0 / estimate.current_rate()))
        });
        if self.last_call.is_none_or(|last| now - last > pause) {
            self.window = Some(MeasurementWindow {
                since: now,
                successes: 0,
                with_burst: true,
            });
        }
        self.last_call = Some(now);
    }

    fn on_success(&mut self, sent: Instant) {
        if let Some(window) = &mut self.window {
            window.successes += 1;
        }
        if let Some(estimate) = &mut self.estimate {
            if sent >= estimate.throttled_at {
                estimate.successes += 1;
            } else {
                estimate.rate += estimate.per_late_response;
            }
        }
    }

    fn on_throttle(&mut self, sent: Instant, now: Instant) {
        // Calls that were in flight together give evidence only once.
        if self
            .estimate
            .is_some_and(|estimate| sent < estimate.throttled_at)
        {
            return;
        }
        let Some(window) = &mut self.window else {
            return;
        };
        let (elapsed, successes) = (
            (now - window.since).as_secs_f64(),
            f64::from(window.successes),
        );
        let elapsed_with_burst = elapsed + ASSUMED_BURST.as_secs_f64();
        let (served_rate, measured) = match (window.with_burst, window.successes) {
            (true, _) => (successes / elapsed_with_burst, false),
            // Adds one, because zero successes would make a rate of zero.
            (false, ..MIN_SAMPLES) => ((successes + 1.0) / elapsed, false),
            (false, _) => (successes / elapsed, true),
        };
        // In a first burst, throttled responses can arrive before the successful ones, which then
        // have to raise the rate.
        let per_late_response = if window.with_burst {
            1.0 / elapsed_with_burst
        } else {
            0.0
        };
        if measured || window.with_burst {
            *window = MeasurementWindow {
                since: now,
                successes: 0,
                with_burst: false,
            };
        }
        let rate = self
            .estimate
            .map_or(served_rate, |estimate| {
                estimate.current_rate().min(served_rate)
            })
            .max(MIN_RATE);
        let last = self.estimate.and_then(|estimate| estimate.measured);
        self.estimate = Some(RateEstimate {
            rate,
            measured: if measured { Some(rate) } else { last },
            converged: last.is_some_and(|last| rate >= last / 2.0),
            throttled_at: now,
            successes: 0,
            per_late_response,
        });
    }
}
