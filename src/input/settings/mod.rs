//! Settings: the configuration of the function, from environment variables.
//!
//! They are read once at start-up, before any call. The error lists every invalid variable.
//!
//! A new setting is a field of [`Settings`], two lines in [`Settings::read`] and its accepted
//! values in `validate`. Tests name the other places that are missing: the parameter in
//! `template.yaml`, its examples in `tests/e2e/parameters.json`, and the tables in `README.md` and
//! `docs/configuration.md`.

mod env_reader;
mod metric_set;
mod validate;

use std::collections::BTreeSet;
use std::fmt;

use jiff::SignedDuration;

use crate::model::{
    EventBus, Globs, Identity, NotificationPolicy, ObjectEncryption, ReceiverArn, Region,
};

pub use metric_set::MetricSet;

use env_reader::EnvReader;
pub(super) use validate::region;
use validate::{
    ACCESS_PORTAL, ACCOUNTS, BUCKET, CALLERS, CHAT_TOPIC, ENCRYPTION, EVENT_BUS, EXTERNAL_ID,
    GLOBS, LABEL, METRICS, ON_OR_OFF, OTHER_TOPIC, PREFIX, REGIONS, TOPIC, access_portal, accounts,
    bucket, encryption, event_bus, external_id, globs, identities, label, metric_set, on_or_off,
    prefix, regions, standard_topic, topic,
};

/// The settings of the function.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The bucket for the ledger and the snapshots.
    pub bucket: String,
    /// The prefix of all object keys: empty, or ending in `/`.
    pub prefix: String,
    /// The encryption that every write names; `None` leaves it to the bucket.
    pub encryption: Option<ObjectEncryption>,
    /// The topic for the digest.
    pub topic: ReceiverArn,
    /// The topic for Amazon Q Developer in chat applications, a standard topic.
    pub chat_topic: Option<ReceiverArn>,
    /// The event bus for digests and causes.
    pub event_bus: Option<EventBus>,
    /// The function's own region.
    pub home_region: Region,
    /// The regions to read.
    pub regions: BTreeSet<Region>,
    /// The identities to read as.
    pub identities: Vec<Identity>,
    /// The external id to pass when a role is assumed.
    pub external_id: Option<String>,
    /// Packs to include.
    pub include: Globs,
    /// Packs to exclude, even if they are included.
    pub exclude: Globs,
    /// Which failures are notified, and when.
    pub policy: NotificationPolicy,
    /// Whether to look up the names of failing accounts.
    pub account_names: bool,
    /// The access portal of IAM Identity Center, without a trailing slash.
    pub access_portal: Option<String>,
    /// Maximum number of concurrent calls to AWS Config per source.
    pub concurrency: usize,
    /// The metrics that become CloudWatch metrics.
    pub metrics: MetricSet,
    /// A label for the subject and text of digests.
    pub label: Option<String>,
}

/// The error for invalid settings: one line for each invalid variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct InvalidSettings(pub Vec<String>);

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Settings {
    /// Reads the settings through `lookup`, which returns the value of an environment variable.
    ///
    /// An empty variable counts as unset, because an empty parameter of the template results in
    /// one.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSettings> {
        let mut env = EnvReader {
            lookup,
            errors: Vec::new(),
        };
        // Errors are reported in the order in which the variables are read.
        let home_region = env.home_region();
        let bucket = env.required("SNAPSHOT_BUCKET", BUCKET, bucket);
        let prefix = env.optional("SNAPSHOT_PREFIX", PREFIX, prefix);
        let encryption = env.optional("SNAPSHOT_ENCRYPTION", ENCRYPTION, encryption);
        let topic_arn = env.required("TOPIC_ARN", TOPIC, topic);
        let chat_topic = env.optional("CHAT_TOPIC_ARN", CHAT_TOPIC, standard_topic);
        let event_bus = env.optional("EVENT_BUS", EVENT_BUS, event_bus);
        let regions = env.optional("REGIONS", REGIONS, regions);
        let identities = env.optional("ROLE_ARNS", CALLERS, identities);
        let external_id = env.optional("ROLE_EXTERNAL_ID", EXTERNAL_ID, external_id);
        let include = env.optional("INCLUDE_PACKS", GLOBS, globs);
        let exclude = env.optional("EXCLUDE_PACKS", GLOBS, globs);
        let ignored_accounts = env.optional("IGNORE_ACCOUNTS", ACCOUNTS, accounts);
        let announce_after = env.number("ANNOUNCE_AFTER_MINUTES", 0, 0..=43_200);
        let remind_after = env.number("REMIND_AFTER_HOURS", 168, 0..=8_784);
        let stuck_after = env.number("STUCK_AFTER_HOURS", 24, 0..=8_784);
        let account_names = env.optional("ACCOUNT_NAMES", ON_OR_OFF, on_or_off);
        let access_portal = env.optional("ACCESS_PORTAL_URL", ACCESS_PORTAL, access_portal);
        let concurrency = env.number("CONCURRENCY", 8, 1..=64);
        let metrics = env.optional("METRICS", METRICS, metric_set);
        let label = env.optional("LABEL", LABEL, label);
        if let Some(chat_topic) = &chat_topic
            && topic_arn.as_ref() == Some(chat_topic)
        {
            env.push_error("CHAT_TOPIC_ARN", chat_topic.as_str(), OTHER_TOPIC);
        }
        // A required variable that is `None` has an error.
        let (Some(home_region), Some(bucket), Some(topic), true) =
            (home_region, bucket, topic_arn, env.errors.is_empty())
        else {
            return Err(InvalidSettings(env.errors));
        };
        Ok(Self {
            bucket,
            prefix: prefix.unwrap_or_default(),
            encryption,
            topic,
            chat_topic,
            event_bus,
            regions: regions.unwrap_or_else(|| BTreeSet::from([home_region.clone()])),
            home_region,
            identities: identities.unwrap_or_else(|| vec![Identity::Own]),
            external_id,
            include: include.unwrap_or_else(Globs::match_all),
            exclude: exclude.unwrap_or_default(),
            policy: NotificationPolicy {
                ignored_accounts: ignored_accounts.unwrap_or_default(),
                announce_after: SignedDuration::from_mins(announce_after),
                stuck_after: (stuck_after > 0).then(|| SignedDuration::from_hours(stuck_after)),
                remind_after: (remind_after > 0).then(|| SignedDuration::from_hours(remind_after)),
            },
            account_names: account_names.unwrap_or(false),
            access_portal,
            concurrency,
            metrics: metrics.unwrap_or_default(),
            label,
        })
    }

    /// Returns the key of an object under the prefix.
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Returns the topics, the digest topic first.
    pub fn topics(&self) -> impl Iterator<Item = &ReceiverArn> {
        std::iter::once(&self.topic).chain(&self.chat_topic)
    }
}
