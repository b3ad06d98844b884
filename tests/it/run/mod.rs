//! Complete runs of the function against the simulated organization.

pub mod fuzzed_inputs;
mod input_validation;
mod latest_json;
mod lifecycle;
mod metrics;
mod outbox;
mod run_errors;
mod scoped_runs;
