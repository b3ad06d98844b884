//! Properties of the rendered digest for generated contents: size limits, characters and numbers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use packwatch::model::{FailureKey, PackKey, RunTotals, SIZE_LIMIT, Source, StatusRecord};
use packwatch::notify::digest::{Digest, SnapshotAddress, sanitize};
use packwatch::report::{
    EmptySourceRecord, EmptySourceState, FailureDetails, FailureRecord, NotificationState,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use crate::support::harness::time;

fn record(
    region: u8,
    pack: &str,
    account: u64,
    code: &str,
    message: &str,
    age: i64,
) -> FailureRecord {
    let source = Source {
        caller: "111122223333".into(),
        region: format!("xx-region-{region}").as_str().into(),
    };
    let since = time("2026-03-01T08:00:00Z") - SignedDuration::from_secs(age);
    let cause = StatusRecord {
        error_code: Some(sanitize(code).into()),
        error_message: Some(sanitize(message).into()),
        ..StatusRecord::new("UPDATE_FAILED")
    };
    FailureRecord {
        key: FailureKey {
            pack: PackKey {
                source,
                pack: pack.into(),
            },
            account_id: Some(format!("{account:012}").as_str().into()),
        },
        details: FailureDetails {
            account_name: None,
            account_state: None,
            conformance_pack_name: None,
            status: cause.status.clone(),
            error_code: cause.error_code.clone(),
            error_message: cause.error_message.clone(),
            last_update_time: None,
            failing_since: since,
            changed_at: None,
            change: NotificationState::Appeared,
            ignored: false,
        },
        cause,
    }
}

fn empty_source(number: usize, state: EmptySourceState) -> EmptySourceRecord {
    let source = Source {
        caller: format!("{number:012}").as_str().into(),
        region: "eu-west-1".into(),
    };
    EmptySourceRecord {
        source,
        packs_before: number,
        since: time("2026-03-01T08:00:00Z"),
        state,
    }
}

prop_compose! {
    fn records()(
        packs in vec("[a-zA-Z][-a-zA-Z0-9]{0,127}", 1..6),
        rows in vec((0..3_u8, 0..6_usize, 0..1_000_000_u64, "[ -~]{0,40}", "\\PC{0,200}", 0..10_000_000_i64), 0..400),
    ) -> Vec<FailureRecord> {
        let mut records: Vec<_> = rows
            .into_iter()
            .map(|(region, pack, account, code, message, age)| record(region, &packs[pack % packs.len()], account, &code, &message.repeat(5), age))
            .collect();
        records.sort_by(|one, other| one.key.cmp(&other.key));
        records
    }
}

fn digest(
    appeared: Vec<FailureRecord>,
    label: Option<String>,
    first_run: bool,
    prefix: &str,
) -> Digest {
    let failures = || appeared.iter().map(|record| &record.key);
    let packs: BTreeSet<_> = failures().map(|key| key.pack.clone()).collect();
    Digest {
        id: "run.0.1".into(),
        run_id: Some("00000000-0000-4000-8000-000000000000".into()),
        sequence: 7,
        created_at: time("2026-03-01T08:00:00Z"),
        as_of: time("2026-03-01T08:00:00Z"),
        label,
        status: false,
        first_run,
        totals: RunTotals {
            appeared: appeared.len(),
            open_total: appeared.len(),
            ..RunTotals::default()
        },
        packs_open: failures().map(|key| key.pack.pack.clone()).collect(),
        packs_failing: packs.len(),
        appeared,
        cleared: vec![],
        unwatched: vec![],
        reminders: vec![],
        gaps: vec![],
        empty_sources: vec![],
        packs_affected: BTreeSet::new(),
        still_open: BTreeMap::new(),
        pending: 0,
        newly_watched: BTreeSet::new(),
        snapshot: Some(SnapshotAddress {
            bucket: "b".repeat(63),
            key: format!("{prefix}x.json"),
            region: "eu-west-1".into(),
        }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn digest_renderings_stay_within_limits(
        records in records(), label in proptest::option::of("[a-zA-Z0-9._-]{1,24}"), first_run: bool, prefix in "[a-z/(é]{0,511}",
        empty_sources in vec(select(vec![EmptySourceState::Began, EmptySourceState::Ended]), 0..60)
    ) {
        let mut digest = digest(records, label, first_run, &prefix);
        digest.empty_sources = empty_sources.into_iter().enumerate().map(|(number, state)| empty_source(number, state)).collect();
        let subject = digest.subject();
        prop_assert!(subject.len() <= 99 && subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{}", subject);
        let began = digest.empty_sources.iter().filter(|record| record.state == EmptySourceState::Began).count();
        prop_assert!(began == 0 || subject.contains(&format!("{began} source")), "{}", subject);
        let open = format!("{} open", digest.totals.open_total);
        prop_assert!(subject.contains(&open), "the subject has no exact number of open failures: {}", subject);
        prop_assert!(digest.text().len() <= 30_000);
        for message in [digest.message(), digest.chat_message()] {
            let attributes = message.attributes.iter().map(|(name, value)| name.len() + value.data_type().len() + value.value().len());
            prop_assert!(message.body.len() + message.subject.len() + attributes.sum::<usize>() < SIZE_LIMIT);
        }
        let message = digest.message();
        let body: Value = serde_json::from_str(&message.body).expect("JSON");
        let program: Value = serde_json::from_str(body["default"].as_str().expect("a default")).expect("JSON");
        let listed = program["appeared"].as_array().expect("a list").len();
        prop_assert_eq!(program["truncated"].as_bool(), Some(listed < digest.appeared.len()));
        for list in ["packs", "regions"] {
            prop_assert_eq!(&program[list].to_string(), &message.attributes[list].value());
        }
        prop_assert_eq!(program["empty_sources"].as_array().map(Vec::len), Some(digest.empty_sources.len()));
        prop_assert_eq!(program["totals"]["appeared"].as_u64(), Some(digest.appeared.len() as u64));
    }

    #[test]
    fn sanitize_removes_control_and_markup_and_is_idempotent(text in any::<String>()) {
        let sanitized = sanitize(&text);
        prop_assert!(!sanitized.chars().any(|c| c.is_control() || "<>@[]|`*~".contains(c)), "{:?}", sanitized);
        prop_assert_eq!(sanitize(&sanitized), sanitized);
    }
}

#[test]
fn first_ten_lines_summarize_large_digest() {
    let records = (0..60)
        .map(|n| record(0, &format!("pack-{n:02}"), n, "Broken", "it broke", 0))
        .collect();
    let text = digest(records, None, false, "").text();
    let first: Vec<&str> = text.lines().take(10).collect();
    assert_eq!(
        first[0],
        "packwatch: 60 appeared, 0 cleared, 60 open in 60 packs"
    );
    assert_eq!(first[2], "+ pack-00: 1 account: Broken");
    assert!(first.contains(&"and 55 more below"), "{first:?}");
}

#[test]
fn sanitize_keeps_underscores_inside_identifiers() {
    assert_eq!(
        sanitize("UPDATE_FAILED in arn:aws:iam::1:role/a-b_c"),
        "UPDATE_FAILED in arn:aws:iam::1:role/a-b_c"
    );
    assert_eq!(sanitize("_now_ <!here>\u{200b}"), "＿now＿ ‹!here›");
}

#[test]
fn failures_differing_in_identifiers_form_one_group() {
    let records = (0..3_u64)
        .map(|n| {
            let message = format!(
                "role arn:aws-us-gov:iam::{n:012}:role/x in {n:012} or x_{n:012}_y ({n:08x}-0000-4000-8000-{n:012x}), Request ID: ABC{n:09} é"
            );
            record(0, "baseline", n, "Broken", &message, 0)
        })
        .collect();
    let text = digest(records, None, false, "").text();
    assert!(text.contains("3 accounts: Broken"), "{text}");
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        joined.contains("role ARN in ACCOUNT or xACCOUNTy (ID), Request ID: ID é"),
        "{joined}"
    );
}

#[test]
fn request_ids_are_masked_in_every_notation() {
    for notation in [
        "(Request ID: A000000000000#; S3 Extended Request ID: vlR7+/x#==)",
        "x-amz-request-id: ABCDEF0123456#",
        "{\"requestId\":\"ABCDEF0123456#\"}",
        "request_id: ABCDEF0123456#",
        "RequestId=ABCDEF0123456#",
    ] {
        let records = (0..3)
            .map(|n| {
                record(
                    0,
                    "baseline",
                    n,
                    "Broken",
                    &notation.replace('#', &n.to_string()),
                    0,
                )
            })
            .collect();
        let text = digest(records, None, false, "").text();
        assert!(text.contains("3 accounts: Broken"), "{notation}: {text}");
    }
}

#[test]
fn subject_keeps_pack_count_when_reminders_do_not_fit() {
    let appeared: Vec<_> = ["a", "b", "a"]
        .into_iter()
        .zip(100..)
        .map(|(p, a)| record(0, p, a, "C", "m", 5))
        .collect();
    let mut digest = digest(appeared.clone(), Some("production".into()), false, "");
    digest.totals.cleared = 1;
    digest.reminders = [appeared.clone(), appeared].concat();
    digest.gaps = Vec::new();
    digest.empty_sources = vec![empty_source(1, EmptySourceState::Began)];
    let subject = digest.subject();
    assert_eq!(
        subject,
        "packwatch production: 3 appeared, 1 cleared, 3 open in 2 packs, 1 source lists no packs"
    );
}

#[test]
fn many_empty_sources_leave_space_for_appeared() {
    let appeared = (100..103)
        .map(|account| record(0, "a", account, "C", "m", 5))
        .collect();
    let mut digest = digest(appeared, Some("prod".into()), false, "");
    digest.empty_sources = (0..90)
        .map(|number| empty_source(number, EmptySourceState::Began))
        .collect();
    let text = digest.text();
    let after = text
        .split("Appeared (3)")
        .nth(1)
        .expect("a section for the appeared failures");
    assert!(
        after.contains("000000000100"),
        "the section lists the accounts: {after}"
    );
}
