//! The AWS clients: requests, responses, retries, timeouts and rate limits.

mod aws_requests;
mod credential_renewal;
pub mod malformed_responses;
mod rate_limiter;
mod throttling;
mod timeouts;
