//! What comes in, whatever it is: a clear error or a gap, and no panic.

use packwatch::input::event::Trigger;
use packwatch::ledger::Ledger;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::fuzz;

/// JSON of any shape, often with the keys that mean something.
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

/// A real document with one part of it replaced by something else.
pub fn mutated(document: &Value, path: &[usize], part: Value) -> Value {
    let Some((step, rest)) = path.split_first() else {
        return part;
    };
    let mut document = document.clone();
    let below = match &mut document {
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
    if let Some(below) = below {
        *below = mutated(below, rest, part);
    }
    document
}

/// A ledger with something of everything in it, as the golden file shows it.
pub fn stored_ledger() -> Value {
    let golden = include_str!("../notify/snapshots/it__notify__golden__ledger.snap");
    serde_json::from_str(golden.splitn(3, "---\n").nth(2).expect("after the head")).expect("JSON")
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
    fn an_event_is_accepted_or_refused_in_words(event in document()) {
        fuzz::event::check_invariants(event.to_string().as_bytes());
    }

    #[test]
    fn settings_are_right_or_every_fault_is_a_line_that_begins_with_its_variable(values in vec(proptest::option::of("\\PC{0,30}|[a,\n\\[\\]\u{7f}]{1,9}"), 16)) {
        let set = VARIABLES.iter().zip(values).filter_map(|(name, value)| Some(format!("{name}={}", value?)));
        fuzz::settings::check_invariants(&set.collect::<Vec<_>>().join("\0"));
    }

    #[test]
    fn bytes_are_a_ledger_or_are_refused(bytes in vec(any::<u8>(), 0..200)) {
        prop_assert!(Ledger::from_bytes(&bytes).is_err());
    }

    #[test]
    fn a_ledger_with_a_part_replaced_is_refused_or_gone_on_from(
        path in vec(0..8_usize, 0..6), part in document()
    ) {
        let document = mutated(&stored_ledger(), &path, part);
        fuzz::ledger::check_invariants(document.to_string().as_bytes());
    }

    #[test]
    fn a_ledger_cut_short_is_refused(end in 0..1_000_usize) {
        let whole = stored_ledger().to_string();
        let end = end.min(whole.len() - 1);
        prop_assert!(Ledger::from_bytes(&whole.as_bytes()[..end]).is_err());
    }
}

/// The file stays as it is, whatever becomes of the ledger: such ledgers are out there.
#[test]
fn the_ledger_of_schema_one_is_read() {
    let kept = include_str!("../../fixtures/ledger-v1.json");
    let ledger = Ledger::from_bytes(kept.as_bytes()).expect("a ledger of schema 1");
    assert_eq!(
        (ledger.sequence, ledger.open.len(), ledger.audiences.len()),
        (1, 1, 1)
    );
    assert!(
        ledger.open.values().all(|open| !open.told.is_empty()),
        "what was told is known"
    );
    let bytes = ledger.to_bytes().expect("bytes");
    let kept: Value = serde_json::from_str(kept).expect("JSON");
    assert_eq!(
        serde_json::from_slice::<Value>(&bytes).expect("JSON"),
        kept,
        "nothing of it is lost"
    );
}

#[test]
fn what_is_not_a_list_of_pairs_in_a_ledger_is_said_to_be_none() {
    let mut ledger: Value =
        serde_json::from_str(include_str!("../../fixtures/ledger-v1.json")).expect("JSON");
    ledger["open"] = json!({"baseline": {}});
    let error = Ledger::from_bytes(ledger.to_string().as_bytes()).expect_err("no ledger");
    let why = std::error::Error::source(&error)
        .expect("a cause")
        .to_string();
    assert!(why.contains("expected a list of pairs"), "{why}");
}

#[test]
fn a_trigger_is_as_strict_as_it_says() {
    assert!(Trigger::parse(&json!({"packs": ["a"], "packs ": ["b"]})).is_err());
}
