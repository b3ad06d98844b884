//! A token bucket, as AWS throttles by.

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// How many AWS Config calls one caller may make in one region.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    pub per_second: f64,
    pub burst: f64,
}

/// What is left of a limit for one caller in one region.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenBucket {
    left: f64,
    filled: Instant,
}

impl TokenBucket {
    pub fn full(limit: RateLimit) -> Self {
        Self {
            left: limit.burst,
            filled: Instant::now(),
        }
    }

    /// Whether one more call is allowed now; counts it if so.
    pub fn admits(&mut self, limit: RateLimit) -> bool {
        let now = Instant::now();
        let refill = (now - self.filled).as_secs_f64() * limit.per_second;
        self.left = (self.left + refill).min(limit.burst);
        self.filled = now;
        let admitted = self.left >= 1.0;
        if admitted {
            self.left -= 1.0;
        }
        admitted
    }
}
