//! The calls to one source: each in its turn, not too many at once with those of all others, and again where AWS Config
//! throttled.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::Instant;

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

/// Where the calls to one source stand in line.
#[derive(Debug)]
pub struct Line {
    room: Room,
    paced: Option<Paced>,
}

#[derive(Debug)]
struct Paced {
    pace: Pace,
    attempts: u32,
}

impl Line {
    /// A line that makes so many attempts of a call that is throttled, at a pace that it learns; with none, throttled calls
    /// are left to who makes them.
    pub fn new(room: Room, attempts: Option<u32>) -> Self {
        Self { room, paced: attempts.map(|attempts| Paced { pace: Pace::default(), attempts }) }
    }

    /// Makes a call. Who waits for a turn takes no room: a source that is throttled slows no other.
    pub async fn call<T, E>(
        &self,
        call: impl AsyncFn() -> Result<T, E>,
        is_throttled: impl Fn(&E) -> bool,
    ) -> Result<T, E> {
        let Some(Paced { pace, attempts }) = &self.paced else {
            let _room = self.room.0.acquire().await.ok();
            return call().await;
        };
        let mut attempt = 0;
        loop {
            pace.turn().await;
            let room = self.room.0.acquire().await.ok();
            let sent = Instant::now();
            let answer = call().await;
            drop(room);
            attempt += 1;
            if !answer.as_ref().is_err_and(&is_throttled) {
                pace.answered();
                return answer;
            }
            pace.throttled(sent);
            if attempt >= *attempts {
                return answer;
            }
        }
    }
}
