//! Fuzzes events: any input gives a run with exactly the requested scope and options, or an error
//! that names the accepted values.

use packwatch::input::event::{ManualRequest, NotifyMode, Trigger};
use serde_json::{Map, Value, json};

use super::{NOW, plan, settings_of_two_topics};

/// Panics if an invariant is violated.
pub fn check_invariants(bytes: &[u8]) {
    let trigger = match Trigger::read(bytes) {
        Ok(trigger) => trigger,
        Err(error) => return assert_names_accepted(&error.0),
    };
    let requested = match &trigger {
        Trigger::Manual(request) => to_event(request),
        Trigger::Schedule { .. }
        | Trigger::AdoptLedger
        | Trigger::Mute(_)
        | Trigger::Unmute(_)
        | Trigger::ListMutes
        | Trigger::Check
        | Trigger::Test => json!({}),
    };
    if let Trigger::Manual(request) = &trigger {
        assert_eq!(
            Trigger::read(requested.to_string()).as_ref(),
            Ok(&trigger),
            "the request does not survive a round trip"
        );
        let event: Value = if bytes.trim_ascii().is_empty() {
            json!({})
        } else {
            serde_json::from_slice(bytes).expect("the event was parsed before")
        };
        let keys = event.as_object().expect("an object").keys();
        assert!(
            keys.into_iter()
                .all(|key| requested.get(key).is_some() || event[key] == default(key)),
            "{request:?}"
        );
    }
    let settings = settings_of_two_topics();
    match plan(trigger, &settings) {
        Ok(plan) => {
            let narrowed = ["packs", "accounts", "regions"]
                .iter()
                .any(|key| requested.get(key).is_some());
            assert_eq!(
                plan.selection.narrowed, narrowed,
                "the narrowed scope is lost"
            );
            assert_eq!(plan.mode.dry_run, requested.get("dry_run").is_some());
            assert!(
                !plan.selection.regions.is_empty()
                    && plan.selection.regions.is_subset(&settings.regions)
            );
            assert!(plan.timing.read_deadline < plan.timing.deadline);
            let key = &plan.keys.snapshot;
            let day = key.strip_prefix("snapshots/dt=").expect("a day");
            assert!(
                ("2026-02-23".."2026-03-10").contains(&&day[..10]),
                "{key} is more than a week from {NOW}"
            );
            assert!(
                key.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"/=_-.".contains(&byte))
            );
        }
        Err(error) => assert_names_accepted(&error.0),
    }
}

fn assert_names_accepted(error: &str) {
    assert!(
        error.contains("accepted") || error.contains("JSON object"),
        "{error}"
    );
    assert!(
        error.len() < 1_000 && !error.contains(char::is_control),
        "{error:?}"
    );
}

/// Returns the event of a request, without default values.
fn to_event(request: &ManualRequest) -> Value {
    let mut keys = Map::new();
    let ManualRequest {
        packs,
        accounts,
        regions,
        dry_run,
        summary,
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
    keys.extend(summary.then(|| ("summary".to_owned(), json!(true))));
    let mode = match announce {
        NotifyMode::Changes => None,
        NotifyMode::Always => Some("always"),
        NotifyMode::Never => Some("never"),
    };
    keys.extend(mode.map(|mode| ("announce".to_owned(), json!(mode))));
    Value::Object(keys)
}

/// Returns the default value of a key.
fn default(key: &str) -> Value {
    match key {
        "dry_run" | "summary" => json!(false),
        "announce" => json!("changes"),
        _ => Value::Null,
    }
}
