//! The AWS clients: requests, responses, retries, timeouts and rate limits.

mod aws_requests;
mod credential_renewal;
mod error_texts;
pub mod malformed_responses;
mod network;
mod rate_limiter;
mod throttling;
mod timeouts;
