//! Adapters that implement [`ports`](crate::ports) on the AWS SDK, one file per service, and the
//! construction of their clients. This is the only module that names the SDK, and it decides
//! nothing about failures or digests.

mod called_host;
mod caller;
mod clients;
mod config_service;
mod connection_text;
mod credential_renewal;
mod event_bridge;
mod file_body;
mod http_client;
mod notifier;
mod organizations;
mod payload_hash;
mod preflight;
mod rate_limiter;
mod response_text;
mod s3;
mod sdk_error;
mod sns;
mod throttle_counter;
mod throttled_caller;
mod timeout_retries;

pub use clients::{
    AwsClients, Timeouts, connect, connect_store, resolve_region, sdk_config,
    sdk_config_for_profile,
};
pub use config_service::ConfigServiceApi;
pub use notifier::AwsNotifier;
pub use preflight::PreflightClients;
pub use rate_limiter::AdaptiveRateLimiter;
pub use s3::S3Store;
pub use throttle_counter::ThrottleCounter;
pub use throttled_caller::{ConcurrencyLimit, ThrottledCaller};
