//! Fuzzes environment variables, in the format of `/proc/self/environ`.
//!
//! Valid settings survive a round trip. Otherwise there is one line for each invalid variable,
//! which starts with the name of the variable and names the accepted values.

use packwatch::input::event::{ManualRequest, Trigger};
use packwatch::input::settings::{InvalidSettings, MetricSet, Settings};
use packwatch::model::{EventBus, ObjectEncryption};

use super::plan;

/// Panics if an invariant is violated.
pub fn check_invariants(environment: &str) {
    let settings = match read(environment) {
        Ok(settings) => settings,
        Err(errors) => {
            assert!(!errors.0.is_empty());
            for line in &errors.0 {
                let (name, error) = line.split_once(' ').expect("a variable and an error");
                assert!(
                    name.bytes()
                        .all(|byte| byte.is_ascii_uppercase() || byte == b'_'),
                    "{line}"
                );
                assert!(!line.contains('\n'), "{line:?}");
                assert!(
                    error.starts_with("is ") && error.contains("accepted:"),
                    "{line}"
                );
            }
            return;
        }
    };
    assert_eq!(
        read(&to_environment(&settings)).as_ref(),
        Ok(&settings),
        "the settings do not survive a round trip"
    );
    assert!(
        settings.chat_topic.as_ref() != Some(&settings.topic),
        "two receivers share a topic"
    );
    assert!(
        settings
            .chat_topic
            .as_ref()
            .is_none_or(|topic| !topic.is_fifo()),
        "the chat topic is a FIFO topic"
    );
    assert!(
        (1..=64).contains(&settings.concurrency)
            && !settings.regions.is_empty()
            && !settings.identities.is_empty()
    );
    let plan = plan(Trigger::Manual(ManualRequest::default()), &settings)
        .expect("valid settings give a run");
    for key in [&plan.keys.snapshot, &plan.keys.latest, &plan.keys.ledger] {
        assert!(
            key.len() <= 1024 && key.is_ascii(),
            "S3 does not accept the key: {key}"
        );
    }
}

fn read(environment: &str) -> Result<Settings, InvalidSettings> {
    Settings::read(|name| {
        environment
            .split('\0')
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(str::to_owned)
    })
}

fn to_environment(settings: &Settings) -> String {
    let list = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(",");
    // The length limit does not count the slash that the settings append to the prefix.
    let prefix = if settings.prefix.len() > 512 {
        settings.prefix.trim_end_matches('/')
    } else {
        &settings.prefix
    };
    [
        ("AWS_REGION", settings.home_region.to_string()),
        ("SNAPSHOT_BUCKET", settings.bucket.clone()),
        ("SNAPSHOT_PREFIX", prefix.to_owned()),
        (
            "SNAPSHOT_ENCRYPTION",
            match &settings.encryption {
                None => "",
                Some(ObjectEncryption::Aes256) => "AES256",
                Some(ObjectEncryption::Kms { key_arn }) => key_arn.as_deref().unwrap_or("aws:kms"),
                Some(ObjectEncryption::KmsDsse) => "aws:kms:dsse",
            }
            .to_owned(),
        ),
        ("TOPIC_ARN", settings.topic.to_string()),
        (
            "CHAT_TOPIC_ARN",
            settings
                .chat_topic
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
        ),
        (
            "EVENT_BUS",
            match &settings.event_bus {
                None => String::new(),
                Some(EventBus::Name(name)) => name.clone(),
                Some(EventBus::Arn(arn)) => arn.to_string(),
            },
        ),
        (
            "REGIONS",
            list(&mut settings.regions.iter().map(ToString::to_string)),
        ),
        (
            "ROLE_ARNS",
            list(&mut settings.identities.iter().map(ToString::to_string)),
        ),
        (
            "ROLE_EXTERNAL_ID",
            settings.external_id.clone().unwrap_or_default(),
        ),
        (
            "INCLUDE_PACKS",
            list(&mut settings.include.patterns().into_iter()),
        ),
        (
            "EXCLUDE_PACKS",
            list(&mut settings.exclude.patterns().into_iter()),
        ),
        (
            "IGNORE_ACCOUNTS",
            list(
                &mut settings
                    .policy
                    .ignored_accounts
                    .iter()
                    .map(ToString::to_string),
            ),
        ),
        (
            "ANNOUNCE_AFTER_MINUTES",
            settings.policy.announce_after.as_mins().to_string(),
        ),
        (
            "REMIND_AFTER_HOURS",
            settings
                .policy
                .remind_after
                .map_or(0, |after| after.as_hours())
                .to_string(),
        ),
        (
            "STUCK_AFTER_HOURS",
            settings
                .policy
                .stuck_after
                .map_or(0, |after| after.as_hours())
                .to_string(),
        ),
        (
            "ACCOUNT_NAMES",
            if settings.account_names { "on" } else { "off" }.to_owned(),
        ),
        (
            "ACCESS_PORTAL_URL",
            settings.access_portal.clone().unwrap_or_default(),
        ),
        ("CONCURRENCY", settings.concurrency.to_string()),
        (
            "METRICS",
            match settings.metrics {
                MetricSet::Alarms => "alarms",
                MetricSet::All => "all",
            }
            .to_owned(),
        ),
        ("LABEL", settings.label.clone().unwrap_or_default()),
    ]
    .map(|(name, value)| format!("{name}={value}"))
    .join("\0")
}
