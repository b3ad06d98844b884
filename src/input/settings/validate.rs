//! Validation: the accepted values of each environment variable.
//!
//! The constants are the descriptions of accepted values in error messages. The error of a parser
//! is an optional detail for the message, and may be empty.

use std::collections::{BTreeMap, BTreeSet};

use super::metric_set::MetricSet;
use crate::model::{
    AccountId, EventBus, Globs, Identity, ObjectEncryption, ReceiverArn, Region, RoleArn,
};

pub(super) const HOME_REGION: &str = "the function's own region such as eu-west-1";

pub(super) const BUCKET: &str = "the name of an S3 bucket";

pub(super) const PREFIX: &str =
    "a key prefix of at most 512 printable ASCII characters, not starting with /";

pub(super) const ENCRYPTION: &str = "AES256, aws:kms, aws:kms:dsse or the ARN of a KMS key such as \
     arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

pub(super) const TOPIC: &str =
    "the ARN of an SNS topic such as arn:aws:sns:eu-west-1:111122223333:packwatch";

pub(super) const CHAT_TOPIC: &str = "the ARN of an SNS topic such as arn:aws:sns:eu-west-1:111122223333:chat, a standard \
     topic, because Amazon Q Developer cannot subscribe to FIFO topics";

pub(super) const OTHER_TOPIC: &str = "a topic of its own, other than TOPIC_ARN";

pub(super) const EVENT_BUS: &str = "the name of an event bus in the function's account and region, or the ARN of one \
     such as arn:aws:events:eu-west-1:111122223333:event-bus/packwatch";

pub(super) const REGIONS: &str = "comma-separated regions such as eu-west-1,us-east-1";

pub(super) const CALLERS: &str =
    "comma-separated ARNs of IAM roles, each in an account of its own, and the word self";

pub(super) const EXTERNAL_ID: &str = "2 to 1224 letters, digits or any of +=,.@:/-_";

pub(super) const GLOBS: &str = "comma-separated globs such as baseline*,prod-?";

pub(super) const ACCOUNTS: &str = "comma-separated account ids of 12 digits";

pub(super) const ACCESS_PORTAL: &str = "the https address of the access portal of IAM Identity Center, without a query, such as \
     https://example.awsapps.com/start";

pub(super) const ON_OR_OFF: &str = "on or off";

pub(super) const METRICS: &str = "alarms or all";

pub(super) const LABEL: &str = "a word of at most 24 letters, digits or any of -_.";

/// Splits a comma-separated list into its trimmed items. Fails if there are none.
pub(super) fn split_list(text: &str) -> Result<Vec<&str>, String> {
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

/// Validates the name of an S3 bucket.
///
/// Checks only as much of the [naming
/// rules](https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html) as catches
/// typical mistakes, such as an ARN, a URL or upper-case letters.
pub(super) fn bucket(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
    };
    let alphanumeric = |c: char| c.is_ascii_alphanumeric();
    let valid = (3..=63).contains(&text.len())
        && text.bytes().all(allowed)
        && text.starts_with(alphanumeric)
        && text.ends_with(alphanumeric);
    if valid {
        Ok(text.to_owned())
    } else {
        Err(String::new())
    }
}

/// Validates a key prefix, and appends `/` if it is missing.
pub(super) fn prefix(text: &str) -> Result<String, String> {
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

/// Parses the encryption of stored objects: a value of `x-amz-server-side-encryption`, or the ARN
/// of a KMS key. An alias is not accepted, because IAM policies cannot name one.
pub(super) fn encryption(text: &str) -> Result<ObjectEncryption, String> {
    match text {
        "AES256" => Ok(ObjectEncryption::Aes256),
        "aws:kms" => Ok(ObjectEncryption::Kms { key_arn: None }),
        "aws:kms:dsse" => Ok(ObjectEncryption::KmsDsse),
        _ => {
            let is_key = arn(text, "kms").is_some_and(|(key_region, _, resource)| {
                let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
                let id = resource.strip_prefix("key/").unwrap_or_default();
                region(key_region).is_some() && !id.is_empty() && id.bytes().all(allowed)
            });
            if is_key {
                let key_arn = Some(text.to_owned());
                Ok(ObjectEncryption::Kms { key_arn })
            } else {
                Err(String::new())
            }
        }
    }
}

/// Splits an ARN of `service` into region, account and resource, or returns `None` if it is
/// malformed.
pub(super) fn arn<'a>(text: &'a str, service: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let parts: Vec<_> = text.splitn(6, ':').collect();
    let [scheme, partition, arn_service, region, account, resource] = parts.as_slice() else {
        return None;
    };
    let valid = *scheme == "arn"
        && partition.starts_with("aws")
        && *arn_service == service
        && AccountId::is_valid(account);
    valid.then_some((*region, *account, *resource))
}

/// Validates the ARN of an SNS topic, standard or FIFO.
pub(super) fn topic(text: &str) -> Result<ReceiverArn, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    match arn(text, "sns") {
        Some((topic_region, _, name)) if region(topic_region).is_some() => {
            let stem = name.strip_suffix(".fifo").unwrap_or(name);
            if !stem.is_empty() && name.len() <= 256 && stem.bytes().all(allowed) {
                return Ok(ReceiverArn::from(text));
            }
            Err(String::new())
        }
        _ => Err(String::new()),
    }
}

/// Validates the ARN of a standard SNS topic.
pub(super) fn standard_topic(text: &str) -> Result<ReceiverArn, String> {
    topic(text).and_then(|topic| {
        if topic.is_fifo() {
            Err(String::new())
        } else {
            Ok(topic)
        }
    })
}

/// Validates the [name](https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateEventBus.html)
/// or the ARN of an event bus. The bus of a partner, whose name has slashes, accepts no events.
pub(super) fn event_bus(text: &str) -> Result<EventBus, String> {
    let is_name = |name: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        !name.is_empty() && name.len() <= 256 && name.bytes().all(allowed)
    };
    if is_name(text) {
        return Ok(EventBus::Name(text.to_owned()));
    }
    match arn(text, "events") {
        Some((bus_region, _, resource)) if region(bus_region).is_some() => {
            let name = resource.strip_prefix("event-bus/").unwrap_or_default();
            if is_name(name) {
                Ok(EventBus::Arn(text.into()))
            } else {
                Err(String::new())
            }
        }
        _ => Err(String::new()),
    }
}

/// Validates the form of a region name. The region need not be known, because AWS adds regions.
pub(in crate::input) fn region(text: &str) -> Option<Region> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let parts: Vec<_> = text.split('-').collect();
    let valid = text.bytes().all(allowed)
        && parts.len() >= 3
        && parts.iter().all(|part| !part.is_empty())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.ends_with(|last: char| last.is_ascii_digit());
    valid.then(|| Region::from(text))
}

/// Parses a list of regions without duplicates.
pub(super) fn regions(text: &str) -> Result<BTreeSet<Region>, String> {
    let mut regions = BTreeSet::new();
    for item in split_list(text)? {
        let region = region(item).ok_or_else(|| format!("{item:?} is not a region"))?;
        if !regions.insert(region) {
            return Err(format!("{item} appears twice"));
        }
    }
    Ok(regions)
}

/// Parses the list of identities to read as, at most one in each account.
///
/// Two identities in one account would read the same sources twice. Whether `self` is in the
/// account of one of the roles is known only once STS has identified the function; see
/// [`RunPlan::targets`](crate::input::plan::RunPlan::targets).
pub(super) fn identities(text: &str) -> Result<Vec<Identity>, String> {
    let mut identities = BTreeMap::new();
    for item in split_list(text)? {
        let (account, identity) = if item == "self" {
            (AccountId::unknown(), Identity::Own)
        } else {
            let role =
                role(item).ok_or_else(|| format!("{item:?} is neither a role's ARN nor self"))?;
            (role.account.clone(), Identity::Role(role))
        };
        if identities.insert(account.clone(), identity).is_some() {
            return Err(format!("the account {account} appears twice"));
        }
    }
    let mut identities: Vec<_> = identities.into_values().collect();
    identities.sort();
    Ok(identities)
}

/// Parses the ARN of an IAM role.
pub(super) fn role(text: &str) -> Option<RoleArn> {
    let (region, account, resource) = arn(text, "iam")?;
    let name = resource.strip_prefix("role/")?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=.@_/-".contains(&byte);
    (region.is_empty() && !name.is_empty() && name.bytes().all(allowed)).then(|| RoleArn {
        arn: text.to_owned(),
        account: account.into(),
    })
}

/// Validates the external id of a role.
pub(super) fn external_id(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@:/-_".contains(&byte);
    let valid = (2..=1224).contains(&text.len()) && text.bytes().all(allowed);
    if valid {
        Ok(text.to_owned())
    } else {
        Err(String::new())
    }
}

/// Parses a list of globs on pack names.
pub(super) fn globs(text: &str) -> Result<Globs, String> {
    Globs::parse(split_list(text)?)
}

/// Parses a list of account ids.
pub(super) fn accounts(text: &str) -> Result<BTreeSet<AccountId>, String> {
    split_list(text)?
        .into_iter()
        .map(|item| {
            if AccountId::is_valid(item) {
                Ok(item.into())
            } else {
                Err(format!("{item:?} is not an account id"))
            }
        })
        .collect()
}

/// Validates the address of an access portal. Digests link to it, so it must not hold anything that
/// ends a link in a text.
pub(super) fn access_portal(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte);
    let host = text.strip_prefix("https://").unwrap_or_default();
    let valid = host.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.len() <= 256
        && text.bytes().all(allowed);
    if valid {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(String::new())
    }
}

/// Parses a switch.
pub(super) fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(String::new()),
    }
}

/// Parses the set of metrics.
pub(super) fn metric_set(text: &str) -> Result<MetricSet, String> {
    match text {
        "alarms" => Ok(MetricSet::Alarms),
        "all" => Ok(MetricSet::All),
        _ => Err(String::new()),
    }
}

/// Validates the label for digests.
pub(super) fn label(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.len() <= 24 && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(String::new())
    }
}
