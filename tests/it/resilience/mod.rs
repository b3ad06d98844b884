//! Faults, crashes, concurrent executions and deadlines.

mod concurrent_runs;
mod corrupted_responses;
mod crash_points;
mod deadlines;
mod fault_injection;
mod interleavings;
mod model_checking;
mod mute_faults;
mod reference_model;
