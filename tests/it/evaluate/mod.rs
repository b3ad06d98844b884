//! Tests of `evaluate`: open failures, resolutions, gaps and empty sources.

mod causes;
mod empty_sources;
mod evaluate_properties;
mod resolution;
mod stuck;
