//! System: the clock, environment, randomness and standard output of the process.
//!
//! All other modules get these passed in, so that equal input produces equal output.

use crate::ports::Clock;

/// The system clock, in whole milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the injected clock is defined here"
    )]
    fn now(&self) -> jiff::Timestamp {
        let now = jiff::Timestamp::now();
        jiff::Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

/// Returns the value of an environment variable, or `None` if it is unset or not UTF-8.
#[expect(
    clippy::disallowed_methods,
    reason = "the injected environment is defined here"
)]
pub fn env_var(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Returns a new random id for an execution.
#[expect(
    clippy::disallowed_methods,
    reason = "the injected source of ids is defined here"
)]
pub fn new_execution_id() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// Writes to standard output, which Lambda forwards to the function's log.
#[expect(
    clippy::print_stdout,
    reason = "Lambda forwards standard output to the log"
)]
pub fn write_stdout(text: &str) {
    print!("{text}");
}
