//! Invariants of every digest, of every undisturbed run, and of the agreement between the reference
//! and the digests.

use std::collections::BTreeSet;

use jiff::Timestamp;
use packwatch::model::SnsMessage;
use packwatch::ports::Clock;
use packwatch::report::{Outcome, RunResponse};
use packwatch::run::RunError;
use serde_json::Value;

use super::Runner;
use super::generators::{Request, Scope, SettingsChange};
use super::organization::{ACCOUNTS, IGNORED, Key, PACKS, REGIONS};
use super::reference::keys;
use super::tickets;
use crate::support::harness::{CHAT, TOPIC};

/// Returns the key of a record.
fn key(record: &Value) -> Key {
    let known = |names: &[&'static str], field: &str| {
        names.iter().copied().find(|name| record[field] == *name)
    };
    let pack = known(&REGIONS, "region")
        .zip(known(&PACKS, "pack"))
        .expect("a known pack");
    (pack.0, pack.1, known(&ACCOUNTS, "account_id"))
}

/// Returns whether a message is the last form of a digest.
fn is_last_form(message: &SnsMessage) -> bool {
    !message.attributes.contains_key("appeared")
}

fn list<'a>(document: &'a Value, name: &str) -> &'a [Value] {
    document[name].as_array().map_or(&[], Vec::as_slice)
}

/// Returns the failures and gaps of the ledger that are outside a scope.
fn outside(ledger: Option<&Value>, scope: Scope) -> Vec<&Value> {
    let Some(ledger) = ledger else {
        return Vec::new();
    };
    let failures = list(ledger, "open")
        .iter()
        .chain(list(ledger, "resolved"))
        .filter(|pair| !scope.covers(key(&pair[0])));
    let gaps = list(ledger, "gaps").iter().filter(|pair| match scope {
        // An account scope reads every pack, so it may open or close any gap.
        Scope::Everything | Scope::Account(_) => false,
        Scope::Region(region) => pair[0]["region"] != region,
        Scope::Pack(pack) => !pair[0]["pack"].is_null() && pair[0]["pack"] != pack,
    });
    failures.chain(gaps).collect()
}

impl Runner<'_> {
    /// Applies the messages sent since the last call, as a receiver does.
    pub fn replay(&mut self) {
        let sent = self.services.sent.borrow()[self.replayed..].to_vec();
        self.replayed += sent.len();
        self.forget_if_forgotten();
        let dropped = self.services.dropped.get() - self.dropped;
        self.dropped += dropped;
        // A last form lists no changes, and a dropped digest is not sent at all: the ledger says
        // what the receiver counts as notified of.
        let has_last_form = sent
            .iter()
            .any(|(topic, message)| topic.as_str() == TOPIC && is_last_form(message));
        self.unlisted |= has_last_form || dropped > 0;
        if has_last_form {
            self.count("last form");
        }
        if dropped > 0 {
            self.count("dropped");
        }
        for (topic, message) in sent {
            // A run that is narrowed to the ignored account names it as its scope.
            let mut requests = self.requests.iter();
            let requested = requests.any(|request| request.scope == Scope::Account(IGNORED));
            assert!(
                requested || !message.body.contains(IGNORED),
                "a digest reports an ignored account: {}",
                message.body
            );
            let form = |last_form| (topic.clone(), message.deduplication_id.clone(), last_form);
            let last_form = is_last_form(&message);
            let was_sent = [true, false]
                .into_iter()
                .any(|last_form| self.messages.contains_key(&form(last_form)));
            let first = self.messages.entry(form(last_form));
            let first = first.or_insert_with(|| message.clone());
            assert_eq!(*first, message, "one digest ID has two messages");
            if was_sent {
                self.duplicates += usize::from(topic.as_str() == TOPIC);
            } else if topic.as_str() == TOPIC && !self.unlisted {
                let body: Value = serde_json::from_str(&message.body).expect("JSON");
                self.read(
                    &serde_json::from_str(body["default"].as_str().expect("text")).expect("JSON"),
                );
            }
        }
        for event in self.services.events.borrow_mut().drain(..) {
            let action = self.incidents.receive(&event);
            if let Some(action) = action {
                *self.event_counts.entry(action.to_owned()).or_default() += 1;
            }
        }
        let outgoing = self.services.document("ledger.json");
        let is_idle =
            outgoing.is_none_or(|ledger| ledger["receivers"][TOPIC]["outgoing"].is_null());
        if self.unlisted && is_idle {
            self.read_from_ledger();
            self.unlisted = false;
        }
    }

    /// Forgets what the digest topic was notified of once the ledger has forgotten the topic, after
    /// a week in which it was not configured.
    fn forget_if_forgotten(&mut self) {
        let Some(ledger) = self.services.document("ledger.json") else {
            return;
        };
        let id = ledger["receivers"][TOPIC]["id"].clone();
        if !self.receiver_id.is_null() && id != self.receiver_id {
            self.count("forgotten");
            self.reference.notified.clear();
            self.gaps.clear();
            self.tickets.clear();
        }
        self.receiver_id = id;
    }

    /// Takes over from the ledger what the digest topic was notified of.
    fn read_from_ledger(&mut self) {
        let ledger = self.services.ledger();
        let receiver_id = ledger["receivers"][TOPIC]["id"].to_string();
        let notified = |field: &str, state: &str| {
            let entries = list(&ledger, field).iter();
            let entries = entries.filter(|pair| !pair[1][state][&receiver_id].is_null());
            entries.map(|pair| key(&pair[0])).collect::<Vec<_>>()
        };
        self.reference.notified = notified("open", "notified")
            .into_iter()
            .chain(notified("resolved", "unnotified"))
            .collect();
        let id: u64 = receiver_id.parse().expect("a number");
        self.gaps = list(&ledger, "gaps")
            .iter()
            .filter(|pair| list(&pair[1], "notified").contains(&id.into()))
            .map(|pair| (pair[0]["region"].to_string(), pair[0]["pack"].to_string()))
            .collect();
        self.take_tickets_from_ledger();
    }

    /// Applies a digest to the reported state.
    fn read(&mut self, digest: &Value) {
        let id = digest["digest_id"].as_str().expect("a digest ID");
        let run: usize = id
            .strip_prefix("run-")
            .and_then(|id| id.split('.').next()?.parse().ok())
            .expect("a run number");
        let scope = self.requests[run - 1].scope;
        let created_at = digest["created_at"].as_str().expect("a time");
        let created_at: Timestamp = created_at.parse().expect("a time");
        let since_start = created_at.duration_since(Clock::now(&self.services));
        let at =
            self.services.now.get() + i64::try_from(since_start.as_millis()).expect("a short time");
        for record in list(digest, "appeared")
            .iter()
            .chain(list(digest, "reminders"))
        {
            assert!(
                !self.reference.muted(key(record), at),
                "{record} is muted at {created_at}, and is in {id}"
            );
        }
        for record in list(digest, "appeared") {
            assert!(
                scope.covers(key(record)),
                "{record} is outside the scope of {id}"
            );
            assert!(
                self.reference.notified.insert(key(record)),
                "{record} appears again in {id}"
            );
            self.count("appeared");
        }
        if !list(digest, "reminders").is_empty() {
            self.last_reminders = Some((id.to_owned(), created_at));
        }
        for record in list(digest, "reminders") {
            assert!(
                self.reference.notified.contains(&key(record)),
                "{record} is a reminder but never appeared"
            );
            self.count("reminders");
        }
        for record in list(digest, "cleared") {
            assert!(
                scope.covers(key(record)),
                "{record} is outside the scope of {id}"
            );
            // An attributed failure joins a later digest, when the reference may have forgotten it.
            let was_notified = self.reference.notified.remove(&key(record));
            assert!(
                was_notified || record["resolution"] == "attributed",
                "{record} is cleared but never appeared"
            );
            assert!(
                !self.reference.persists(key(record)),
                "{record} is cleared in {id} but never recovered"
            );
            self.count(record["resolution"].as_str().expect("a string"));
        }
        for record in list(digest, "unwatched") {
            assert_eq!(
                self.settings,
                SettingsChange::FirstRegionOnly,
                "a digest reports {record} as out of scope"
            );
            assert_eq!(record["region"], REGIONS[1]);
            assert!(
                self.reference.notified.remove(&key(record)),
                "{record} is no longer watched but never appeared"
            );
        }
        for gap in list(digest, "gaps") {
            let unread = (gap["region"].to_string(), gap["pack"].to_string());
            if gap["state"] == "ended" || gap["state"] == "unwatched" {
                assert!(self.gaps.remove(&unread), "{gap} ends unreported");
            } else {
                // Every digest shows every gap that lasts.
                self.gaps.insert(unread);
            }
            self.count(gap["state"].as_str().expect("a string"));
        }
        tickets::update(&mut self.tickets, digest);
    }

    /// Returns whether the failure of a pack itself is attributed, which starts no digest.
    pub fn is_attributed(&self, failure: Key) -> bool {
        let ledger = self.services.ledger();
        let mut resolved = list(&ledger, "resolved").iter();
        resolved.any(|pair| key(&pair[0]) == failure && pair[1]["resolution"] == "attributed")
    }

    /// Returns whether a failure can be that of a pack itself that was attributed and failed again
    /// before a digest said so: the receiver is not told of it again.
    fn came_back(&self, key: Key) -> bool {
        key.2.is_none() && self.reference.persists(key)
    }

    /// Returns the causes of which something is open that a receiver was notified of, muted
    /// failures left out.
    pub fn open_causes(&self, receiver: &str) -> BTreeSet<String> {
        let ledger = self.services.ledger();
        let receiver_id = ledger["receivers"][receiver]["id"].to_string();
        let now = Clock::now(&self.services);
        let is_open = |pair: &&Value| {
            let open = &pair[1];
            let until = open["muted_until"].as_str();
            let until: Option<Timestamp> = until.map(|until| until.parse().expect("a time"));
            let is_muted = until.is_some_and(|until| now < until);
            !open["notified"][&receiver_id].is_null() && !is_muted
        };
        let open = list(&ledger, "open").iter().filter(is_open);
        open.map(|pair| pair[1]["group_id"].as_str().expect("a string").to_owned())
            .collect()
    }

    /// Returns the causes of failures that were attributed, of which a receiver does not know yet.
    pub fn attributed_causes(&self, receiver: &str) -> BTreeSet<String> {
        let ledger = self.services.ledger();
        let receiver_id = ledger["receivers"][receiver]["id"].to_string();
        let resolved = list(&ledger, "resolved").iter();
        let attributed = resolved.filter(|pair| {
            let is_attributed = pair[1]["resolution"] == "attributed";
            is_attributed && !pair[1]["unnotified"][&receiver_id].is_null()
        });
        attributed
            .map(|pair| pair[1]["group_id"].as_str().expect("a string").to_owned())
            .collect()
    }

    /// Takes over from the ledger which tickets are open, after changes that no digest lists.
    fn take_tickets_from_ledger(&mut self) {
        let causes = self.open_causes(TOPIC).into_iter();
        self.tickets = causes.map(|cause| (cause, String::new())).collect();
    }

    /// Asserts that the real statuses and the digests agree, after a run without faults and
    /// outgoing digests.
    pub fn assert_agreement(&mut self, scope: Scope) {
        let now = self.services.now.get();
        self.reference.record_read(&self.world, scope, now);
        let mut exact = true;
        for key in keys().filter(|key| scope.covers(*key)) {
            let notified = self.reference.notified.contains(&key);
            let (must, may) = (
                self.reference.must_be_notified(key),
                self.reference.may_be_notified(key),
            );
            let entry = || {
                let ledger = self.services.ledger();
                let open = list(&ledger, "open").iter();
                open.map(|pair| (super::invariants::key(&pair[0]), pair[1].to_string()))
                    .find(|(open, _)| *open == key)
            };
            assert!(
                notified || !must,
                "{key:?} is failing but was not reported; in the ledger: {:?}; in the reference: {}",
                entry(),
                self.reference.describe(key)
            );
            assert!(
                may || !notified || self.came_back(key) || self.is_attributed(key),
                "{key:?} was reported but is not failing; in the ledger: {:?}; in the reference: {}",
                entry(),
                self.reference.describe(key)
            );
            exact &= must == may;
        }
        self.count(if exact {
            "exact agreement"
        } else {
            "agreement within bounds"
        });
        if scope == Scope::Everything {
            assert!(
                self.gaps.is_empty(),
                "gaps are still reported: {:?}",
                self.gaps
            );
            let ledger = self.services.ledger();
            let now = Clock::now(&self.services);
            for open in list(&ledger, "open") {
                let until = open[1]["muted_until"].as_str().map(str::parse::<Timestamp>);
                if until.is_some_and(|until| until.expect("a time") > now) {
                    self.count("muted");
                }
                if !open[1]["stuck_since"].is_null() {
                    self.count("stuck");
                }
            }
            let settings_changed = self.settings != SettingsChange::None;
            let receivers = [TOPIC, CHAT].map(|topic| ledger["receivers"][topic]["id"].to_string());
            for open in list(&ledger, "open") {
                let notified = receivers
                    .iter()
                    .filter(|id| !open[1]["notified"][id.as_str()].is_null())
                    .count();
                // For a receiver that was notified of the end, a returning failure is new and may
                // be pending.
                let may_be_pending = self.history.announce_after > 0
                    || open[0]["account_id"].is_null()
                    || open[1]["muted_until"].is_string()
                    || open[1]["was_muted"] == true;
                assert!(
                    notified == 0
                        || notified == receivers.len()
                        || may_be_pending
                        || settings_changed,
                    "not every receiver was notified of {open}"
                );
            }
        }
    }

    /// Records the changes that a run with `announce=never` suppressed as notified. Where the
    /// bounds of the reference leave this open, the ledger decides.
    pub fn accept_suppressed_changes(&mut self, scope: Scope) {
        self.take_tickets_from_ledger();
        let (now, ledger) = (self.services.now.get(), self.services.ledger());
        self.reference.record_read(&self.world, scope, now);
        // A receiver that was notified of an end takes a returning failure for a new one, so only
        // the entries of this receiver count.
        let receiver_id = ledger["receivers"][TOPIC]["id"].to_string();
        let notified = |pair: &&Value| {
            ["notified", "unnotified"]
                .iter()
                .any(|field| !pair[1][field][&receiver_id].is_null())
        };
        let marked = list(&ledger, "open")
            .iter()
            .chain(list(&ledger, "resolved"))
            .filter(notified);
        let marked: Vec<Key> = marked.map(|pair| key(&pair[0])).collect();
        for key in keys().filter(|key| scope.covers(*key)) {
            let (must, may) = (
                self.reference.must_be_notified(key),
                self.reference.may_be_notified(key),
            );
            // The end of what is attributed joins a later digest.
            let lags = self.came_back(key) || self.is_attributed(key);
            if must || (may || lags) && marked.contains(&key) {
                self.reference.notified.insert(key);
            } else {
                self.reference.notified.remove(&key);
            }
        }
    }

    /// Asserts that a run that could not read everything reports this.
    pub fn assert_reported_incomplete(&self, result: Result<RunResponse, RunError>) {
        match result {
            Ok(response) => assert!(
                !response.complete,
                "an incomplete run reports that it is complete: {response:?}"
            ),
            // A digest was refused in every form, and dropped.
            Err(error) if error.kind() == "PublishFailed" && self.dropped > 0 => {}
            Err(error) => assert_eq!(error.kind(), "AllSourcesFailed"),
        }
    }

    /// Asserts that a narrowed run changes nothing outside its scope, and a dry run nothing at all.
    pub fn assert_stays_in_scope(
        &self,
        request: Request,
        before: &StoredState,
        result: &Result<RunResponse, RunError>,
    ) {
        if request.dry_run {
            assert!(!matches!(result, Ok(response) if response.outcome != Outcome::DryRun));
            assert_eq!(
                &self.stored_state(),
                before,
                "a dry run wrote or sent something"
            );
        }
        if request.scope != Scope::Everything {
            let after = self.stored_state();
            assert_eq!(
                outside(after.ledger.as_ref(), request.scope),
                outside(before.ledger.as_ref(), request.scope),
                "{request:?}"
            );
            assert_eq!(
                after.latest, before.latest,
                "a narrowed run changed latest.json"
            );
        }
    }

    /// Returns the current stored state.
    pub fn stored_state(&self) -> StoredState {
        StoredState {
            ledger: self.services.document("ledger.json"),
            latest: self.services.document("latest.json"),
            objects: self.services.objects.borrow().len(),
            sent: self.services.sent.borrow().len(),
        }
    }
}

/// The stored objects and the number of sent messages at one time.
#[derive(Debug, PartialEq)]
pub struct StoredState {
    ledger: Option<Value>,
    latest: Option<Value>,
    objects: usize,
    pub sent: usize,
}
