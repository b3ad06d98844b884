//! The log of a test.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Value;
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Subscriber};

/// Subscribers that stay registered. If there is a single one in the process, `tracing` asks that of
/// the thread that first reaches a log statement whether it is enabled, and keeps the answer for
/// all threads: a test without a capture would disable it for a test that captures.
static REGISTERED: OnceLock<[Dispatch; 2]> = OnceLock::new();

/// Captures what this thread logs at the levels WARN and ERROR, until it is dropped.
pub struct LogCapture {
    written: Arc<Mutex<Vec<u8>>>,
    _guard: DefaultGuard,
}

impl LogCapture {
    /// Starts to capture.
    pub fn start() -> Self {
        let unused = |()| Dispatch::new(subscriber(LogBuffer::default()));
        REGISTERED.get_or_init(|| [(), ()].map(unused));
        let buffer = LogBuffer::default();
        Self {
            written: Arc::clone(&buffer.0),
            _guard: tracing::subscriber::set_default(subscriber(buffer)),
        }
    }

    /// Returns the records since the last call whose message contains `part`, and forgets all
    /// others.
    pub fn take(&self, part: &str) -> Vec<Value> {
        let written = std::mem::take(&mut *self.written.lock().expect("the log is not poisoned"));
        let records = serde_json::Deserializer::from_slice(&written).into_iter::<Value>();
        records
            .map(|record| record.expect("a record is JSON"))
            .filter(|record| {
                let message = record["message"].as_str();
                message.is_some_and(|message| message.contains(part))
            })
            .collect()
    }
}

fn subscriber(buffer: LogBuffer) -> impl Subscriber + Send + Sync {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(tracing::Level::WARN)
        .with_writer(move || buffer.clone())
        .finish()
}

#[derive(Clone, Default)]
struct LogBuffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for LogBuffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.0.lock().expect("the log is not poisoned");
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn statement_that_another_thread_reached_first_is_captured() {
    let log = || tracing::warn!("reached by two threads");
    let logs = LogCapture::start();
    std::thread::spawn(log).join().expect("it only logs");
    log();
    assert_eq!(logs.take("reached by two threads").len(), 1);
}
