//! AWS: one file per service, and how the clients are made. The only place that names the SDK; it
//! knows no policy.

mod clients;
mod config_service;
mod organizations;
mod rate_limiter;
mod s3;
mod sdk_error;
mod sns;
mod throttle_counter;
mod throttled_caller;
mod timeout_retries;

pub use clients::{
    AwsClients, Timeouts, connect, resolve_region, sdk_config, sdk_config_for_profile,
};
pub use config_service::ConfigServiceApi;
pub use rate_limiter::AdaptiveRateLimiter;
pub use s3::S3Store;
pub use sns::SnsNotifier;
pub use throttle_counter::ThrottleCounter;
pub use throttled_caller::{ConcurrencyLimit, ThrottledCaller};
