//! Construction of the AWS clients, once per process. All clients share one HTTP client, and every
//! attempt of a call has a timeout.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region};
use aws_sdk_sts::config::ProvideCredentials;
use aws_smithy_types::retry::{RetryConfig, RetryMode};
use aws_smithy_types::timeout::TimeoutConfig;

use super::caller::{Caller, retry_partition};
use super::config_service::ConfigServiceApi;
use super::credential_renewal::CredentialErrorClassifier;
use super::http_client::http_client;
use super::notifier::AwsNotifier;
use super::preflight::PreflightClients;
use super::s3::S3Store;
use super::sdk_error::credentials_error;
use super::throttle_counter::ThrottleCounter;
use super::throttled_caller::{ConcurrencyLimit, ThrottledCaller};
use super::timeout_retries::TimeoutRetryLimit;
use crate::input::settings::{InvalidSettings, Settings};
use crate::model::{EventBus, Identity, ReceiverArn};
use crate::ports::BoxError;

/// The AWS clients of a process.
#[derive(Debug)]
pub struct AwsClients {
    /// AWS Config in every source, STS and AWS Organizations.
    pub config: ConfigServiceApi,
    /// The bucket.
    pub store: S3Store,
    /// The receivers.
    pub notifier: AwsNotifier,
    /// What only the preflight uses.
    pub preflight: PreflightClients,
}

/// Timeouts and backoff of AWS calls. The SDK itself sets only a timeout for connecting: without
/// the others, a call to a peer that accepts the connection and never responds would last until
/// Lambda ends the invocation.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Timeout for opening a connection.
    pub connect: Duration,
    /// Timeout of one attempt, from its start to its response. It applies again to the body of an
    /// object.
    pub attempt: Duration,
    /// Maximum backoff before the first retry. The backoff grows with every further retry.
    pub initial_backoff: Duration,
    /// Maximum backoff before any retry.
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

/// Maximum number of attempts of an AWS Config call. AWS Config throttles without publishing its
/// rate limit: the SDK's default of three attempts loses packs, and ten attempts at the measured
/// rate lose none.
const MAX_CONFIG_ATTEMPTS: u32 = 10;

/// Returns a loader of the SDK's own configuration (credentials, endpoint, proxy and so on) from
/// the environment. The behavior version is pinned by date, so that an upgrade of the SDK changes
/// neither retries nor timeouts.
pub fn sdk_config() -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::v2026_01_12())
}

/// Returns the loader of [`sdk_config`] with the credentials of a profile in the user's AWS files.
/// The profile takes precedence over keys in the environment, as in the AWS CLI; the SDK's own
/// order is the opposite. A role of the profile is assumed in `region`.
///
/// Returns an error if the profile yields no credentials now, for example because it does not exist
/// or needs a new login. `lookup` returns the value of an environment variable.
pub async fn sdk_config_for_profile(
    name: &str,
    region: Option<String>,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<ConfigLoader, BoxError> {
    let provider_config = ProviderConfig::without_region()
        .with_region(region.map(Region::new))
        .with_http_client(http_client(lookup)?);
    let credentials = ProfileFileCredentialsProvider::builder()
        .profile_name(name)
        .configure(&provider_config)
        .build();
    let provided = credentials.provide_credentials().await;
    provided.map_err(|error| credentials_error(&error))?;
    Ok(sdk_config()
        .profile_name(name)
        .credentials_provider(credentials))
}

/// Returns the region from the environment, or else from the profile: `profile` if given, otherwise
/// the default profile. `lookup` returns the value of an environment variable.
pub async fn resolve_region(
    profile: Option<&str>,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Option<String>, InvalidSettings> {
    let loader = match profile {
        Some(name) => sdk_config().profile_name(name),
        None => sdk_config(),
    };
    let config = loader.http_client(http_client(lookup)?).load().await;
    Ok(config.region().map(ToString::to_string))
}

/// Creates the clients, without calling AWS. `lookup` returns the value of an environment variable.
/// The error names each variable of the proxy and the certificates that cannot be used.
pub async fn connect(
    loader: ConfigLoader,
    settings: &Settings,
    timeouts: Timeouts,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<AwsClients, InvalidSettings> {
    let (base, retries) = base(loader, settings.home_region.as_str(), timeouts, &lookup).await?;
    let config_retries = config_retries(retries, &lookup);
    let callers = callers(&base, settings).await;
    let s3 = s3_client(&base, &lookup);
    let topics: BTreeMap<_, _> = settings
        .topics()
        .map(|topic| (topic.clone(), sns_client(&base, topic)))
        .collect();
    let event_bus = event_bus_client(&base, settings);
    let organizations = organizations_config(&base);
    Ok(AwsClients {
        config: config_service_api(
            &base,
            &callers,
            settings,
            &config_retries,
            organizations.clone(),
        ),
        store: S3Store::new(s3.clone(), settings.bucket.clone(), timeouts.attempt)
            .with_encryption(settings.encryption.clone()),
        notifier: AwsNotifier::new(topics.clone(), event_bus.clone()),
        preflight: PreflightClients::new(
            base,
            callers,
            organizations,
            (topics, event_bus),
            (s3, settings.bucket.clone()),
        ),
    })
}

/// Creates the store of a bucket alone, without calling AWS. `region` is the region of the bucket.
/// `lookup` returns the value of an environment variable.
pub async fn connect_store(
    loader: ConfigLoader,
    (region, bucket): (&str, String),
    timeouts: Timeouts,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<S3Store, InvalidSettings> {
    let (base, _) = base(loader, region, timeouts, &lookup).await?;
    Ok(S3Store::new(
        s3_client(&base, &lookup),
        bucket,
        timeouts.attempt,
    ))
}

/// Returns the caller with the function's own identity, and the retry configuration.
async fn base(
    loader: ConfigLoader,
    region: &str,
    timeouts: Timeouts,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<(Caller, RetryConfig), InvalidSettings> {
    let base = loader
        .region(Region::new(region.to_owned()))
        .app_name(
            AppName::new("packwatch")
                .unwrap_or_else(|_| unreachable!("a plain word is an app name")),
        )
        .http_client(http_client(&lookup)?)
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
        .unwrap_or_else(RetryConfig::standard)
        .with_initial_backoff(timeouts.initial_backoff)
        .with_max_backoff(timeouts.max_backoff);
    let base = Caller::new(base.to_builder().retry_config(retries.clone()).build());
    Ok((base, retries))
}

/// Returns the retry configuration of AWS Config calls. `AWS_MAX_ATTEMPTS` in the environment takes
/// precedence over [`MAX_CONFIG_ATTEMPTS`].
///
/// The retry mode is always `standard`: [`ThrottledCaller`] retries throttled calls, and the SDK
/// retries the others. The mode `adaptive` would add a second rate limiter.
fn config_retries(retries: RetryConfig, lookup: impl Fn(&str) -> Option<String>) -> RetryConfig {
    let retries = retries.with_retry_mode(RetryMode::Standard);
    if lookup("AWS_MAX_ATTEMPTS").is_some() {
        retries
    } else {
        retries.with_max_attempts(MAX_CONFIG_ATTEMPTS)
    }
}

/// Returns the callers of the identities in the settings. No role is assumed yet.
async fn callers(base: &Caller, settings: &Settings) -> BTreeMap<Identity, Caller> {
    let mut callers = BTreeMap::new();
    for identity in &settings.identities {
        let caller = match identity {
            Identity::Own => base.clone(),
            Identity::Role(role) => {
                let mut provider = AssumeRoleProvider::builder(&role.arn)
                    .session_name("packwatch")
                    .configure(&base.config);
                if let Some(id) = &settings.external_id {
                    provider = provider.external_id(id);
                }
                // All regions share one provider and one cache, so the role is assumed once.
                let provider =
                    aws_sdk_config::config::SharedCredentialsProvider::new(provider.build().await);
                Caller::new(
                    base.config
                        .to_builder()
                        .credentials_provider(provider)
                        .build(),
                )
            }
        };
        callers.insert(identity.clone(), caller);
    }
    callers
}

/// Creates the AWS Config clients of all sources, and the client of STS.
fn config_service_api(
    base: &Caller,
    callers: &BTreeMap<Identity, Caller>,
    settings: &Settings,
    retries: &RetryConfig,
    organizations: aws_sdk_organizations::Config,
) -> ConfigServiceApi {
    let mut sources = BTreeMap::new();
    let concurrency = ConcurrencyLimit::default();
    let throttles = ThrottleCounter::default();
    for (identity, caller) in callers {
        for region in &settings.regions {
            let client = config_client(caller, identity, region.as_str(), retries, &throttles);
            let throttled_caller = ThrottledCaller::new(concurrency.clone(), retries.clone());
            sources.insert(
                (identity.clone(), region.clone()),
                (client, throttled_caller),
            );
        }
    }
    let sts = aws_sdk_sts::config::Builder::from(&base.config)
        .retry_partition(retry_partition("sts".to_owned()))
        .interceptor(TimeoutRetryLimit)
        .interceptor(base.credentials.interceptor())
        .retry_classifier(CredentialErrorClassifier)
        .build();
    ConfigServiceApi::new(
        sources,
        throttles,
        aws_sdk_sts::Client::from_conf(sts),
        organizations,
    )
}

/// Returns the configuration of the AWS Organizations client.
fn organizations_config(base: &Caller) -> aws_sdk_organizations::Config {
    aws_sdk_organizations::config::Builder::from(&base.config)
        .retry_partition(retry_partition("organizations".to_owned()))
        .interceptor(TimeoutRetryLimit)
        .interceptor(base.credentials.interceptor())
        .retry_classifier(CredentialErrorClassifier)
        .build()
}

/// Creates the AWS Config client of one source. Rate limits apply to a caller in a region, so every
/// source has its own client.
fn config_client(
    caller: &Caller,
    identity: &Identity,
    region: &str,
    retries: &RetryConfig,
    throttles: &ThrottleCounter,
) -> aws_sdk_config::Client {
    aws_sdk_config::Client::from_conf(
        aws_sdk_config::config::Builder::from(&caller.config)
            .region(Region::new(region.to_owned()))
            .retry_config(retries.clone())
            .retry_partition(retry_partition(format!("config {identity} {region}")))
            .interceptor(TimeoutRetryLimit)
            .interceptor(caller.credentials.interceptor())
            .retry_classifier(CredentialErrorClassifier)
            .interceptor(throttles.clone())
            .build(),
    )
}

/// Creates the S3 client. With a custom endpoint (an emulator or an interface endpoint), it uses
/// path-style addressing, because such an endpoint serves every bucket under one host name.
fn s3_client(caller: &Caller, lookup: impl Fn(&str) -> Option<String>) -> aws_sdk_s3::Client {
    let custom_endpoint =
        caller.config.endpoint_url().is_some() || lookup("AWS_ENDPOINT_URL_S3").is_some();
    aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::config::Builder::from(&caller.config)
            .force_path_style(custom_endpoint)
            .retry_partition(retry_partition("s3".to_owned()))
            .interceptor(TimeoutRetryLimit)
            .interceptor(caller.credentials.interceptor())
            .retry_classifier(CredentialErrorClassifier)
            .build(),
    )
}

/// Creates the SNS client of a topic, in the topic's own region.
fn sns_client(caller: &Caller, topic: &ReceiverArn) -> aws_sdk_sns::Client {
    let region = topic.region().to_owned();
    aws_sdk_sns::Client::from_conf(
        aws_sdk_sns::config::Builder::from(&caller.config)
            .region(Region::new(region))
            .retry_partition(retry_partition(format!("sns {topic}")))
            .interceptor(TimeoutRetryLimit)
            .interceptor(caller.credentials.interceptor())
            .retry_classifier(CredentialErrorClassifier)
            .build(),
    )
}

/// Creates the EventBridge client of the event bus, in the bus's own region; `None` without a bus.
fn event_bus_client(caller: &Caller, settings: &Settings) -> Option<aws_sdk_eventbridge::Client> {
    let region = match settings.event_bus.as_ref()? {
        EventBus::Name(_) => settings.home_region.as_str(),
        EventBus::Arn(arn) => arn.region(),
    };
    Some(aws_sdk_eventbridge::Client::from_conf(
        aws_sdk_eventbridge::config::Builder::from(&caller.config)
            .region(Region::new(region.to_owned()))
            .retry_partition(retry_partition("eventbridge".to_owned()))
            .interceptor(TimeoutRetryLimit)
            .interceptor(caller.credentials.interceptor())
            .retry_classifier(CredentialErrorClassifier)
            .build(),
    ))
}
