//! How the clients are made: once, over one HTTP connector, each attempt with a time-out.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_config::config::SharedHttpClient;
use aws_sdk_config::config::retry::{RetryPartition, TokenBucket};
use aws_sdk_sts::config::ProvideCredentials;
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_types::retry::{RetryConfig, RetryMode, RetrySpec};
use aws_smithy_types::timeout::TimeoutConfig;

use super::config_service::ConfigServiceApi;
use super::s3::S3Store;
use super::sns::SnsNotifier;
use super::throttle_counter::ThrottleCounter;
use super::throttled_caller::{ConcurrencyLimit, ThrottledCaller};
use super::timeout_retries::TimeoutRetryLimit;
use crate::input::settings::Settings;
use crate::model::Identity;
use crate::model::TopicArn;
use crate::ports::BoxError;

/// AWS, connected.
#[derive(Debug)]
pub struct AwsClients {
    /// AWS Config in every source, and STS.
    pub config: ConfigServiceApi,
    /// The bucket.
    pub store: S3Store,
    /// The topics.
    pub notifier: SnsNotifier,
}

/// How long AWS is waited for. The SDK sets no time-out but the one for connecting: a peer that
/// accepts and never answers would be waited for until Lambda ends the invocation.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For one attempt, from its start to its answer; and again for the body of an object.
    pub attempt: Duration,
    /// At most, before the first retry; the next ones wait longer.
    pub initial_backoff: Duration,
    /// At most, before any retry.
    pub max_backoff: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            attempt: Duration::from_secs(10),
            initial_backoff: Duration::from_secs(1),
            max_backoff: Duration::from_secs(5),
        }
    }
}

/// AWS Config throttles without publishing a rate. Three attempts, the default, lose packs; ten at
/// the pace that was seen to be answered lose none.
const CONFIG_ATTEMPTS: u32 = 10;

/// The SDK's own settings (credentials, endpoint, proxy, ...) as it reads them from the
/// environment, with its behaviour pinned by date: another one would change retries and time-outs
/// with an upgrade.
pub fn sdk_config() -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::v2026_01_12())
}

/// The same as a profile of the user's own files, whatever keys the environment holds: the AWS CLI
/// has it so, and the SDK the other way round. `region` is where a role of the profile is assumed.
/// Fails where the profile gives no credentials now: it is not there, or wants a new login.
pub async fn sdk_config_for_profile(
    name: &str,
    region: Option<String>,
) -> Result<ConfigLoader, BoxError> {
    let around = ProviderConfig::without_region()
        .with_region(region.map(Region::new))
        .with_http_client(http_client());
    let keys = ProfileFileCredentialsProvider::builder()
        .profile_name(name)
        .configure(&around)
        .build();
    keys.provide_credentials().await?;
    Ok(sdk_config().profile_name(name).credentials_provider(keys))
}

/// The region that the environment says, or the profile: this one, if it is named.
pub async fn resolve_region(profile: Option<&str>) -> Option<String> {
    let loader = match profile {
        Some(name) => sdk_config().profile_name(name),
        None => sdk_config(),
    };
    loader
        .http_client(http_client())
        .load()
        .await
        .region()
        .map(ToString::to_string)
}

fn http_client() -> SharedHttpClient {
    Builder::new()
        .tls_provider(tls::Provider::Rustls(
            tls::rustls_provider::CryptoMode::Ring,
        ))
        .build_https()
}

/// Makes the clients. Nothing is called. `lookup` answers like the environment.
pub async fn connect(
    loader: ConfigLoader,
    settings: &Settings,
    timeouts: Timeouts,
    lookup: impl Fn(&str) -> Option<String>,
) -> AwsClients {
    let base = loader
        .region(Region::new(settings.home_region.as_str().to_owned()))
        .app_name(
            AppName::new("packwatch")
                .unwrap_or_else(|_| unreachable!("a plain word is an app name")),
        )
        .http_client(http_client())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(timeouts.connect)
                .operation_attempt_timeout(timeouts.attempt)
                .build(),
        )
        .load()
        .await;
    let retries = base
        .retry_config()
        .cloned()
        .unwrap_or_else(RetryConfig::standard);
    let retries = retries
        .with_initial_backoff(timeouts.initial_backoff)
        .with_max_backoff(timeouts.max_backoff);
    let base = base.to_builder().retry_config(retries.clone()).build();
    let (config_retries, paced) = config_retries(retries, &lookup);
    AwsClients {
        config: statuses(&base, settings, &config_retries, paced).await,
        store: S3Store::new(
            s3_client(&base, &lookup),
            settings.bucket.clone(),
            timeouts.attempt,
        ),
        notifier: SnsNotifier::new(
            settings
                .audiences()
                .map(|topic| (topic.clone(), sns_client(&base, topic)))
                .collect(),
        ),
    }
}

/// What the environment says about retries is said on purpose, and stays: with `AWS_RETRY_MODE` the
/// SDK itself tries again what was throttled, at a pace of its own in the mode `adaptive`. Else
/// `line` does, in the order of all calls of its source.
fn config_retries(
    retries: RetryConfig,
    lookup: impl Fn(&str) -> Option<String>,
) -> (RetryConfig, bool) {
    let said = |name: &str| lookup(name).is_some();
    let paced = !said("AWS_RETRY_MODE");
    let retries = if paced {
        retries.with_retry_mode(RetryMode::Standard)
    } else {
        retry_spec_2_1(retries, said)
    };
    let retries = if said("AWS_MAX_ATTEMPTS") {
        retries
    } else {
        retries.with_max_attempts(CONFIG_ATTEMPTS)
    };
    (retries, paced)
}

/// Retries that wait for the leave of the SDK's limiter as first attempts do, which is what [AWS's
/// SDKs do since November
/// 2026](https://aws.amazon.com/blogs/developer/updated-default-retry-behavior-for-aws-sdks-and-tools/).
/// A later `BehaviorVersion` has it by itself, and its backoff of 50 ms after a 5xx with it; here
/// that stays what `Timeouts` says.
fn retry_spec_2_1(retries: RetryConfig, said: impl Fn(&str) -> bool) -> RetryConfig {
    let spec = RetrySpec::v2_1().with_non_throttling_initial_backoff(retries.initial_backoff());
    if said("AWS_NEW_RETRIES_2026") {
        retries
    } else {
        retries.with_retry_spec(spec)
    }
}

async fn statuses(
    base: &SdkConfig,
    settings: &Settings,
    retries: &RetryConfig,
    paced: bool,
) -> ConfigServiceApi {
    let mut sources = BTreeMap::new();
    let concurrency = ConcurrencyLimit::default();
    let throttles = ThrottleCounter::default();
    let counting = if paced {
        throttles.without_sdk_retries()
    } else {
        throttles.clone()
    };
    for caller in &settings.callers {
        let config = match caller {
            Identity::Own => base.clone(),
            Identity::Role(role) => {
                let mut provider = AssumeRoleProvider::builder(&role.arn)
                    .session_name("packwatch")
                    .configure(base);
                if let Some(id) = &settings.external_id {
                    provider = provider.external_id(id);
                }
                // One provider and one cache for all regions: the role is assumed once.
                let provider =
                    aws_sdk_config::config::SharedCredentialsProvider::new(provider.build().await);
                base.to_builder().credentials_provider(provider).build()
            }
        };
        for region in &settings.regions {
            let client = config_client(&config, caller, region.as_str(), retries, &counting);
            let line = ThrottledCaller::new(concurrency.clone(), paced.then(|| retries.clone()));
            sources.insert((caller.clone(), region.clone()), (client, line));
        }
    }
    let sts = aws_sdk_sts::config::Builder::from(base)
        .retry_partition(retry_partition("sts".to_owned()))
        .interceptor(TimeoutRetryLimit)
        .build();
    let organizations = aws_sdk_organizations::config::Builder::from(base)
        .retry_partition(retry_partition("organizations".to_owned()))
        .interceptor(TimeoutRetryLimit)
        .build();
    ConfigServiceApi::new(
        sources,
        throttles,
        aws_sdk_sts::Client::from_conf(sts),
        organizations,
    )
}

/// A retry quota of a client's own, and without an end: the SDK's is shared by all clients of a
/// service, never refills by time, and would be spent when the next invocation comes. What bounds
/// the retries is their number, and the run's time.
fn retry_partition(name: String) -> RetryPartition {
    RetryPartition::custom(name)
        .token_bucket(TokenBucket::unlimited())
        .build()
}

/// One client for each source: the limits are those of a caller in a region.
fn config_client(
    config: &SdkConfig,
    caller: &Identity,
    region: &str,
    retries: &RetryConfig,
    throttles: &ThrottleCounter,
) -> aws_sdk_config::Client {
    aws_sdk_config::Client::from_conf(
        aws_sdk_config::config::Builder::from(config)
            .region(Region::new(region.to_owned()))
            .retry_config(retries.clone())
            .retry_partition(retry_partition(format!("config {caller} {region}")))
            .interceptor(TimeoutRetryLimit)
            .interceptor(throttles.clone())
            .build(),
    )
}

/// An endpoint that is set by hand (an emulator, an interface endpoint) serves every bucket under
/// one host name.
fn s3_client(config: &SdkConfig, lookup: impl Fn(&str) -> Option<String>) -> aws_sdk_s3::Client {
    let by_hand = config.endpoint_url().is_some() || lookup("AWS_ENDPOINT_URL_S3").is_some();
    aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::config::Builder::from(config)
            .force_path_style(by_hand)
            .retry_partition(retry_partition("s3".to_owned()))
            .interceptor(TimeoutRetryLimit)
            .build(),
    )
}

/// A topic is published to in its own region.
fn sns_client(config: &SdkConfig, topic: &TopicArn) -> aws_sdk_sns::Client {
    let region = topic
        .as_str()
        .split(':')
        .nth(3)
        .unwrap_or_default()
        .to_owned();
    aws_sdk_sns::Client::from_conf(
        aws_sdk_sns::config::Builder::from(config)
            .region(Region::new(region))
            .retry_partition(retry_partition(format!("sns {topic}")))
            .interceptor(TimeoutRetryLimit)
            .build(),
    )
}
