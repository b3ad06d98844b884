//! Fuzzed events, settings and ledgers: each input is accepted or rejected with an error, and never
//! causes a panic.

use packwatch::input::event::Trigger;
use packwatch::ledger::Ledger;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fuzz;

/// Generates JSON of any shape, often with the keys and values that events use.
pub fn document() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        prop::sample::select(vec![
            "packs",
            "accounts",
            "regions",
            "dry_run",
            "announce",
            "detail-type",
            "time",
            "trigger",
            "scheduled_at"
        ])
        .prop_map(str::to_owned),
        ".{0,8}",
        "[a\n\u{7f}\u{85}]{1,6}",
        Just("long".repeat(500)),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(vec![
            "schedule",
            "Scheduled Event",
            "2026-03-01T08:00:00Z",
            "always",
            "111122223333",
            "*",
            "["
        ])
        .prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Returns a copy of `document` in which the value at `path` is replaced by `part`.
pub fn mutated(document: &Value, path: &[usize], part: Value) -> Value {
    let Some((step, rest)) = path.split_first() else {
        return part;
    };
    let mut document = document.clone();
    let child = match &mut document {
        Value::Array(items) if !items.is_empty() => {
            let step = step % items.len();
            items.get_mut(step)
        }
        Value::Object(map) if !map.is_empty() => {
            let step = step % map.len();
            map.values_mut().nth(step)
        }
        _ => return part,
    };
    if let Some(child) = child {
        *child = mutated(child, rest, part);
    }
    document
}

/// Returns the ledger of the golden file, which has entries in every collection.
pub fn stored_ledger() -> Value {
    let golden = include_str!("../notify/snapshots/it__notify__golden__ledger.snap");
    serde_json::from_str(
        golden
            .splitn(3, "---\n")
            .nth(2)
            .expect("text after the insta header"),
    )
    .expect("JSON")
}

const VARIABLES: [&str; 16] = [
    "AWS_REGION",
    "SNAPSHOT_BUCKET",
    "SNAPSHOT_PREFIX",
    "TOPIC_ARN",
    "CHAT_TOPIC_ARN",
    "REGIONS",
    "ROLE_ARNS",
    "ROLE_EXTERNAL_ID",
    "INCLUDE_PACKS",
    "EXCLUDE_PACKS",
    "IGNORE_ACCOUNTS",
    "ANNOUNCE_AFTER_MINUTES",
    "REMIND_AFTER_HOURS",
    "ACCOUNT_NAMES",
    "CONCURRENCY",
    "LABEL",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn event_is_parsed_or_rejected_with_message(event in document()) {
        fuzz::event::check_invariants(event.to_string().as_bytes());
    }

    #[test]
    fn payload_of_any_bytes_is_parsed_or_rejected(payload in vec(any::<u8>(), 0..12)) {
        fuzz::event::check_invariants(&payload);
    }

    #[test]
    fn settings_are_valid_or_each_error_names_its_variable(values in vec(proptest::option::of("\\PC{0,30}|[a,\n\\[\\]\u{7f}]{1,9}"), 16)) {
        let set = VARIABLES.iter().zip(values).filter_map(|(name, value)| Some(format!("{name}={}", value?)));
        fuzz::settings::check_invariants(&set.collect::<Vec<_>>().join("\0"));
    }

    #[test]
    fn random_bytes_are_rejected_as_ledger(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(Ledger::from_bytes(&bytes).is_err());
    }

    #[test]
    fn mutated_ledger_is_rejected_or_remains_usable(
        path in vec(0..8_usize, 0..6), part in document()
    ) {
        let document = mutated(&stored_ledger(), &path, part);
        fuzz::ledger::check_invariants(document.to_string().as_bytes());
    }

    #[test]
    fn truncated_ledger_is_rejected(end in 0..1_000_usize) {
        let text = stored_ledger().to_string();
        let end = end.min(text.len() - 1);
        prop_assert!(Ledger::from_bytes(&text.as_bytes()[..end]).is_err());
    }
}

/// Ledgers of this schema will be deployed: from the first release on, the fixture must not change.
#[test]
fn ledger_schema_1_round_trips() {
    let stored = include_str!("../../fixtures/ledger-v1.json");
    let ledger = Ledger::from_bytes(stored.as_bytes()).expect("a ledger of schema 1");
    assert_eq!(
        (ledger.sequence, ledger.open.len(), ledger.receivers.len()),
        (1, 1, 1)
    );
    assert!(
        ledger.open.values().all(|open| !open.notified.is_empty()),
        "every open failure is notified"
    );
    let bytes = ledger.to_bytes().expect("bytes");
    let stored: Value = serde_json::from_str(stored).expect("JSON");
    assert_eq!(
        serde_json::from_slice::<Value>(&bytes).expect("JSON"),
        stored,
        "the round trip keeps every field"
    );
}

#[test]
fn ledger_map_instead_of_pairs_is_rejected() {
    let mut ledger: Value =
        serde_json::from_str(include_str!("../../fixtures/ledger-v1.json")).expect("JSON");
    ledger["open"] = json!({"baseline": {}});
    let error =
        Ledger::from_bytes(ledger.to_string().as_bytes()).expect_err("the ledger is invalid");
    let cause = std::error::Error::source(&error)
        .expect("a cause")
        .to_string();
    assert!(cause.contains("expected a list of pairs"), "{cause}");
}

#[test]
fn manual_request_with_unknown_key_is_rejected() {
    assert!(Trigger::read(r#"{"packs": ["a"], "packs ": ["b"]}"#).is_err());
}
