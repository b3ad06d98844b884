//! Complete runs of the function against the simulated organization.

mod event_bus;
pub mod fuzzed_inputs;
mod history;
mod input_validation;
mod large_documents;
mod latest_json;
mod lifecycle;
mod metrics;
mod mutes;
mod owner;
mod payloads;
mod receivers;
mod recent_reads;
mod run_errors;
mod scoped_runs;
mod settings_changes;
mod warnings;
