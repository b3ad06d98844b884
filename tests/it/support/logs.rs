//! The log of a test.

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::subscriber::DefaultGuard;

/// Captures what this thread logs at the levels WARN and ERROR, until it is dropped.
pub struct LogCapture {
    written: Arc<Mutex<Vec<u8>>>,
    _guard: DefaultGuard,
}

impl LogCapture {
    /// Starts to capture.
    pub fn start() -> Self {
        let written = Arc::new(Mutex::new(Vec::new()));
        let buffer = LogBuffer(Arc::clone(&written));
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_max_level(tracing::Level::WARN)
            .with_writer(move || buffer.clone())
            .finish();
        Self {
            written,
            _guard: tracing::subscriber::set_default(subscriber),
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

#[derive(Clone)]
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
