//! What the digests of the model report: accounts that begin and cease to fail.

use std::collections::BTreeMap;

use packwatch::ledger::{Ledger, OutgoingContent, OutgoingDigest};
use packwatch::model::SnsMessage;
use serde_json::Value;

use super::object::Bytes;
use crate::support::harness::{CHAT, TOPIC, keys};

/// The member accounts of the one pack.
pub const ACCOUNTS: [&str; 2] = ["222233334444", "333344445555"];
/// The account that the execution `MUTE` mutes.
pub const MUTED_ACCOUNT: &str = ACCOUNTS[0];
/// Which of them fail, or are reported as failing.
pub type Accounts = [bool; 2];

/// Digests that a receiver has got.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ReceiverLog {
    /// Accounts that the digests report as open.
    pub reported_open: Accounts,
    /// Whether the events of an event bus leave an incident open. Both accounts have one cause.
    pub incident: bool,
    /// The forms that were sent, by id.
    pub digests: BTreeMap<String, Bytes>,
    pub duplicates: usize,
}

impl ReceiverLog {
    /// Returns whether a digest was sent in any form.
    pub fn was_sent(&self, digest: &str) -> bool {
        [true, false]
            .into_iter()
            .any(|last_form| self.digests.contains_key(&form_id(digest, last_form)))
    }
}

/// Returns the id of a form of a digest.
pub fn form_id(digest: &str, last_form: bool) -> String {
    format!("{digest}{}", if last_form { " (last form)" } else { "" })
}

/// Returns the accounts that are open in the ledger.
pub fn open(ledger: &Ledger) -> Accounts {
    ACCOUNTS.map(|account| {
        ledger.open.keys().any(|key| {
            key.account_id
                .as_ref()
                .is_some_and(|id| id.as_str() == account)
        })
    })
}

/// Returns the accounts that, according to the ledger, a receiver was last notified of as failing.
pub fn notified_accounts(ledger: &Ledger, receiver: u32) -> Accounts {
    let notified = ledger
        .open
        .iter()
        .filter(|(_, open)| open.notified.contains(receiver))
        .map(|(key, _)| key);
    let unnotified = ledger
        .resolved
        .iter()
        .filter(|(_, resolved)| resolved.unnotified.contains(receiver))
        .map(|(key, _)| key);
    let accounts: Vec<_> = notified
        .chain(unnotified)
        .filter_map(|key| key.account_id.as_ref())
        .collect();
    ACCOUNTS.map(|account| accounts.iter().any(|id| id.as_str() == account))
}

/// Changes of one kind in a message: the digest topic names the accounts, the chat topic counts
/// them.
#[derive(Debug, PartialEq)]
pub enum ReportedChange {
    Accounts(Accounts),
    Count(usize),
}

impl ReportedChange {
    pub fn of(topic: &str, accounts: Accounts) -> Self {
        if topic == TOPIC {
            Self::Accounts(accounts)
        } else {
            Self::Count(accounts.into_iter().filter(|changed| *changed).count())
        }
    }
}

/// Returns whether a message is the last form of a digest, which has no attributes that count
/// changes.
pub fn is_last_form(message: &Bytes) -> bool {
    message.json()["attributes"]["appeared"].is_null()
}

/// Returns the appeared and the cleared failures of a message.
pub fn reported_changes(topic: &str, message: &Bytes) -> (ReportedChange, ReportedChange) {
    let message: SnsMessage = serde_json::from_value(message.json()).expect("a message");
    let body: Value = serde_json::from_str(&message.body).expect("JSON");
    if topic == CHAT {
        let context = &body["metadata"]["additionalContext"];
        let count = |name: &str| {
            ReportedChange::Count(
                context[name]
                    .as_str()
                    .expect("a string")
                    .parse()
                    .expect("a number"),
            )
        };
        return (count("appeared"), count("cleared"));
    }
    let digest: Value =
        serde_json::from_str(body["default"].as_str().expect("text")).expect("JSON");
    let (appeared, cleared) = changes_in(&digest);
    (
        ReportedChange::Accounts(appeared),
        ReportedChange::Accounts(cleared),
    )
}

/// Returns the accounts that appeared and that cleared in a digest.
pub fn changes_in(digest: &Value) -> (Accounts, Accounts) {
    let named = |list: &str| {
        let keys = keys(&digest[list]);
        ACCOUNTS.map(|account| keys.contains(&format!("baseline/{account}")))
    };
    (named("appeared"), named("cleared"))
}

/// Returns the accounts that appear and that clear between two reported states.
pub fn changes_between(before: Accounts, after: Accounts) -> (Accounts, Accounts) {
    (
        [0, 1].map(|account| after[account] && !before[account]),
        [0, 1].map(|account| !after[account] && before[account]),
    )
}

/// Returns the message of an outgoing digest, as bytes.
pub fn message(outgoing: &OutgoingDigest) -> Bytes {
    let OutgoingContent::Message { message, .. } = &outgoing.content else {
        unreachable!("there is no event bus");
    };
    serde_json::to_vec(message).expect("JSON").into()
}
