//! The adaptive rate limiter, on a paused clock: calls run at the rate that the service allows,
//! although the service does not report its limit.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use aws_smithy_types::retry::RetryConfig;
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use packwatch::aws::{ConcurrencyLimit, ThrottledCaller};
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

const IN_FLIGHT: usize = 8;
const ATTEMPTS: u32 = 10;

/// A service with the rate limit of AWS Config: a token bucket. `rate` maps the seconds since the
/// start to tokens per second.
struct RateLimitedService {
    rate: Box<dyn Fn(f64) -> f64>,
    burst: f64,
    latency: Duration,
    left: Cell<f64>,
    filled: Cell<Instant>,
    started: Instant,
    attempts: Cell<u32>,
}

#[derive(Debug)]
struct Throttled;

impl RateLimitedService {
    fn new(rate: impl Fn(f64) -> f64 + 'static, burst: f64, latency: Duration) -> Self {
        let now = Instant::now();
        Self {
            rate: Box::new(rate),
            burst,
            latency,
            left: Cell::new(burst),
            filled: Cell::new(now),
            started: now,
            attempts: Cell::new(0),
        }
    }

    async fn call(&self) -> Result<(), Throttled> {
        sleep(self.latency / 2).await;
        let now = Instant::now();
        let rate = (self.rate)((now - self.started).as_secs_f64());
        let left =
            (self.left.get() + (now - self.filled.get()).as_secs_f64() * rate).min(self.burst);
        self.filled.set(now);
        self.attempts.set(self.attempts.get() + 1);
        let admitted = left >= 1.0;
        self.left.set(if admitted { left - 1.0 } else { left });
        // A throttled response takes less time than a successful one.
        sleep(if admitted {
            self.latency / 2
        } else {
            self.latency / 4
        })
        .await;
        if admitted { Ok(()) } else { Err(Throttled) }
    }

    /// Runs fifty packs, eight at once, with `calls_per_pack` calls one after another for each.
    /// Returns the duration in seconds and the number of throttled attempts.
    async fn run(&self, caller: &ThrottledCaller, calls_per_pack: u32) -> (f64, u32) {
        let (started, before) = (Instant::now(), self.attempts.get());
        let pack = async |_| {
            for _ in 0..calls_per_pack {
                caller
                    .call(async || self.call().await, |_| true)
                    .await
                    .expect("the call succeeds within ten attempts");
            }
        };
        stream::iter(0..50)
            .map(pack)
            .buffer_unordered(IN_FLIGHT)
            .collect::<Vec<()>>()
            .await;
        (
            started.elapsed().as_secs_f64(),
            self.attempts.get() - before - 50 * calls_per_pack,
        )
    }
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_max_backoff(Duration::from_secs(5))
}

fn caller() -> ThrottledCaller {
    ThrottledCaller::new(ConcurrencyLimit::default(), retries())
}

fn paused<T>(run: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("the runtime starts")
        .block_on(run)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// A run takes at most 1.15 times the minimum that the limit or the latency allows, and at most
    /// 15 % of its attempts are throttled, in the first run of a process and in the next.
    #[test]
    fn unknown_limit_costs_little_more_than_known_limit(
        rate in 1.0..60.0_f64,
        burst_seconds in 1.0..4.0_f64,
        latency in 10..120_u64,
        idle_seconds in 0..900_u64,
    ) {
        paused(async {
            let latency = Duration::from_millis(latency);
            let service = RateLimitedService::new(move |_| rate, (rate * burst_seconds).max(2.0), latency);
            let caller = caller();
            for (run, calls_per_pack) in [("first", 4), ("next", 3)] {
                let (seconds, throttled) = service.run(&caller, calls_per_pack).await;
                let calls = f64::from(50 * calls_per_pack);
                let minimum = (calls / rate).max(calls.div_euclid(8.0) * latency.as_secs_f64());
                prop_assert!(seconds <= 1.15 * minimum, "the {run} run took {seconds} s, and the minimum is {minimum} s");
                prop_assert!(f64::from(throttled) <= 0.15 * calls, "{throttled} attempts were throttled for {calls} calls of the {run} run");
                sleep(Duration::from_secs(idle_seconds)).await;
            }
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn unthrottled_calls_do_not_wait() {
    let service = RateLimitedService::new(|_| 1e6, 1e6, Duration::from_millis(40));
    let (seconds, throttled) = service.run(&caller(), 4).await;
    assert_eq!(throttled, 0);
    assert!(
        (seconds - 7.0 * 4.0 * 0.04).abs() < 0.02,
        "the run took {seconds} s: fifty packs are seven rounds of eight"
    );
}

/// A change of the limit costs at most 25 seconds.
#[tokio::test(start_paused = true)]
async fn changed_limit_is_found_again() {
    // The rate by the second, and the minimum duration of 200 calls in seconds.
    type Rate = fn(f64) -> f64;
    let limits: [(&str, Rate, f64); 4] = [
        (
            "falls",
            |second| if second < 5.0 { 10.0 } else { 2.0 },
            5.0 + 150.0 / 2.0,
        ),
        (
            "rises",
            |second| if second < 20.0 { 2.0 } else { 25.0 },
            20.0 + 160.0 / 25.0,
        ),
        (
            "stops for ten seconds",
            |second| {
                if (10.0..20.0).contains(&second) {
                    0.0
                } else {
                    5.0
                }
            },
            10.0 + 40.0,
        ),
        (
            "is shared with other callers",
            |second| {
                if (10.0..30.0).contains(&second) {
                    1.0
                } else {
                    5.0
                }
            },
            16.0 + 40.0,
        ),
    ];
    for (change, rate, minimum) in limits {
        let service = RateLimitedService::new(rate, 5.0, Duration::from_millis(40));
        let (seconds, throttled) = service.run(&caller(), 4).await;
        println!(
            "a limit that {change}: {seconds:.1} s, minimum {minimum:.1} s; {throttled} throttled"
        );
        assert!(
            seconds < minimum + 25.0,
            "a limit that {change}: {seconds} s, minimum {minimum} s"
        );
        assert!(
            throttled < 60,
            "a limit that {change}: {throttled} attempts were throttled"
        );
    }
}

/// With a small burst, the successes between two throttled calls underestimate the limit. The run
/// takes longer, but no additional attempts are throttled.
#[tokio::test(start_paused = true)]
async fn limit_with_small_burst_costs_time_but_no_attempts() {
    for burst in [1.0, 2.0] {
        let (service, caller) = (
            RateLimitedService::new(|_| 5.0, burst, Duration::from_millis(40)),
            caller(),
        );
        for (run, calls_per_pack) in [("first", 4), ("next", 3)] {
            let (seconds, throttled) = service.run(&caller, calls_per_pack).await;
            let calls = f64::from(50 * calls_per_pack);
            println!(
                "burst {burst}: the {run} run takes {:.2} times the minimum, {throttled} throttled",
                seconds * 5.0 / calls
            );
            assert!(
                seconds * 5.0 / calls < 2.0,
                "the {run} run took {seconds} s"
            );
            assert!(
                f64::from(throttled) <= 0.15 * calls,
                "{throttled} attempts were throttled for {calls} calls of the {run} run"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn always_throttled_call_fails_after_max_attempts() {
    let service = RateLimitedService::new(|_| 0.0, 0.0, Duration::from_millis(40));
    let response = caller().call(async || service.call().await, |_| true).await;
    assert!(response.is_err());
    assert_eq!(service.attempts.get(), ATTEMPTS);
}

/// The maximum number of attempts applies to each call, and not to all calls of a source together.
#[tokio::test(start_paused = true)]
async fn exhausted_call_leaves_next_call_all_attempts() {
    let caller = caller();
    let attempts = Cell::new(0);
    let throttled_until_twentieth = || {
        attempts.set(attempts.get() + 1);
        if attempts.get() < 2 * ATTEMPTS {
            Err(Throttled)
        } else {
            Ok(())
        }
    };
    let first = caller
        .call(async || throttled_until_twentieth(), |_| true)
        .await;
    assert!(first.is_err());
    assert_eq!(attempts.get(), ATTEMPTS);
    let next = caller
        .call(async || throttled_until_twentieth(), |_| true)
        .await;
    assert!(next.is_ok());
    assert_eq!(attempts.get(), 2 * ATTEMPTS);
}

/// The attempts of a call that is alone in flight outlast an outage of ten seconds.
#[tokio::test(start_paused = true)]
async fn single_call_in_flight_survives_outage() {
    let rate = |second: f64| {
        if (5.0..15.0).contains(&second) {
            0.0
        } else {
            10.0
        }
    };
    let (service, caller) = (
        RateLimitedService::new(rate, 10.0, Duration::from_millis(40)),
        caller(),
    );
    for call in 0..100 {
        let response = caller.call(async || service.call().await, |_| true).await;
        assert!(response.is_ok(), "call {call}");
    }
}

/// The number of calls in flight, and its maximum.
#[derive(Default)]
struct InFlight {
    now: Cell<usize>,
    max: Cell<usize>,
}

impl InFlight {
    async fn call(&self) -> Result<(), Throttled> {
        self.now.set(self.now.get() + 1);
        self.max.set(self.max.get().max(self.now.get()));
        sleep(Duration::from_millis(40)).await;
        self.now.set(self.now.get() - 1);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn concurrency_of_all_sources_is_at_most_sixty_four() {
    let (concurrency, in_flight) = (ConcurrencyLimit::default(), InFlight::default());
    let throttled_callers: Vec<ThrottledCaller> = (0..12)
        .map(|_| ThrottledCaller::new(concurrency.clone(), retries()))
        .collect();
    let calls = throttled_callers
        .iter()
        .flat_map(|caller| (0..20).map(move |_| caller));
    let calls = calls.map(|caller| caller.call(async || in_flight.call().await, |_| true));
    assert!(join_all(calls).await.iter().all(Result::is_ok));
    assert_eq!(in_flight.max.get(), 64);
}

#[tokio::test(start_paused = true)]
async fn throttled_source_does_not_delay_other_source() {
    let concurrency = ConcurrencyLimit::default();
    let (throttled_caller, other_caller) = (
        ThrottledCaller::new(concurrency.clone(), retries()),
        ThrottledCaller::new(concurrency, retries()),
    );
    let service = RateLimitedService::new(|_| 2.0, 2.0, Duration::from_millis(40));
    let ended = Rc::new(RefCell::new(Vec::new()));
    let end = |which: &'static str| ended.borrow_mut().push((which, Instant::now()));
    let started = Instant::now();
    // The throttled source has twice as many calls as the concurrency limit allows.
    let throttled = async {
        join_all((0..128).map(|_| throttled_caller.call(async || service.call().await, |_| true)))
            .await;
        end("throttled");
    };
    let other = async {
        sleep(Duration::from_secs(1)).await;
        for _ in 0..25 {
            let call = async || -> Result<(), Throttled> {
                sleep(Duration::from_millis(40)).await;
                Ok(())
            };
            other_caller
                .call(call, |_| true)
                .await
                .expect("the call succeeds");
        }
        end("other");
    };
    tokio::join!(throttled, other);
    let ended = ended.borrow();
    assert_eq!(
        ended.iter().map(|(which, _)| *which).collect::<Vec<_>>(),
        ["other", "throttled"]
    );
    assert_eq!(
        ended[0].1 - started,
        Duration::from_secs(2),
        "one second, and 25 calls of 40 ms"
    );
}
