//! The environment, read once at start-up: every wrong variable is named at once, before any call.

mod env;
mod validate;

use crate::model::{AccountId, Region, TopicArn};
use crate::model::{Identity, PackGlobs};
use env::EnvReader;
use jiff::SignedDuration;
use std::collections::BTreeSet;
use std::fmt;
use validate::*;

/// What the function was set up to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The bucket for all objects.
    pub bucket: String,
    /// The key prefix: empty, or ending in `/`.
    pub prefix: String,
    /// The topic of the digest.
    pub topic: TopicArn,
    /// The topic of Amazon Q Developer in chat applications.
    pub chat_topic: Option<TopicArn>,
    /// The function's own region.
    pub home_region: Region,
    /// The regions to read.
    pub regions: BTreeSet<Region>,
    /// The callers to read as.
    pub callers: Vec<Identity>,
    /// Given when roles are assumed.
    pub external_id: Option<String>,
    /// Packs to read.
    pub include: PackGlobs,
    /// Packs not to read, though included.
    pub exclude: PackGlobs,
    /// Member accounts whose failures are recorded but never told.
    pub ignored_accounts: BTreeSet<AccountId>,
    /// How old a failure is when it is told.
    pub announce_after: SignedDuration,
    /// How long after it was last told an open failure is told again; `None` is never.
    pub remind_after: Option<SignedDuration>,
    /// Whether names of failing accounts are looked up.
    pub account_names: bool,
    /// Config calls in flight per source.
    pub concurrency: usize,
    /// A short word shown in subjects and texts.
    pub label: Option<String>,
}

/// Every wrong variable, a line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct InvalidSettings(pub Vec<String>);

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Settings {
    /// Reads the settings through `lookup`, which answers like the environment. An empty variable
    /// counts as not set, because that is what a template's empty parameter makes of it.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSettings> {
        let mut env = EnvReader {
            lookup,
            errors: Vec::new(),
        };
        let home_region = env.home_region();
        let settings = Self {
            bucket: env
                .required("SNAPSHOT_BUCKET", "the name of an S3 bucket", bucket)
                .unwrap_or_default(),
            prefix: env
                .optional("SNAPSHOT_PREFIX", PREFIX, prefix)
                .unwrap_or_default(),
            topic: env
                .required("TOPIC_ARN", TOPIC, topic)
                .unwrap_or_else(|| TopicArn::from("")),
            chat_topic: env.optional("CHAT_TOPIC_ARN", TOPIC, topic),
            regions: env
                .optional(
                    "REGIONS",
                    "comma-separated regions such as eu-west-1,us-east-1",
                    regions,
                )
                .unwrap_or_else(|| BTreeSet::from([home_region.clone()])),
            callers: env
                .optional("ROLE_ARNS", CALLERS, callers)
                .unwrap_or_else(|| vec![Identity::Own]),
            external_id: env.optional(
                "ROLE_EXTERNAL_ID",
                "2 to 1224 letters, digits or any of +=,.@:/-_",
                external_id,
            ),
            include: env
                .optional("INCLUDE_PACKS", GLOBS, globs)
                .unwrap_or_else(PackGlobs::match_all),
            exclude: env
                .optional("EXCLUDE_PACKS", GLOBS, globs)
                .unwrap_or_default(),
            ignored_accounts: env
                .optional(
                    "IGNORE_ACCOUNTS",
                    "comma-separated account ids of 12 digits",
                    accounts,
                )
                .unwrap_or_default(),
            announce_after: SignedDuration::from_mins(env.number(
                "ANNOUNCE_AFTER_MINUTES",
                0,
                0,
                43_200,
            )),
            remind_after: match env.number("REMIND_AFTER_HOURS", 168, 0, 8_784) {
                0 => None,
                hours => Some(SignedDuration::from_hours(hours)),
            },
            account_names: env
                .optional("ACCOUNT_NAMES", "on or off", on_or_off)
                .unwrap_or(false),
            concurrency: usize::try_from(env.number("CONCURRENCY", 8, 1, 64)).unwrap_or(1),
            label: env.optional(
                "LABEL",
                "a word of at most 24 letters, digits or any of -_.",
                label,
            ),
            home_region,
        };
        if settings.chat_topic.as_ref() == Some(&settings.topic) {
            env.push_error(
                "CHAT_TOPIC_ARN",
                settings.topic.as_str(),
                "a topic of its own, other than TOPIC_ARN",
            );
        }
        if env.errors.is_empty() {
            Ok(settings)
        } else {
            Err(InvalidSettings(env.errors))
        }
    }

    /// The key of an object under the prefix.
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The audiences, the digest topic first.
    pub fn audiences(&self) -> impl Iterator<Item = &TopicArn> {
        std::iter::once(&self.topic).chain(&self.chat_topic)
    }
}
