//! What an observation means for open failures, gaps and empty sources.

mod empty_sources;
mod evaluate_properties;
mod resolution;
