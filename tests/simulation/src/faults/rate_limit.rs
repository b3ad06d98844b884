//! The simulated rate limit: a token bucket.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// Rate limit on the AWS Config calls of one caller in one region.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Calls per second in the long run.
    pub per_second: f64,
    /// Capacity of the bucket, in calls.
    pub burst: f64,
}

/// Token bucket of one caller in one region.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenBucket {
    tokens: f64,
    refilled_at: Instant,
}

impl TokenBucket {
    pub fn full(limit: RateLimit) -> Self {
        Self {
            tokens: limit.burst,
            refilled_at: Instant::now(),
        }
    }

    /// Takes one token if there is one, and returns whether there was.
    pub fn try_acquire(&mut self, limit: RateLimit) -> bool {
        let now = Instant::now();
        let refill = (now - self.refilled_at).as_secs_f64() * limit.per_second;
        self.tokens = (self.tokens + refill).min(limit.burst);
        self.refilled_at = now;
        let acquired = self.tokens >= 1.0;
        if acquired {
            self.tokens -= 1.0;
        }
        acquired
    }
}
