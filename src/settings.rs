//! The environment, read once at start-up: every wrong variable is named at once, before any call.

use crate::model::{AccountId, Region, TopicArn};
use crate::model::{Caller, Globs, RoleArn};
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

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
    pub home: Region,
    /// The regions to read.
    pub regions: BTreeSet<Region>,
    /// The callers to read as.
    pub callers: Vec<Caller>,
    /// Given when roles are assumed.
    pub external_id: Option<String>,
    /// Packs to read.
    pub include: Globs,
    /// Packs not to read, though included.
    pub exclude: Globs,
    /// Member accounts whose failures are recorded but never told.
    pub ignore: BTreeSet<AccountId>,
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
        let mut env = Environment {
            lookup,
            faults: Vec::new(),
        };
        let home = env.home();
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
                .unwrap_or_else(|| BTreeSet::from([home.clone()])),
            callers: env
                .optional("ROLE_ARNS", CALLERS, callers)
                .unwrap_or_else(|| vec![Caller::Own]),
            external_id: env.optional(
                "ROLE_EXTERNAL_ID",
                "2 to 1224 letters, digits or any of +=,.@:/-_",
                external_id,
            ),
            include: env
                .optional("INCLUDE_PACKS", GLOBS, globs)
                .unwrap_or_else(Globs::match_all),
            exclude: env
                .optional("EXCLUDE_PACKS", GLOBS, globs)
                .unwrap_or_default(),
            ignore: env
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
            home,
        };
        if settings.chat_topic.as_ref() == Some(&settings.topic) {
            env.fault(
                "CHAT_TOPIC_ARN",
                settings.topic.as_str(),
                "a topic of its own, other than TOPIC_ARN",
            );
        }
        if env.faults.is_empty() {
            Ok(settings)
        } else {
            Err(InvalidSettings(env.faults))
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

const PREFIX: &str = "a key prefix of at most 512 printable ASCII characters, not starting with /";

const TOPIC: &str = "the ARN of an SNS topic such as arn:aws:sns:eu-west-1:111122223333:packwatch";

const GLOBS: &str = "comma-separated globs such as baseline*,prod-?";

const CALLERS: &str =
    "comma-separated ARNs of IAM roles, each in an account of its own, and the word self";

struct Environment<L> {
    lookup: L,
    faults: Vec<String>,
}

impl<L: Fn(&str) -> Option<String>> Environment<L> {
    fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    }

    fn fault(&mut self, name: &str, value: &str, accepted: &str) {
        self.faults
            .push(format!("{name} is {value:?}; accepted is {accepted}"));
    }

    fn optional<T>(
        &mut self,
        name: &str,
        accepted: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.text(name)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(detail) => {
                let because = if detail.is_empty() {
                    String::new()
                } else {
                    format!(" ({detail})")
                };
                self.faults.push(format!(
                    "{name} is {text:?}{because}; accepted is {accepted}"
                ));
                None
            }
        }
    }

    fn required<T>(
        &mut self,
        name: &str,
        accepted: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        if self.text(name).is_none() {
            self.faults
                .push(format!("{name} is not set; accepted is {accepted}"));
        }
        self.optional(name, accepted, parse)
    }

    fn number(&mut self, name: &str, default: i64, least: i64, most: i64) -> i64 {
        self.optional(
            name,
            &format!("a whole number from {least} to {most}"),
            |text| {
                text.parse()
                    .ok()
                    .filter(|number| (least..=most).contains(number))
                    .ok_or_else(String::new)
            },
        )
        .unwrap_or(default)
    }

    /// `AWS_REGION` is the SDK's variable; without it nothing could be called.
    fn home(&mut self) -> Region {
        let name = if self.text("AWS_REGION").is_some() {
            "AWS_REGION"
        } else {
            "AWS_DEFAULT_REGION"
        };
        if self.text(name).is_none() {
            self.faults.push(
                "AWS_REGION is not set; accepted is the function's own region such as eu-west-1"
                    .to_owned(),
            );
        }
        self.optional(name, "a region such as eu-west-1", |text| {
            region(text).ok_or_else(String::new)
        })
        .unwrap_or_else(|| Region::from(""))
    }
}

fn items(text: &str) -> Result<Vec<&str>, String> {
    let items: Vec<_> = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .collect();
    if items.is_empty() {
        Err("the list is empty".to_owned())
    } else {
        Ok(items)
    }
}

/// [The rules of bucket
/// names](https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html), as far as
/// a slip of the pen goes (an ARN, a URL, capitals).
fn bucket(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
    };
    let ends = |c: char| c.is_ascii_alphanumeric();
    let fits = (3..=63).contains(&text.len())
        && text.bytes().all(allowed)
        && text.starts_with(ends)
        && text.ends_with(ends);
    if fits {
        Ok(text.to_owned())
    } else {
        Err(String::new())
    }
}

fn prefix(text: &str) -> Result<String, String> {
    let printable = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if !printable || text.len() > 512 || text.starts_with('/') {
        return Err(String::new());
    }
    Ok(if text.ends_with('/') {
        text.to_owned()
    } else {
        format!("{text}/")
    })
}

/// Splits an ARN of `service` into partition, region, account and resource.
fn arn<'a>(text: &'a str, service: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let parts: Vec<_> = text.splitn(6, ':').collect();
    let [first, partition, found, region, account, resource] = parts.as_slice() else {
        return None;
    };
    let sound = *first == "arn"
        && partition.starts_with("aws")
        && *found == service
        && AccountId::is_valid(account);
    sound.then_some((*region, *account, *resource))
}

fn topic(text: &str) -> Result<TopicArn, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match arn(text, "sns") {
        Some((place, _, name)) if region(place).is_some() => {
            let stem = name.strip_suffix(".fifo").unwrap_or(name);
            if !stem.is_empty() && name.len() <= 256 && stem.bytes().all(allowed) {
                return Ok(TopicArn::from(text));
            }
            Err(String::new())
        }
        _ => Err(String::new()),
    }
}

fn region(text: &str) -> Option<Region> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let parts: Vec<_> = text.split('-').collect();
    let sound = text.bytes().all(allowed)
        && parts.len() >= 3
        && parts.iter().all(|part| !part.is_empty())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.ends_with(|last: char| last.is_ascii_digit());
    sound.then(|| Region::from(text))
}

fn regions(text: &str) -> Result<BTreeSet<Region>, String> {
    let mut regions = BTreeSet::new();
    for item in items(text)? {
        let region = region(item).ok_or_else(|| format!("{item:?} is no region"))?;
        if !regions.insert(region) {
            return Err(format!("{item} is there twice"));
        }
    }
    Ok(regions)
}

/// Two callers that are the same account would be the same source twice. Whether `self` is one of
/// the roles' accounts shows only when STS has said who it is.
fn callers(text: &str) -> Result<Vec<Caller>, String> {
    let mut callers = BTreeMap::new();
    for item in items(text)? {
        let (account, caller) = if item == "self" {
            (AccountId::unknown(), Caller::Own)
        } else {
            let role =
                role(item).ok_or_else(|| format!("{item:?} is neither a role's ARN nor self"))?;
            (role.account.clone(), Caller::Role(role))
        };
        if callers.insert(account.clone(), caller).is_some() {
            return Err(format!("the account {account} is there twice"));
        }
    }
    let mut callers: Vec<_> = callers.into_values().collect();
    callers.sort();
    Ok(callers)
}

fn role(text: &str) -> Option<RoleArn> {
    let (region, account, resource) = arn(text, "iam")?;
    let name = resource.strip_prefix("role/")?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=.@_/-".contains(&byte);
    (region.is_empty() && !name.is_empty() && name.bytes().all(allowed)).then(|| RoleArn {
        arn: text.to_owned(),
        account: account.into(),
    })
}

fn external_id(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@:/-_".contains(&byte);
    let fits = (2..=1224).contains(&text.len()) && text.bytes().all(allowed);
    if fits {
        Ok(text.to_owned())
    } else {
        Err(String::new())
    }
}

fn globs(text: &str) -> Result<Globs, String> {
    Globs::parse(items(text)?)
}

fn accounts(text: &str) -> Result<BTreeSet<AccountId>, String> {
    items(text)?
        .into_iter()
        .map(|item| {
            if AccountId::is_valid(item) {
                Ok(item.into())
            } else {
                Err(format!("{item:?} is no account id"))
            }
        })
        .collect()
}

fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(String::new()),
    }
}

fn label(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.len() <= 24 && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(String::new())
    }
}
