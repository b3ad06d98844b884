//! Faults, crashes, concurrent executions and time that runs out.

mod concurrent_runs;
mod corrupted_responses;
mod deadlines;
mod fault_injection;
mod interleavings;
mod model_checking;
mod reference_model;
