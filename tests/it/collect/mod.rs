//! What is read, with how many calls, and that it is enough.

mod account_names;
mod api_call_counts;
mod concurrency_limits;
mod pagination;
mod read_strategy_properties;
mod sources;
