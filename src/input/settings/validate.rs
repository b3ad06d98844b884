//! What each variable accepts.

use crate::model::{AccountId, Region, TopicArn};
use crate::model::{Identity, PackGlobs, RoleArn};
use std::collections::{BTreeMap, BTreeSet};

pub(super) const PREFIX: &str =
    "a key prefix of at most 512 printable ASCII characters, not starting with /";

pub(super) const TOPIC: &str =
    "the ARN of an SNS topic such as arn:aws:sns:eu-west-1:111122223333:packwatch";

pub(super) const GLOBS: &str = "comma-separated globs such as baseline*,prod-?";

pub(super) const CALLERS: &str =
    "comma-separated ARNs of IAM roles, each in an account of its own, and the word self";

pub(super) fn split_list(text: &str) -> Result<Vec<&str>, String> {
    let split_list: Vec<_> = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .collect();
    if split_list.is_empty() {
        Err("the list is empty".to_owned())
    } else {
        Ok(split_list)
    }
}

/// [The rules of bucket
/// names](https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html), as far as
/// a slip of the pen goes (an ARN, a URL, capitals).
pub(super) fn bucket(text: &str) -> Result<String, String> {
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

/// Splits an ARN of `service` into partition, region, account and resource.
pub(super) fn arn<'a>(text: &'a str, service: &str) -> Option<(&'a str, &'a str, &'a str)> {
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

pub(super) fn topic(text: &str) -> Result<TopicArn, String> {
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

pub(super) fn region(text: &str) -> Option<Region> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let parts: Vec<_> = text.split('-').collect();
    let sound = text.bytes().all(allowed)
        && parts.len() >= 3
        && parts.iter().all(|part| !part.is_empty())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.ends_with(|last: char| last.is_ascii_digit());
    sound.then(|| Region::from(text))
}

pub(super) fn regions(text: &str) -> Result<BTreeSet<Region>, String> {
    let mut regions = BTreeSet::new();
    for item in split_list(text)? {
        let region = region(item).ok_or_else(|| format!("{item:?} is no region"))?;
        if !regions.insert(region) {
            return Err(format!("{item} is there twice"));
        }
    }
    Ok(regions)
}

/// Two callers that are the same account would be the same source twice. Whether `self` is one of
/// the roles' accounts shows only when STS has said who it is.
pub(super) fn callers(text: &str) -> Result<Vec<Identity>, String> {
    let mut callers = BTreeMap::new();
    for item in split_list(text)? {
        let (account, caller) = if item == "self" {
            (AccountId::unknown(), Identity::Own)
        } else {
            let role =
                role(item).ok_or_else(|| format!("{item:?} is neither a role's ARN nor self"))?;
            (role.account.clone(), Identity::Role(role))
        };
        if callers.insert(account.clone(), caller).is_some() {
            return Err(format!("the account {account} is there twice"));
        }
    }
    let mut callers: Vec<_> = callers.into_values().collect();
    callers.sort();
    Ok(callers)
}

pub(super) fn role(text: &str) -> Option<RoleArn> {
    let (region, account, resource) = arn(text, "iam")?;
    let name = resource.strip_prefix("role/")?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=.@_/-".contains(&byte);
    (region.is_empty() && !name.is_empty() && name.bytes().all(allowed)).then(|| RoleArn {
        arn: text.to_owned(),
        account: account.into(),
    })
}

pub(super) fn external_id(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@:/-_".contains(&byte);
    let fits = (2..=1224).contains(&text.len()) && text.bytes().all(allowed);
    if fits {
        Ok(text.to_owned())
    } else {
        Err(String::new())
    }
}

pub(super) fn globs(text: &str) -> Result<PackGlobs, String> {
    PackGlobs::parse(split_list(text)?)
}

pub(super) fn accounts(text: &str) -> Result<BTreeSet<AccountId>, String> {
    split_list(text)?
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

pub(super) fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(String::new()),
    }
}

pub(super) fn label(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.len() <= 24 && text.bytes().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err(String::new())
    }
}
