//! Tests of `evaluate`: open failures, resolutions, gaps and empty sources.

mod causes;
mod empty_sources;
mod evaluate_properties;
mod gaps;
mod later_reads;
mod pack_hints;
mod resolution;
mod stuck;
