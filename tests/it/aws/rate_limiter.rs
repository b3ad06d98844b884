//! Calls in line, on a paused clock: at the pace that a limit allows, though nobody says what that
//! is.

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

/// AWS Config's own side of it: a bucket of tokens, filled at a rate that may change with the
/// seconds since the start.
struct Limited {
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

impl Limited {
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
        // To refuse takes no work.
        sleep(if admitted {
            self.latency / 2
        } else {
            self.latency / 4
        })
        .await;
        if admitted { Ok(()) } else { Err(Throttled) }
    }

    /// One run: fifty packs of so many calls each, one after another, eight packs at once. Gives
    /// the seconds that it took and the attempts that were throttled.
    async fn run(&self, line: &ThrottledCaller, calls_of_a_pack: u32) -> (f64, u32) {
        let (began, before) = (Instant::now(), self.attempts.get());
        let pack = async |_| {
            for _ in 0..calls_of_a_pack {
                line.call(async || self.call().await, |_| true)
                    .await
                    .expect("it is answered in ten attempts");
            }
        };
        stream::iter(0..50)
            .map(pack)
            .buffer_unordered(IN_FLIGHT)
            .collect::<Vec<()>>()
            .await;
        (
            began.elapsed().as_secs_f64(),
            self.attempts.get() - before - 50 * calls_of_a_pack,
        )
    }
}

fn retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_max_backoff(Duration::from_secs(5))
}

fn line() -> ThrottledCaller {
    ThrottledCaller::new(ConcurrencyLimit::default(), Some(retries()))
}

fn paused<T>(run: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(run)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Seconds within 1.15 of what the limit or the latency allows, and at most 15 % of attempts
    /// wasted, in the first run of a process and in the next.
    #[test]
    fn a_limit_that_nobody_knows_costs_hardly_more_than_a_known_one(
        rate in 1.0..60.0_f64,
        saved in 1.0..4.0_f64,
        latency in 10..120_u64,
        between in 0..900_u64,
    ) {
        paused(async {
            let latency = Duration::from_millis(latency);
            let limited = Limited::new(move |_| rate, (rate * saved).max(2.0), latency);
            let line = line();
            for (run, calls_of_a_pack) in [("first", 4), ("next", 3)] {
                let (took, wasted) = limited.run(&line, calls_of_a_pack).await;
                let calls = f64::from(50 * calls_of_a_pack);
                let bound = (calls / rate).max(calls.div_euclid(8.0) * latency.as_secs_f64());
                prop_assert!(took <= 1.15 * bound, "the {run} run took {took} s, the bound is {bound}");
                prop_assert!(f64::from(wasted) <= 0.15 * calls, "{wasted} of {calls} calls of the {run} run were wasted");
                sleep(Duration::from_secs(between)).await;
            }
            Ok(())
        })?;
    }
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_throttled_nothing_waits() {
    let limited = Limited::new(|_| 1e6, 1e6, Duration::from_millis(40));
    let (took, wasted) = limited.run(&line(), 4).await;
    assert_eq!(wasted, 0);
    assert!(
        (took - 7.0 * 4.0 * 0.04).abs() < 0.02,
        "{took} s, where fifty packs are seven rounds of eight"
    );
}

/// A change costs seconds, and not the rest of the run.
#[tokio::test(start_paused = true)]
async fn a_limit_that_changes_is_found_again() {
    // The rate by the second, and the seconds that 200 calls take at least.
    type Rate = fn(f64) -> f64;
    let worlds: [(&str, Rate, f64); 4] = [
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
            "is taken by others",
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
    for (what, rate, least) in worlds {
        let limited = Limited::new(rate, 5.0, Duration::from_millis(40));
        let (took, wasted) = limited.run(&line(), 4).await;
        println!("a limit that {what}: {took:.1} s, at least {least:.1}; {wasted} wasted");
        assert!(
            took < least + 25.0,
            "a limit that {what}: {took} s, where {least} s would do"
        );
        assert!(wasted < 60, "a limit that {what}: {wasted} wasted");
    }
}

/// What is answered between two throttled calls is less than what such a limit gave: it costs time,
/// and no attempts.
#[tokio::test(start_paused = true)]
async fn a_limit_that_saves_up_next_to_nothing_costs_time_alone() {
    for saved in [1.0, 2.0] {
        let (limited, line) = (
            Limited::new(|_| 5.0, saved, Duration::from_millis(40)),
            line(),
        );
        for (run, calls_of_a_pack) in [("first", 4), ("next", 3)] {
            let (took, wasted) = limited.run(&line, calls_of_a_pack).await;
            let calls = f64::from(50 * calls_of_a_pack);
            println!(
                "a bucket of {saved}: the {run} run takes {:.2} of its bound, {wasted} wasted",
                took * 5.0 / calls
            );
            assert!(took * 5.0 / calls < 2.0, "the {run} run took {took} s");
            assert!(
                f64::from(wasted) <= 0.15 * calls,
                "{wasted} of {calls} calls of the {run} run were wasted"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_always_throttled_ends_after_its_attempts() {
    let limited = Limited::new(|_| 0.0, 0.0, Duration::from_millis(40));
    let answer = line().call(async || limited.call().await, |_| true).await;
    assert!(answer.is_err());
    assert_eq!(limited.attempts.get(), ATTEMPTS);
}

/// A call that waits for no other has its attempts left when a source answers again.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_alone_outlasts_a_stop() {
    let rate = |second: f64| {
        if (5.0..15.0).contains(&second) {
            0.0
        } else {
            10.0
        }
    };
    let (limited, line) = (Limited::new(rate, 10.0, Duration::from_millis(40)), line());
    for call in 0..100 {
        let answer = line.call(async || limited.call().await, |_| true).await;
        assert!(answer.is_ok(), "call {call}");
    }
}

/// How many calls are under way, and were at most.
#[derive(Default)]
struct Flying {
    now: Cell<usize>,
    most: Cell<usize>,
}

impl Flying {
    async fn call(&self) -> Result<(), Throttled> {
        self.now.set(self.now.get() + 1);
        self.most.set(self.most.get().max(self.now.get()));
        sleep(Duration::from_millis(40)).await;
        self.now.set(self.now.get() - 1);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn at_most_sixty_four_calls_of_all_sources_are_in_flight() {
    for retries in [Some(retries()), None] {
        let (room, flying) = (ConcurrencyLimit::default(), Flying::default());
        let lines: Vec<ThrottledCaller> = (0..12)
            .map(|_| ThrottledCaller::new(room.clone(), retries.clone()))
            .collect();
        let calls = lines.iter().flat_map(|line| (0..20).map(move |_| line));
        let calls = calls.map(|line| line.call(async || flying.call().await, |_| true));
        assert!(join_all(calls).await.iter().all(Result::is_ok));
        assert_eq!(flying.most.get(), 64);
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_throttled_slows_no_other() {
    let room = ConcurrencyLimit::default();
    let (slow, quick) = (
        ThrottledCaller::new(room.clone(), Some(retries())),
        ThrottledCaller::new(room, Some(retries())),
    );
    let limited = Limited::new(|_| 2.0, 2.0, Duration::from_millis(40));
    let ended = Rc::new(RefCell::new(Vec::new()));
    let end = |which: &'static str| ended.borrow_mut().push((which, Instant::now()));
    let began = Instant::now();
    // Twice as many calls as there is room for wait for the turn of the one.
    let throttled = async {
        join_all((0..128).map(|_| slow.call(async || limited.call().await, |_| true))).await;
        end("throttled");
    };
    let other = async {
        sleep(Duration::from_secs(1)).await;
        for _ in 0..25 {
            let call = async || -> Result<(), Throttled> {
                sleep(Duration::from_millis(40)).await;
                Ok(())
            };
            quick.call(call, |_| true).await.expect("an answer");
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
        ended[0].1 - began,
        Duration::from_secs(2),
        "a second, and 25 calls of 40 ms"
    );
}
