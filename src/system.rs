//! The ambient state of the process: clock, environment, randomness and standard output. Everything
//! else gets them passed in, so that equal input gives equal bytes.

use crate::ports::Clock;

/// The system clock, to the millisecond.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the clock enters here")]
    fn now(&self) -> jiff::Timestamp {
        let now = jiff::Timestamp::now();
        jiff::Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

/// Returns the value of an environment variable, or `None` where it is not set or not UTF-8.
#[expect(clippy::disallowed_methods, reason = "the environment enters here")]
pub fn env_var(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Returns an id that no other execution has.
#[expect(clippy::disallowed_methods, reason = "randomness enters here")]
pub fn new_execution_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Writes to the standard output, which is the log of a Lambda function.
#[expect(
    clippy::print_stdout,
    reason = "the standard output of a function is its log"
)]
pub fn write_stdout(text: &str) {
    print!("{text}");
}
