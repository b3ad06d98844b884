//! Any JSON as an event: a run that is what was asked for and no wider, or a refusal that says what
//! is accepted.

use super::{plan, settings_of_two_topics};
use packwatch::input::event::{ManualRequest, NotifyMode, Trigger};
use serde_json::{Map, Value, json};

/// Panics where a rule is broken.
pub fn check_invariants(bytes: &[u8]) {
    let Ok(event) = std::str::from_utf8(bytes) else {
        return;
    };
    let trigger = match Trigger::read(event) {
        Ok(trigger) => trigger,
        Err(refusal) => return says_what_is_accepted(&refusal.0),
    };
    let asked = match &trigger {
        Trigger::Manual(request) => written(request),
        Trigger::Schedule { .. } => json!({}),
    };
    if let Trigger::Manual(request) = &trigger {
        assert_eq!(
            Trigger::parse(&asked).as_ref(),
            Ok(&trigger),
            "read again, it is the same request"
        );
        let event: Value = serde_json::from_str(event).expect("it was read");
        let keys = event.as_object().expect("an object").keys();
        assert!(
            keys.into_iter()
                .all(|key| asked.get(key).is_some() || event[key] == default(key)),
            "{request:?}"
        );
    }
    let settings = settings_of_two_topics();
    match plan(trigger, &settings) {
        Ok(plan) => {
            let narrowed = ["packs", "accounts", "regions"]
                .iter()
                .any(|key| asked.get(key).is_some());
            assert_eq!(plan.narrowed, narrowed, "what narrows is not lost");
            assert_eq!(plan.dry_run, asked.get("dry_run").is_some());
            assert!(!plan.regions.is_empty() && plan.regions.is_subset(&settings.regions));
            assert!(plan.read_deadline < plan.deadline);
            let name = plan.snapshot_key.bytes();
            assert!(
                name.into_iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"/=_-.".contains(&byte))
            );
        }
        Err(refusal) => says_what_is_accepted(&refusal.0),
    }
}

fn says_what_is_accepted(refusal: &str) {
    assert!(
        refusal.contains("accepted") || refusal.contains("JSON object"),
        "{refusal}"
    );
    assert!(
        refusal.len() < 1_000 && !refusal.contains(char::is_control),
        "{refusal:?}"
    );
}

/// A request as a person would write it: without what is so in any case.
fn written(request: &ManualRequest) -> Value {
    let mut keys = Map::new();
    let ManualRequest {
        packs,
        accounts,
        regions,
        dry_run,
        announce,
    } = request;
    keys.extend(
        packs
            .as_ref()
            .map(|packs| ("packs".to_owned(), json!(packs))),
    );
    keys.extend(
        accounts
            .as_ref()
            .map(|accounts| ("accounts".to_owned(), json!(accounts))),
    );
    keys.extend(
        regions
            .as_ref()
            .map(|regions| ("regions".to_owned(), json!(regions))),
    );
    keys.extend(dry_run.then(|| ("dry_run".to_owned(), json!(true))));
    let word = match announce {
        NotifyMode::Changes => None,
        NotifyMode::Always => Some("always"),
        NotifyMode::Never => Some("never"),
    };
    keys.extend(word.map(|word| ("announce".to_owned(), json!(word))));
    Value::Object(keys)
}

/// What may be said and changes nothing.
fn default(key: &str) -> Value {
    match key {
        "dry_run" => json!(false),
        "announce" => json!("changes"),
        _ => Value::Null,
    }
}
