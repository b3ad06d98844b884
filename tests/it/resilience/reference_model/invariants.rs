//! What must hold: of every digest, of every run that nothing disturbed, and of what is true and
//! what was told.

use packwatch::report::{Outcome, RunResponse};
use packwatch::run::RunError;
use serde_json::Value;

use super::Runner;
use super::generators::{Request, Scope};
use super::organization::{ACCOUNTS, IGNORED, Key, PACKS, REGIONS};
use super::reference::keys;
use crate::support::harness::TOPIC;

/// The key of a record.
fn key(record: &Value) -> Key {
    let known = |words: &[&'static str], name: &str| {
        words.iter().copied().find(|word| record[name] == *word)
    };
    let place = known(&REGIONS, "region")
        .zip(known(&PACKS, "pack"))
        .expect("a pack that there is");
    (place.0, place.1, known(&ACCOUNTS, "account_id"))
}

fn list<'a>(document: &'a Value, name: &str) -> &'a [Value] {
    document[name].as_array().map_or(&[], Vec::as_slice)
}

/// What the ledger holds of what a scope does not cover.
fn outside(ledger: Option<&Value>, scope: Scope) -> Vec<&Value> {
    let Some(ledger) = ledger else {
        return Vec::new();
    };
    let failures = list(ledger, "open")
        .iter()
        .chain(list(ledger, "closed"))
        .filter(|pair| !scope.covers(key(&pair[0])));
    let gaps = list(ledger, "gaps").iter().filter(|pair| match scope {
        // Whose rows are looked at may be in any pack.
        Scope::Everything | Scope::Account(_) => false,
        Scope::Region(region) => pair[0]["region"] != region,
        Scope::Pack(pack) => !pair[0]["pack"].is_null() && pair[0]["pack"] != pack,
    });
    failures.chain(gaps).collect()
}

impl Runner<'_> {
    /// Reads what was sent since, as those who get it do.
    pub fn replay(&mut self) {
        let sent = self.house.sent.borrow()[self.replayed..].to_vec();
        self.replayed += sent.len();
        for (topic, message) in sent {
            assert!(
                !message.body.contains(IGNORED),
                "an ignored account is told: {}",
                message.body
            );
            let id = (topic.clone(), message.deduplication_id.clone());
            if let Some(first) = self.messages.insert(id, message.clone()) {
                assert_eq!(first, message, "one id, one message");
                self.again += usize::from(topic.as_str() == TOPIC);
            } else if topic.as_str() == TOPIC {
                let body: Value = serde_json::from_str(&message.body).expect("JSON");
                self.read(
                    &serde_json::from_str(body["default"].as_str().expect("text")).expect("JSON"),
                );
            }
        }
    }

    fn read(&mut self, digest: &Value) {
        let id = digest["digest_id"].as_str().expect("an id");
        let run: usize = id
            .strip_prefix("run-")
            .and_then(|id| id.split('.').next()?.parse().ok())
            .expect("a run");
        let scope = self.requests[run - 1].scope;
        for record in list(digest, "appeared") {
            assert!(
                scope.covers(key(record)),
                "{record} is not in the scope of {id}"
            );
            assert!(
                self.reference.told.insert(key(record)),
                "{record} appears twice, now in {id}"
            );
            self.note("appeared");
        }
        for record in list(digest, "reminded") {
            assert!(
                self.reference.told.contains(&key(record)),
                "{record} is reminded of and was not told"
            );
            self.note("reminded");
        }
        for record in list(digest, "cleared") {
            assert!(
                scope.covers(key(record)),
                "{record} is not in the scope of {id}"
            );
            assert!(
                self.reference.told.remove(&key(record)),
                "{record} is cleared and was not told"
            );
            assert!(
                !self.reference.lasts(key(record)),
                "{record} is cleared in {id}, and was there all along"
            );
            self.note(record["how"].as_str().expect("a word"));
        }
        assert!(list(digest, "unwatched").is_empty(), "the settings stay");
        for gap in list(digest, "gaps") {
            let unread = (gap["region"].to_string(), gap["pack"].to_string());
            let right = if gap["state"] == "ended" {
                self.gaps.remove(&unread)
            } else {
                self.gaps.insert(unread)
            };
            assert!(right, "{gap} is told twice, or ends untold");
            self.note(gap["state"].as_str().expect("a word"));
        }
    }

    /// What is true and what was told agree, after a fault-free run whose digests have gone.
    pub fn agree(&mut self, scope: Scope) {
        let now = self.house.now.get();
        self.reference.saw(&self.world, scope, now);
        let mut to_the_letter = true;
        for key in keys().filter(|key| scope.covers(*key)) {
            let told = self.reference.told.contains(&key);
            let (must, may) = (
                self.reference.must_be_told(key, now),
                self.reference.may_be_told(key, now),
            );
            assert!(told || !must, "{key:?} is failing and was not told");
            assert!(may || !told, "{key:?} was told and is over");
            to_the_letter &= must == may;
        }
        self.note(if to_the_letter {
            "agreed to the letter"
        } else {
            "agreed within bounds"
        });
        if scope == Scope::Everything {
            assert!(self.gaps.is_empty(), "{:?} was told as not read", self.gaps);
            let ledger = self.house.ledger();
            let audiences = ledger["audiences"].as_object().expect("audiences").len();
            for open in list(&ledger, "open") {
                let told = open[1]["told"].as_object().map_or(0, serde_json::Map::len);
                // For who was told of an end, what comes back is another failure, and may be early.
                let early = self.history.announce_after > 0 || open[0]["account_id"].is_null();
                assert!(
                    told == 0 || told == audiences || early,
                    "not everybody was told of {open}"
                );
            }
        }
    }

    /// What a silent run changed counts as told. Where the bounds leave that open, only the ledger
    /// says it.
    pub fn believe_in_silence(&mut self, scope: Scope) {
        let (now, ledger) = (self.house.now.get(), self.house.ledger());
        self.reference.saw(&self.world, scope, now);
        // Who was told of an end that another was not takes what comes back for another failure.
        let number = ledger["audiences"][TOPIC]["id"].to_string();
        let told = |pair: &&Value| {
            ["told", "owed"]
                .iter()
                .any(|what| !pair[1][what][&number].is_null())
        };
        let noted = list(&ledger, "open")
            .iter()
            .chain(list(&ledger, "closed"))
            .filter(told);
        let noted: Vec<Key> = noted.map(|pair| key(&pair[0])).collect();
        for key in keys().filter(|key| scope.covers(*key)) {
            let (must, may) = (
                self.reference.must_be_told(key, now),
                self.reference.may_be_told(key, now),
            );
            if must || may && noted.contains(&key) {
                self.reference.told.insert(key);
            } else {
                self.reference.told.remove(&key);
            }
        }
    }

    /// A run that could not read everything says so.
    pub fn admits_it(result: Result<RunResponse, RunError>) {
        match result {
            Ok(report) => assert!(
                !report.complete,
                "it says that it read everything: {report:?}"
            ),
            Err(error) => assert_eq!(error.kind(), "NothingRead"),
        }
    }

    /// A narrowed run touches nothing outside its scope, and a dry run nothing at all.
    pub fn stays_in_scope(
        &self,
        request: Request,
        before: &Before,
        result: &Result<RunResponse, RunError>,
    ) {
        if request.dry_run {
            assert!(!matches!(result, Ok(report) if report.outcome != Outcome::DryRun));
            assert_eq!(&self.before(), before, "a dry run writes and sends nothing");
        }
        if request.scope != Scope::Everything {
            let now = self.before();
            let (ours, theirs) = (before.ledger.as_ref(), now.ledger.as_ref());
            assert_eq!(
                outside(theirs, request.scope),
                outside(ours, request.scope),
                "{request:?}"
            );
            assert_eq!(
                now.latest, before.latest,
                "the latest snapshot is that of a full run"
            );
        }
    }

    pub fn before(&self) -> Before {
        Before {
            ledger: self.house.document("ledger.json"),
            latest: self.house.document("latest.json"),
            objects: self.house.objects.borrow().len(),
            sent: self.house.sent.borrow().len(),
        }
    }
}

/// What was stored and sent before a run.
#[derive(Debug, PartialEq)]
pub struct Before {
    ledger: Option<Value>,
    latest: Option<Value>,
    objects: usize,
    pub sent: usize,
}
