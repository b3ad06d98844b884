//! Calls to one source: within the rate limit of the source and the concurrency limit of all
//! sources, and with retries of throttled calls.

use std::sync::Arc;

use aws_smithy_types::retry::RetryConfig;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::rate_limiter::AdaptiveRateLimiter;

/// Maximum number of AWS Config calls in flight, over all sources.
const MAX_CONCURRENCY: usize = 64;

/// Concurrency limit that the callers of all sources share.
#[derive(Debug, Clone)]
pub struct ConcurrencyLimit(Arc<Semaphore>);

impl Default for ConcurrencyLimit {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_CONCURRENCY)))
    }
}

/// Number of throttled attempts of one call after which retries also back off. A call that is
/// throttled this often was not merely sent too early: its source rejects all calls for a while.
const BACKOFF_AFTER_ATTEMPTS: u32 = 4;

/// Makes the calls to one source.
#[derive(Debug)]
pub struct ThrottledCaller {
    concurrency: ConcurrencyLimit,
    limiter: AdaptiveRateLimiter,
    retries: RetryConfig,
}

impl ThrottledCaller {
    /// Creates a caller that retries throttled calls at an adaptive rate, with the attempts and
    /// backoff of `retries`.
    pub fn new(concurrency: ConcurrencyLimit, retries: RetryConfig) -> Self {
        Self {
            concurrency,
            limiter: AdaptiveRateLimiter::default(),
            retries,
        }
    }

    /// Makes a call. The call takes a permit of the concurrency limit only once the rate limit
    /// admits it, and counts against the rate limit only once it has the permit, so a throttled
    /// source does not slow down the others.
    pub async fn call<T, E>(
        &self,
        call: impl AsyncFn() -> Result<T, E>,
        is_throttled: impl Fn(&E) -> bool,
    ) -> Result<T, E> {
        let (mut attempt, mut backoff) = (0, self.retries.initial_backoff());
        loop {
            let (permit, sent) = self.limiter.acquire(self.concurrency.0.acquire()).await;
            let response = call().await;
            drop(permit);
            attempt += 1;
            if !response.as_ref().is_err_and(&is_throttled) {
                self.limiter.on_success(sent);
                return response;
            }
            self.limiter.on_throttle(sent);
            if attempt >= self.retries.max_attempts() {
                return response;
            }
            if attempt >= BACKOFF_AFTER_ATTEMPTS {
                sleep(backoff).await;
                backoff = (2 * backoff).min(self.retries.max_backoff());
            }
        }
    }
}
