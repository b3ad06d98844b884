//! Any environment, written like `/proc/self/environ`: settings that mean the same when written
//! down and read again, or a line for each fault, which begins with its variable and says what is
//! accepted.

use super::plan;
use packwatch::input::event::{ManualRequest, Trigger};
use packwatch::input::settings::{InvalidSettings, Settings};

/// Panics where a rule is broken.
pub fn check_invariants(environment: &str) {
    let settings = match read(environment) {
        Ok(settings) => settings,
        Err(faults) => {
            assert!(!faults.0.is_empty());
            for line in &faults.0 {
                let (name, fault) = line.split_once(' ').expect("words");
                assert!(
                    name.bytes()
                        .all(|byte| byte.is_ascii_uppercase() || byte == b'_'),
                    "{line}"
                );
                assert!(!line.contains('\n'), "{line:?}");
                assert!(
                    fault.starts_with("is ") && fault.contains("accepted is"),
                    "{line}"
                );
            }
            return;
        }
    };
    assert_eq!(
        read(&written(&settings)).as_ref(),
        Ok(&settings),
        "read again, they are the same settings"
    );
    assert!(
        settings.chat_topic.as_ref() != Some(&settings.topic),
        "two audiences are two topics"
    );
    assert!(
        (1..=64).contains(&settings.concurrency)
            && !settings.regions.is_empty()
            && !settings.callers.is_empty()
    );
    let plan = plan(Trigger::Manual(ManualRequest::default()), &settings)
        .expect("settings that are right make a run");
    for key in [&plan.snapshot_key, &plan.latest_key, &plan.ledger_key] {
        assert!(
            key.len() <= 1024 && key.is_ascii(),
            "S3 takes no other key: {key}"
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

fn written(settings: &Settings) -> String {
    let list = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>().join(",");
    // The slash that is put behind a prefix is not counted.
    let prefix = if settings.prefix.len() > 512 {
        settings.prefix.trim_end_matches('/')
    } else {
        &settings.prefix
    };
    [
        ("AWS_REGION", settings.home_region.to_string()),
        ("SNAPSHOT_BUCKET", settings.bucket.clone()),
        ("SNAPSHOT_PREFIX", prefix.to_owned()),
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
            "REGIONS",
            list(&mut settings.regions.iter().map(ToString::to_string)),
        ),
        (
            "ROLE_ARNS",
            list(&mut settings.callers.iter().map(ToString::to_string)),
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
            list(&mut settings.ignored_accounts.iter().map(ToString::to_string)),
        ),
        (
            "ANNOUNCE_AFTER_MINUTES",
            settings.announce_after.as_mins().to_string(),
        ),
        (
            "REMIND_AFTER_HOURS",
            settings
                .remind_after
                .map_or(0, |after| after.as_hours())
                .to_string(),
        ),
        (
            "ACCOUNT_NAMES",
            if settings.account_names { "on" } else { "off" }.to_owned(),
        ),
        ("CONCURRENCY", settings.concurrency.to_string()),
        ("LABEL", settings.label.clone().unwrap_or_default()),
    ]
    .map(|(name, value)| format!("{name}={value}"))
    .join("\0")
}
