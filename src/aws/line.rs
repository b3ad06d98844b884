//! The calls to one source: each in its turn, not too many at once with those of all others, and
//! again where AWS Config throttled.

use std::sync::Arc;

use aws_smithy_types::retry::RetryConfig;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::pace::Pace;

/// Config calls in flight, over all sources.
const IN_FLIGHT: usize = 64;

/// Room for the calls of all sources, which share it.
#[derive(Debug, Clone)]
pub struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(IN_FLIGHT)))
    }
}

/// A call that is throttled so often is not only too early: its source answers none for a while.
const SURELY: u32 = 4;

/// Where the calls to one source stand in line.
#[derive(Debug)]
pub struct Line {
    room: Room,
    paced: Option<Paced>,
}

#[derive(Debug)]
struct Paced {
    pace: Pace,
    retries: RetryConfig,
}

impl Line {
    /// A line that tries a throttled call again, so often and after such waits, at a pace that it
    /// learns; with no `retries`, throttled calls are left to who makes them.
    pub fn new(room: Room, retries: Option<RetryConfig>) -> Self {
        Self {
            room,
            paced: retries.map(|retries| Paced {
                pace: Pace::default(),
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
        let Some(Paced { pace, retries }) = &self.paced else {
            let _room = self.room.0.acquire().await.ok();
            return call().await;
        };
        let (mut attempt, mut wait) = (0, retries.initial_backoff());
        loop {
            let (room, sent) = pace.turn(self.room.0.acquire()).await;
            let answer = call().await;
            drop(room);
            attempt += 1;
            if !answer.as_ref().is_err_and(&is_throttled) {
                pace.answered(sent);
                return answer;
            }
            pace.throttled(sent);
            if attempt >= retries.max_attempts() {
                return answer;
            }
            if attempt >= SURELY {
                sleep(wait).await;
                wait = (2 * wait).min(retries.max_backoff());
            }
        }
    }
}
