//! Tests of the collector: what it reads, and with how many calls.

mod account_names;
mod api_call_counts;
mod concurrency_limits;
mod contradictions;
mod pagination;
mod read_strategy_properties;
mod sources;
