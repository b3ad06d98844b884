//! The calls to one source: each in its turn, not too many at once with those of all others, and
//! again where AWS Config throttled.

use std::sync::Arc;

use aws_smithy_types::retry::RetryConfig;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::rate_limiter::AdaptiveRateLimiter;

/// Config calls in flight, over all sources.
const MAX_CONCURRENCY: usize = 64;

/// Room for the calls of all sources, which share it.
#[derive(Debug, Clone)]
pub struct ConcurrencyLimit(Arc<Semaphore>);

impl Default for ConcurrencyLimit {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_CONCURRENCY)))
    }
}

/// A call that is throttled so often is not only too early: its source answers none for a while.
const BACKOFF_AFTER_ATTEMPTS: u32 = 4;

/// Where the calls to one source stand in line.
#[derive(Debug)]
pub struct ThrottledCaller {
    concurrency: ConcurrencyLimit,
    retry_loop: Option<RetryLoop>,
}

#[derive(Debug)]
struct RetryLoop {
    limiter: AdaptiveRateLimiter,
    retries: RetryConfig,
}

impl ThrottledCaller {
    /// A line that tries a throttled call again, so often and after such waits, at a pace that it
    /// learns; with no `retries`, throttled calls are left to who makes them.
    pub fn new(concurrency: ConcurrencyLimit, retries: Option<RetryConfig>) -> Self {
        Self {
            concurrency,
            retry_loop: retries.map(|retries| RetryLoop {
                limiter: AdaptiveRateLimiter::default(),
                retries,
            }),
        }
    }

    /// Makes a call. Who waits for a turn takes no room, and who waits for room no turn: a source
    /// that is throttled slows no other.
    pub async fn call<T, E>(
        &self,
        call: impl AsyncFn() -> Result<T, E>,
        is_throttled: impl Fn(&E) -> bool,
    ) -> Result<T, E> {
        let Some(RetryLoop { limiter, retries }) = &self.retry_loop else {
            let _room = self.concurrency.0.acquire().await.ok();
            return call().await;
        };
        let (mut attempt, mut backoff) = (0, retries.initial_backoff());
        loop {
            let (concurrency, sent) = limiter.acquire(self.concurrency.0.acquire()).await;
            let answer = call().await;
            drop(concurrency);
            attempt += 1;
            if !answer.as_ref().is_err_and(&is_throttled) {
                limiter.on_success(sent);
                return answer;
            }
            limiter.on_throttle(sent);
            if attempt >= retries.max_attempts() {
                return answer;
            }
            if attempt >= BACKOFF_AFTER_ATTEMPTS {
                sleep(backoff).await;
                backoff = (2 * backoff).min(retries.max_backoff());
            }
        }
    }
}
